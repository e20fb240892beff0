"""The smallest set of premises that is impossible already: what a conflict is really about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from heimnetz_git.resolve.pool import Excuse, Pool
from heimnetz_git.resolve.search import search
from heimnetz_git.resolve.system import Premises, compile_system

__all__ = ["is_impossible", "minimal_core"]

T = TypeVar("T")

_MOST_CHECKS = 800
_STEPS_PER_CHECK = 500


def is_impossible(pool: Pool, premises: Premises) -> bool:
    """Is it proven, with little work, that nothing meets the premises?"""
    return search(pool, premises, max_steps=_STEPS_PER_CHECK).is_impossible


def minimal_core(pool: Pool) -> Premises:
    """Of what was requested, of the rules between plugins and of the obstacles, what is to blame.

    Without any one of them the rest could be met (as far as the bounded number of checks reaches).
    The premises of the pool's request must be impossible.
    """
    judge = _Judge(pool)
    roots = pool.request.requested
    kept = judge.smallest(
        sorted(roots), lambda names: Premises({name: roots[name] for name in names})
    )
    asked = {name: roots[name] for name in kept}
    edges = judge.smallest(
        _edges(pool, Premises(asked)), lambda some: Premises(asked, frozenset(some))
    )
    linked = frozenset(edges)
    excuses = _excuses(pool, Premises(asked, linked))
    counted = judge.smallest(
        excuses, lambda some: Premises(asked, linked, frozenset(excuses) - frozenset(some))
    )
    return Premises(asked, linked, frozenset(excuses) - frozenset(counted))


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
    found = {
        (name, target)
        for name, groups in system.groups.items()
        for _, needs in groups
        for target in needs
    }
    return sorted(found)


def _excuses(pool: Pool, premises: Premises) -> list[Excuse]:
    names = sorted(compile_system(pool, premises).alive)
    return [(name, obstacle) for name in names for obstacle in pool.table(name).blocked]
