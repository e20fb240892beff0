"""Finds a plan: one release of each plugin that is needed, or that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from heimnetz_git.resolve.graph import find_cycle
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.system import Premises, State, System, compile_system

__all__ = ["MAX_STEPS", "Outcome", "search"]

MAX_STEPS = 20_000
"""Decisions after which a search gives up; real sets need some dozens."""

_MOST_CYCLES = 64


class Outcome(NamedTuple):
    """How a search ended: with a ``plan`` (plugin to its release's place), or without.

    Without one, ``cycle`` names plugins that need each other in a circle if that was all that
    stood in the way, and ``gave_up`` is True if the steps ran out before every way was tried.
    """

    plan: dict[str, int] | None = None
    cycle: tuple[str, ...] = ()
    gave_up: bool = False

    @property
    def is_impossible(self) -> bool:
        """Is it proven that no releases fit, circles apart?"""
        return self.plan is None and not self.cycle and not self.gave_up


def search(pool: Pool, premises: Premises, *, max_steps: int = MAX_STEPS) -> Outcome:
    """The plan that keeps most of the lock and is newest otherwise; the same for the same input.

    Requested plugins are decided first, locked ones before others, then what has fewest releases
    left; each gets its locked release, else its newest. A decision that leads nowhere is undone.
    """
    system = compile_system(pool, premises)
    state = State.start(system)
    stack: list[tuple[State, str, int]] = []
    cycle: tuple[str, ...] = ()
    cycles = 0
    works = state.settle()
    for _ in range(max_steps):
        if works:
            name = _next(state, pool, premises.roots)
            if name is None:
                plan = {one: state.alive[one].bit_length() - 1 for one in sorted(state.needed)}
                found = find_cycle(_links(system, plan))
                if not found:
                    return Outcome(plan)
                cycle, cycles = cycle or found, cycles + 1
                works = False
                if cycles >= _MOST_CYCLES:
                    break
                continue
            bit = _preferred(state.alive[name], pool.table(name).locked)
            stack.append((state.copy(), name, bit))
            state.limit(name, bit)
        elif stack:
            state, name, bit = stack.pop()
            state.limit(name, ~bit)
        else:
            return Outcome(cycle=cycle)
        works = state.settle()
    return Outcome(cycle=cycle, gave_up=not cycle)


def _preferred(alive: int, locked: int) -> int:
    return alive & locked or 1 << (alive.bit_length() - 1)


def _next(state: State, pool: Pool, roots: Mapping[str, str]) -> str | None:
    """The plugin to decide about, None if everything that is needed is decided."""
    open_ones = [name for name in state.needed if state.alive[name] & (state.alive[name] - 1)]
    if not open_ones:
        return None

    def order(name: str) -> tuple[bool, bool, int, str]:
        locked = bool(state.alive[name] & pool.table(name).locked)
        return name not in roots, not locked, state.alive[name].bit_count(), name

    return min(open_ones, key=order)


def _links(system: System, plan: Mapping[str, int]) -> dict[str, list[str]]:
    """Who must have whom, in a plan."""
    return {
        name: [
            target
            for mask, needs in system.groups[name]
            if mask >> place & 1
            for target, (_, hard) in needs.items()
            if hard
        ]
        for name, place in plan.items()
    }
