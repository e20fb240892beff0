"""An export asked over its address alone: nothing is kept but what one answer needs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from heimnetz_git.errors import FileMissing, ReleaseChanged, SizeMismatch, printable
from heimnetz_git.model.export import ROOT, PluginPage, Shard
from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.names import shard
from heimnetz_git.model.registry import PluginEntry, RegistryInfo
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry.cache import deprecation, yank
from heimnetz_git.registry.export_root import LARGEST_ROOT
from heimnetz_git.registry.exported import checked_root
from heimnetz_git.registry.exported_address import base_of
from heimnetz_git.registry.exported_objects import Kept, Objects
from heimnetz_git.registry.versionorder import sort_key
from heimnetz_git.storage.download_get import Site

__all__ = ["RemoteIndex", "candidates_of", "fetch_wheel"]


class RemoteIndex:
    """The releases of an export as a resolver asks for them; a context manager.

    Fetched are the root, one shard in 256 and one page for each plugin that is asked about: so a
    machine that has nothing resolves after a few requests. The same Candidates as from a cache.
    """

    def __init__(
        self,
        url: str,
        *,
        index: str,
        signers: Sequence[str] = (),
        timeout: float = 30.0,
        offline: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Asks for the root. Raises FileMissing, NetworkError, InvalidFile, SignatureInvalid,
        IndexExpired, Offline.
        """
        self.index = index
        self._site = Site(base_of(url), timeout=timeout, offline=offline)
        self._folder = tempfile.TemporaryDirectory(prefix="heimnetz-git-")
        try:
            body = self._site.get(ROOT, largest=LARGEST_ROOT)
            data = body.data if body else b""
            self._root = checked_root(self._site, data, signers, now=clock())
        except BaseException:
            self.close()
            raise
        self._objects = Objects(Kept(Path(self._folder.name)), self._site)
        self._shards: dict[int, Shard] = {}

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes its connections and forgets what it fetched."""
        self.close()

    def close(self) -> None:
        """Closes its connections and forgets what it fetched."""
        self._site.close()
        self._folder.cleanup()

    @property
    def info(self) -> RegistryInfo:
        """Who the registry is."""
        return self._root.registry

    def releases(self, name: str) -> tuple[Candidate, ...]:
        """Every release of a plugin, newest first, yanked ones too; none when it is unknown."""
        number = int(shard(name), 16)
        if number not in self._shards:
            self._shards[number] = self._objects.shard(number, self._root.shards[number])
        place = self._shards[number].get(name)
        if place is None:
            return ()
        return candidates_of(self._objects.page(name, place), self.info.id, self.index)


def candidates_of(page: PluginPage, registry: str, index: str) -> tuple[Candidate, ...]:
    """The releases of a page as a cache would give them."""
    entry = page.entry.value if page.entry else PluginEntry(format=1, name=page.name, owners=())
    if entry is None:
        return ()
    merged = {(record.version, record.release): record.merged for record in page.records}
    found = [
        Candidate(
            release=each.value,
            registry=registry,
            index=index,
            oid=each.oid,
            yanked=yank(entry, each.value.version),
            deprecated=deprecation(entry),
            merged=merged.get((each.value.version, each.oid), ""),
        )
        for each in page.releases
    ]
    return tuple(sorted(found, key=lambda one: sort_key(one.release.version), reverse=True))


def fetch_wheel(
    url: str, artifact: Artifact, *, offline: bool = False, timeout: float = 30.0
) -> bytes:
    """A wheel that an export holds; its size is checked, its digest not yet.

    Raises ReleaseChanged when the export lacks it, SizeMismatch, NetworkError, Offline.
    """
    with Site(base_of(url), timeout=timeout, offline=offline) as site:
        try:
            body = site.get(artifact.path, largest=artifact.size)
        except FileMissing as error:
            raise ReleaseChanged(
                f"There is no file {printable(artifact.path)} at {site.shown}.", path=artifact.path
            ) from error
    data = body.data if body else b""
    if len(data) != artifact.size:
        raise SizeMismatch(
            f"{printable(artifact.path)} at {site.shown} has {len(data)} bytes, not the"
            f" {artifact.size} that were promised.",
            expected=artifact.size,
            found=len(data),
        )
    return data
