"""Frames: a length and that many bytes of msgpack, judged before they are read (no I/O)."""

from __future__ import annotations

from typing import Any

import msgspec

from heimnetz_git.errors import ProtocolViolation

__all__ = ["MAX_FRAME", "Framer", "check_plain", "frame"]

MAX_FRAME = 1 << 20
LARGEST_MAX_FRAME = 8 << 20
DEEPEST = 48

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
