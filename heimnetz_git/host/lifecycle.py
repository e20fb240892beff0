"""A plugin's states, the ways between them, and what a crash leads to (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec

from heimnetz_git.errors import UsageError

__all__ = ["EDGES", "TRANSIENT", "Lifecycle", "Restart", "Row", "State", "verdict"]


class State(StrEnum):
    """Where a plugin is between its files and its end."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"
    INITIALIZING = "initializing"
    ACTIVE = "active"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ERROR = "error"
    DISABLED = "disabled"


TRANSIENT = frozenset({State.LOADING, State.INITIALIZING, State.STOPPING})
"""Each ends by itself: loading does no waiting, the others have a time-out."""

EDGES: dict[State, frozenset[State]] = {
    State.UNLOADED: frozenset({State.LOADING, State.DISABLED}),
    State.LOADING: frozenset({State.LOADED, State.ERROR}),
    State.LOADED: frozenset({State.INITIALIZING, State.UNLOADED, State.DISABLED}),
    State.INITIALIZING: frozenset({State.ACTIVE, State.ERROR, State.STOPPING}),
    State.ACTIVE: frozenset({State.STOPPING, State.ERROR}),
    State.STOPPING: frozenset({State.STOPPED, State.ERROR}),
    State.STOPPED: frozenset({State.INITIALIZING, State.UNLOADED, State.DISABLED}),
    State.ERROR: frozenset({State.LOADING, State.UNLOADED, State.DISABLED}),
    State.DISABLED: frozenset({State.UNLOADED}),
}


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """What is done about a plugin that crashes.

    The n-th crash in a row is followed by a pause of ``first * 2**(n-1)`` seconds, at most ``cap``,
    give or take the share ``jitter``; after ``most`` crashes within ``within`` seconds it is put in
    quarantine.
    """

    first: float = 1.0
    cap: float = 300.0
    most: int = 5
    within: float = 600.0
    jitter: float = 0.2


def verdict(
    crashes: Iterable[float], now: float, rule: Restart, chance: Callable[[], float]
) -> float | None:
    """Seconds to wait before the next start, or None for quarantine.

    ``crashes`` are the times of all crashes, this one included; ``chance`` gives 0 to 1.
    """
    count = sum(1 for at in crashes if now - at <= rule.within)
    if count >= rule.most:
        return None
    pause = min(rule.cap, rule.first * (1 << max(0, count - 1)))
    return pause * (1 + rule.jitter * (2 * chance() - 1))


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the journal, written before the act: what a plugin is about to become.

    ``run`` tells one life of a host from the next, ``at`` is its wall clock in seconds.
    """

    run: str
    at: float
    plugin: str
    version: str
    state: State
    reason: str = ""
    disabled_by: tuple[str, ...] = ()


class Lifecycle:
    """The state of one plugin, and beside it health and what keeps it disabled.

    ``note`` is called with (state, reason, disabled_by) before each change: a journal.
    """

    def __init__(self, note: Callable[[State, str, tuple[str, ...]], None]) -> None:
        self.state = State.UNLOADED
        self.reason = ""
        self.health = "unknown"
        self.disabled_by: frozenset[str] = frozenset()
        self.crashes: list[float] = []
        self.restarts = 0
        self._note = note

    def move(self, state: State, reason: str = "") -> None:
        """Become ``state``. Raises UsageError where there is no way from here."""
        if state not in EDGES[self.state]:
            raise UsageError(f"A plugin cannot become {state} while it is {self.state}.")
        self._note(state, reason, tuple(sorted(self.disabled_by)))
        self.state, self.reason = state, reason
        if state is not State.ACTIVE:
            self.health = "unknown"

    def load(self, check: Callable[[], str]) -> bool:
        """Go to loaded, or to error with what ``check`` says is wrong."""
        if self.state is State.STOPPED:
            return True
        if self.state in {State.UNLOADED, State.ERROR}:
            self.move(State.LOADING)
            problem = check()
            self.move(State.ERROR if problem else State.LOADED, problem)
        return self.state is State.LOADED

    def disable(self, why: str) -> None:
        """Add a reason to be disabled; the plugin must not run."""
        self.disabled_by |= {why}
        if self.state is State.DISABLED:
            self._note(self.state, why, tuple(sorted(self.disabled_by)))
        else:
            self.move(State.DISABLED, why)

    def enable(self, why: str) -> None:
        """Take a reason away; without any it can be started again, with a clean slate."""
        if why not in self.disabled_by:
            return
        self.disabled_by -= {why}
        self.crashes.clear()
        if self.disabled_by:
            self._note(self.state, f"no longer {why}", tuple(sorted(self.disabled_by)))
        else:
            self.move(State.UNLOADED)
