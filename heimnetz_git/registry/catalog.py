"""The catalog: all indexes of a home as one place to ask, by priority and by pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from heimnetz_git.errors import (
    AmbiguousName,
    IndexNotFound,
    PluginNotFound,
    printable,
)
from heimnetz_git.model.config import DEFAULT_INDEX, IndexSettings
from heimnetz_git.model.names import index_name, plugin_name
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry.cache import Cache
from heimnetz_git.registry.held import Held, of_no_index
from heimnetz_git.registry.opening import OpenIndexes
from heimnetz_git.registry.routes import Routes
from heimnetz_git.registry.search import Hit, nearest, search
from heimnetz_git.storage.bundled import folder
from heimnetz_git.storage.home import Home

if TYPE_CHECKING:  # a search needs none of them
    from heimnetz_git.model.lock import Candidate, Lock, LockedPlugin
    from heimnetz_git.model.outline import Outline
    from heimnetz_git.model.registry import PluginEntry, RegistryInfo
    from heimnetz_git.model.release import Artifact
    from heimnetz_git.registry.status import IndexStatus
    from heimnetz_git.storage.repo import Repository

__all__ = ["Catalog"]

Answer = TypeVar("Answer")


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
        self._routes = Routes(self.indexes)
        self._held: dict[str, Held] = {}
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
        for group in self._routes.groups(bare):
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
            self._routes.pins[bare] = self._find_in(asked, bare)
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
            if index is not None and self._routes.may_serve(index, plugin.name):
                self._routes.pins.setdefault(plugin.name, index)
            elif (
                index is None
                and not self._routes.routed(plugin.name)
                and plugin.name not in self._routes.pins
            ):
                here = have.get((plugin.name, plugin.registry, plugin.version))
                registry = lock.registries.get(plugin.registry, "")
                self._held[plugin.name] = Held(plugin, registry, here)
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
        from heimnetz_git.registry.status import status_of

        url = self.indexes[self._known(index)].url
        return self._ask(index, lambda cache: status_of(cache, url))

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
                keep=self._routes.may_serve if self._routes.has_patterns else None,
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
        from heimnetz_git.model.lock import Candidate
        from heimnetz_git.registry.exported_address import is_export

        index = chosen.index if isinstance(chosen, Candidate) else self._of(chosen)
        if is_export(url := self.indexes[index].url):
            from heimnetz_git.registry.exported_remote import fetch_wheel

            return fetch_wheel(url, artifact, offline=self.offline)
        from heimnetz_git.registry.wheel import wheel_of

        return wheel_of(self.repository(index), artifact, index)

    def _read_outline(self, name: str) -> tuple[str, Outline | None]:
        """The index that a plugin comes from, empty if it is held or unknown, and its outline."""
        if name in self._held:
            from heimnetz_git.registry.outlining import outline_of_candidates

            return "", outline_of_candidates(name, self.releases(name))
        for group in self._routes.groups(name):
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
        return [name for name in names if self._routes.may_serve(index, name)]

    def _known(self, index: str) -> str:
        if index not in self.indexes:
            raise IndexNotFound(
                f"There is no index {printable(index)!r}; there are: {', '.join(self.indexes)}.",
                index=printable(index),
            )
        return index

    def _of(self, locked: LockedPlugin) -> str:
        """The index of the registry that a plugin was locked from; pinned ones first."""
        pinned = self._routes.pins.get(locked.name)
        for index in [pinned] if pinned else self.indexes:
            if self.info(index).id == locked.registry:
                return index
        raise of_no_index(locked, "")

    def _find_in(self, index: str, name: str) -> str:
        self._known(index)
        if not self._routes.may_serve(index, name):
            others = " and ".join(repr(other) for other in self._routes.routed(name))
            raise PluginNotFound(
                f"{name!r} comes only from {others}: a pattern routes it there.",
                hint="Change the patterns of that index if this is not meant.",
                name=name,
                index=index,
            )
        if not self._has(index, name):
            raise self._not_found(name, index)
        return index

    def _not_found(self, name: str, index: str = "") -> PluginNotFound:
        places = [index] if index else self._routes.places(name)
        meant = nearest(name, {other for place in places for other in self._names(place)})
        where = f"The index {places[0]!r} has" if len(places) == 1 else "No index has"
        no = "no" if len(places) == 1 else "a"
        said = f"{where} {no} plugin {name!r}."
        if meant:
            said += f" Did you mean {' or '.join(repr(one) for one in meant)}?"
        return PluginNotFound(said, name=name, indexes=places, suggestions=list(meant))


def _split(name: str) -> tuple[str, str]:
    """The index, if one is named, and the plugin. Raises InvalidName."""
    index, slash, bare = name.rpartition("/")
    return (index_name(index) if slash else "", plugin_name(bare))
