"""What can be chosen: each plugin's releases as the bits of an int, and what stands against some.

Bit ``i`` of a mask is the plugin's ``i``-th oldest release, so the highest bit is the newest.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from heimnetz_git.errors import AmbiguousName, PluginNotFound
from heimnetz_git.model.lock import Candidate, Environment
from heimnetz_git.model.release import Release
from heimnetz_git.model.version import parse_range, parse_version
from heimnetz_git.resolve.artifact import best_artifact
from heimnetz_git.resolve.request import Request, Universe

__all__ = [
    "HARD",
    "Excuse",
    "Obstacle",
    "Pool",
    "Rule",
    "Table",
    "bits",
    "names_prerelease",
    "pins",
    "unmet_hosts",
]


class Obstacle(StrEnum):
    """Why a release that exists may not be chosen here."""

    HOST = "host"
    PYTHON = "python"
    PLATFORM = "platform"
    YANKED = "yanked"
    PRERELEASE = "prerelease"


HARD = frozenset({Obstacle.HOST, Obstacle.PYTHON, Obstacle.PLATFORM})
"""Obstacles that no way of asking gets past."""

Excuse = tuple[str, Obstacle]


class Rule(NamedTuple):
    """A release's word on another plugin; optional if it only binds when that is present."""

    target: str
    specifier: str
    optional: bool


class Table(NamedTuple):
    """A plugin's releases, oldest first.

    ``groups`` are the masks of releases with the same rules; ``blocked`` what stands in the way of
    which; ``locked`` the bit to prefer, 0 if none; ``missing`` says why there are no releases.
    """

    name: str
    candidates: tuple[Candidate, ...]
    versions: tuple[Version, ...]
    groups: tuple[tuple[int, tuple[Rule, ...]], ...]
    blocked: dict[Obstacle, int]
    locked: int
    missing: str

    @property
    def full(self) -> int:
        """The mask of all releases."""
        return (1 << len(self.candidates)) - 1

    def at(self, mask: int) -> list[Candidate]:
        """The releases of a mask, oldest first."""
        return [self.candidates[place] for place in bits(mask)]


def bits(mask: int) -> Iterator[int]:
    """The places of the ones in ``mask``, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def names_prerelease(found: SpecifierSet) -> bool:
    """Does a range ask for a pre-release by name? ``<2.0.dev0`` does not."""
    return any(
        one.operator not in {"<", "!="}
        and parse_version(one.version.removesuffix(".*")).is_prerelease
        for one in found
    )


def pins(found: SpecifierSet) -> bool:
    """Does a range allow one version alone (``==1.2.0``)?"""
    return any(one.operator == "==" and not one.version.endswith(".*") for one in found)


def unmet_hosts(release: Release, environment: Environment) -> dict[str, str]:
    """The host APIs that a release needs and the environment does not have: name to range."""
    return {
        api: wanted
        for api, wanted in sorted(release.host.items())
        if api not in environment.host
        or not parse_range(wanted).contains(environment.host[api], prereleases=True)
    }


class Pool:
    """The releases that one request can reach, asked for once each."""

    def __init__(self, universe: Universe, environment: Environment, request: Request) -> None:
        self.environment = environment
        self.request = request
        self._universe = universe
        self._tables: dict[str, Table] = {}
        self._found: dict[str, tuple[tuple[Candidate, ...], str]] = {}
        self._matching: dict[tuple[str, str], int] = {}
        locked = request.locked.plugins if request.locked else ()
        self._locked = {one.name: one for one in locked if request.keeps(one.name)}

    def asking(self, requested: dict[str, str]) -> Pool:
        """The same releases under other wishes, which decide on pre-releases and yanks."""
        request = msgspec.structs.replace(self.request, requested=dict(sorted(requested.items())))
        other = Pool(self._universe, self.environment, request)
        other._found = self._found
        return other

    def table(self, name: str) -> Table:
        """The releases of a plugin; an empty table if there is no such plugin."""
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = self._table(name, *self._releases(name))
        return found

    def matching(self, name: str, specifier: str) -> int:
        """The releases whose version is in the range, whatever else stands against them."""
        found = self._matching.get((name, specifier))
        if found is None:
            wanted = parse_range(specifier)
            found = sum(
                1 << place
                for place, version in enumerate(self.table(name).versions)
                if wanted.contains(version, prereleases=True)
            )
            self._matching[name, specifier] = found
        return found

    def allowed(self, name: str, specifier: str, excused: frozenset[Excuse] = frozenset()) -> int:
        """The releases that may be chosen by someone who asks for this range.

        A pre-release takes someone who names one, a yanked release someone who pins it; ``excused``
        obstacles do not count.
        """
        mask = self.matching(name, specifier)
        for obstacle, blocked in self.table(name).blocked.items():
            if (name, obstacle) not in excused and not _admits(obstacle, specifier):
                mask &= ~blocked
        return mask

    def _releases(self, name: str) -> tuple[tuple[Candidate, ...], str]:
        """The releases of a plugin, oldest first; if there are none, why."""
        if name not in self._found:
            self._found[name] = self._ask(name)
        return self._found[name]

    def _ask(self, name: str) -> tuple[tuple[Candidate, ...], str]:
        try:
            found = self._universe.releases(name)
            missing = "" if found else f"there is no plugin {name}"
        except (AmbiguousName, PluginNotFound) as error:
            if name in self.request.requested:
                raise
            found, missing = (), str(error).rstrip(".")
        readable = sorted(
            (one for one in found if _is_readable(one.release)),
            key=lambda one: parse_version(one.release.version),
        )
        if found and not readable:
            missing = f"no release of {name} can be read by this version of heimnetz-git"
        return tuple(readable), missing

    def _table(self, name: str, candidates: tuple[Candidate, ...], missing: str) -> Table:
        versions = tuple(parse_version(one.release.version) for one in candidates)
        locked = self._locked_bit(name, candidates)
        grouped: dict[tuple[Rule, ...], int] = {}
        for place, one in enumerate(candidates):
            rules = self._rules(one.release)
            grouped[rules] = grouped.get(rules, 0) | 1 << place
        return Table(
            name=name,
            candidates=candidates,
            versions=versions,
            groups=tuple((mask, rules) for rules, mask in grouped.items()),
            blocked=self._blocked(name, candidates, versions, locked),
            locked=locked,
            missing=missing,
        )

    def _rules(self, release: Release) -> tuple[Rule, ...]:
        soft = not self.request.with_optional
        rules = [Rule(target, wanted, False) for target, wanted in release.requires.items()]
        rules += [Rule(target, wanted, soft) for target, wanted in release.optional.items()]
        return tuple(sorted(rules))

    def _locked_bit(self, name: str, candidates: tuple[Candidate, ...]) -> int:
        locked = self._locked.get(name)
        for place, one in enumerate(candidates):
            if locked and (one.registry, one.release.version) == (locked.registry, locked.version):
                return 1 << place
        return 0

    def _blocked(
        self,
        name: str,
        candidates: tuple[Candidate, ...],
        versions: tuple[Version, ...],
        locked: int,
    ) -> dict[Obstacle, int]:
        masks = dict.fromkeys(Obstacle, 0)
        for place, (one, version) in enumerate(zip(candidates, versions, strict=True)):
            for obstacle in _obstacles(one, version, self.environment):
                masks[obstacle] |= 1 << place
        finals = (1 << len(versions)) - 1 & ~(masks[Obstacle.PRERELEASE] | masks[Obstacle.YANKED])
        asked = parse_range(self.request.requested.get(name, ""))
        if self.request.prereleases or not finals or names_prerelease(asked):
            masks[Obstacle.PRERELEASE] = 0
        if pins(asked):
            masks[Obstacle.YANKED] = 0
        masks[Obstacle.PRERELEASE] &= ~locked
        masks[Obstacle.YANKED] &= ~locked
        return {obstacle: mask for obstacle, mask in masks.items() if mask}


def _admits(obstacle: Obstacle, specifier: str) -> bool:
    if obstacle is Obstacle.PRERELEASE:
        return names_prerelease(parse_range(specifier))
    return obstacle is Obstacle.YANKED and pins(parse_range(specifier))


def _obstacles(one: Candidate, version: Version, environment: Environment) -> Iterator[Obstacle]:
    release = one.release
    if unmet_hosts(release, environment):
        yield Obstacle.HOST
    if not parse_range(release.python).contains(environment.python, prereleases=True):
        yield Obstacle.PYTHON
    if best_artifact(release, environment) is None:
        yield Obstacle.PLATFORM
    if one.yanked is not None:
        yield Obstacle.YANKED
    if version.is_prerelease:
        yield Obstacle.PRERELEASE


def _is_readable(release: Release) -> bool:
    """Are all versions and ranges such? An index of a newer format may have others."""
    ranges = (
        release.python,
        *release.host.values(),
        *release.requires.values(),
        *release.optional.values(),
    )
    try:
        parse_version(release.version)
        for text in ranges:
            parse_range(text)
    except ValueError:
        return False
    return True
