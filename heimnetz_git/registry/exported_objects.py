"""Reading an export: its objects, each held to the digest that names it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

from heimnetz_git.errors import DigestMismatch, FileMissing, InvalidFile, SizeMismatch, printable
from heimnetz_git.model.export import (
    NO_SHARD,
    PluginPage,
    Shard,
    pack_path,
    page_path,
    shard_path,
)
from heimnetz_git.model.layout import classify
from heimnetz_git.model.names import shard
from heimnetz_git.registry.export_folder import ExportFolder
from heimnetz_git.registry.export_page import readings
from heimnetz_git.registry.export_root import checked, digest
from heimnetz_git.storage.download_get import Site

__all__ = [
    "LARGEST_PAGE",
    "LARGEST_SHARD",
    "Kept",
    "Objects",
    "as_page",
    "as_shard",
    "unpacked",
]

LARGEST_SHARD = 16 << 20
LARGEST_PAGE = 64 << 20
MOST_RECENT = 4096  # releases in decoded pages
LARGEST_PACK = 256 << 20  # bytes, unpacked
_PAGE_KINDS = frozenset({"plugin", "release", "record"})


def unpacked(packed: bytes) -> Mapping[str, bytes]:
    """The pages of a pack by their SHA-256; those that can be read of a damaged one.

    A pack saves requests and vouches for nothing: a page is known by its digest alone.
    """
    reader = zlib.decompressobj(31)
    try:
        data = reader.decompress(packed, LARGEST_PACK)
    except zlib.error:
        return {}
    return {digest(line): line for line in data.splitlines(keepends=True)}


def as_shard(data: bytes, number: int, source: str) -> Shard:
    """The names in a shard's bytes. Raises InvalidFile, also for a name of another shard."""
    names = checked(data, Shard, source)
    for name, place in names.items():
        if int(shard(name), 16) != number or len(place) != 64 or not place.isalnum():
            raise InvalidFile(
                f"{printable(source)} has {printable(name)!r}, which it cannot have.", file=source
            )
    return names


def as_page(data: bytes, name: str, source: str) -> PluginPage:
    """The page in these bytes. Raises InvalidFile when it is not, or of another plugin."""
    page = checked(data, PluginPage, source)
    values = [release.value.name for release in page.releases]
    values += [record.name for record in page.records]
    if page.entry is not None and page.entry.value is not None:
        values.append(page.entry.value.name)
    kinds = [reading.kind for reading in readings(page).values()]
    values += [classify(file.path).name for file in page.skipped]
    known = all(kind.kind in _PAGE_KINDS for kind in kinds)
    if {name, page.name, *values} != {name} or not known:
        raise InvalidFile(f"{printable(source)} is not about {printable(name)!r}.", file=source)
    return page


class Kept:
    """The objects of an export that are in a folder: loose ones, and those in packs."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet; the folder need not exist."""
        self.folder = ExportFolder(folder)
        self._pack: tuple[int, Mapping[str, bytes]] = (-1, {})

    def page(self, number: int, place: str) -> bytes | None:
        """A page of a shard, checked; None when it is not here."""
        loose = self.loose(page_path(place), place)
        return loose if loose is not None else self._unpacked(number).get(place)

    def loose(self, path: str, place: str) -> bytes | None:
        """The object at ``path``, if it is here and what its digest says."""
        data = self.folder.read(path)
        return data if data is not None and digest(data) == place else None

    def put_pack(self, number: int, packed: bytes) -> None:
        """Keeps a pack in the place of an older one."""
        self.folder.put(pack_path(number), packed)
        self._pack = (-1, {})

    def _unpacked(self, number: int) -> Mapping[str, bytes]:
        if self._pack[0] != number:
            packed = self.folder.read(pack_path(number))
            self._pack = (number, unpacked(packed) if packed else {})
        return self._pack[1]


class Objects:
    """The objects of one export: those that are kept, else those of its site, each checked.

    Raises FileMissing when an object is nowhere, DigestMismatch, SizeMismatch, InvalidFile, and
    NetworkError from the site.
    """

    def __init__(self, kept: Kept, site: Site | None) -> None:
        """Without a ``site``, what is kept must do."""
        self.kept = kept
        self.site = site
        self._recent: dict[str, PluginPage] = {}
        self._room = MOST_RECENT

    def shard(self, number: int, place: str) -> Shard:
        """The names of a shard and their pages' digests."""
        if place == NO_SHARD:
            return {}
        path = shard_path(place)
        data = self.kept.loose(path, place)
        if data is None:
            data = self.fetch(path, place, LARGEST_SHARD)
        return as_shard(data, number, path)

    def page(self, name: str, place: str) -> PluginPage:
        """All that the registry says of a plugin."""
        page = self._recent.get(place)
        if page is None or page.name != name:
            path = page_path(place)
            data = self.kept.page(int(shard(name), 16), place)
            if data is None:
                data = self.fetch(path, place, LARGEST_PAGE)
            page = as_page(data, name, path)
            self._remember(place, page)
        return page

    def _remember(self, place: str, page: PluginPage) -> None:
        """Judging and mirroring ask for the same pages: the last ones need no second decoding."""
        self._room -= len(page.releases)
        if self._room < 0:
            self._recent.clear()
            self._room = MOST_RECENT - len(page.releases)
        self._recent[place] = page

    def fetch(self, path: str, place: str, largest: int) -> bytes:
        """An object from the site; it is kept from now on."""
        if self.site is None:
            raise FileMissing(
                f"The object {path} of the export is not here.",
                hint="Fetch it with 'heimnetz-git index update'.",
                path=path,
            )
        body = self.site.get(path, largest=largest)
        data = body.data if body else b""
        if hashlib.sha256(data).hexdigest() != place:
            raise DigestMismatch(
                f"{self.site.shown}{path} is not the object that its name promises.",
                hint="Nothing was taken over. Tell the registry's maintainers.",
                url=f"{self.site.shown}{path}",
            )
        self.kept.folder.put(path, data)
        return data

    def fetch_pack(self, number: int) -> None:
        """The pack of a shard, if the site has one; it is kept from now on."""
        if self.site is None:
            return
        try:
            body = self.site.get(pack_path(number), largest=LARGEST_PACK)
        except (FileMissing, SizeMismatch):
            return
        if body is not None:
            self.kept.put_pack(number, body.data)
