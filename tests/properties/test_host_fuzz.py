"""Frames that no plugin of ours would send: what a hostile one can do to its host, and cannot."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heimnetz_git.errors import HeimnetzError, ProtocolViolation
from heimnetz_git.host.framing import MAX_FRAME, frame
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.messages import (
    PROTOCOL,
    Error,
    Event,
    Failure,
    FromPlugin,
    Greeting,
    HostCall,
    HostResult,
    Item,
    Log,
    Ready,
    Result,
)
from heimnetz_git.host.rpc import MOST_OPEN_HOST_CALLS, HostSide, State
from tests.pluginkit import plugin
from tests.properties.test_host_rpc import HELLO
from tests.test_host_manager import COUNTER
from tests.test_host_zygote import quiet

KINDS = ("hello", "ready", "result", "error", "item", "log", "event", "host-call", "stop", "call")
KEYS = ("id", "value", "failure", "name", "data", "level", "text", "params", "plugin", "parent")
FRAMES = 10_000


def scribble(chance: random.Random, depth: int = 0) -> Any:
    """Any value that msgpack has."""
    pick = chance.randrange(10 if depth < 4 else 7)
    match pick:
        case 0 | 1:
            return chance.choice([None, True, False, 0, -1, 1, 2**63, -(2**63), 2**64 - 1])
        case 2 | 3:
            return chance.randrange(5)
        case 4:
            return "".join(chance.choices("ab\0\x1b\ud7ff\u202e", k=chance.randrange(20)))
        case 5:
            return chance.choice([0.0, float("nan"), float("inf"), -1e308])
        case 6:
            return chance.randbytes(chance.randrange(9))
        case 7 | 8:
            return [scribble(chance, depth + 1) for _ in range(chance.randrange(4))]
        case _:
            return {
                chance.choice(["a", "", "kind", "trace"]): scribble(chance, depth + 1)
                for _ in range(chance.randrange(4))
            }


def random_frame(chance: random.Random) -> bytes:
    """A frame that is noise, almost a message, or a message with a byte changed."""
    body: bytes
    match chance.randrange(4):
        case 0:
            body = chance.randbytes(chance.randrange(1, 60))
        case 1:
            fields = {chance.choice(KEYS): scribble(chance) for _ in range(chance.randrange(5))}
            body = msgspec.msgpack.encode({"kind": chance.choice(KINDS), **fields})
        case 2:
            body = msgspec.msgpack.encode(scribble(chance)) or b"\xc0"
        case _:
            good = bytearray(frame(chance.choice(GOOD))[4:])
            good[chance.randrange(len(good))] = chance.randrange(256)
            body = bytes(good)
    size = len(body) if chance.random() < 0.9 else chance.choice([0, 1, MAX_FRAME + 1, 2**32 - 1])
    return size.to_bytes(4, "big") + body


GOOD: tuple[FromPlugin, ...] = (
    Greeting(PROTOCOL, ("seccomp",)),
    Ready({"run": {"summary": "", "parameters": {}, "result": {}}}, {}),
    Result(1, {"a": [1]}),
    Item(2, [1]),
    Error(1, Failure("ValueError", "no")),
    Log(20, "text"),
    Event("joined", {"mac": "a"}),
    HostCall(1, 0, "other", "op", {}),
)


def ready(chance: random.Random) -> HostSide:
    """A host's end at some point of a connection."""
    side = HostSide()
    side.hello(HELLO)
    steps = chance.randrange(3)
    if steps > 0:
        side.receive(frame(GOOD[0]))
    if steps > 1:
        side.receive(frame(GOOD[1]))
        side.call("run", {})
        side.call("run", {}, 0, 2)
    return side


def test_ten_thousand_random_frames_cost_only_their_connection() -> None:
    """Each is a message in order, part of one, or a ProtocolViolation; nothing else is raised."""
    chance = random.Random(20)
    refused = 0
    for _ in range(FRAMES):
        side = ready(chance)
        try:
            side.receive(random_frame(chance))
        except ProtocolViolation:
            refused += 1
            assert side.state is State.FAILED
    assert FRAMES / 2 < refused < FRAMES


class Conversation(RuleBasedStateMachine):
    """Host and plugin in any order; a model of a few sets says what must be admitted."""

    def __init__(self) -> None:
        super().__init__()
        self.connect()

    def connect(self) -> None:
        """A new connection."""
        self.side = HostSide()
        self.side.hello(HELLO)
        self.state = State.STARTING
        self.open: dict[int, int] = {}
        self.asked: set[int] = set()

    def tell(self, message: FromPlugin, *, allowed: bool) -> None:
        """The plugin sends it; it is admitted if the model says so, else all is over."""
        try:
            heard = self.side.receive(frame(message))
        except ProtocolViolation:
            assert not allowed
            self.state = State.FAILED
        else:
            assert allowed
            assert heard == [message]

    alive = precondition(lambda self: self.state is not State.FAILED)
    able = precondition(lambda self: self.state is State.READY)
    numbers = st.integers(0, 6)

    @precondition(lambda self: self.state is State.FAILED)
    @rule()
    def begin_anew(self) -> None:
        """Nothing more is heard of a connection that failed."""
        with pytest.raises(ProtocolViolation):
            self.side.receive(frame(GOOD[0]))
        self.connect()

    @alive
    @rule()
    def greet(self) -> None:
        """Once, first."""
        before = self.state
        self.tell(GOOD[0], allowed=before is State.STARTING)
        if self.state is before:
            self.state = State.CONFINED

    @alive
    @rule()
    def be_ready(self) -> None:
        """Once, after the greeting."""
        before = self.state
        self.tell(GOOD[1], allowed=before is State.CONFINED)
        if self.state is before:
            self.state = State.READY

    @able
    @rule(credit=st.integers(0, 3))
    def call(self, credit: int) -> None:
        """The host calls."""
        number, _data = self.side.call("run", {}, 0, credit)
        assert number not in self.open
        self.open[number] = credit

    @able
    @rule(number=numbers, count=st.integers(1, 3))
    def welcome_more(self, number: int, count: int) -> None:
        """The host asks for more items."""
        assert bool(self.side.credit(number, count)) == (number in self.open)
        if number in self.open:
            self.open[number] += count

    @alive
    @rule(number=numbers)
    def answer(self, number: int) -> None:
        """For each open call, once."""
        self.tell(Result(number, None), allowed=number in self.open)
        self.open.pop(number, None)

    @alive
    @rule(number=numbers)
    def send_item(self, number: int) -> None:
        """As many as were welcome."""
        self.tell(Item(number, 1), allowed=self.open.get(number, 0) > 0)
        if self.state is not State.FAILED:
            self.open[number] -= 1

    @alive
    @rule(number=numbers, parent=numbers)
    def ask_host(self, number: int, parent: int) -> None:
        """A new number, an open parent or none, few at once."""
        allowed = (
            self.state in {State.CONFINED, State.READY, State.STOPPING}
            and number not in self.asked
            and (parent == 0 or parent in self.open)
            and len(self.asked) < MOST_OPEN_HOST_CALLS
        )
        self.tell(HostCall(number, parent, "x", "y", {}), allowed=allowed)
        self.asked.add(number)

    @alive
    @rule(number=numbers)
    def answer_plugin(self, number: int) -> None:
        """The host answers what it was asked."""
        if number in self.asked:
            self.side.host_result(HostResult(number))
            self.asked.discard(number)

    @able
    @rule()
    def stop(self) -> None:
        """The host asks it to end: open calls may still be answered."""
        self.side.stop()
        self.state = State.STOPPING

    @invariant()
    def agrees(self) -> None:
        """Model and protocol are in the same state."""
        assert self.side.state is self.state


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

HOSTILE = """
    @operation
    def attack(self, frames: list[list[int]]) -> None:
        import stat
        ends = [fd for fd in range(3, 300) if os.path.exists(f"/dev/fd/{fd}")
                and stat.S_ISSOCK(os.fstat(fd).st_mode)]
        for one in frames:
            os.write(ends[0], bytes(one))
        time.sleep(0.2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="plugins run on Linux and macOS")
def test_a_plugin_that_writes_frames_by_hand_harms_nobody_else(tmp_path: Path) -> None:
    """Its own process is gone; the host and its neighbour go on."""
    chance = random.Random(21)
    specs = [plugin(tmp_path, HOSTILE, name="hostile"), plugin(tmp_path, COUNTER, name="other")]
    with PluginManager(
        specs, sandbox="off", on_warning=quiet, restart=None, preload=True
    ) as plugins:
        plugins.start()
        for count in range(1, 9):
            plugins.start(["hostile"])
            frames = [list(random_frame(chance)) for _ in range(20)]
            with pytest.raises(HeimnetzError):
                plugins.call("hostile", "attack", frames=frames)
            assert plugins.call("other", "add") == count
