"""Which locked plugins have newer releases, and what keeps those away."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from heimnetz_git.errors import PluginNotFound, ResolutionImpossible
from heimnetz_git.model.lock import Environment, Lock, LockedPlugin
from heimnetz_git.model.ranges import contains
from heimnetz_git.model.versionkey import sort_key
from heimnetz_git.resolve.obstacle import Obstacle
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.request import Edge, Request, Universe
from heimnetz_git.resolve.resolver import resolve
from heimnetz_git.resolve.words import asks, obstacle_words

__all__ = ["Outdated", "outdated"]


class Outdated(msgspec.Struct, frozen=True, omit_defaults=True):
    """A locked plugin that is not the newest, or was yanked.

    ``compatible`` is the version that an upgrade would bring, ``newest`` the newest that is neither
    yanked nor (unless wanted) a pre-release; ``held_back_by`` says why they differ; ``yanked`` is
    the reason if the locked version was yanked.
    """

    name: str
    current: str
    compatible: str
    newest: str
    held_back_by: str = ""
    yanked: str | None = None


def outdated(
    lock: Lock, universe: Universe, environment: Environment, *, prereleases: bool = False
) -> tuple[Outdated, ...]:
    """What could be newer in a lock, sorted by name; empty if all of it is up to date."""
    request = Request(
        requested=lock.requested,
        upgrade=True,
        prereleases=prereleases,
        with_optional=_has_pulled_optional(lock),
    )
    comparison = _Comparison(Pool(universe, environment, request), universe)
    rows = (comparison.row(plugin) for plugin in lock.plugins)
    return tuple(
        row
        for row in rows
        if {row.current} != {row.compatible, row.newest} or row.yanked is not None
    )


def _has_pulled_optional(lock: Lock) -> bool:
    """Does a lock hold plugins that nothing but ``optional:`` leads to?"""
    requires = {plugin.name: plugin.requires for plugin in lock.plugins}
    reached = set(lock.requested)
    queue = list(reached)
    while queue:
        fresh = requires.get(queue.pop(), {}).keys() - reached
        reached |= fresh
        queue.extend(fresh)
    return not requires.keys() <= reached


class _Comparison:
    """What is locked beside what an upgrade of everything would bring."""

    def __init__(self, pool: Pool, universe: Universe) -> None:
        self._pool = pool
        self._universe = universe
        self._edges: tuple[Edge, ...] = ()
        self._upgraded: Mapping[str, str] = {}
        try:
            answer = resolve(pool.request, universe, pool.environment)
        except (ResolutionImpossible, PluginNotFound):
            return
        self._upgraded, self._edges = answer.versions, answer.edges

    def row(self, plugin: LockedPlugin) -> Outdated:
        """One plugin, as it is and as it could be."""
        table = self._pool.table(plugin.name)
        held = table.blocked.get(Obstacle.YANKED, 0) | table.blocked.get(Obstacle.PRERELEASE, 0)
        offered = table.at(table.full & ~held)
        compatible = self._upgraded.get(plugin.name, plugin.version)
        newest = max(offered[-1] if offered else compatible, compatible, key=sort_key)
        return Outdated(
            name=plugin.name,
            current=plugin.version,
            compatible=compatible,
            newest=newest,
            held_back_by="" if newest == compatible else self._reason(plugin.name, newest),
            yanked=self._yanked(plugin),
        )

    def _yanked(self, plugin: LockedPlugin) -> str | None:
        versions = self._pool.table(plugin.name).versions
        if plugin.version not in versions:
            return None
        return self._pool.candidate(plugin.name, versions.index(plugin.version)).yanked

    def _reason(self, name: str, newest: str) -> str:
        """One sentence on what keeps the newest release away."""
        table = self._pool.table(name)
        place = table.versions.index(newest)
        for obstacle, mask in table.blocked.items():
            if mask >> place & 1:
                return f"{obstacle_words(self._pool, name, obstacle, 1 << place)}."
        wanted = self._pool.request.requested.get(name, "")
        if not contains(wanted, newest):
            return f"You ask for {asks(name, wanted)}."
        for edge in self._edges:
            if edge.target == name and not contains(edge.specifier, newest):
                return f"{edge.source} requires {asks(name, edge.specifier)}."
        return self._conflict(name, newest)

    def _conflict(self, name: str, newest: str) -> str:
        """The first sentence of why the rest of the set does not go with the newest release."""
        requested = self._pool.request.requested | {name: f"=={newest}"}
        request = msgspec.structs.replace(self._pool.request, requested=requested)
        try:
            resolve(request, self._universe, self._pool.environment)
        except ResolutionImpossible as error:
            return str(next(iter(error.problems), error))
        return f"{name} {newest} would need other plugins in older releases."
