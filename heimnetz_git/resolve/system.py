"""The rules that hold between plugins as bit masks, and what follows from them.

Propagation: a release dies when a plugin that it needs has no release left for it; what all living
releases of a needed plugin need is needed too, in the union of their ranges. An optional rule
kills only when its plugin is needed anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from heimnetz_git.resolve.obstacle import Excuse
from heimnetz_git.resolve.pool import Link, Pool

__all__ = ["Event", "Premises", "State", "System", "compile_system"]

Edges = frozenset[tuple[str, str]]

Event = tuple[str, int, str, int, bool]
"""What happened to a plugin: the releases that died (0: it became needed); the plugin that did it
by its own needs, or the one that they needed, or nobody (empty) in a trial; then, if they needed
it, which releases of it they would have taken (else -1) and whether it had to be present."""


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

    ``alive`` are the releases to choose from, ``links`` what they ask of each other, ``users`` the
    same by whom it is asked of. All in the order in which they were reached: with sets of names the
    words for a conflict would be others in each run.
    """

    roots: frozenset[str]
    alive: dict[str, int]
    links: dict[str, dict[str, list[Link]]]
    users: dict[str, list[tuple[str, list[Link]]]]


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
        links = system.links[name] = _counted(pool.links(name), name, premises.edges)
        for target, asked in links.items():
            system.users.setdefault(target, []).append((name, asked))
            queue.append(target)
    for name, wanted in premises.roots.items():
        system.alive[name] &= pool.allowed(name, wanted)
    return system


def _counted(links: dict[str, list[Link]], name: str, edges: Edges | None) -> dict[str, list[Link]]:
    if edges is None:
        return links
    return {target: asked for target, asked in links.items() if (name, target) in edges}


class State:
    """What is still possible at one point of a search.

    ``trail`` tells how it came to that; copies share it, so who goes back to one cuts it off.
    ``dead`` is the plugin that has no release left once settle() said False.
    """

    __slots__ = ("_system", "alive", "dead", "narrowed", "needed", "shrunk", "trail")

    def __init__(
        self, system: System, alive: dict[str, int], needed: set[str], trail: list[Event]
    ) -> None:
        self._system = system
        self.alive = alive
        self.needed = needed
        self.trail = trail
        self.shrunk: dict[str, None] = {}  # whose users may have lost what they need
        self.narrowed: dict[str, None] = {}  # whose living releases may agree on more
        self.dead = ""

    @classmethod
    def start(cls, system: System) -> State:
        """Everything is possible that the requested ranges allow; nothing was looked at yet."""
        state = cls(system, dict(system.alive), set(system.roots), [])
        state.shrunk = dict.fromkeys(system.alive)
        state.narrowed = dict.fromkeys(name for name in system.alive if name in system.roots)
        return state

    def copy(self) -> State:
        """The same settled point, to come back to."""
        return State(self._system, dict(self.alive), set(self.needed), self.trail)

    def limit(self, name: str, mask: int) -> None:
        """Only these releases of ``name`` remain, as a trial."""
        self._remove(name, self.alive[name] & ~mask, "")

    def settle(self) -> bool:
        """Draw every conclusion; False if the premises contradict each other."""
        self.dead = min((name for name in self.needed if not self.alive[name]), default="")
        while not self.dead and (self.shrunk or self.narrowed):
            if self.shrunk:
                self._starve(self.shrunk.popitem()[0])
            else:
                self._agree(self.narrowed.popitem()[0])
        return not self.dead

    def _remove(
        self, name: str, mask: int, other: str, wanted: int = -1, *, hard: bool = True
    ) -> None:
        alive = self.alive[name] = self.alive[name] & ~mask
        self.trail.append((name, mask, other, wanted, hard))
        self.shrunk[name] = None
        if name in self.needed:
            self.narrowed[name] = None
            if not alive:
                self.dead = name

    def _starve(self, target: str) -> None:
        """Releases that need what ``target`` no longer has die."""
        alive, left, must = self.alive, self.alive[target], target in self.needed
        for name, asked in self._system.users.get(target, ()):
            here = alive[name]
            for mask, wanted, hard in asked:
                if mask & here and not wanted & left and (hard or must):
                    self._remove(name, mask & here, target, wanted, hard=hard)
                    here &= ~mask

    def _agree(self, name: str) -> None:
        """What all living releases of a needed plugin need is needed, in the union of ranges."""
        alive = self.alive[name]
        for target, asked in self._system.links[name].items():
            covered = union = 0
            all_hard = True
            for mask, wanted, hard in asked:
                if mask & alive:
                    covered |= mask
                    union |= wanted
                    all_hard = all_hard and hard
            if not alive & ~covered:
                self._require(target, union, name, hard=all_hard)

    def _require(self, target: str, mask: int, source: str, *, hard: bool) -> None:
        if hard and target not in self.needed:
            self.needed.add(target)
            self.trail.append((target, 0, source, -1, True))
            self.shrunk[target] = self.narrowed[target] = None
            if not self.alive[target]:
                self.dead = target
        removed = self.alive[target] & ~mask
        if removed:
            self._remove(target, removed, source)
