"""The parts of a Git pack: an entry's header, its compressed bytes and its delta, within bounds.

Formats: https://git-scm.com/docs/gitformat-pack. All of it is read from bytes that a stranger may
have written, so every function ends in time and memory that its limits set, or raises
CorruptRepository.
"""

from __future__ import annotations

import mmap
import zlib
from typing import Final, NamedTuple

from heimnetz_git.errors import CorruptRepository

__all__ = [
    "DEFAULT_LIMITS",
    "HEADS",
    "KINDS",
    "OFS_DELTA",
    "REF_DELTA",
    "Budget",
    "Bytes",
    "Limits",
    "apply_delta",
    "base_offset",
    "entry_header",
    "entry_start",
    "inflate",
]

Bytes = bytes | mmap.mmap
"""What a pack is read from: slices of both are bytes."""

KINDS: Final = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
HEADS: Final = {number: f"{kind} %d\0".encode() for number, kind in KINDS.items()}
"""What stands before an object's bytes when its id is made of them; takes their number."""
OFS_DELTA: Final = 6
REF_DELTA: Final = 7
_CHUNK = 1 << 20
_MORE = 128
"""The bit that says that a number goes on in the next byte."""
_LONGEST_NUMBER = 63
_COST_OF_DELTA = 64
"""What a byte of a delta costs more than a byte that is only hashed, measured."""


class Limits(NamedTuple):
    """What a pack may ask of its reader; sizes in bytes.

    ``objects``: how many there may be. ``largest``: one object or delta, unpacked. ``room``: what
    is kept in memory of objects that deltas may lean on. ``work``: all that may be unpacked, and
    ``work_per_byte`` of the pack on top.
    """

    objects: int = 4 << 20
    largest: int = 128 << 20
    room: int = 16 << 20
    work: int = 1 << 30
    work_per_byte: int = 512


DEFAULT_LIMITS: Final = Limits()


class Budget:
    """Counts what unpacking costs, and ends it before a small pack keeps the machine busy."""

    def __init__(self, limits: Limits, pack_size: int) -> None:
        self._all = self._left = limits.work + limits.work_per_byte * pack_size

    def renew(self) -> None:
        """Start anew."""
        self._left = self._all

    def spend(self, result: int, delta: int) -> None:
        """``result`` bytes were made by a delta of ``delta`` bytes. Raises CorruptRepository."""
        self._left -= result + _COST_OF_DELTA * delta
        if self._left < 0:
            raise CorruptRepository("A pack of objects unpacks to far more than its size allows.")


def entry_header(data: Bytes, at: int) -> tuple[int, int, int]:
    """An entry's kind, its size when unpacked, and where the header ends."""
    try:
        byte = data[at]
        at += 1
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & _MORE:
            byte = data[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if shift > _LONGEST_NUMBER:
                raise _damaged("a size has too many digits")
    except IndexError:
        raise _damaged("it ends within an entry") from None
    return kind, size, at


def entry_start(kind: int, size: int) -> bytes:
    """The header of an entry: four bits of the size beside the kind, then seven at a time."""
    header = bytearray([kind << 4 | size & 15])
    size >>= 4
    while size:
        header[-1] |= 128
        header.append(size & 127)
        size >>= 7
    return bytes(header)


def base_offset(data: Bytes, at: int, start: int) -> tuple[int, int]:
    """Where the base of the delta entry at ``start`` lies, and where that number ends."""
    try:
        byte = data[at]
        at += 1
        back, digits = byte & 127, 1
        while byte & _MORE:
            byte = data[at]
            at += 1
            back = back + 1 << 7 | byte & 127
            digits += 1
            if digits * 7 > _LONGEST_NUMBER:
                raise _damaged("a distance has too many digits")
    except IndexError:
        raise _damaged("it ends within an entry") from None
    if not 0 < back <= start:
        raise _damaged("a delta leans on what is not in it")
    return start - back, at


def inflate(data: Bytes, at: int, size: int, largest: int) -> tuple[bytes, int]:
    """The ``size`` bytes compressed at ``at``, and where they end in ``data``."""
    if size > largest:
        raise CorruptRepository(
            f"A pack has an object of {size} bytes; {largest} are allowed.", size=size
        )
    stream = zlib.decompressobj()
    chunk = data[at : at + min(size + (size >> 8) + 64, _CHUNK)]
    try:
        found = stream.decompress(chunk, size + 1)
        if not stream.eof and len(found) <= size:
            return _inflate_long(data, at, size)
    except zlib.error as error:
        raise _damaged(str(error)) from error
    if len(found) != size:
        raise _damaged("an object has not the size that it claims")
    return found, at + len(chunk) - len(stream.unused_data)


def _inflate_long(data: Bytes, at: int, size: int) -> tuple[bytes, int]:
    """The same for what takes several reads, no more of them than its size can account for."""
    stream, found = zlib.decompressobj(), bytearray()
    end = at + size + (size >> 3) + _CHUNK
    while not stream.eof:
        chunk = data[at : min(at + _CHUNK, end)]
        if not chunk:
            raise _damaged("it ends within an entry")
        found += stream.decompress(chunk, size + 1 - len(found))
        at += len(chunk)
        if len(found) > size:
            break
    if len(found) != size:
        raise _damaged("an object has not the size that it claims")
    return bytes(found), at - len(stream.unused_data)


def apply_delta(base: bytes, delta: bytes, largest: int) -> bytes:
    """The object that ``delta`` makes of ``base``; never more than it declares, or ``largest``."""
    try:
        base_size, at = _delta_size(delta, 0)
        size, at = _delta_size(delta, at)
        if base_size != len(base):
            raise _damaged("a delta is for another object than the one that it names")
        if size > largest:
            raise CorruptRepository(
                f"A pack has an object of {size} bytes; {largest} are allowed.", size=size
            )
        return _patched(base, delta, at, size)
    except IndexError:
        raise _damaged("a delta breaks off") from None


def _delta_size(delta: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    while shift <= _LONGEST_NUMBER:
        byte = delta[at]
        at += 1
        size |= (byte & 127) << shift
        if not byte & _MORE:
            return size, at
        shift += 7
    raise _damaged("a size has too many digits")


def _patched(base: bytes, delta: bytes, at: int, size: int) -> bytes:
    """Follow the instructions from ``at``. What was promised and came short shows in the sum."""
    made = bytearray()
    left, end = size, len(delta)
    while at < end:
        code = delta[at]
        at += 1
        if code < _MORE:
            made += delta[at : at + code]
            at += code
            left -= code or size + 1  # code 0 is reserved
        elif code == 0x93:  # by far the commonest
            first = delta[at] | delta[at + 1] << 8
            length = delta[at + 2] or 0x10000
            at += 3
            made += base[first : first + length]
            left -= length
        else:
            first, length, at = _copied(delta, at, code)
            made += base[first : first + length]
            left -= length
        if left < 0:
            break
    if left or len(made) != size:
        raise _damaged("a delta does not make what it declares")
    return bytes(made)


def _copied(delta: bytes, at: int, code: int) -> tuple[int, int, int]:
    """What a copy instruction copies: from where, how much; and where the instruction ends."""
    if code == 0x90:
        return 0, delta[at] or 0x10000, at + 1
    if code == 0x91:
        return delta[at], delta[at + 1] or 0x10000, at + 2
    if code == 0xB3:
        first = delta[at] | delta[at + 1] << 8
        return first, delta[at + 2] | delta[at + 3] << 8 or 0x10000, at + 4
    if code == 0xB1:
        return delta[at], delta[at + 1] | delta[at + 2] << 8 or 0x10000, at + 3
    value = 0
    for bit in range(7):
        if code >> bit & 1:
            value |= delta[at] << 8 * bit
            at += 1
    return value & 0xFFFFFFFF, value >> 32 or 0x10000, at


def _damaged(why: str) -> CorruptRepository:
    return CorruptRepository(f"A pack of objects is damaged: {why}.")
