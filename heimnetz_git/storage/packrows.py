"""What indexing remembers of a pack: a row for each object, and the deltas that wait for a base.

Format of the index: https://git-scm.com/docs/gitformat-pack, version 2.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Iterator
from itertools import accumulate, chain, pairwise
from typing import BinaryIO, Final

__all__ = ["LARGE", "Rows", "Waiting"]

LARGE: Final = 1 << 31
"""Places from here on stand in the table of eight bytes each."""
_ROW = struct.Struct(">20sQI")


class Rows:
    """Id, place and checksum of each object, 32 bytes each."""

    def __init__(self) -> None:
        """None yet."""
        self._by_first = [bytearray() for _ in range(256)]

    def add(self, oid: bytes, place: int, crc: int) -> None:
        """Note an object: its id (20 bytes), where its entry begins, the CRC-32 of the entry."""
        self._by_first[oid[0]] += _ROW.pack(oid, place, crc)

    def __len__(self) -> int:
        """The number of objects."""
        return sum(map(len, self._by_first)) // _ROW.size

    def __iter__(self) -> Iterator[tuple[bytes, int, int]]:
        """(id, place, checksum) of each."""
        return chain.from_iterable(map(_ROW.iter_unpack, self._by_first))

    def sort(self) -> None:
        """By id, then by place."""
        for rows in self._by_first:
            data = bytes(rows)
            ordered = sorted([data[at : at + _ROW.size] for at in range(0, len(data), _ROW.size)])
            rows[:] = b"".join(ordered)

    def first_twin(self) -> bytes | None:
        """An id that is there twice; the rows must be sorted."""
        for rows in self._by_first:
            for (one, _, _), (other, _, _) in pairwise(_ROW.iter_unpack(rows)):
                if one == other:
                    return bytes(one)
        return None

    def write(self, out: BinaryIO, checksum: bytes) -> None:
        """The index of version 2 of the pack with this checksum; the rows must be sorted."""
        total = hashlib.sha1()  # noqa: S324 # Git's checksum of indexes

        def write(data: bytes) -> None:
            total.update(data)
            out.write(data)

        fanout = accumulate(len(rows) // _ROW.size for rows in self._by_first)
        write(b"\xfftOc" + struct.pack(">257I", 2, *fanout))
        for rows in self._by_first:
            write(b"".join([rows[at : at + 20] for at in range(0, len(rows), _ROW.size)]))
        for rows in self._by_first:
            write(b"".join([rows[at : at + 4] for at in range(28, len(rows), _ROW.size)]))
        large: list[int] = []
        for rows in self._by_first:
            write(_short_places([place for _, place, _ in _ROW.iter_unpack(rows)], large))
        write(struct.pack(f">{len(large)}Q", *large) + checksum)
        out.write(total.digest())


def _short_places(places: list[int], large: list[int]) -> bytes:
    """Places in four bytes each; those beyond 2 GiB go to ``large``, their number here."""
    if places and max(places) >= LARGE:
        for position, place in enumerate(places):
            if place >= LARGE:
                places[position] = LARGE | len(large)
                large.append(place)
    return struct.pack(f">{len(places)}I", *places)


class Waiting:
    """Places of deltas by the base that they wait for: its place, or its id."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._last: dict[int | bytes, int] = {}
        self._places = array("Q")
        self._before = array("q")

    def add(self, base: int | bytes, place: int) -> None:
        """The delta at ``place`` waits for this base."""
        self._before.append(self._last.get(base, -1))
        self._last[base] = len(self._places)
        self._places.append(place)

    def take(self, base: int | bytes) -> Iterator[int]:
        """Those that wait for this base, the last one first; they wait no longer."""
        position = self._last.pop(base, -1)
        while position >= 0:
            yield self._places[position]
            position = self._before[position]

    def __contains__(self, base: int | bytes) -> bool:
        """Does anything wait for it?"""
        return base in self._last

    def __bool__(self) -> bool:
        """Does anything wait?"""
        return bool(self._last)

    def ids(self) -> list[bytes]:
        """The bases that are waited for by their ids, sorted."""
        return sorted(base for base in self._last if isinstance(base, bytes))
