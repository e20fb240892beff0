"""From a contradiction back to the premises that led to it: few of the many that were looked at."""

from __future__ import annotations

from collections.abc import Iterable

from heimnetz_git.resolve.system import Event, Premises, State, System

__all__ = ["Blame"]

_MOST_CONTRADICTIONS = 200


class Blame:
    """Gathers over a whole search what its contradictions rest on.

    Together these premises are impossible, as every way that was tried ended in one of them.
    """

    def __init__(self, premises: Premises, system: System) -> None:
        self._premises = premises
        self._system = system
        self._left = _MOST_CONTRADICTIONS
        self.roots: set[str] = set()
        self.edges: set[tuple[str, str]] = set()

    def add(self, state: State) -> None:
        """The contradiction that ``state`` has just ended in."""
        self._left -= 1
        if self._left >= 0:
            found = _Walk(self._system, state.trail)
            found.walk(state.dead)
            self.roots |= found.roots
            self.edges |= found.edges

    def premises(self) -> Premises:
        """The part to blame of the premises; all of them if there were too many contradictions."""
        if self._left < 0:
            return self._premises
        roots = {name: self._premises.roots[name] for name in sorted(self.roots)}
        return Premises(roots, frozenset(self.edges), self._premises.excused)


class _Walk:
    """Goes back along one trail: why is this release dead, why is that plugin needed?"""

    def __init__(self, system: System, trail: Iterable[Event]) -> None:
        self._system = system
        self.roots: set[str] = set()
        self.edges: set[tuple[str, str]] = set()
        self._deaths: dict[str, list[tuple[int, Event]]] = {}
        self._need: dict[str, tuple[int, str]] = {}
        for time, event in enumerate(trail):
            name, mask, other, _, _ = event
            if mask:
                self._deaths.setdefault(name, []).append((time, event))
            else:
                self._need.setdefault(name, (time, other))
        self._asked_need: set[str] = set()
        self._asked: dict[str, int] = {}
        self._todo: list[tuple[str, int]] = []

    def walk(self, dead: str) -> None:
        """Explain that a needed plugin has no release left, and all that this rests on."""
        self._ask_dead(dead, self._all(dead))
        self._ask_needed(dead)
        while self._todo:
            self._explain(*self._todo.pop())

    def _all(self, name: str) -> int:
        """The releases to choose from at first, and those that a requested range left out."""
        mask = self._system.alive[name]
        for asked in self._system.links[name].values():
            for each, _, _ in asked:
                mask |= each
        return mask

    def _ask_dead(self, name: str, mask: int) -> None:
        fresh = mask & ~self._asked.get(name, 0)
        if fresh or name not in self._asked:
            self._asked[name] = self._asked.get(name, 0) | mask
            self._todo.append((name, fresh))

    def _ask_needed(self, name: str) -> None:
        if name in self._asked_need:
            return
        self._asked_need.add(name)
        if name in self._system.roots:
            self.roots.add(name)
        elif name in self._need:
            time, source = self._need[name]
            self._blame_user(source, name, 0, time)

    def _explain(self, name: str, mask: int) -> None:
        """Why are these releases dead?"""
        if name in self._system.roots:
            self.roots.add(name)
        for time, (_, removed, other, wanted, hard) in self._deaths.get(name, ()):
            part = removed & mask
            if part and wanted >= 0:
                self.edges.add((name, other))
                self._ask_dead(other, wanted & self._all(other))
                if not hard:
                    self._ask_needed(other)
            elif part and other:
                self._blame_user(other, name, part, time)

    def _blame_user(self, source: str, name: str, part: int, time: int) -> None:
        """All living releases of ``source`` needed it, in ranges without this ``part`` of it.

        So those of ``source`` that would say otherwise must have been dead by then; part 0 stands
        for being needed at all.
        """
        self.edges.add((source, name))
        self._ask_needed(source)
        agreeing = 0
        for mask, wanted, hard in self._system.links[source].get(name, ()):
            if not wanted & part if part else hard:
                agreeing |= mask
        others = self._all(source) & ~agreeing & ~self._alive(source, time)
        self._ask_dead(source, others)

    def _alive(self, name: str, time: int) -> int:
        alive = self._system.alive[name]
        for when, (_, removed, *_) in self._deaths.get(name, ()):
            if when < time:
                alive &= ~removed
        return alive
