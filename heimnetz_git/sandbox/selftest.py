"""Trying every attack on this machine, at every level that it can keep."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import NamedTuple

from heimnetz_git.errors import SandboxUnavailable
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.abilities import abilities as look
from heimnetz_git.sandbox.launcher import Launcher
from heimnetz_git.sandbox.levels import LEVELS, Abilities, Level, missing
from heimnetz_git.sandbox.script import Bounds, Script, run_script
from heimnetz_git.sandbox.trial_targets import targets, untouched
from heimnetz_git.sandbox.trials import must_stop, render, results
from heimnetz_git.sandbox.trials_all import TRIALS

__all__ = ["Tested", "self_test"]

SECONDS = 60.0
REPORT = 1 << 20


class Tested(NamedTuple):
    """One level: how many attacks each group has and how many were stopped, as (stopped, all).

    ``escaped`` names those that the level promises to stop and did not; ``unkept`` says why the
    machine cannot keep the level, and then nothing was tried.
    """

    level: Level
    unkept: str
    groups: dict[str, tuple[int, int]]
    escaped: tuple[str, ...]


def self_test(
    levels: tuple[Level, ...] = LEVELS[1:],
    *,
    abilities: Callable[[], Abilities] = look,
    on_level: Callable[[Level], None] = lambda _level: None,
) -> tuple[Tested, ...]:
    """Try every attack at each of ``levels``. Raises SandboxUnavailable if a test does not end."""
    found = []
    for level in levels:
        on_level(level)
        why = missing(level, abilities())
        found.append(Tested(level, why, {}, ()) if why else _try(level, abilities))
    return tuple(found)


def _try(level: Level, abilities: Callable[[], Abilities]) -> Tested:
    """All attacks in one sandbox."""
    launcher = Launcher("required", level=level, abilities=abilities)
    printed = bytearray()
    with targets() as aim:
        source = render(TRIALS, aim, platform.machine()).encode()
        script = Script(source, "/selftest.py", (), (aim.code,), aim.data)
        outcome = run_script(
            script, launcher, Permissions(), Limits(), Bounds(SECONDS, REPORT),
            on_output=lambda _number, data: printed.extend(data),
        )  # fmt: skip
        said = results(printed.decode(errors="replace"))
        safe = untouched(aim)
    if set(said) != {trial.name for trial in TRIALS}:
        why = outcome.stopped or f"exit status {outcome.status}"
        raise SandboxUnavailable(f"The attacks at level '{level}' did not come to an end: {why}.")
    groups: dict[str, tuple[int, int]] = {}
    for trial in TRIALS:
        stopped, count = groups.get(trial.group, (0, 0))
        groups[trial.group] = (stopped + (said[trial.name][0] == "stopped"), count + 1)
    escaped = [
        trial.name
        for trial in TRIALS
        if said[trial.name][0] != "stopped" and must_stop(trial, level)
    ]
    return Tested(level, "", groups, (*escaped, *(() if safe else ("a target is not as it was",))))
