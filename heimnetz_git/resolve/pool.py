"""What can be chosen: each plugin's releases as the bits of an int, and what stands against some.

Bit ``i`` of a mask is the plugin's ``i``-th oldest release, so the highest bit is the newest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec

from heimnetz_git.errors import AmbiguousName, IndexNotFound, PluginNotFound
from heimnetz_git.model.lock import Candidate, Environment
from heimnetz_git.model.outline import Outline, Range, from_mask
from heimnetz_git.model.ranges import matching, names_prerelease, pins
from heimnetz_git.resolve.obstacle import HARD, Excuse, Obstacle, found_against
from heimnetz_git.resolve.plain import outlined
from heimnetz_git.resolve.request import Outlined, Request, Universe

__all__ = ["Link", "Needs", "Pool", "Rule", "Table", "bits"]

Needs = dict[str, tuple[int, bool]]
"""What one release asks for: plugin to (releases that will do, whether it must be present)."""
Link = tuple[int, int, bool]
"""Releases that ask for another plugin, those of it that will do, whether it must be present."""

_NOTHING = Outline("", "", (), (), (), b"", b"", "")


class Rule(NamedTuple):
    """A release's word on another plugin; optional if it only binds when that is present."""

    target: str
    specifier: str
    optional: bool


class Table:
    """A plugin's releases, oldest first.

    ``full`` is the mask of all; ``blocked`` what stands in the way of which; ``locked`` the bit to
    prefer, 0 if none; ``missing`` says why there are no releases.
    """

    def __init__(self, name: str, outline: Outline, missing: str) -> None:
        self.name = name
        self.outline = outline
        self.missing = missing
        self.full = (1 << len(outline.keys)) - 1
        self.blocked: dict[Obstacle, int] = {}
        self.locked = 0

    @cached_property
    def usable(self) -> int:
        """The releases that somebody might choose: those that a hard obstacle blocks are out."""
        mask = self.full
        for obstacle, blocked in self.blocked.items():
            if obstacle in HARD:
                mask &= ~blocked
        return mask

    @cached_property
    def offered(self) -> int:
        """The releases that nothing stands against."""
        mask = self.full
        for blocked in self.blocked.values():
            mask &= ~blocked
        return mask

    @cached_property
    def versions(self) -> list[str]:
        """Every release's version as text."""
        return self.outline.versions.split(" ") if self.full else []

    def at(self, mask: int) -> list[str]:
        """The versions of a mask, oldest first."""
        versions = self.versions
        return [versions[place] for place in bits(mask)]

    def matching(self, specifier: str) -> int:
        """The releases whose version is in the range, whatever else stands against them."""
        return matching(self.outline.keys, lambda: self.versions, specifier)


def bits(mask: int) -> Iterator[int]:
    """The places of the ones in ``mask``, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Pool:
    """The releases that one request can reach, asked for once each."""

    def __init__(
        self,
        universe: Universe,
        environment: Environment,
        request: Request,
        *,
        excused: frozenset[Excuse] = frozenset(),
    ) -> None:
        """``excused`` are obstacles that do not count."""
        self.environment = environment
        self.request = request
        self.excused = excused
        self._universe: Outlined = outlined(universe)
        self._tables: dict[str, Table] = {}
        self._outlines: dict[str, tuple[Outline, str]] = {}
        self._matching: dict[tuple[str, str], int] = {}
        self._allowed: dict[tuple[str, str], int] = {}
        self._links: dict[str, dict[str, list[Link]]] = {}
        locked = request.locked.plugins if request.locked else ()
        self._locked = {one.name: one for one in locked if request.keeps(one.name)}

    def asking(self, requested: dict[str, str]) -> Pool:
        """The same releases under other wishes, which decide on pre-releases and yanks."""
        wished = dict(sorted(requested.items()))
        before = self.request.requested
        touched = {n for n in before.keys() | wished.keys() if before.get(n) != wished.get(n)}
        request = msgspec.structs.replace(self.request, requested=wished)
        return self._varied(request, self.excused, touched)

    def excusing(self, excused: frozenset[Excuse]) -> Pool:
        """The same releases where these obstacles, and no others, do not count."""
        touched = {name for name, _ in excused ^ self.excused}
        return self._varied(self.request, excused, touched)

    def _varied(self, request: Request, excused: frozenset[Excuse], touched: set[str]) -> Pool:
        """Another pool that knows already what this one has worked out, where that is the same."""
        other = Pool(self._universe, self.environment, request, excused=excused)
        other._outlines, other._matching = self._outlines, self._matching
        differ = {name for name in touched if other.table(name).blocked != self.table(name).blocked}
        if not differ:
            other._tables, other._allowed = self._tables, self._allowed
            other._links = self._links
            return other
        other._tables = {**self._tables, **{name: other.table(name) for name in differ}}
        other._allowed = {key: m for key, m in self._allowed.items() if key[0] not in differ}
        other._links = {
            name: links
            for name, links in self._links.items()
            if name not in differ and differ.isdisjoint(links)
        }
        return other

    @property
    def known(self) -> list[str]:
        """The plugins that were asked for so far, sorted."""
        return sorted(self._tables)

    def table(self, name: str) -> Table:
        """The releases of a plugin; an empty table if there is no such plugin."""
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = self._table(name)
        return found

    def candidate(self, name: str, place: int) -> Candidate:
        """The release behind a bit. Raises PluginNotFound if the universe has it no longer."""
        version = self.table(name).versions[place]
        found = self._universe.candidate(name, version)
        if found is None:
            raise PluginNotFound(f"{name} {version} is gone from its index.", name=name)
        return found

    def matching(self, name: str, specifier: str) -> int:
        """The releases whose version is in the range, whatever else stands against them."""
        found = self._matching.get((name, specifier))
        if found is None:
            found = self._matching[name, specifier] = self.table(name).matching(specifier)
        return found

    def allowed(self, name: str, specifier: str) -> int:
        """The releases that may be chosen by someone who asks for this range.

        A pre-release takes someone who names one, a yanked release someone who pins it.
        """
        found = self._allowed.get((name, specifier))
        if found is None:
            found = self.matching(name, specifier)
            for obstacle, blocked in self.table(name).blocked.items():
                if not _admits(obstacle, specifier):
                    found &= ~blocked
            self._allowed[name, specifier] = found
        return found

    def links(self, name: str) -> dict[str, list[Link]]:
        """By plugin, what the releases of ``name`` that this machine takes ask of it."""
        found = self._links.get(name)
        if found is None:
            found = self._links[name] = self._compile(name)
        return found

    def needs_at(self, name: str, place: int) -> Needs:
        """What one release asks for, its ranges put together for each plugin."""
        needs: Needs = {}
        for one in self.table(name).outline.ranges:
            required = from_mask(one.required_by) >> place & 1
            if required or from_mask(one.used_by) >> place & 1:
                hard = bool(required) or self.request.with_optional
                mask, before = needs.get(one.target, (-1, False))
                needs[one.target] = (mask & self._in_range(one), hard or before)
        return needs

    def rules(self, name: str) -> Iterator[tuple[int, Rule]]:
        """What releases say of other plugins, each with the mask of those that say it."""
        soft = not self.request.with_optional
        for one in self.table(name).outline.ranges:
            for by, optional in ((one.required_by, False), (one.used_by, soft)):
                if by:
                    yield from_mask(by), self._rule(one, optional=optional)

    def _rule(self, wanted: Range, *, optional: bool) -> Rule:
        specifier = self.request.overrides.get(wanted.target, wanted.specifier)
        return Rule(wanted.target, specifier, optional)

    def _in_range(self, wanted: Range) -> int:
        """As ``allowed``, without parsing anything for a range as most are."""
        if not wanted.is_plain or wanted.target in self.request.overrides:
            target, specifier, _ = self._rule(wanted, optional=False)
            return self.allowed(target, specifier)
        table = self._tables.get(wanted.target) or self.table(wanted.target)
        keys = table.outline.keys
        first = bisect_left(keys, wanted.low)
        mask = table.offered >> first << first
        return mask & (1 << bisect_left(keys, wanted.high)) - 1 if wanted.high else mask

    def _compile(self, name: str) -> dict[str, list[Link]]:
        """Most of the time of a deep resolution goes here: ranges that come to the same releases
        are put together."""
        usable, pulls = self.table(name).usable, self.request.with_optional
        merged: dict[tuple[str, int, bool], int] = {}
        for one in self.table(name).outline.ranges:
            required = int.from_bytes(one.required_by, "little") & usable
            used = int.from_bytes(one.used_by, "little") & usable if one.used_by else 0
            if not required and not used:
                continue
            wanted = self._in_range(one)
            if required:
                key = (one.target, wanted, True)
                merged[key] = merged.get(key, 0) | required
            if used:
                key = (one.target, wanted, pulls)
                merged[key] = merged.get(key, 0) | used
        links: dict[str, list[Link]] = {}
        for (target, wanted, hard), mask in merged.items():
            links.setdefault(target, []).append((mask, wanted, hard))
        return links

    def _table(self, name: str) -> Table:
        if name not in self._outlines:
            self._outlines[name] = self._ask(name)
        table = Table(name, *self._outlines[name])
        if table.full:
            table.locked = self._locked_bit(table)
            table.blocked = self._blocked(table)
        return table

    def _ask(self, name: str) -> tuple[Outline, str]:
        try:
            found = self._universe.outline(name)
        except (AmbiguousName, PluginNotFound, IndexNotFound) as error:
            if name in self.request.requested:
                raise
            return _NOTHING, str(error).rstrip(".")
        return (found, "") if found is not None else (_NOTHING, f"there is no plugin {name}")

    def _locked_bit(self, table: Table) -> int:
        locked = self._locked.get(table.name)
        if locked is None or table.outline.registry != locked.registry:
            return 0
        versions = table.versions
        return 1 << versions.index(locked.version) if locked.version in versions else 0

    def _blocked(self, table: Table) -> dict[Obstacle, int]:
        request, name = self.request, table.name
        masks = found_against(table.outline, self.environment, request.exclude_newer)
        finals = table.full & ~(masks[Obstacle.PRERELEASE] | masks[Obstacle.YANKED])
        asked = (request.range_on(name), request.constraints.get(name, ""))
        if request.prereleases or not finals or any(map(names_prerelease, asked)):
            masks[Obstacle.PRERELEASE] = 0
        if any(map(pins, asked)):
            masks[Obstacle.YANKED] = 0
        if name in request.constraints:
            masks[Obstacle.CONSTRAINT] = table.full & ~table.matching(request.constraints[name])
        masks[Obstacle.PRERELEASE] &= ~table.locked
        masks[Obstacle.YANKED] &= ~table.locked
        return {
            obstacle: mask
            for obstacle, mask in masks.items()
            if mask and (name, obstacle) not in self.excused
        }


def _admits(obstacle: Obstacle, specifier: str) -> bool:
    if obstacle is Obstacle.PRERELEASE:
        return names_prerelease(specifier)
    return obstacle is Obstacle.YANKED and pins(specifier)
