"""Finds a plan: one release of each plugin that is needed, or that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from heimnetz_git.resolve.blame import Blame
from heimnetz_git.resolve.graph import find_cycle
from heimnetz_git.resolve.optimistic import attempt
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.preference import next_open, preferred
from heimnetz_git.resolve.system import Premises, State, System, compile_system

__all__ = ["MAX_CYCLES", "MAX_STEPS", "Outcome", "find", "search"]

MAX_STEPS = 20_000
"""Decisions after which a search gives up; real sets need some dozens."""

MAX_CYCLES = 64
"""Plans with a circle after which a search gives up."""


class Outcome(NamedTuple):
    """How a search ended: with a ``plan`` (plugin to its release's place), or without.

    Without one, ``cycle`` names plugins that need each other in a circle if that was all that
    stood in the way, ``gave_up`` is True if the steps ran out before every way was tried, and
    ``blame`` are premises that are impossible by themselves if neither is so.
    """

    plan: dict[str, int] | None = None
    cycle: tuple[str, ...] = ()
    gave_up: bool = False
    blame: Premises | None = None

    @property
    def is_impossible(self) -> bool:
        """Is it proven that no releases fit, circles apart?"""
        return self.plan is None and not self.cycle and not self.gave_up


def find(pool: Pool, *, max_steps: int = MAX_STEPS, max_cycles: int = MAX_CYCLES) -> Outcome:
    """The plan for the pool's request: the easy one, or whatever a full search finds."""
    roots = {name: pool.request.range_on(name) for name in pool.request.requested}
    plan = attempt(pool, roots)
    if plan is not None:
        return Outcome(plan)
    return search(pool, Premises(roots), max_steps=max_steps, max_cycles=max_cycles)


def search(
    pool: Pool,
    premises: Premises,
    *,
    max_steps: int = MAX_STEPS,
    max_cycles: int = MAX_CYCLES,
) -> Outcome:
    """The plan that keeps most of the lock and is newest otherwise; the same for the same input.

    Requested plugins are decided first, locked ones before others, then what has fewest releases
    left; each gets its locked release, else its newest. A decision that leads nowhere is undone.
    """
    return _Search(pool, premises).run(max_steps, max_cycles)


class _Search:
    def __init__(self, pool: Pool, premises: Premises) -> None:
        self._pool = pool
        self._roots = premises.roots
        self._system = compile_system(pool, premises)
        self._blame = Blame(premises, self._system)
        self._stack: list[tuple[State, str, int, int]] = []
        self._cycle: tuple[str, ...] = ()
        self._cycles = 0

    def run(self, max_steps: int, max_cycles: int) -> Outcome:
        state = State.start(self._system)
        for _ in range(max_steps):
            if state.settle():
                name = self._next(state)
                if name is not None:
                    self._decide(state, name)
                    continue
                plan = {one: state.alive[one].bit_length() - 1 for one in sorted(state.needed)}
                if not self._has_cycle(plan):
                    return Outcome(plan)
                if self._cycles >= max_cycles:
                    return Outcome(cycle=self._cycle)
            else:
                self._blame.add(state)
            if not self._stack:
                blame = None if self._cycle else self._blame.premises()
                return Outcome(cycle=self._cycle, blame=blame)
            state = self._undo()
        return Outcome(cycle=self._cycle, gave_up=not self._cycle)

    def _next(self, state: State) -> str | None:
        """The plugin to decide about, None if everything that is needed is decided."""
        open_ones = [name for name in state.needed if state.alive[name] & (state.alive[name] - 1)]
        return next_open(self._pool, self._roots, open_ones, state.alive)

    def _decide(self, state: State, name: str) -> None:
        bit = preferred(self._pool, name, state.alive[name])
        self._stack.append((state.copy(), name, bit, len(state.trail)))
        state.limit(name, bit)

    def _undo(self) -> State:
        """Back to before the last decision, which is known to be wrong now."""
        state, name, bit, length = self._stack.pop()
        del state.trail[length:]
        state.limit(name, ~bit)
        return state

    def _has_cycle(self, plan: Mapping[str, int]) -> bool:
        found = find_cycle(_links(self._system, plan))
        if found:
            self._cycle, self._cycles = self._cycle or found, self._cycles + 1
        return bool(found)


def _links(system: System, plan: Mapping[str, int]) -> dict[str, list[str]]:
    """Who must have whom, in a plan."""
    return {
        name: [
            target
            for target, asked in system.links[name].items()
            if any(hard and mask >> place & 1 for mask, _, hard in asked)
        ]
        for name, place in plan.items()
    }
