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
from heimnetz_git.host.messages import (
    PROTOCOL,
    Call,
    Error,
    FromHost,
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

__all__ = ["MAX_FRAME", "Framer", "HostSide", "PluginSide", "State", "check_plain", "frame"]

MAX_FRAME = 1 << 20
LARGEST_MAX_FRAME = 8 << 20
DEEPEST = 48
MOST_OPEN_HOST_CALLS = 16

Received = TypeVar("Received")

_encoder = msgspec.msgpack.Encoder()


def frame(message: Any, *, max_frame: int = MAX_FRAME) -> bytes:
    """A message as bytes to send. Raises ProtocolViolation if it is larger than ``max_frame``."""
    buffer = bytearray(4)
    _encoder.encode_into(message, buffer, 4)
    size = len(buffer) - 4
    if size > max_frame:
        raise ProtocolViolation(
            f"A message of {size:,} bytes is larger than the limit of {max_frame:,}.",
            hint="Return less at once, for example page by page.",
        )
    buffer[:4] = size.to_bytes(4, "big")
    return bytes(buffer)


class Framer:
    """Cuts a stream of bytes into frames; holds at most one incomplete frame."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        if not 0 < max_frame <= LARGEST_MAX_FRAME:
            raise ValueError(f"max_frame is 1 to {LARGEST_MAX_FRAME}, not {max_frame}")
        self._max_frame = max_frame
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """How many bytes of an incomplete frame have come."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies of all frames that ``data`` completes, in order."""
        buffer = self._buffer
        buffer += data
        bodies = []
        start = 0
        while len(buffer) - start >= 4:
            size = int.from_bytes(buffer[start : start + 4], "big")
            if not 0 < size <= self._max_frame:
                raise ProtocolViolation(
                    f"A frame announces {size:,} bytes; 1 to {self._max_frame:,} are allowed."
                )
            end = start + 4 + size
            if len(buffer) < end:
                break
            bodies.append(bytes(buffer[start + 4 : end]))
            start = end
        del buffer[:start]
        return bodies


_SCALARS = frozenset({str, int, float, bool, type(None)})


def check_plain(value: Any) -> None:
    """Raise ProtocolViolation unless JSON can hold ``value``, at most DEEPEST levels deep."""
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for one in level:
            kind = type(one)
            if kind is dict:
                if not all(type(key) is str for key in one):
                    raise ProtocolViolation("A value has keys that are not text.")
                inner.extend(one.values())
            elif kind is list:
                inner.extend(one)
            elif kind not in _SCALARS:
                raise ProtocolViolation(f"A value holds a {kind.__name__}, which JSON has not.")
        if not inner:
            return
        level = inner
    raise ProtocolViolation(f"A value is nested more than {DEEPEST} levels deep.")


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


class HostSide(_Side[FromPlugin]):
    """The host's end: sends Hello, Call, HostResult and Stop."""

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        decoder = msgspec.msgpack.Decoder(FromPlugin, ext_hook=_refuse_extension)
        super().__init__(decoder, max_frame)
        self.calls: set[int] = set()
        self.host_calls: set[int] = set()
        self._last = 0

    def hello(self, message: Hello) -> bytes:
        """The bytes of the first message."""
        self._expect(message, State.NEW)
        self.state = State.STARTING
        return frame(message, max_frame=self.max_frame)

    def call(self, operation: str, params: dict[str, Any]) -> tuple[int, bytes]:
        """The number of a new call, and the bytes that make it."""
        message = Call(self._last + 1, operation, params)
        self._expect(message, State.READY)
        sent = frame(message, max_frame=self.max_frame)
        self._last = message.id
        self.calls.add(message.id)
        return message.id, sent

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
            case Log():
                self._expect(message, State.CONFINED, State.READY, State.STOPPING)
            case Greeting():
                self._expect(message, State.STARTING)
                if message.protocol != PROTOCOL:
                    raise ProtocolViolation(f"It speaks protocol {message.protocol}.")
                self.state = State.CONFINED
            case Ready():
                self._expect(message, State.CONFINED)
                check_plain(message.operations)
                check_plain(message.config)
                self.state = State.READY
            case Result():
                check_plain(message.value)
                self._close_call(message.id)
            case Error(id=0):
                self._expect(message, State.STARTING, State.CONFINED)
                self.state = State.FAILED
            case Error():
                self._close_call(message.id)
            case HostCall():
                self._open_host_call(message)

    def _close_call(self, number: int) -> None:
        """An answer is allowed once for each open call."""
        if number not in self.calls:
            raise ProtocolViolation(f"An answer came to call {number}, which is not open.")
        self.calls.remove(number)

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
        decoder = msgspec.msgpack.Decoder(FromHost, ext_hook=_refuse_extension)
        super().__init__(decoder, max_frame)
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
            case HostResult():
                self._expect(message, State.READY, State.STOPPING)
                if message.id not in self._waiting:
                    raise ProtocolViolation(f"No host call {message.id} is open.")
                self._waiting.remove(message.id)
            case Stop():
                self._expect(message, State.READY)
                self.state = State.STOPPING
