"""Reading objects from a Git pack and its index: by id, by place, or many in the order they lie.

Formats: https://git-scm.com/docs/gitformat-pack, index version 2. Deltas are made whole without
recursion, whatever the length of their chain, and a few of the last bases are kept. Most of the
cost of reading many objects is making their bases again: in the order of the pack each base is
still at hand.
"""

from __future__ import annotations

import hashlib
import mmap
import sys
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from struct import unpack
from typing import Final, Self

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.storage.packentry import (
    DEFAULT_LIMITS,
    HEADS,
    KINDS,
    OFS_DELTA,
    REF_DELTA,
    Budget,
    Bytes,
    Limits,
    apply_delta,
    base_offset,
    entry_header,
    inflate,
)
from heimnetz_git.storage.packrows import LARGE

__all__ = ["HEADER", "Found", "PackFile", "Recent", "Unpacker", "forget", "number_of_objects"]

HEADER: Final = 12
TRAILER: Final = 20
SMALLEST_ENTRY: Final = 9
"""A byte of header and eight of a compressed nothing."""
_FANOUT: Final = 8
_NAMES: Final = _FANOUT + 1024
_OVERHEAD = 256
"""What an object in memory costs besides its bytes."""
_STEP = 8 << 20
_WORTH_READING = 8
_AROUND = 24


Found = tuple[int, bytes]
"""An object: the number of its kind (``KINDS``) and its bytes."""
Base = int | Found
"""Where a base lies in the pack, or the base itself when it comes from elsewhere."""


class Recent:
    """The last object used, and those before it up to ``room`` bytes, by place in a pack or id."""

    def __init__(self, room: int) -> None:
        self._kept: OrderedDict[int | bytes, Found] = OrderedDict()
        self._left = room

    def get(self, key: int | bytes) -> Found | None:
        """The object, if it is still here."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: int | bytes, found: Found) -> None:
        """Keep an object that is not here yet; the longest unused make room for it."""
        self._kept[key] = found
        self._left -= len(found[1]) + _OVERHEAD
        while self._left < 0 and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._left += len(old[1]) + _OVERHEAD


class Unpacker:
    """Objects by where they lie in a pack.

    ``locate`` says where the base is on which the delta at a place leans by this id.
    """

    def __init__(
        self,
        data: Bytes,
        locate: Callable[[int, bytes], Base | None],
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.data = data
        self.recent = Recent(limits.room)
        self.largest = limits.largest
        self.budget = Budget(limits, len(data))
        self._locate = locate
        self._last: tuple[int, Found] = (0, (0, b""))

    def at(self, start: int) -> Found:
        """The object whose entry begins at ``start``. Raises CorruptRepository."""
        kind, size, at = entry_header(self.data, start)
        if kind in KINDS:
            found = kind, inflate(self.data, at, size, self.largest)[0]
            self._last = start, found
            return found
        known = self.recent.get(start)
        if known is not None or kind != OFS_DELTA:
            return known or self._of_chain(start)
        place, at = base_offset(self.data, at, start)
        base = self.recent.get(place)
        if base is None:
            return self._of_chain(start)
        return self._made(start, base, inflate(self.data, at, size, self.largest)[0])

    def _of_chain(self, start: int) -> Found:
        """Down from the first base that is at hand or whole, one delta after the other."""
        chain, base = array("Q"), self._base(start)
        chain.append(start)
        most = (len(self.data) - HEADER) // SMALLEST_ENTRY
        while isinstance(base, int):
            found = self.recent.get(base)
            if found is None and entry_header(self.data, base)[0] not in KINDS:
                chain.append(base)
                if len(chain) > most:
                    raise CorruptRepository("A pack of objects is damaged: deltas in a circle.")
                base = self._base(base)
            else:
                base = found or self._whole(base)
        for link in reversed(chain):
            base = self._made(link, base, self.delta(link)[0])
        return base

    def _made(self, start: int, base: Found, delta: bytes) -> Found:
        """What ``delta`` makes of ``base``, kept: others may lean on it."""
        data = apply_delta(base[1], delta, self.largest)
        self.budget.spend(len(data), len(delta))
        found = base[0], data
        self.recent.put(start, found)
        return found

    def _whole(self, start: int) -> Found:
        """A base that is no delta itself; it may have been the last thing that was asked for."""
        place, found = self._last
        if place != start:
            found = self.at(start)
        self.recent.put(start, found)
        return found

    def delta(self, start: int) -> tuple[bytes, int]:
        """The delta in the entry at ``start``, and where the entry ends."""
        kind, size, at = entry_header(self.data, start)
        at = base_offset(self.data, at, start)[1] if kind == OFS_DELTA else at + 20
        return inflate(self.data, at, size, self.largest)

    def _base(self, start: int) -> Base:
        kind, _, at = entry_header(self.data, start)
        if kind == OFS_DELTA:
            return base_offset(self.data, at, start)[0]
        if kind != REF_DELTA:
            raise CorruptRepository(f"A pack of objects is damaged: an entry of kind {kind}.")
        base = self._locate(start, self.data[at : at + 20])
        if base is None:
            raise CorruptRepository("A pack of objects is damaged: a base is missing.")
        return base


class PackFile:
    """One pack of a repository by its index; a context manager. Ids are 40 hex digits.

    What it gives is checked against the id asked for.
    """

    def __init__(self, index: Path, *, limits: Limits = DEFAULT_LIMITS) -> None:
        """The pack beside ``index`` (``.idx``). Raises OSError, CorruptRepository."""
        self.path = index.with_suffix(".pack")
        self._pack = _mapped(self.path)
        self._index = _mapped(index)
        try:
            self._count = _number_in_index(self._index, index)
            if number_of_objects(self._pack, limits) != self._count:
                raise CorruptRepository(f"{index} does not belong to its pack.")
        except BaseException:
            self.close()
            raise
        self._unpacker = Unpacker(self._pack, lambda _, oid: self._find(oid), limits=limits)

    def close(self) -> None:
        """Let go of both files."""
        self._pack.close()
        self._index.close()

    def __enter__(self) -> Self:
        """The pack itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def __len__(self) -> int:
        """The number of its objects."""
        return self._count

    def __contains__(self, oid: str) -> bool:
        """Is this object in it?"""
        return self._find(bytes.fromhex(oid)) is not None

    def ids(self) -> Iterator[str]:
        """The ids of its objects, sorted; one that is there twice comes twice."""
        for at in range(_NAMES, _NAMES + 20 * self._count, 20):
            yield self._index[at : at + 20].hex()

    def read(self, oid: str) -> tuple[str, bytes] | None:
        """An object's kind and bytes, None when it is not in this pack."""
        self._unpacker.budget.renew()
        name = bytes.fromhex(oid)
        start = self._find(name)
        return None if start is None else self._checked(start, name)

    def read_many(self, oids: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
        """(id, kind, bytes) of those that are in this pack, in the order in which they lie there.

        Pages of the file that were read are given back on the way: memory stays bounded.
        """
        places: dict[int, bytes] = {}
        for first, group in groupby(sorted(map(bytes.fromhex, oids)), itemgetter(0)):
            places.update(self._find_group(first, list(group)))
        self._unpacker.budget.renew()
        behind = 0
        for start in sorted(places):
            oid = places[start]
            yield (oid.hex(), *self._checked(start, oid))
            if start - behind > _STEP:
                behind = forget(self._pack, behind, start)

    def _find_group(self, first: int, oids: list[bytes]) -> dict[int, bytes]:
        """Where ids that begin with this byte lie; when many are wanted, all such are read."""
        low, high = self._bounds(first)
        if len(oids) * _WORTH_READING < high - low:
            found = [(self._find(oid), oid) for oid in oids]
        else:
            names = self._index[_NAMES + 20 * low : _NAMES + 20 * high]
            start = _NAMES + 24 * self._count
            places = unpack(f">{high - low}I", self._index[start + 4 * low : start + 4 * high])
            if max(places, default=0) >= LARGE:
                places = tuple(self._place(position) for position in range(low, high))
            ids = [names[at : at + 20] for at in range(0, len(names), 20)]
            known = dict(zip(ids, places, strict=True))
            found = [(known.get(oid), oid) for oid in oids]
        return {place: oid for place, oid in found if place is not None}

    def _checked(self, start: int, oid: bytes) -> tuple[str, bytes]:
        kind, data = self._unpacker.at(start)
        if hashlib.sha1(HEADS[kind] % len(data) + data).digest() != oid:  # noqa: S324 # Git's identity of objects
            name = oid.hex()
            raise CorruptRepository(f"The object {name} does not hold what its id says.", oid=name)
        return KINDS[kind], data

    def _find(self, oid: bytes) -> int | None:
        """Where the object lies; the last of several. The fanout narrows, bisection finds.

        Ids are spread evenly, so the first look is where that puts it, a few places around.
        """
        data = self._index
        low, end = self._bounds(oid[0])
        first, high = low, end
        guess = low + (high - low) * (oid[1] << 8 | oid[2]) // (1 << 16)
        looks = [guess + _AROUND, guess - _AROUND]
        while low < high:
            middle = looks.pop() if looks else (low + high) // 2
            if not low <= middle < high:
                continue
            if data[_NAMES + 20 * middle : _NAMES + 20 * middle + 20] <= oid:
                low = middle + 1
            else:
                high = middle
        at = _NAMES + 20 * (low - 1)
        return self._place(low - 1) if low > first and data[at : at + 20] == oid else None

    def _bounds(self, first: int) -> tuple[int, int]:
        """The positions of the ids that begin with this byte."""
        low = _number(self._index, _FANOUT + 4 * first - 4) if first else 0
        return low, _number(self._index, _FANOUT + 4 * first)

    def _place(self, position: int) -> int:
        places = _NAMES + 24 * self._count
        place = _number(self._index, places + 4 * position)
        if place >= LARGE:
            at = places + 4 * self._count + 8 * (place - LARGE)
            place = int.from_bytes(self._index[at : at + 8], "big")
        return place


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise CorruptRepository(f"{path} is empty.", path=str(path)) from error


def forget(data: mmap.mmap, start: int, end: int) -> int:
    """Give back the memory of what was read between; where to go on. It can be read again."""
    if sys.platform == "win32":
        return end
    start -= start % mmap.PAGESIZE
    data.madvise(mmap.MADV_DONTNEED, start, end - start)
    return end


def number_of_objects(data: Bytes, limits: Limits = DEFAULT_LIMITS) -> int:
    """What a pack's header says, as far as it can be true. Raises CorruptRepository."""
    if len(data) < HEADER + TRAILER or data[:4] != b"PACK":
        raise CorruptRepository("This is not a pack of Git objects.")
    version, count = _number(data, 4), _number(data, 8)
    if version not in {2, 3}:
        raise CorruptRepository(f"A pack of version {version} is not supported.")
    if count * SMALLEST_ENTRY > len(data) - HEADER - TRAILER:
        raise CorruptRepository(f"A pack claims {count} objects, for which it is too short.")
    if count > limits.objects:
        raise CorruptRepository(f"A pack has {count} objects; {limits.objects} are allowed.")
    return count


def _number_in_index(data: Bytes, path: Path) -> int:
    if data[:8] != b"\xfftOc\0\0\0\2" or len(data) < _NAMES + 40:
        raise CorruptRepository(f"{path} is not an index of version 2.")
    fanout = [_number(data, _FANOUT + 4 * first) for first in range(256)]
    rest = len(data) - _NAMES - 40 - 28 * fanout[-1]
    if any(low > high for low, high in pairwise(fanout)) or rest < 0 or rest % 8:
        raise CorruptRepository(f"{path} is damaged, or of SHA-256 ids, which are not supported.")
    return fanout[-1]


def _number(data: Bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
