"""The smallest set of premises that is impossible already: what a conflict is really about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from heimnetz_git.resolve.obstacle import Excuse
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.search import find, search
from heimnetz_git.resolve.system import Premises, compile_system

__all__ = ["is_impossible", "minimal_core"]

T = TypeVar("T")

_MOST_CHECKS = 800
_STEPS_PER_CHECK = 500


def is_impossible(pool: Pool, premises: Premises) -> bool:
    """Is it proven, with little work, that nothing meets the premises?"""
    # A plan with a circle is proof enough that it is not, so the first one ends the search.
    return search(pool, premises, max_steps=_STEPS_PER_CHECK, max_cycles=1).is_impossible


def minimal_core(pool: Pool, blame: Premises) -> Premises:
    """Of what was requested, of the rules between plugins and of the obstacles, what is to blame.

    Without any one of them the rest could be met (as far as the bounded number of checks reaches),
    and without any one wish so could all other wishes that are named. ``blame`` are premises of the
    pool's request that are impossible; the fewer, the faster.
    """
    roots, edges = _fewest_roots(pool, blame)
    judge = _Judge(pool)
    if edges is None:
        edges = _edges(pool, Premises(roots))
    kept = judge.smallest(edges, lambda some: Premises(roots, frozenset(some)))
    linked = frozenset(kept)
    excuses = _excuses(pool, Premises(roots, linked))
    counted = judge.smallest(
        excuses, lambda some: Premises(roots, linked, frozenset(excuses) - frozenset(some))
    )
    return Premises(roots, linked, frozenset(excuses) - frozenset(counted))


def _fewest_roots(
    pool: Pool, blame: Premises
) -> tuple[dict[str, str], list[tuple[str, str]] | None]:
    """The wishes of which none can be spared under all rules, and the rules to begin with."""
    roots = dict(blame.roots)
    edges = None if blame.edges is None else sorted(blame.edges)
    for name in sorted(blame.roots):
        rest = {one: wanted for one, wanted in roots.items() if one != name}
        if name not in roots or not rest:
            continue
        found = find(pool.asking(rest), max_steps=_STEPS_PER_CHECK, max_cycles=1)
        if found.blame is not None:
            roots = dict(found.blame.roots)
            edges = None if found.blame.edges is None else sorted(found.blame.edges)
    return roots, edges


class _Judge:
    """Deletes premises while the rest stays impossible, with a bound on the checks."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._left = _MOST_CHECKS

    def smallest(self, items: Sequence[T], premises: Callable[[Sequence[T]], Premises]) -> list[T]:
        """A part of ``items`` that is impossible still, and of which none can be spared.

        Deletes halves, then quarters, and so on (delta debugging): little work if few are to blame.
        """
        kept = list(items)
        step = max(len(kept) // 2, 1)
        while kept:
            place = 0
            while place < len(kept):
                fewer = kept[:place] + kept[place + step :]
                if self._holds(premises(fewer)):
                    kept = fewer
                else:
                    place += step
            if step == 1:
                break
            step //= 2
        return kept

    def _holds(self, premises: Premises) -> bool:
        if not self._left:
            return False
        self._left -= 1
        return is_impossible(self._pool, premises)


def _edges(pool: Pool, premises: Premises) -> list[tuple[str, str]]:
    system = compile_system(pool, premises)
    found = {(name, target) for name, links in system.links.items() for target in links}
    return sorted(found)


def _excuses(pool: Pool, premises: Premises) -> list[Excuse]:
    names = sorted(compile_system(pool, premises).alive)
    return [(name, obstacle) for name in names for obstacle in pool.table(name).blocked]
