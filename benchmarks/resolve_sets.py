"""What the resolver's benchmark runs on: a home with a full cache, and plugins to ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from packaging.version import Version

from benchmarks.resolve_sat import Judge
from benchmarks.universe import Universe
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.model.layout import classify, release_path
from heimnetz_git.model.lock import Environment
from heimnetz_git.model.registry import RegistryInfo
from heimnetz_git.model.release import Release
from heimnetz_git.registry.cachefeed import State, Taken
from heimnetz_git.registry.cachewriter import mirror
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.registry.index import Reading
from heimnetz_git.resolve.optimistic import attempt
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.request import Request
from heimnetz_git.resolve.search import search
from heimnetz_git.resolve.system import Premises
from heimnetz_git.storage.home import Home

__all__ = ["HOST", "INDEX", "KINDS", "RootSet", "Stock", "find_sets", "write_home"]

INDEX = "universe"
HOST = {"heimnetz": "1.0.0"}
KINDS = ("easy", "deep", "unsatisfiable")
_COMMIT = "1" * 40


class RootSet(NamedTuple):
    """What is asked for; ``kind`` is one of KINDS."""

    kind: str
    requested: dict[str, str]

    @property
    def is_possible(self) -> bool:
        """Is there an answer?"""
        return self.kind != "unsatisfiable"


class Stock:
    """The releases that both sides offer: final ones, not yanked, of a seeded universe.

    What the peer knows nothing of is left out: host APIs, and plugins that are used if present.
    """

    def __init__(self, seed: int, releases: int) -> None:
        self.universe = Universe(seed, releases)
        self.releases: dict[str, list[Release]] = {}
        for drawn in self.universe.plugins():
            kept = [
                msgspec.structs.replace(release, host={"heimnetz": ">=1"}, optional={})
                for release in drawn.releases
                if release.version not in drawn.entry.yanked
                and not Version(release.version).is_prerelease
            ]
            if kept:
                self.releases[drawn.entry.name] = kept
        self.offers = {
            name: {release.version: release.requires for release in releases}
            for name, releases in self.releases.items()
        }

    def state(self) -> State:
        """As the feed of a cache: which state of the index this is."""
        return State("0" * 40, _COMMIT, 0)

    def info(self) -> RegistryInfo:
        """As the feed of a cache: who the registry is."""
        return self.universe.info

    def since(self, base: str | None) -> Iterator[Taken]:
        """As the feed of a cache: every release."""
        del base
        for name, releases in self.releases.items():
            for release in releases:
                path = release_path(name, release.version)
                oid = hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()
                yield Taken(path, False, Reading(classify(path), oid, release))


def write_home(stock: Stock, root: Path) -> dict[str, IndexSettings]:
    """A home whose cache has all of the stock, and the settings that go with it."""
    home = Home(root)
    clone = home.index(INDEX)
    (clone / "refs" / "heads").mkdir(parents=True)
    (clone / "refs" / "heads" / "main").write_text(_COMMIT)
    mirror(home.index_cache(INDEX), stock, aside=root / "aside.sqlite")
    return {INDEX: IndexSettings(url=str(clone))}


def find_sets(
    stock: Stock,
    root: Path,
    indexes: Mapping[str, IndexSettings],
    environment: Environment,
    each: int,
) -> list[RootSet]:
    """Up to ``each`` sets of every kind, their verdicts confirmed by a SAT solver: easy ones are
    answered at the first attempt, deep ones are not and have an answer all the same. Sets that only
    circles stand in the way of are left out, as the peer takes circles.

    Raises AssertionError if the solver and the resolver disagree.
    """
    found: dict[str, list[RootSet]] = {kind: [] for kind in KINDS}
    judge = Judge(stock.offers)
    with Catalog(Home(root), dict(indexes)) as catalog:
        for requested in _drawn(stock, 10 * each):
            kind = _kind(Pool(catalog, environment, Request(requested=requested)), requested)
            if kind not in KINDS or len(found[kind]) == each:
                continue
            one = RootSet(kind, requested)
            if judge.is_satisfiable(requested) != one.is_possible:
                raise AssertionError(f"the SAT solver disagrees about {one}")
            found[kind].append(one)
            if all(len(sets) == each for sets in found.values()):
                break
    return [one for sets in found.values() for one in sets]


def _drawn(stock: Stock, most: int) -> Iterator[dict[str, str]]:
    """Sets of popular plugins, which mostly have hundreds below them, in turn with some of one or
    two plugins drawn evenly, most of which have few."""
    chance = stock.universe.lives.chance("resolve")
    names = sorted(stock.releases)
    for requested in stock.universe.root_sets(most, 4):
        if requested.keys() <= stock.releases.keys():
            yield dict(sorted(requested.items()))
        yield dict.fromkeys(sorted(chance.sample(names, chance.randint(1, 2))), "")


def _kind(pool: Pool, requested: dict[str, str]) -> str:
    if attempt(pool, requested) is not None:
        return "easy"
    outcome = search(pool, Premises(requested))
    if outcome.is_impossible:
        return "unsatisfiable"
    return "circular" if outcome.plan is None else "deep"
