"""The rules that hold between plugins as bit masks, and what follows from them.

Propagation: a release dies when a plugin that it needs has no release left for it; what all living
releases of a needed plugin need is needed too, in the union of their ranges. An optional rule
kills only when its plugin is needed anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from heimnetz_git.resolve.pool import HARD, Excuse, Pool, Rule

__all__ = ["Needs", "Premises", "State", "System", "compile_system"]

Edges = frozenset[tuple[str, str]]
Needs = dict[str, tuple[int, bool]]
"""Plugin to (releases that will do, whether it must be present)."""


class Premises(NamedTuple):
    """What is taken as given: all of it to resolve, less and less of it to find what is to blame.

    ``edges`` are the (source, target) pairs whose rules count, None for all of them; ``excused``
    are obstacles that do not count.
    """

    roots: Mapping[str, str]
    edges: Edges | None = None
    excused: frozenset[Excuse] = frozenset()


class System(NamedTuple):
    """The premises worked out over all plugins that can be reached.

    ``alive`` are the releases to choose from, ``groups`` the releases with the same needs,
    ``users`` who has a rule about a plugin.
    """

    roots: frozenset[str]
    alive: dict[str, int]
    groups: dict[str, list[tuple[int, Needs]]]
    users: dict[str, set[str]]


def compile_system(pool: Pool, premises: Premises) -> System:
    """All rules that can matter, from the requested plugins outwards."""
    system = System(frozenset(premises.roots), {}, {}, {})
    queue = list(premises.roots)
    while queue:
        name = queue.pop()
        if name in system.alive:
            continue
        system.alive[name] = _usable(pool, name, premises)
        groups = system.groups[name] = _groups(pool, name, premises)
        for target in {target for _, needs in groups for target in needs}:
            system.users.setdefault(target, set()).add(name)
            queue.append(target)
    for name, wanted in premises.roots.items():
        system.alive[name] &= pool.allowed(name, wanted, premises.excused)
    return system


def _usable(pool: Pool, name: str, premises: Premises) -> int:
    """The releases that somebody might choose: those that a hard obstacle blocks are out."""
    table = pool.table(name)
    mask = table.full
    for obstacle, blocked in table.blocked.items():
        if obstacle in HARD and (name, obstacle) not in premises.excused:
            mask &= ~blocked
    return mask


def _groups(pool: Pool, name: str, premises: Premises) -> list[tuple[int, Needs]]:
    usable = _usable(pool, name, premises)
    return [
        (mask & usable, _needs(pool, name, rules, premises))
        for mask, rules in pool.table(name).groups
        if mask & usable
    ]


def _needs(pool: Pool, name: str, rules: Iterable[Rule], premises: Premises) -> Needs:
    needs: Needs = {}
    for target, specifier, optional in rules:
        if premises.edges is not None and (name, target) not in premises.edges:
            continue
        mask, hard = needs.get(target, (-1, False))
        mask &= pool.allowed(target, specifier, premises.excused)
        needs[target] = mask, hard or not optional
    return needs


class State:
    """What is still possible at one point of a search."""

    __slots__ = ("_system", "alive", "needed", "queue")

    def __init__(
        self, system: System, alive: dict[str, int], needed: set[str], queue: set[str]
    ) -> None:
        self._system = system
        self.alive = alive
        self.needed = needed
        self.queue = queue

    @classmethod
    def start(cls, system: System) -> State:
        """Everything is possible that the requested ranges allow; nothing was looked at yet."""
        return cls(system, dict(system.alive), set(system.roots), set(system.alive))

    def copy(self) -> State:
        """The same point, to come back to."""
        return State(self._system, dict(self.alive), set(self.needed), set(self.queue))

    def limit(self, name: str, mask: int) -> None:
        """Only these releases of ``name`` remain."""
        self.alive[name] &= mask
        self._changed(name)

    def settle(self) -> bool:
        """Draw every conclusion; False if the premises contradict each other."""
        while self.queue:
            if not self._visit(self.queue.pop()):
                return False
        return True

    def _changed(self, name: str) -> None:
        self.queue.add(name)
        self.queue |= self._system.users.get(name, set())

    def _visit(self, name: str) -> bool:
        before = self.alive[name]
        living = [
            (mask & before, needs)
            for mask, needs in self._system.groups[name]
            if mask & before and self._is_possible(needs)
        ]
        after = sum(mask for mask, _ in living)
        if after != before:
            self.alive[name] = after
            self.queue |= self._system.users.get(name, set())
        if name not in self.needed:
            return True
        if not after:
            return False
        return all(
            self._require(target, mask, hard=hard)
            for target, (mask, hard) in _common([needs for _, needs in living]).items()
        )

    def _is_possible(self, needs: Needs) -> bool:
        return all(
            mask & self.alive[target] or not (hard or target in self.needed)
            for target, (mask, hard) in needs.items()
        )

    def _require(self, target: str, mask: int, *, hard: bool) -> bool:
        narrower = self.alive[target] & mask
        if narrower != self.alive[target] or (hard and target not in self.needed):
            self.alive[target] = narrower
            if hard:
                self.needed.add(target)
            self._changed(target)
        return bool(narrower) or target not in self.needed


def _common(all_needs: list[Needs]) -> Needs:
    """What each of the needs asks for: the union of the ranges, hard if it is hard in all."""
    common = dict(all_needs[0])
    for needs in all_needs[1:]:
        for target in [target for target in common if target not in needs]:
            del common[target]
        for target, (mask, hard) in common.items():
            other, other_hard = needs[target]
            common[target] = mask | other, hard and other_hard
        if not common:
            break
    return common
