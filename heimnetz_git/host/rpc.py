"""The protocol between host and plugin, without any I/O: bytes in, messages out, and back.

A frame is a big-endian 32-bit length and that many bytes of msgpack. The length is judged before
anything is read, the shape by typed decoders, the order by the two state machines below. Whatever
breaks a rule is a ProtocolViolation, and the connection is of no further use.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec

from heimnetz_git.errors import ProtocolViolation, printable
from heimnetz_git.host.framing import MAX_FRAME, Framer, check_plain, frame
from heimnetz_git.host.messages import (
    API,
    PROTOCOL,
    Call,
    Cancel,
    Credit,
    Error,
    Event,
    FromHost,
    FromPlugin,
    Greeting,
    Hello,
    HostCall,
    HostResult,
    Item,
    Log,
    Ready,
    Result,
    Stop,
)

__all__ = ["HostSide", "PluginSide", "State"]

MOST_OPEN_HOST_CALLS = 16
LONGEST_EVENT_NAME = 200

Received = TypeVar("Received")


class State(Enum):
    """How far a connection has come."""

    NEW = "new"
    STARTING = "starting"
    CONFINED = "confined"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


class _Side(Generic[Received]):
    """What both ends share: frames to messages, and the state."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[Received], max_frame: int) -> None:
        self.state = State.NEW
        self.max_frame = max_frame
        self._decoder = decoder
        self._framer = Framer(max_frame)

    def receive(self, data: bytes) -> list[Received]:
        """The messages that ``data`` completes, each allowed in its state."""
        if self.state is State.FAILED:
            raise ProtocolViolation("The connection has failed; nothing more is heard.")
        try:
            messages = [self._decode(body) for body in self._framer.feed(data)]
            for message in messages:
                self._admit(message)
        except ProtocolViolation:
            self.state = State.FAILED
            raise
        return messages

    def _decode(self, body: bytes) -> Received:
        """A frame's body as a message."""
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, RecursionError, ValueError, OverflowError) as error:
            said = printable(str(error))
            raise ProtocolViolation(f"A message has the wrong shape: {said}.") from error

    def _admit(self, message: Received) -> None:
        """Judge a message by the state; each end has its own rules."""
        raise NotImplementedError

    def _expect(self, message: object, *states: State) -> None:
        """Raise ProtocolViolation unless the connection is in one of ``states``."""
        if self.state not in states:
            kind = type(message).__name__.lower()
            raise ProtocolViolation(f"A {kind!r} message came while {self.state.value}.")


def _refuse_extension(code: int, _data: memoryview) -> Any:
    """msgpack's extension types have no place here."""
    raise ValueError(f"extension type {code}")


# Made once: each takes more than a millisecond, and a forked plugin has them from its zygote.
_from_plugin = msgspec.msgpack.Decoder(FromPlugin, ext_hook=_refuse_extension)
_from_host = msgspec.msgpack.Decoder(FromHost, ext_hook=_refuse_extension)


class HostSide(_Side[FromPlugin]):
    """The host's end: sends Hello, Call, HostResult and Stop."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        super().__init__(_from_plugin, max_frame)
        self.calls: dict[int, int] = {}
        """The open calls, and how many more items each may send."""
        self.host_calls: set[int] = set()
        self._last = 0

    def hello(self, message: Hello) -> bytes:
        """The bytes of the first message."""
        self._expect(message, State.NEW)
        self.state = State.STARTING
        return frame(message, max_frame=self.max_frame)

    def call(
        self, operation: str, params: dict[str, Any], chain: int = 0, credit: int = 0
    ) -> tuple[int, bytes]:
        """The number of a new call, and the bytes that make it; with ``credit`` it streams."""
        message = Call(self._last + 1, operation, params, chain, credit)
        self._expect(message, State.READY)
        sent = frame(message, max_frame=self.max_frame)
        self._last = message.id
        self.calls[message.id] = credit
        return message.id, sent

    def cancel(self, number: int) -> bytes:
        """The bytes that say that nobody waits for a call any more; none if it is answered."""
        return frame(Cancel(number)) if number in self.calls else b""

    def credit(self, number: int, count: int) -> bytes:
        """The bytes that ask for more items of a stream; none if it has ended."""
        if number not in self.calls:
            return b""
        self.calls[number] += count
        return frame(Credit(number, count))

    def host_result(self, message: HostResult) -> bytes:
        """The bytes that answer a HostCall."""
        sent = frame(message, max_frame=self.max_frame)
        self.host_calls.remove(message.id)
        return sent

    def stop(self) -> bytes:
        """The bytes that ask the plugin to end."""
        self.state = State.STOPPING
        return frame(Stop(), max_frame=self.max_frame)

    def _admit(self, message: FromPlugin) -> None:
        match message:
            case Result():
                check_plain(message.value)
                self._close_call(message.id)
            case Item():
                check_plain(message.value)
                self._spend(message.id)
            case Error() if message.id:
                self._close_call(message.id)
            case Log():
                self._expect(message, State.CONFINED, State.READY, State.STOPPING)
            case HostCall():
                self._open_host_call(message)
            case Event():
                self._expect(message, State.CONFINED, State.READY, State.STOPPING)
                check_plain(message.data)
                if not 0 < len(message.name) <= LONGEST_EVENT_NAME:
                    raise ProtocolViolation("An event has no name, or one that is too long.")
            case Greeting():
                self._greet(message)
            case Ready():
                self._expect(message, State.CONFINED)
                check_plain(message.operations)
                check_plain(message.config)
                self.state = State.READY
            case _:  # an Error with number 0: it could not start
                self._expect(message, State.STARTING, State.CONFINED)
                self.state = State.FAILED

    def _greet(self, message: Greeting) -> None:
        """The first message names the versions that the other side speaks."""
        self._expect(message, State.STARTING)
        if message.protocol != PROTOCOL:
            raise ProtocolViolation(f"It speaks protocol {message.protocol}, this host {PROTOCOL}.")
        if message.api.partition(".")[0] != API.partition(".")[0]:
            raise ProtocolViolation(
                f"It has version {printable(message.api)} of the interface, this host {API}."
            )
        self.state = State.CONFINED

    def _close_call(self, number: int) -> None:
        """An answer is allowed once for each open call."""
        if self.calls.pop(number, None) is None:
            raise ProtocolViolation(f"An answer came to call {number}, which is not open.")

    def _spend(self, number: int) -> None:
        """An item needs an open call that streams, and credit."""
        left = self.calls.get(number, 0)
        if left <= 0:
            raise ProtocolViolation(f"An item of call {number} came that nobody asked for.")
        self.calls[number] = left - 1

    def _open_host_call(self, message: HostCall) -> None:
        """A HostCall has a new number, an open parent, plain parameters; few are open at once."""
        self._expect(message, State.CONFINED, State.READY, State.STOPPING)
        check_plain(message.params)
        if message.id in self.host_calls or (message.parent and message.parent not in self.calls):
            raise ProtocolViolation(f"Host call {message.id} has a wrong number or parent.")
        if len(self.host_calls) >= MOST_OPEN_HOST_CALLS:
            raise ProtocolViolation(f"More than {MOST_OPEN_HOST_CALLS} host calls are open.")
        self.host_calls.add(message.id)


class PluginSide(_Side[FromHost]):
    """The plugin's end: sends Greeting, Ready, Result, Error, Log and HostCall."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        super().__init__(_from_host, max_frame)
        self._last = 0
        self._waiting: set[int] = set()

    def send(self, message: FromPlugin) -> bytes:
        """The bytes of a message that is not a HostCall."""
        return frame(message, max_frame=self.max_frame)

    def host_call(
        self, parent: int, plugin: str, operation: str, params: dict[str, Any]
    ) -> tuple[int, bytes]:
        """The number of a new host call, and the bytes that make it."""
        message = HostCall(self._last + 1, parent, plugin, operation, params)
        sent = frame(message, max_frame=self.max_frame)
        self._last = message.id
        self._waiting.add(message.id)
        return message.id, sent

    def _admit(self, message: FromHost) -> None:
        match message:
            case Hello():
                self._expect(message, State.NEW)
                self.state = State.READY
            case Call():
                self._expect(message, State.READY)
            case Cancel() | Credit():
                self._expect(message, State.READY, State.STOPPING)
            case HostResult():
                self._expect(message, State.READY, State.STOPPING)
                if message.id not in self._waiting:
                    raise ProtocolViolation(f"No host call {message.id} is open.")
                self._waiting.remove(message.id)
            case Stop():
                self._expect(message, State.READY)
                self.state = State.STOPPING
