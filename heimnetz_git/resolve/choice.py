"""Why a plugin was chosen in this version, and why it was not in that one."""

from __future__ import annotations

import msgspec

from heimnetz_git.errors import PluginNotFound, ReleaseNotFound, ResolutionImpossible, printable
from heimnetz_git.model.lock import Environment
from heimnetz_git.resolve.graph import Link, why
from heimnetz_git.resolve.obstacle import Obstacle
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.request import Edge, Request, Resolution, Universe
from heimnetz_git.resolve.resolver import resolve
from heimnetz_git.resolve.words import asks, obstacle_words

__all__ = ["Choice", "Refusal", "explain_choice", "why_not"]

_MOST_NEWER = 5


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What keeps a release away.

    ``lines`` are the sentences of the explanation and ``advice`` what would help, both empty if
    nothing does: then ``chosen``, another version or none, was merely preferred.
    """

    plugin: str
    version: str
    chosen: str = ""
    lines: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def is_possible(self) -> bool:
        """Would the release be chosen if it were asked for?"""
        return not self.lines


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A chosen plugin: its version, who asks for it in which range (``wanted`` is the user's own),
    the chains from requested plugins to it, and what keeps newer releases away, newest first."""

    plugin: str
    version: str
    wanted: str | None = None
    asked_by: tuple[Edge, ...] = ()
    chains: tuple[tuple[Link, ...], ...] = ()
    newer: tuple[Refusal, ...] = ()


def why_not(
    name: str, version: str, request: Request, universe: Universe, environment: Environment
) -> Refusal:
    """Why a request does not choose this release: the answer to the request with it pinned.

    The release is asked for as by ``==``, but yanked releases and pre-releases still count as
    such. Raises PluginNotFound, ReleaseNotFound if there is no such release.
    """
    pool = Pool(universe, environment, request)
    place = _place(pool, name, version)
    try:
        chosen = resolve(request, universe, environment).versions.get(name, "")
    except ResolutionImpossible:
        chosen = ""
    if chosen == version:
        return Refusal(name, version, chosen)
    stopped = _stopped(pool, name, place)
    if stopped:
        return Refusal(name, version, chosen, lines=(stopped,))
    return _pinned(pool, universe, name, version, chosen)


def explain_choice(
    answer: Resolution, name: str, request: Request, universe: Universe, environment: Environment
) -> Choice:
    """How a plugin of an answer to ``request`` came to its version; of newer releases the five
    newest are looked at. Raises PluginNotFound if it is not part of the answer."""
    chains = why(answer, name)
    version = answer.versions[name]
    pool = Pool(universe, environment, request)
    versions = pool.table(name).versions
    newer = versions[versions.index(version) + 1 :][: -_MOST_NEWER - 1 : -1]
    return Choice(
        plugin=name,
        version=version,
        wanted=request.range_on(name) if name in request.requested else None,
        asked_by=tuple(edge for edge in answer.edges if edge.target == name),
        chains=chains,
        newer=tuple(_kept_away(pool, universe, name, one, version) for one in newer),
    )


def _place(pool: Pool, name: str, version: str) -> int:
    table = pool.table(name)
    if not table.full:
        raise PluginNotFound(f"{table.missing[:1].upper()}{table.missing[1:]}.", name=name)
    if version not in table.versions:
        raise ReleaseNotFound(
            f"There is no release {printable(version)} of {name}.", name=name, version=version
        )
    return table.versions.index(version)


def _kept_away(pool: Pool, universe: Universe, name: str, version: str, chosen: str) -> Refusal:
    stopped = _stopped(pool, name, pool.table(name).versions.index(version))
    if stopped:
        return Refusal(name, version, chosen, lines=(stopped,))
    return _pinned(pool, universe, name, version, chosen)


def _stopped(pool: Pool, name: str, place: int) -> str:
    """What stands against the release itself, or the user's own range; empty if nothing does."""
    for obstacle, mask in pool.table(name).blocked.items():
        if mask >> place & 1 and not _is_asked_for(pool, name, obstacle):
            return f"{obstacle_words(pool, name, obstacle, 1 << place)}."
    wanted = pool.request.range_on(name)
    if not pool.matching(name, wanted) >> place & 1:
        return f"You asked for {asks(name, wanted)}."
    return ""


def _is_asked_for(pool: Pool, name: str, obstacle: Obstacle) -> bool:
    """Is somebody else's range likely to get past this obstacle? Only trying shows it."""
    return obstacle in {Obstacle.YANKED, Obstacle.PRERELEASE} and name not in pool.request.requested


def _pinned(pool: Pool, universe: Universe, name: str, version: str, chosen: str) -> Refusal:
    requested = pool.request.requested | {name: f"=={version}"}
    overrides = {one: span for one, span in pool.request.overrides.items() if one != name}
    request = msgspec.structs.replace(pool.request, requested=requested, overrides=overrides)
    try:
        resolve(request, universe, pool.environment)
    except ResolutionImpossible as error:
        lines = tuple(map(str, error.problems)) or (str(error),)
        advice = tuple(str(one["message"]) for one in error.facts.get("advice", ()))
        return Refusal(name, version, chosen, lines, advice)
    return Refusal(name, version, chosen)
