"""The clocks and turns of calls in flight, with a clock of the test's own."""

from __future__ import annotations

import pytest

from heimnetz_git.errors import PluginCrashed, PluginFailed
from heimnetz_git.host.calls import DEEPEST_CHAIN, PATIENCE, WINDOW, Calls, Chain
from heimnetz_git.host.messages import HostCall, Result
from heimnetz_git.host.output import LINES_KEPT, MOST_BYTES_PER_WINDOW, WINDOW_SECONDS, Output


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def asked(parent: int) -> HostCall:
    """A plugin's call to another one."""
    return HostCall(1, parent, "other", "op", {})


def test_a_call_has_its_limit_and_no_more(clock: Clock) -> None:
    """What remains falls to nothing, not below."""
    pending = Calls(10.0, clock).open(1, Chain.new())
    clock.now += 4
    assert pending.remaining() == 6
    clock.now += 20
    assert pending.remaining() == 0


def test_waiting_for_another_plugin_does_not_count(clock: Clock) -> None:
    """Overlapping waits count once; afterwards the clock runs on."""
    calls = Calls(10.0, clock)
    pending = calls.open(1, Chain.new())
    clock.now += 1
    calls.suspend(asked(1))
    clock.now += 5
    calls.suspend(asked(1))
    clock.now += 5
    calls.resume(1)
    clock.now += 5
    assert pending.remaining() == 9
    calls.resume(1)
    clock.now += 3
    assert pending.remaining() == 6


def test_patience_has_an_end_too(clock: Clock) -> None:
    """A call that waits for ever ends at a multiple of its limit."""
    calls = Calls(10.0, clock)
    pending = calls.open(1, Chain.new())
    calls.suspend(asked(1))
    clock.now += 10 * PATIENCE
    assert pending.remaining() == 0


def test_a_call_of_a_background_thread_begins_a_chain(clock: Clock) -> None:
    """It belongs to no call in flight, so it stops no clock."""
    calls = Calls(10.0, clock)
    pending = calls.open(1, Chain.new().then("a"))
    assert calls.suspend(asked(0)).plugins == ()
    clock.now += 3
    assert pending.remaining() == 7


def test_chains_are_bounded() -> None:
    """One call too deep is refused with the last names of the chain."""
    chain = Chain.new()
    for _ in range(DEEPEST_CHAIN):
        chain = chain.then("a")
    with pytest.raises(PluginFailed, match="more than 16 deep: a -> a"):
        chain.then("a")


def test_the_clock_of_a_call_begins_with_its_turn(clock: Clock) -> None:
    """A plugin works on one chain at a time; the next one's time begins when it is answered."""
    calls = Calls(10.0, clock)
    first, second = calls.open(1, Chain.new()), calls.open(2, Chain.new())
    clock.now += 4
    assert (first.remaining(), second.remaining()) == (6, 6)
    calls.close(Result(1, None))
    assert second.remaining() == 10


def test_a_call_of_the_same_chain_is_worked_on_at_once(clock: Clock) -> None:
    """It belongs to what the plugin does already."""
    calls = Calls(10.0, clock)
    chain = Chain.new()
    calls.open(1, chain)
    clock.now += 4
    assert calls.open(2, chain.then("other")).remaining() == 10


def test_a_stream_that_nobody_reads_has_all_the_time(clock: Clock) -> None:
    """The plugin waits for room then; each item and each reading begins its clock anew."""
    pending = Calls(10.0, clock).open(1, Chain.new(), streams=True)
    clock.now += 9
    for number in range(WINDOW):
        pending.add(number)
    clock.now += 100
    assert pending.remaining() == 10
    pending.items.popleft()
    pending.touch()
    clock.now += 3
    assert pending.remaining() == 7


def test_when_the_plugin_ends_whoever_waits_hears_it(clock: Clock) -> None:
    """Answered calls keep their answers."""
    calls = Calls(10.0, clock)
    answered, waiting = calls.open(1, Chain.new()), calls.open(2, Chain.new())
    found = calls.close(Result(1, "x"))
    assert found is answered
    answered.settle(Result(1, "x"))
    assert calls.close(Result(9, "nobody asked")) is None
    error = PluginCrashed("gone")
    left = calls.drain()
    assert left == [waiting]
    for pending in (*left, answered):
        pending.settle(error)
    assert answered.answer == Result(1, "x")
    assert waiting.answer is error
    assert len(calls) == 0


def test_output_is_cut_into_clean_lines(clock: Clock) -> None:
    """Whatever the pieces; the rest waits for its end."""
    output = Output("x", clock)
    assert list(output.feed(b"one\ntw")) == ["one"]
    assert list(output.feed("o\x1b[0m\tthree\nrest ä".encode()[:-1])) == [r"two\x1b[0m    three"]
    assert list(output.flush()) == ["rest �"]
    assert list(output.flush()) == []


def test_only_the_last_lines_are_kept_and_none_is_long(clock: Clock) -> None:
    """For error messages; a line without an end is cut."""
    output = Output("x", clock)
    for number in range(100):
        output.line(str(number))
    assert list(output.last) == [str(number) for number in range(100 - LINES_KEPT, 100)]
    assert [len(line) for line in output.feed(b"x" * 60_000)] == [2001]


def test_a_flood_is_noticed_and_a_steady_stream_is_not(clock: Clock) -> None:
    """So many bytes in a window, counted over prints and log lines."""
    output = Output("x", clock)
    for _ in range(5):
        list(output.feed(b"\n" * (MOST_BYTES_PER_WINDOW // 2)))
        clock.now += WINDOW_SECONDS + 1
    list(output.feed(b"x" * MOST_BYTES_PER_WINDOW))
    with pytest.raises(PluginFailed, match="floods its output"):
        output.line("one more")
