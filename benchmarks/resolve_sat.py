"""An independent judge: the same question put to a SAT solver, with packaging's ranges.

Nothing of ``heimnetz_git.resolve`` is used here. Circles of plugins are no hindrance to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import count, pairwise

from packaging.specifiers import SpecifierSet
from packaging.version import Version

__all__ = ["Judge", "Offers"]

Offers = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Plugin to version to what that release requires: plugin to range."""

_range = lru_cache(maxsize=1 << 16)(SpecifierSet)
_version = lru_cache(maxsize=1 << 18)(Version)


class Judge:
    """Says of any request whether there is an answer (CaDiCaL through python-sat)."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers
        self._fitting: dict[tuple[str, str], tuple[str, ...]] = {}

    def is_satisfiable(self, requested: Mapping[str, str]) -> bool:
        """Whether one release of each plugin that is needed can be chosen."""
        from pysat.solvers import Solver  # type: ignore[import-untyped] # it has no types

        with Solver(name="cadical153") as solver:
            for clause in self._clauses(requested):
                solver.add_clause(clause)
            return bool(solver.solve())

    def _clauses(self, requested: Mapping[str, str]) -> Iterator[list[int]]:
        numbers = count(1)
        reached = self._reached(requested)
        number_of = {(name, one): next(numbers) for name in reached for one in self._offers[name]}

        def choice(name: str, span: str) -> list[int]:
            return [number_of[name, version] for version in self._choice(name, span)]

        for name, span in requested.items():
            yield choice(name, span)
        for name in reached:
            releases = self._offers[name]
            yield from _at_most_one([number_of[name, version] for version in releases], numbers)
            for version, requires in releases.items():
                for target, span in requires.items():
                    yield [-number_of[name, version], *choice(target, span)]

    def _reached(self, requested: Iterable[str]) -> list[str]:
        found = [name for name in requested if name in self._offers]
        seen = set(found)
        for name in found:
            for requires in self._offers[name].values():
                fresh = [one for one in requires if one not in seen and one in self._offers]
                seen.update(fresh)
                found.extend(fresh)
        return found

    def _choice(self, name: str, span: str) -> tuple[str, ...]:
        found = self._fitting.get((name, span))
        if found is None:
            wanted = _range(span)
            found = self._fitting[name, span] = tuple(
                version
                for version in self._offers.get(name, ())
                if wanted.contains(_version(version), prereleases=True)
            )
        return found


def _at_most_one(literals: list[int], numbers: Iterator[int]) -> Iterator[list[int]]:
    """The sequential encoding (Sinz 2005): a chain of helpers, each true once one was true."""
    chain = [next(numbers) for _ in literals[1:]]
    for literal, helper in zip(literals, chain, strict=False):
        yield [-literal, helper]
    for literal, helper in zip(literals[1:], chain, strict=True):
        yield [-literal, -helper]
    for before, after in pairwise(chain):
        yield [-before, after]
