"""Indexing a pack that came from elsewhere: one pass in which each object is unpacked once.

Formats: https://git-scm.com/docs/gitformat-pack, index version 2; what is written equals
``git index-pack`` to the byte. A pack lists a base before the deltas that lean on it by distance,
so most deltas are made whole as soon as they are met. Those whose base has left memory, or that
name it by its id, wait for a second round that goes down from each base. What is remembered of an
object is 32 bytes, whatever its size; chains of deltas may be as long as they like.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import BinaryIO, Final, NamedTuple

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.storage.packentry import (
    DEFAULT_LIMITS,
    HEADS,
    KINDS,
    OFS_DELTA,
    REF_DELTA,
    Limits,
    apply_delta,
    base_offset,
    entry_header,
    entry_start,
    inflate,
)
from heimnetz_git.storage.packfile import (
    HEADER,
    TRAILER,
    Found,
    Unpacker,
    forget,
    number_of_objects,
)
from heimnetz_git.storage.packrows import Rows, Waiting

__all__ = ["External", "Indexed", "OnObject", "index_pack"]

OnObject = Callable[[str, str, bytes], None]
"""Hears of each object while it is in memory: kind, id as 40 hex digits, bytes."""
External = Callable[[str], tuple[str, bytes] | None]
"""Kind and bytes of an object that is not in the pack, by its id; None when there is none."""

_NUMBERS: Final = {kind: number for number, kind in KINDS.items()}
_STEP = 8 << 20
_LATELY = 1 << 15


class Indexed(NamedTuple):
    """What was indexed: the pack's checksum as 40 hex digits, and the number of its objects."""

    checksum: str
    objects: int


def index_pack(
    pack: BinaryIO,
    index: BinaryIO,
    *,
    external: External | None = None,
    on_object: OnObject | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Indexed:
    """Check every object of ``pack`` (open for reading and writing) and write its ``.idx``.

    A thin pack leans on objects that it does not hold: ``external`` gives them, and they are
    added to the pack, as Git does. ``on_object`` hears of those in the pack only. Raises
    CorruptRepository for anything but a sound pack of SHA-1 objects: torn, hostile or too large.
    """
    pack.flush()
    if pack.seek(0, os.SEEK_END) == 0:
        raise CorruptRepository("A pack of objects is empty.")
    with mmap.mmap(pack.fileno(), 0, access=mmap.ACCESS_READ) as data:
        count = number_of_objects(data, limits)
        checksum = _checked_sum(data)
        indexer = _Indexer(data, external, on_object, limits)
        indexer.run(count)
    if indexer.borrowed:
        checksum = _complete(pack, count, indexer)
    rows = indexer.rows
    rows.sort()
    if indexer.leans_on_ids and rows.first_twin():
        raise CorruptRepository("A pack of objects has deltas on ids, and holds an object twice.")
    rows.write(index, checksum)
    return Indexed(checksum.hex(), len(rows))


def _checked_sum(data: mmap.mmap) -> bytes:
    """The checksum at the end, which must be that of all before it."""
    end = len(data) - TRAILER
    if _sum_of(data, end, hashlib.sha1()) == data[end:]:  # noqa: S324 # Git's checksum of packs
        return data[end:]
    if _sum_of(data, len(data) - 32, hashlib.sha256()) == data[len(data) - 32 :]:
        raise CorruptRepository(
            "A pack of objects has SHA-256 ids, which are not supported.",
            hint="Use a repository with SHA-1 ids, as 'git init' makes by default.",
        )
    raise CorruptRepository("A pack of objects is damaged: its checksum is wrong.")


def _sum_of(data: mmap.mmap, end: int, total: hashlib._Hash) -> bytes:
    for at in range(0, end, _STEP):
        upto = min(at + _STEP, end)
        total.update(data[at:upto])
        forget(data, at, upto)
    return total.digest()


def _complete(pack: BinaryIO, count: int, indexer: _Indexer) -> bytes:
    """Add what a thin pack borrowed, so that it stands alone; its new checksum."""
    place = pack.seek(-TRAILER, os.SEEK_END)
    pack.truncate()
    for oid in indexer.borrowed:
        kind, data = indexer.borrow(oid)
        entry = entry_start(kind, len(data)) + zlib.compress(data)
        indexer.rows.add(oid, place, zlib.crc32(entry))
        place += pack.write(entry)
    pack.seek(8)
    pack.write(struct.pack(">I", count + len(indexer.borrowed)))
    pack.flush()
    with mmap.mmap(pack.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        checksum = _sum_of(whole, len(whole), hashlib.sha1())  # noqa: S324 # Git's checksum of packs
    pack.seek(0, os.SEEK_END)
    pack.write(checksum)
    pack.flush()
    return checksum


class _Indexer:
    """One pack's objects becoming rows."""

    def __init__(
        self,
        data: mmap.mmap,
        external: External | None,
        on_object: OnObject | None,
        limits: Limits,
    ) -> None:
        self.rows = Rows()
        self.borrowed: dict[bytes, None] = {}
        self.leans_on_ids = False
        self._data, self._largest = data, limits.largest
        self._external, self._on_object = external, on_object
        self._waiting = Waiting()
        self._lately: dict[bytes, int] = {}
        self._before: dict[bytes, int] = {}
        self._named: dict[bytes, int] = {}
        self._leaning, self._bases = array("Q"), array("Q")
        self._unpacker = Unpacker(data, self._locate, limits=limits)

    def run(self, count: int) -> None:
        """Take in every object of the pack, or raise CorruptRepository."""
        data, start, behind = self._data, HEADER, 0
        spend = self._unpacker.budget.spend
        for _ in range(count):
            kind, size, at = entry_header(data, start)
            if kind in KINDS:
                body, end = inflate(data, at, size, self._largest)
                spend(size, 0)
                self._take(start, end, kind, body)
            else:
                end = self._meet_delta(kind, size, start, at)
            start = end
            if start - behind > _STEP:
                behind = forget(data, behind, start)
        if start != len(data) - TRAILER:
            raise CorruptRepository("A pack of objects has more in it than it says.")
        if self._waiting:
            self._second_round()

    def _meet_delta(self, kind: int, size: int, start: int, at: int) -> int:
        """Make a delta whole if its base is at hand, else let it wait; where the entry ends."""
        base: int | bytes
        if kind == OFS_DELTA:
            base, at = base_offset(self._data, at, start)
        elif kind == REF_DELTA:
            base, at = self._met(self._data[at : at + 20], start), at + 20
        else:
            raise CorruptRepository(f"A pack of objects is damaged: an entry of kind {kind}.")
        delta, end = inflate(self._data, at, size, self._largest)
        found = self._unpacker.recent.get(base)
        if found is None:
            self._waiting.add(base, start)
            self._unpacker.budget.spend(size, 0)
        else:
            body = apply_delta(found[1], delta, self._largest)
            self._unpacker.budget.spend(len(body), size)
            self._take(start, end, found[0], body)
        return end

    def _met(self, base: bytes, start: int) -> int | bytes:
        """The place of the base of the delta at ``start`` if it came lately, else its id."""
        self.leans_on_ids = True
        place = self._lately.get(base) or self._before.get(base)
        if place is None:
            return base
        self._leaning.append(start)
        self._bases.append(place)
        return place

    def _take(self, start: int, end: int, kind: int, body: bytes) -> bytes:
        """Note an object and tell of it; its id."""
        oid = hashlib.sha1(HEADS[kind] % len(body) + body).digest()  # noqa: S324 # Git's identity of objects
        self.rows.add(oid, start, zlib.crc32(self._data[start:end]))
        self._unpacker.recent.put(start, (kind, body))
        self._lately[oid] = start
        if len(self._lately) > _LATELY:
            self._before, self._lately = self._lately, {}
        if self._on_object is not None:
            self._on_object(KINDS[kind], oid.hex(), body)
        return oid

    def _second_round(self) -> None:
        """Down from every base that others wait for: those in the pack, then those outside."""
        roots = array("Q")
        for oid, place, _ in self.rows:
            self._name(oid, place)
            if place in self._waiting:
                roots.append(place)
        for root in sorted(roots):
            self._descend(root)
        for oid in self._waiting.ids():
            if oid in self._waiting and self._has(oid):
                self.borrowed[oid] = None
                self._descend(oid)
        if self._waiting:
            raise CorruptRepository("A pack of objects has deltas whose bases are not there.")

    def _descend(self, root: int | bytes) -> None:
        """Make whole all that leans on ``root``, depth first; only places are kept meanwhile."""
        todo = [(place, root) for place in self._waiting.take(root)]
        while todo:
            place, base = todo.pop()
            found = self._unpacker.at(base) if isinstance(base, int) else self.borrow(base)
            delta, end = self._unpacker.delta(place)
            body = apply_delta(found[1], delta, self._largest)
            self._unpacker.budget.spend(len(body), len(delta))
            oid = self._take(place, end, found[0], body)
            if oid == root:
                raise CorruptRepository("A pack of objects is damaged: deltas in a circle.")
            self._name(oid, place)
            todo.extend((child, place) for child in self._waiting.take(place))

    def _name(self, oid: bytes, place: int) -> None:
        """Let those that wait for this id wait for its place instead."""
        if oid in self._waiting or oid in self.borrowed:
            self._named[oid] = place
            self.borrowed.pop(oid, None)
            for child in self._waiting.take(oid):
                self._waiting.add(place, child)

    def _locate(self, start: int, oid: bytes) -> int | Found:
        position = bisect_left(self._leaning, start)
        if position < len(self._leaning) and self._leaning[position] == start:
            return self._bases[position]
        place = self._named.get(oid)
        return self.borrow(oid) if place is None else place

    def _has(self, oid: bytes) -> bool:
        return self._external is not None and self._external(oid.hex()) is not None

    def borrow(self, oid: bytes) -> Found:
        """A base that is not in the pack."""
        found = self._unpacker.recent.get(oid)
        if found is None:
            lent = self._external(oid.hex()) if self._external else None
            if lent is None or lent[0] not in _NUMBERS:
                raise CorruptRepository(f"The object {oid.hex()} is missing.", oid=oid.hex())
            found = _NUMBERS[lent[0]], lent[1]
            self._unpacker.recent.put(oid, found)
        return found
