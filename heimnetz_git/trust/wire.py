"""The SSH wire format (RFC 4251, section 5): lengths, strings and numbers, read with care."""

from __future__ import annotations

import struct

__all__ = ["Malformed", "Reader", "mpint", "string"]


class Malformed(ValueError):
    """Bytes that are not what the format asks for."""


class Reader:
    """Takes fields off the front of ``data``; every read past the end is Malformed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        end = self._at + count
        if end > len(self._data):
            raise Malformed("the data ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def uint32(self) -> int:
        """The next unsigned number of four bytes."""
        (value,) = struct.unpack(">I", self.take(4))
        return int(value)

    def uint64(self) -> int:
        """The next unsigned number of eight bytes."""
        (value,) = struct.unpack(">Q", self.take(8))
        return int(value)

    def string(self) -> bytes:
        """The next string, which its length precedes."""
        return self.take(self.uint32())

    def number(self) -> int:
        """The next non-negative ``mpint``."""
        raw = self.string()
        if raw[:1] >= b"\x80":
            raise Malformed("a number is negative")
        return int.from_bytes(raw, "big")

    @property
    def place(self) -> int:
        """How many bytes were taken."""
        return self._at

    @property
    def done(self) -> bool:
        """Was everything taken?"""
        return self._at == len(self._data)

    def end(self) -> None:
        """Nothing may follow."""
        if not self.done:
            raise Malformed("there is more data than there should be")


def string(data: bytes) -> bytes:
    """``data`` after its length."""
    return struct.pack(">I", len(data)) + data


def mpint(value: int) -> bytes:
    """A non-negative number as an ``mpint``."""
    return string(value.to_bytes((value.bit_length() + 8) // 8, "big") if value else b"")
