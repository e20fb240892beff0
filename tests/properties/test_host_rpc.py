"""The protocol between host and plugin: any bytes in any pieces, and every order of messages."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import ProtocolViolation
from heimnetz_git.host.framing import DEEPEST, MAX_FRAME, Framer, frame
from heimnetz_git.host.messages import (
    PROTOCOL,
    Call,
    Error,
    Failure,
    FromPlugin,
    Greeting,
    Hello,
    HostCall,
    HostResult,
    Log,
    Ready,
    Result,
    Stop,
)
from heimnetz_git.host.rpc import HostSide, PluginSide, State
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.confine import Confinement

HELLO = Hello(
    PROTOCOL, "x", "1.0.0", "x:X", (), "/data", Confinement(), {}, Permissions(), {"a": 1}
)
STORY: tuple[FromPlugin, ...] = (
    Greeting(PROTOCOL, ("seccomp",)),
    Log(20, "starting"),
    Ready({"run": {"summary": "", "parameters": {}, "result": {}}}, {}),
    HostCall(1, 1, "other", "op", {"x": [1, {"y": None}]}),
    Result(1, {"a": [1, 2.5, "x", True, None]}),
    Error(2, Failure("ValueError", "no")),
)


def host(calls: int = 2) -> HostSide:
    """A host's end that has said hello and heard that the plugin is ready, with open calls."""
    side = HostSide()
    side.hello(HELLO)
    side.receive(frame(STORY[0]) + frame(STORY[2]))
    for _ in range(calls):
        side.call("run", {})
    return side


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """``data`` cut at the given places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[low:high] for low, high in itertools.pairwise(places)]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 2000), max_size=30))
def test_messages_survive_any_cut(cuts: list[int]) -> None:
    """The same messages come out however the bytes were cut."""
    side = HostSide()
    side.hello(HELLO)
    heard = []
    for number, message in enumerate(STORY):
        if number == 3:
            side.call("run", {})
            side.call("run", {})
        for piece in pieces(frame(message), cuts):
            heard += side.receive(piece)
    assert tuple(heard) == STORY


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200), st.booleans())
def test_random_bytes_are_refused_not_crashed_on(data: bytes, framed: bool) -> None:
    """Noise is a ProtocolViolation or an incomplete frame, on either end, and nothing else."""
    sent = len(data).to_bytes(4, "big") + data if framed else data
    ends: tuple[Callable[[], HostSide | PluginSide], ...] = (HostSide, PluginSide, host)
    for end in ends:
        side = end()
        try:
            side.receive(sent)
        except ProtocolViolation:
            assert side.state is State.FAILED


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.datetimes(timezones=st.timezones()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
kinds = st.sampled_from(["hello", "ready", "result", "error", "log", "host-call", "call", "x"])


@settings(deadline=None, max_examples=200)
@given(kinds, st.dictionaries(st.sampled_from(["id", "value", "text", "level"]), junk), junk)
def test_almost_right_messages_are_refused(kind: str, fields: dict[str, Any], extra: Any) -> None:
    """Any fields with any values: an admitted message or a ProtocolViolation."""
    side = host()
    body = msgspec.msgpack.encode({"kind": kind, **fields, **({"extra": 1} if extra else {})})
    try:
        heard = side.receive(len(body).to_bytes(4, "big") + body)
    except ProtocolViolation:
        return
    assert isinstance(heard[0], Log | Result)
    assert not extra


@pytest.mark.parametrize("size", [0, MAX_FRAME + 1, 0xFFFFFFFF])
def test_a_length_is_judged_before_anything_is_read(size: int) -> None:
    """Four bytes are enough to refuse a frame."""
    with pytest.raises(ProtocolViolation, match="announces"):
        Framer().feed(size.to_bytes(4, "big"))


def nested(depth: int) -> Any:
    """A list in a list in a list ..."""
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


BREAKS: dict[str, list[FromPlugin]] = {
    "an answer to a call that is not open": [Result(7, None)],
    "two answers to one call": [Result(1, None), Result(1, None)],
    "a second greeting": [Greeting(PROTOCOL, ())],
    "ready twice": [Ready({}, {})],
    "an error at the start, long after it": [Error(0, Failure("X", ""))],
    "a host call for a call that is not open": [HostCall(1, 9, "x", "y", {})],
    "a host call number used twice": [HostCall(1, 0, "x", "y", {}), HostCall(1, 0, "x", "y", {})],
    "too many open host calls": [HostCall(n, 0, "x", "y", {}) for n in range(17)],
    "a value too deep": [Result(1, nested(DEEPEST + 1))],
    "a value far too deep": [Result(1, nested(900))],
    "bytes in a value": [Result(1, {"x": b"raw"})],
    "keys that are not text": [Result(1, {1: 2})],
    "an extension type": [Result(1, msgspec.msgpack.Ext(5, b"x"))],
}


@pytest.mark.parametrize("messages", BREAKS.values(), ids=BREAKS.keys())
def test_a_message_that_breaks_the_rules_ends_the_connection(messages: list[FromPlugin]) -> None:
    """Wrong order, wrong number, wrong content: refused, and nothing is heard afterwards."""
    side = host()
    sent = b"".join(frame(message) for message in messages)
    with pytest.raises(ProtocolViolation):
        side.receive(sent)
    assert side.state is State.FAILED
    with pytest.raises(ProtocolViolation):
        side.receive(frame(Result(2, None)))


@pytest.mark.parametrize("message", [*STORY[1:], Result(1, None)])
def test_nothing_comes_before_the_greeting(message: FromPlugin) -> None:
    """Before it has said how it is confined, a plugin has no voice."""
    side = HostSide()
    side.hello(HELLO)
    with pytest.raises(ProtocolViolation):
        side.receive(frame(message))


def test_another_version_of_the_protocol_is_refused() -> None:
    """The greeting names it."""
    side = HostSide()
    side.hello(HELLO)
    with pytest.raises(ProtocolViolation, match="protocol 99"):
        side.receive(frame(Greeting(99, ())))


def test_the_plugins_end_holds_the_host_to_the_rules_too() -> None:
    """Hello first, results only to questions that were asked, nothing but the end after stop."""
    for early in (Call(1, "x", {}), Stop(), HostResult(1)):
        with pytest.raises(ProtocolViolation):
            PluginSide().receive(frame(early))
    side = PluginSide()
    side.receive(frame(HELLO))
    number, _data = side.host_call(0, "x", "y", {})
    assert side.receive(frame(HostResult(number, 5))) == [HostResult(1, 5)]
    with pytest.raises(ProtocolViolation):
        side.receive(frame(HostResult(number, 5)))


def test_a_message_that_is_too_large_is_not_sent() -> None:
    """The sender hears it, with what to do."""
    with pytest.raises(ProtocolViolation, match="larger than the limit") as caught:
        frame(Result(1, "x" * MAX_FRAME))
    assert "page by page" in caught.value.hint
