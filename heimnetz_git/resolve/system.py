"""The rules that hold between plugins as bit masks, and what follows from them.

Propagation: a release dies when a plugin that it needs has no release left for it; what all living
releases of a needed plugin need is needed too, in the union of their ranges. An optional rule
kills only when its plugin is needed anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from heimnetz_git.resolve.obstacle import Excuse
from heimnetz_git.resolve.pool import Group, Needs, Pool

__all__ = ["OWN", "Event", "Premises", "State", "System", "compile_system"]

Edges = frozenset[tuple[str, str]]

_NOBODY: dict[str, None] = {}
Event = tuple[str, int, str]
"""What happened to a plugin: the releases that died (0: it became needed), and whose word did it:
a plugin's that narrowed it, its own (OWN) as they need what is not to be had, nobody's (empty) in a
trial."""
OWN = "*"  # no plugin's name


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
    ``users`` who has a rule about a plugin. All in the order in which they were reached: with sets
    of names the words for a conflict would be others in each run.
    """

    roots: frozenset[str]
    alive: dict[str, int]
    groups: dict[str, list[Group]]
    users: dict[str, dict[str, None]]


def compile_system(pool: Pool, premises: Premises) -> System:
    """All rules that can matter, from the requested plugins outwards."""
    if premises.excused != pool.excused:
        pool = pool.excusing(premises.excused)
    system = System(frozenset(premises.roots), {}, {}, {})
    queue = list(premises.roots)
    while queue:
        name = queue.pop()
        if name in system.alive:
            continue
        system.alive[name] = pool.table(name).usable
        groups = system.groups[name] = list(_groups(pool, name, premises.edges))
        for target in dict.fromkeys(target for _, needs in groups for target in needs):
            system.users.setdefault(target, {})[name] = None
            queue.append(target)
    for name, wanted in premises.roots.items():
        system.alive[name] &= pool.allowed(name, wanted)
    return system


def _groups(pool: Pool, name: str, edges: Edges | None) -> Iterable[Group]:
    """A plugin's releases by their needs, but only by those that count."""
    if edges is None:
        return pool.groups(name)
    merged: dict[tuple[tuple[str, tuple[int, bool]], ...], int] = {}
    for mask, needs in pool.groups(name):
        counted = tuple(need for need in needs.items() if (name, need[0]) in edges)
        merged[counted] = merged.get(counted, 0) | mask
    return [(mask, dict(needs)) for needs, mask in merged.items()]


class State:
    """What is still possible at one point of a search.

    ``trail`` tells how it came to that; copies share it, so who goes back to one cuts it off.
    ``dead`` is the plugin that has no release left once settle() said False.
    """

    __slots__ = ("_system", "alive", "dead", "needed", "queue", "trail")

    def __init__(
        self, system: System, alive: dict[str, int], needed: set[str], trail: list[Event]
    ) -> None:
        self._system = system
        self.alive = alive
        self.needed = needed
        self.trail = trail
        self.queue: dict[str, None] = {}
        self.dead = ""

    @classmethod
    def start(cls, system: System) -> State:
        """Everything is possible that the requested ranges allow; nothing was looked at yet."""
        state = cls(system, dict(system.alive), set(system.roots), [])
        state.queue = dict.fromkeys(system.alive)
        return state

    def copy(self) -> State:
        """The same settled point, to come back to."""
        return State(self._system, dict(self.alive), set(self.needed), self.trail)

    def limit(self, name: str, mask: int) -> None:
        """Only these releases of ``name`` remain, as a trial."""
        self._remove(name, self.alive[name] & ~mask, "")
        self.queue[name] = None

    def settle(self) -> bool:
        """Draw every conclusion; False if the premises contradict each other."""
        while self.queue:
            if not self._visit(self.queue.popitem()[0]):
                return False
        return True

    def _remove(self, name: str, mask: int, because: str) -> None:
        self.alive[name] &= ~mask
        self.trail.append((name, mask, because))
        self.queue.update(self._system.users.get(name, _NOBODY))

    def _visit(self, name: str) -> bool:
        before = self.alive[name]
        after, living = self._living(name, before)
        if after != before:
            self._remove(name, before & ~after, OWN)
        if name not in self.needed:
            return True
        if not after:
            self.dead = name
            return False
        return all(
            self._require(target, mask, name, hard=hard)
            for target, (mask, hard) in _common(living).items()
        )

    def _living(self, name: str, before: int) -> tuple[int, list[Needs]]:
        """The releases whose needs can all be met, and those needs."""
        alive, needed = self.alive, self.needed
        after, living = 0, []
        for mask, needs in self._system.groups[name]:
            here = mask & before
            if not here:
                continue
            for target, (wanted, hard) in needs.items():
                if not wanted & alive[target] and (hard or target in needed):
                    break
            else:
                after |= here
                living.append(needs)
        return after, living

    def _require(self, target: str, mask: int, source: str, *, hard: bool) -> bool:
        removed = self.alive[target] & ~mask
        if removed:
            self._remove(target, removed, source)
            self.queue[target] = None
        if hard and target not in self.needed:
            self.needed.add(target)
            self.trail.append((target, 0, source))
            self.queue[target] = None
            self.queue.update(self._system.users.get(target, _NOBODY))
        if target in self.needed and not self.alive[target]:
            self.dead = target
            return False
        return True


def _common(all_needs: list[Needs]) -> Needs:
    """What each of the needs asks for: the union of the ranges, hard if it is hard in all."""
    shortest: Needs = min(all_needs, key=len)
    common = dict(shortest)
    for needs in all_needs:
        if not common:
            break
        for target in [target for target in common if target not in needs]:
            del common[target]
        for target, (mask, hard) in common.items():
            other, other_hard = needs[target]
            common[target] = mask | other, hard and other_hard
    return common
