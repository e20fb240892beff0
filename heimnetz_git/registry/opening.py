"""Opening the indexes of a home as they are asked for; mending caches that cannot be trusted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from heimnetz_git.errors import (
    HomeReadOnly,
    IndexNotFound,
    ReleaseChanged,
    RewriteRefused,
    StorageError,
)
from heimnetz_git.model.config import DEFAULT_INDEX, IndexSettings
from heimnetz_git.model.report import Reporter
from heimnetz_git.registry.cache import Cache, Unusable
from heimnetz_git.storage.home import Home

if TYPE_CHECKING:
    from heimnetz_git.storage.repo import Repository

__all__ = ["OpenIndexes"]

Answer = TypeVar("Answer")


class _Root(msgspec.Struct):
    """What matters here of an export's root."""

    commit: str


class OpenIndexes:
    """The caches and clones of a home that were opened so far; close() closes them.

    Git and YAML are imported only where a cache must be mended, a clone read, or the bundled index
    brought in.
    """

    def __init__(self, home: Home, bundled: Path | None, reporter: Reporter) -> None:
        """``bundled`` is the folder of the index that comes with the program, if it is asked."""
        self.home = home
        self._bundled = bundled
        self._reporter = reporter
        self._caches: dict[str, Cache] = {}
        self._repositories: dict[str, Repository] = {}

    def close(self) -> None:
        """Closes all of them."""
        for cache in self._caches.values():
            cache.close()
        for repository in self._repositories.values():
            repository.close()
        self._caches.clear()
        self._repositories.clear()

    def cache(self, index: str) -> Cache:
        """The cache of an index, mirroring what was accepted. Raises IndexNotFound, HomeBusy."""
        if index not in self._caches:
            self._caches[index] = self._open(index)
        return self._caches[index]

    def repository(self, index: str) -> Repository:
        """The bare clone of an index. Raises IndexNotFound."""
        if index not in self._repositories:
            self._bring_in(index)
            self._require(index)
            if self.home.index_export(index).is_dir():
                raise IndexNotFound(
                    f"The index {index!r} comes as a static export, which has no Git history.",
                    hint="Add the registry's Git address for this.",
                    index=index,
                )
            from heimnetz_git.storage.repo import Repository

            self._repositories[index] = Repository.open(self.home.index(index))
        return self._repositories[index]

    def ask(self, indexes: Iterable[str], question: Callable[[list[Cache]], Answer]) -> Answer:
        """The answer of these caches; damaged ones are built anew and asked once more."""
        names = list(indexes)
        try:
            return question([self.cache(name) for name in names])
        except Unusable:
            for name in names:
                self._mend(name)
        try:
            return question([self.cache(name) for name in names])
        except Unusable as error:
            which = ", ".join(names)
            raise StorageError(f"The cache of {which} cannot be read: {error}.") from error

    def _open(self, index: str) -> Cache:
        self._bring_in(index)
        self._require(index)
        accepted = _accepted(self.home, index)
        try:
            cache = Cache.open(self.home.index_cache(index), index=index)
        except Unusable:
            return self._mended(index, damaged=False)
        if accepted is not None and cache.commit == accepted:
            return cache
        cache.close()
        return self._mended(index, damaged=False)

    def _mend(self, index: str) -> None:
        if index in self._caches:
            self._caches.pop(index).close()
        self._caches[index] = self._mended(index, damaged=True)

    def _mended(self, index: str, *, damaged: bool) -> Cache:
        from heimnetz_git.registry import sync

        return sync.mend(self.home, index, damaged=damaged, reporter=self._reporter)

    def _require(self, index: str) -> None:
        places = (self.home.index(index), self.home.index_export(index))
        if not any(place.is_dir() for place in places):
            raise IndexNotFound(
                f"The index {index!r} has not been fetched yet.",
                hint=f"Fetch it with 'heimnetz-git index update {index}'.",
                index=index,
            )

    def _bring_in(self, index: str) -> None:
        """The index that came with the program, imported at first and whenever it is another."""
        if self._bundled is None or index != DEFAULT_INDEX:
            return
        stamp = self.home.cache / f"{index}.stamp"
        wanted = _fingerprint(self._bundled)
        present = self.home.index(index).is_dir()
        if present and stamp.is_file() and stamp.read_bytes() == wanted:
            return
        try:
            self._import(self._bundled)
            self.home.write_atomic(stamp, wanted)
        except HomeReadOnly:
            if not present:
                raise

    def _import(self, bundled: Path) -> None:
        from heimnetz_git.registry import sync

        settings = IndexSettings(url=str(bundled))
        released = (bundled / "registry.yaml").stat().st_mtime
        with self.home.lock():
            try:
                sync.update(self.home, DEFAULT_INDEX, settings, clock=lambda: released)
            except (ReleaseChanged, RewriteRefused):
                # Another version of the program, perhaps an older one: it may know less.
                sync.remove(self.home, DEFAULT_INDEX)
                sync.add(self.home, DEFAULT_INDEX, settings, clock=lambda: released)


def _accepted(home: Home, index: str) -> str | None:
    """The commit that an export's root names, else that ``main`` of the bare clone points to.

    None when only Git itself can say.
    """
    export = home.index_export(index)
    try:
        if export.is_dir():
            from heimnetz_git.model.export import ROOT

            return msgspec.json.decode((export / ROOT).read_bytes(), type=_Root).commit
        return (home.index(index) / "refs/heads/main").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError):
        return None


def _fingerprint(folder: Path) -> bytes:
    """Tells one state of a folder from another, by its files' names, sizes and times."""
    import hashlib

    seen = hashlib.sha256()
    for top, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(top, file)
            stat = path.stat()
            place = path.relative_to(folder).as_posix()
            seen.update(f"{place}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return seen.hexdigest().encode()
