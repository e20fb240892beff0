"""The catalog: all indexes of a home as one place to ask, by priority and by pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from heimnetz_git.errors import (
    AmbiguousName,
    IndexNotFound,
    PluginNotFound,
    ReleaseChanged,
    SizeMismatch,
    printable,
)
from heimnetz_git.model.config import DEFAULT_INDEX, IndexSettings
from heimnetz_git.model.lock import Candidate, Lock, LockedPlugin
from heimnetz_git.model.names import index_name, plugin_name
from heimnetz_git.model.outline import Outline
from heimnetz_git.model.registry import PluginEntry, RegistryInfo
from heimnetz_git.model.release import Artifact
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry.cache import Cache, Skipped
from heimnetz_git.registry.exported_address import is_export
from heimnetz_git.registry.opening import OpenIndexes
from heimnetz_git.registry.outlining import outline_of_candidates
from heimnetz_git.registry.search import Hit, nearest, search
from heimnetz_git.storage.bundled import folder
from heimnetz_git.storage.home import Home

if TYPE_CHECKING:
    from heimnetz_git.storage.repo import Repository

__all__ = ["Catalog", "IndexStatus"]

Answer = TypeVar("Answer")
REGULAR = 0o100644
LARGEST_ARTIFACT = 1 << 30  # bytes; what an index may hold as one file


class IndexStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An index at a glance: what it mirrors, how old that is, how much it offers.

    ``committed`` and ``checked`` are unix times: of the accepted commit, and of the last update
    that compared it with its address.
    """

    index: str
    url: str
    registry: RegistryInfo
    commit: str
    committed: int
    checked: int
    plugins: int
    releases: int
    skipped: tuple[Skipped, ...]


class _Held(NamedTuple):
    """A locked plugin whose registry no index is of, and its release if that is installed."""

    locked: LockedPlugin
    registry: str
    installed: Candidate | None

    def origin(self) -> str:
        """The index it came from, which may be gone. Raises IndexNotFound if it is not here."""
        if self.installed is None:
            raise _of_no_index(self.locked, self.registry)
        return self.installed.index


class Catalog:
    """The indexes of a home; a context manager. A resolver's universe.

    A name that matches a pattern of an index is looked for there and nowhere else, even when that
    index lacks it; the longest pattern decides. Other names are looked for in all indexes, and the
    highest priority that has one wins. ``index/name`` asks that index alone. Without any settings
    there is one index, ``default``, which comes with the program.
    """

    def __init__(
        self,
        home: Home,
        indexes: Mapping[str, IndexSettings],
        *,
        bundled: Path | None = None,
        reporter: Reporter = SILENT,
        offline: bool = False,
    ) -> None:
        """Opens nothing yet; ``bundled`` replaces the folder that comes with the program.

        ``offline`` keeps it from fetching the wheels that static exports hold.
        """
        if not indexes:
            bundled = bundled or folder("index")
            indexes = {DEFAULT_INDEX: IndexSettings(url=str(bundled))}
        self.indexes = {index_name(name): settings for name, settings in indexes.items()}
        self.offline = offline
        self._opened = OpenIndexes(home, bundled, reporter)
        self._pins: dict[str, str] = {}
        self._held: dict[str, _Held] = {}
        self._releases: dict[str, tuple[Candidate, ...]] = {}
        self._outlines: dict[str, tuple[str, Outline | None]] = {}

    def __enter__(self) -> Catalog:
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes what it opened."""
        self.close()

    def close(self) -> None:
        """Closes every cache and clone that was opened."""
        self._opened.close()

    def find(self, name: str) -> str:
        """The index that ``name`` or ``index/name`` comes from.

        Raises PluginNotFound with the names that may have been meant, AmbiguousName, IndexNotFound,
        InvalidName.
        """
        asked, bare = _split(name)
        if asked:
            return self._find_in(asked, bare)
        if held := self._held.get(bare):
            return held.origin()
        for group in self._groups(bare):
            having = [index for index in group if self._has(index, bare)]
            if len(having) > 1:
                places = " and ".join(repr(f"{index}/{bare}") for index in having)
                raise AmbiguousName(
                    f"{bare!r} is offered by several indexes: {places}.", name=bare, indexes=having
                )
            if having:
                return having[0]
        raise self._not_found(bare)

    def pin(self, name: str) -> str:
        """The plugin's name in ``index/name``; it comes from that index from now on."""
        asked, bare = _split(name)
        if asked:
            self._pins[bare] = self._find_in(asked, bare)
            self._held.pop(bare, None)
            self._releases.pop(bare, None)
            self._outlines.pop(bare, None)
        return bare

    def follow(self, lock: Lock, installed: Iterable[Candidate] = ()) -> tuple[Candidate, ...]:
        """Takes each plugin from the registry that it was locked from.

        Where no index is of that registry, the name is not looked for elsewhere, as a namesake is
        another plugin, unless the user pins or routes it: there is one release of it, that of
        ``installed``, or none. Returns those that so stay as they are.
        """
        known = {self.info(index).id: index for index in self.indexes}
        have = {(one.release.name, one.registry, one.release.version): one for one in installed}
        for plugin in lock.plugins:
            index = known.get(plugin.registry)
            if index is not None and self._may_serve(index, plugin.name):
                self._pins.setdefault(plugin.name, index)
            elif index is None and not self._routed(plugin.name) and plugin.name not in self._pins:
                here = have.get((plugin.name, plugin.registry, plugin.version))
                registry = lock.registries.get(plugin.registry, "")
                self._held[plugin.name] = _Held(plugin, registry, here)
        return tuple(held.installed for held in self._held.values() if held.installed)

    def registry_name(self, candidate: Candidate) -> str:
        """What the registry of a candidate calls itself."""
        held = self._held.get(candidate.release.name)
        if held and held.locked.registry == candidate.registry:
            return held.registry
        return self.info(candidate.index).name

    def releases(self, name: str) -> tuple[Candidate, ...]:
        """Every release of a plugin, newest first, yanked ones too; none when it is unknown.

        Raises AmbiguousName, IndexNotFound for a plugin that is held to a registry of no index.
        """
        if name not in self._releases:
            self._releases[name] = self._read_releases(name)
        return self._releases[name]

    def outline(self, name: str) -> Outline | None:
        """What resolving needs to know of a plugin's releases, None when it is unknown.

        Raises as ``releases``.
        """
        if name in self._held or name not in self._outlines:
            self._outlines[name] = self._read_outline(name)
        return self._outlines[name][1]

    def candidate(self, name: str, version: str) -> Candidate | None:
        """One release of a plugin as ``releases`` has it; None when there is none of that version.

        Raises as ``releases``.
        """
        self.outline(name)
        index = self._outlines[name][0]
        if index:
            return self._ask(index, lambda cache: cache.candidate(name, version))
        offered = self.releases(name)
        return next((one for one in offered if one.release.version == version), None)

    def entry(self, name: str) -> PluginEntry:
        """The mutable facts of a plugin. Raises as ``find``."""
        _, bare = _split(name)
        found = self._ask(self.find(name), lambda cache: cache.plugin(bare))
        if found is None:
            raise self._not_found(bare)
        return found

    def names(self) -> tuple[str, ...]:
        """Every plugin that can be found, sorted."""
        found = {name for index in self.indexes for name in self._names(index)}
        return tuple(sorted(found))

    def info(self, index: str) -> RegistryInfo:
        """Who the registry behind an index is. Raises IndexNotFound."""
        return self._ask(self._known(index), lambda cache: cache.info)

    def status(self, index: str) -> IndexStatus:
        """An index at a glance. Raises IndexNotFound."""
        url = self.indexes[self._known(index)].url
        return self._ask(index, lambda cache: _status(cache, url))

    def search(
        self,
        words: str | Sequence[str] = "",
        *,
        type: str | None = None,  # noqa: A002 # the field's word
        category: str | None = None,
        tag: str | None = None,
        sort: str = "relevance",
        limit: int = 20,
    ) -> tuple[Hit, ...]:
        """Hits of all indexes, as search() gives them, but no plugin that is routed elsewhere."""
        return self._opened.ask(
            self.indexes,
            lambda caches: search(
                caches,
                words,
                type=type,
                category=category,
                tag=tag,
                sort=sort,
                limit=limit,
                keep=self._may_serve if self._patterns() else None,
            ),
        )

    def cache(self, index: str) -> Cache:
        """The cache of an index, for questions about all of it. Raises IndexNotFound."""
        return self._opened.cache(self._known(index))

    def repository(self, index: str) -> Repository:
        """The bare clone of an index; closed with the catalog. Raises IndexNotFound."""
        return self._opened.repository(self._known(index))

    def artifact_bytes(self, chosen: Candidate | LockedPlugin, artifact: Artifact) -> bytes:
        """A wheel that an index holds itself (``path``); its size is checked, its digest not yet.

        Raises ReleaseChanged when the index lacks it, SizeMismatch, CorruptRepository,
        IndexNotFound when no index is of the registry that a lock names.
        """
        index = chosen.index if isinstance(chosen, Candidate) else self._of(chosen)
        if is_export(url := self.indexes[index].url):
            from heimnetz_git.registry.exported_remote import fetch_wheel

            return fetch_wheel(url, artifact, offline=self.offline)
        repo = self.repository(index)
        commit = repo.branch("main")
        entry = repo.entry(repo.tree(commit), artifact.path) if commit else None
        where = f"{printable(artifact.path)} in the index {index!r}"
        if entry is None or entry.mode != REGULAR:
            raise ReleaseChanged(f"There is no file {where}.", index=index, path=artifact.path)
        data = repo.read(entry.oid, max_bytes=LARGEST_ARTIFACT)
        if len(data) != artifact.size:
            raise SizeMismatch(
                f"{where} has {len(data)} bytes, not the {artifact.size} that were promised.",
                expected=artifact.size,
                found=len(data),
            )
        return data

    def _read_outline(self, name: str) -> tuple[str, Outline | None]:
        """The index that a plugin comes from, empty if it is held or unknown, and its outline."""
        if name in self._held:
            return "", outline_of_candidates(name, self.releases(name))
        for group in self._groups(name):
            asked = (
                (index, self._ask(index, lambda cache: cache.outline(name))) for index in group
            )
            having = [(index, outline) for index, outline in asked if outline is not None]
            if len(having) > 1:
                self.find(name)  # raises AmbiguousName
            if having:
                return having[0]
        return "", None

    def _read_releases(self, name: str) -> tuple[Candidate, ...]:
        if (held := self._held.get(name)) and held.installed:
            return (held.installed,)
        try:
            index = self.find(name)
        except PluginNotFound:
            return ()
        _, bare = _split(name)
        return self._ask(index, lambda cache: cache.releases(bare))

    def _ask(self, index: str, question: Callable[[Cache], Answer]) -> Answer:
        return self._opened.ask([index], lambda caches: question(caches[0]))

    def _has(self, index: str, name: str) -> bool:
        return self._ask(index, lambda cache: cache.has(name))

    def _names(self, index: str) -> list[str]:
        names = self._ask(index, lambda cache: cache.names())
        return [name for name in names if self._may_serve(index, name)]

    def _known(self, index: str) -> str:
        if index not in self.indexes:
            raise IndexNotFound(
                f"There is no index {printable(index)!r}; there are: {', '.join(self.indexes)}.",
                index=printable(index),
            )
        return index

    def _of(self, locked: LockedPlugin) -> str:
        """The index of the registry that a plugin was locked from; pinned ones first."""
        pinned = self._pins.get(locked.name)
        for index in [pinned] if pinned else self.indexes:
            if self.info(index).id == locked.registry:
                return index
        raise _of_no_index(locked, "")

    def _find_in(self, index: str, name: str) -> str:
        self._known(index)
        if not self._may_serve(index, name):
            others = " and ".join(repr(other) for other in self._routed(name))
            raise PluginNotFound(
                f"{name!r} comes only from {others}: a pattern routes it there.",
                hint="Change the patterns of that index if this is not meant.",
                name=name,
                index=index,
            )
        if not self._has(index, name):
            raise self._not_found(name, index)
        return index

    def _patterns(self) -> bool:
        return any(settings.patterns for settings in self.indexes.values())

    def _routed(self, name: str) -> tuple[str, ...]:
        """The indexes whose pattern for a name is the longest that matches; none without one."""
        matching = [
            (len(pattern), index)
            for index, settings in self.indexes.items()
            for pattern in settings.patterns
            if fnmatchcase(name, pattern)
        ]
        longest = max(matching, default=(0, ""))[0]
        return tuple(dict.fromkeys(index for length, index in matching if length == longest))

    def _may_serve(self, index: str, name: str) -> bool:
        return index in (self._routed(name) or self.indexes)

    def _groups(self, name: str) -> Iterator[list[str]]:
        """The indexes to ask for a name: equal priorities together, the highest first."""
        if name in self._pins:
            yield [self._pins[name]]
            return

        def rank(index: str) -> int:
            return -self.indexes[index].priority

        for _, group in groupby(sorted(self._routed(name) or self.indexes, key=rank), key=rank):
            yield list(group)

    def _not_found(self, name: str, index: str = "") -> PluginNotFound:
        places = [index] if index else list(self._routed(name) or self.indexes)
        meant = nearest(name, {other for place in places for other in self._names(place)})
        where = f"The index {places[0]!r} has" if len(places) == 1 else "No index has"
        no = "no" if len(places) == 1 else "a"
        said = f"{where} {no} plugin {name!r}."
        if meant:
            said += f" Did you mean {' or '.join(repr(one) for one in meant)}?"
        return PluginNotFound(said, name=name, indexes=places, suggestions=list(meant))


def _of_no_index(locked: LockedPlugin, registry: str) -> IndexNotFound:
    named = f"{printable(registry)!r} ({printable(locked.registry)})"
    return IndexNotFound(
        f"{locked.name!r} was locked from the registry"
        f" {named if registry else printable(locked.registry)}, and no index is of that registry.",
        hint="Add that registry with 'heimnetz-git index add', or say index/name for another.",
        name=locked.name,
        registry=printable(locked.registry),
    )


def _split(name: str) -> tuple[str, str]:
    """The index, if one is named, and the plugin. Raises InvalidName."""
    index, slash, bare = name.rpartition("/")
    return (index_name(index) if slash else "", plugin_name(bare))


def _status(cache: Cache, url: str) -> IndexStatus:
    counts = cache.counts()
    return IndexStatus(
        index=cache.index,
        url=url,
        registry=cache.info,
        commit=cache.commit,
        committed=cache.committed,
        checked=cache.checked(),
        plugins=counts.plugins,
        releases=counts.releases,
        skipped=cache.skipped(),
    )
