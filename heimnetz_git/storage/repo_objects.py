"""The objects of a bare repository: every read checked against its id, every write durable."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import struct
import tempfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from heimnetz_git.errors import CorruptRepository, DiskFull, StorageError, printable
from heimnetz_git.storage.packentry import entry_start
from heimnetz_git.storage.packfile import PackFile
from heimnetz_git.storage.packindex import Indexed, OnObject, index_pack
from heimnetz_git.storage.repo_files import borrowed_from, indexes, read_loose
from heimnetz_git.storage.repo_trees import BLOB, Entry, Row, Tree, named, rows

__all__ = ["MOST_LOOSE", "AtHand", "Commit", "Objects", "object_id", "read_commit", "writing"]

KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
NUMBERS = {kind: number for number, kind in KINDS.items()}
MOST_LOOSE = 64
MOST_ALTERNATES = 64
BATCH = 1 << 14  # files that are read ahead
ROOM = 64 << 20  # bytes of them
TREES_KEPT = 2048
AtHand = Callable[[str, str], bytes | None]
_OID = re.compile(r"[0-9a-f]{40}")


class Commit(NamedTuple):
    """A commit's facts; ``when`` is the committer's unix time."""

    tree: str
    parents: tuple[str, ...]
    when: int
    message: str


def object_id(kind: str, data: bytes) -> str:
    """The id that Git gives an object: SHA-1 over its kind, length and bytes, as 40 hex digits."""
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(data), data)).hexdigest()  # noqa: S324 # Git's identity of objects


@contextlib.contextmanager
def writing(where: Path) -> Iterator[None]:
    """What the disk refuses comes as an error of ours: DiskFull or StorageError."""
    try:
        yield
    except OSError as error:
        kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else StorageError
        raise kind(
            f"Cannot write to {where}: {error.strerror or error}.", path=str(where)
        ) from error


class Objects:
    """The object store of one repository; call close().

    What ``at_hand`` gives is taken for checked: (kind, id) to bytes, None when it has none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at_hand: AtHand | None = None
        self._packs: dict[Path, PackFile] = {}
        self._vanished = False
        self._trees: OrderedDict[str, list[Row]] = OrderedDict()
        self._alternates: list[Path] | None = None

    def close(self) -> None:
        """Let go of every open pack."""
        for pack in self._packs.values():
            pack.close()
        self._packs = {}

    def alternates(self) -> list[Path]:
        """Other object folders that this one borrows from, and those that they borrow from."""
        if self._alternates is None:
            found: list[Path] = []
            todo = [self.folder]
            while todo:
                for other in borrowed_from(todo.pop()):
                    if other not in found and len(found) < MOST_ALTERNATES:
                        found.append(other)
                        todo.append(other)
            self._alternates = found
        return self._alternates

    def __contains__(self, oid: str) -> bool:
        """Is this object here?"""
        if not _OID.fullmatch(oid):
            return False
        return any(oid in pack for pack in self._all_packs()) or self._loose(oid) is not None

    def raw(self, oid: str) -> tuple[str, bytes]:
        """The kind and bytes of an object, checked against its id. Raises CorruptRepository."""
        is_one = _OID.fullmatch(oid) is not None
        for pack in self._all_packs() if is_one else ():
            found = pack.read(oid)
            if found is not None:
                return found
        path = self._loose(oid) if is_one else None
        if path is None:
            raise CorruptRepository(
                f"The object {printable(oid)} is missing from {self.folder}.", oid=printable(oid)
            )
        kind, data = read_loose(path, oid)
        if object_id(kind, data) != oid:
            raise CorruptRepository(f"The object {oid} does not hold what its id says.", oid=oid)
        return kind, data

    def _all_packs(self) -> Iterator[PackFile]:
        """The packs that are open, and then those that came since."""
        yield from tuple(self._packs.values())
        yield from self._new_packs()
        if self._vanished:  # what was in it is in another one by now
            yield from self._new_packs()

    def _new_packs(self) -> Iterator[PackFile]:
        self._vanished = False
        for folder in (self.folder, *self.alternates()):
            for index in indexes(folder / "pack"):
                if index in self._packs:
                    continue
                try:
                    self._packs[index] = PackFile(index)
                except FileNotFoundError:  # a repacking just replaced it
                    self._vanished = True
                else:
                    yield self._packs[index]

    def _loose(self, oid: str) -> Path | None:
        for folder in (self.folder, *self.alternates()):
            path = folder / oid[:2] / oid[2:]
            if path.is_file():
                return path
        return None

    def read(self, oid: str, kind: str) -> bytes:
        """The bytes of an object of this kind."""
        if self.at_hand is not None:
            near = self.at_hand(kind, oid)
            if near is not None:
                return near
        found, data = self.raw(oid)
        if found != kind:
            raise CorruptRepository(f"The object {oid} is a {found}, not a {kind}.", oid=oid)
        return data

    def tree(self, oid: str) -> Tree:
        """A tree object's names."""
        return named(self.rows(oid))

    def rows(self, oid: str) -> list[Row]:
        """A tree object's names as they are written; do not change the value."""
        found = self._trees.get(oid)
        if found is None:
            found = self._trees[oid] = rows(self.read(oid, "tree"), oid)
            if len(self._trees) > TREES_KEPT:
                self._trees.popitem(last=False)
        else:
            self._trees.move_to_end(oid)
        return found

    def commit(self, oid: str) -> Commit:
        """A commit's facts."""
        return read_commit(self.read(oid, "commit"), oid)

    def add(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Store (kind, bytes) in this order; many of them become one pack, so all or none."""
        with writing(self.folder):
            if len(objects) <= MOST_LOOSE:
                for kind, data in objects:
                    self._add_loose(kind, data)
            else:
                self.add_pack_of(iter(objects), len(objects))

    def _add_loose(self, kind: str, data: bytes) -> None:
        oid = object_id(kind, data)
        path = self.folder / oid[:2] / oid[2:]
        if path.exists() or oid in self:
            return
        path.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="tmp_obj_", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(zlib.compress(b"%s %d\0%s" % (kind.encode(), len(data), data), 1))
            _settle(file)
        Path(name).replace(path)

    def add_pack_of(self, objects: Iterable[tuple[str, bytes]], count: int) -> str:
        """Store ``count`` objects as one pack; its name."""
        with self._temporary("tmp_pack_") as file:
            total = hashlib.sha1()  # noqa: S324 # Git's checksum of packs

            def write(data: bytes) -> None:
                total.update(data)
                file.write(data)

            write(b"PACK" + struct.pack(">II", 2, count))
            for kind, data in objects:
                write(entry_start(NUMBERS[kind], len(data)) + zlib.compress(data))
            file.write(total.digest())
            return f"pack-{self._adopt(file).checksum}"

    def add_pack(self, source: BinaryIO, on_object: OnObject | None = None) -> int:
        """Store a pack that came from elsewhere, thin ones too; the number of its objects.

        Its checksum and every object in it are checked. It is seen as a whole or not at all.
        ``on_object`` hears of each object while it is in memory, before the pack is accepted.
        """
        with writing(self.folder), self._temporary("tmp_pack_") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)
            return self._adopt(file, on_object).objects

    def blobs(self, oids: Iterable[str]) -> Generator[tuple[str, bytes], None, None]:
        """(id, bytes) of many blobs, each once, in the order in which they lie on the disk.

        Raises CorruptRepository when one is missing, damaged or no blob.
        """
        left = set(oids)
        for folder in (self.folder, *self.alternates()):
            for index in indexes(folder / "pack"):
                found = []
                for oid, kind, data in _in_pack(index, left):
                    if kind != "blob":
                        raise CorruptRepository(f"The object {oid} is a {kind}.", oid=oid)
                    found.append(oid)
                    yield oid, data
                left.difference_update(found)
        for oid in sorted(left):
            yield oid, self.read(oid, "blob")

    def read_ahead(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes]]:
        """Files with their bytes, in the order given; nothing for what is no regular file.

        A batch at a time is read in the order of the disk, as far as there is room for it.
        """
        waiting = iter(entries)
        while batch := list(islice(waiting, BATCH)):
            near: dict[str, bytes] = {}
            room = ROOM
            wanted = {entry.oid for entry in batch if entry.mode == BLOB}
            with contextlib.closing(self.blobs(wanted)) as found:
                for oid, data in found:
                    near[oid] = data
                    room -= len(data)
                    if room < 0:
                        break
            for entry in batch:
                if entry.mode != BLOB:
                    yield entry, b""
                else:
                    yield entry, near.get(entry.oid) or self.read(entry.oid, "blob")

    @contextlib.contextmanager
    def _temporary(self, prefix: str) -> Iterator[BinaryIO]:
        """A file in the pack folder, by a name that Git's own clean-up knows; gone afterwards."""
        handle, name = tempfile.mkstemp(prefix=prefix, dir=self.folder / "pack")
        os.close(handle)
        try:
            with Path(name).open("r+b") as file:
                yield cast("BinaryIO", file)
        finally:
            Path(name).unlink(missing_ok=True)

    def _adopt(self, file: BinaryIO, on_object: OnObject | None = None) -> Indexed:
        """Index a complete or thin pack and put both in place: the pack, then its index."""
        with self._temporary("tmp_idx_") as index:
            indexed = index_pack(file, index, external=self._lent, on_object=on_object)
            for written in (file, index):
                _settle(written)
                written.close()
            target = self.folder / "pack" / f"pack-{indexed.checksum}.pack"
            if not target.with_suffix(".idx").exists():
                Path(file.name).replace(target)
                Path(index.name).replace(target.with_suffix(".idx"))
        return indexed

    def _lent(self, oid: str) -> tuple[str, bytes] | None:
        """What a thin pack may lean on."""
        return self.raw(oid) if oid in self else None


def _in_pack(index: Path, oids: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
    """Those in one pack; none when a repacking has just replaced it."""
    try:
        pack = PackFile(index)
    except FileNotFoundError:
        return
    with pack:
        yield from pack.read_many(oids)


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def read_commit(data: bytes, oid: str) -> Commit:
    """A commit object's facts. Raises CorruptRepository."""
    head, _, message = data.partition(b"\n\n")
    parents: list[str] = []
    tree, when = "", 0
    try:
        for line in head.split(b"\n"):
            word, _, rest = line.partition(b" ")
            if word == b"tree":
                tree = rest.decode("ascii")
            elif word == b"parent":
                parents.append(rest.decode("ascii"))
            elif word == b"committer":
                when = int(rest.rsplit(b" ", 2)[1])
    except (ValueError, IndexError) as error:
        raise CorruptRepository(f"The commit {oid} is damaged.", oid=oid) from error
    if not all(_OID.fullmatch(one) for one in (tree, *parents)):
        raise CorruptRepository(f"The commit {oid} is damaged.", oid=oid)
    return Commit(tree, tuple(parents), when, message.decode("utf-8", "replace"))
