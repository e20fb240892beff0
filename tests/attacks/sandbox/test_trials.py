"""Every attack on the sandbox at every level: what a level promises to stop does not succeed."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from functools import cache

import pytest

from heimnetz_git.sandbox.levels import LEVELS, Level
from heimnetz_git.sandbox.trial_targets import targets, untouched
from heimnetz_git.sandbox.trials import Trial, must_stop, render, results
from heimnetz_git.sandbox.trials_all import TRIALS
from tests.sandboxkit import execute, needs_levels

pytestmark = needs_levels

CONFINED: tuple[Level, ...] = ("standard", "strict", "maximum")
KINDS = [
    *(("", level) for level in CONFINED),
    ("bubblewrap", "standard"),
    ("bubblewrap", "strict"),
]


def attempt(level: Level, engine: str) -> tuple[dict[str, tuple[str, str]], bool, str]:
    """All attacks in one sandbox: what became of each, and whether their targets are as before."""
    with targets() as aim:
        script = render(TRIALS, aim, platform.machine())
        from pathlib import Path

        ran = execute(
            script, Path(aim.data).parent, level=level, engine=engine, code=(Path(aim.code),)
        )
        return results(ran.out), untouched(aim), ran.err


attempted = cache(attempt)


def test_there_are_many_and_each_has_its_own_name() -> None:
    """A list that shrinks is noticed."""
    assert len(TRIALS) >= 120
    assert len({trial.name for trial in TRIALS}) == len(TRIALS)
    assert {trial.least for trial in TRIALS} == set(LEVELS) - {"minimal"}


@pytest.mark.parametrize(("engine", "level"), KINDS)
def test_no_attack_succeeds_that_the_level_promises_to_stop(engine: str, level: Level) -> None:
    """By the attacks' own word, all of which came to their end, and by their targets."""
    if engine == "bubblewrap":
        from heimnetz_git.sandbox.abilities import abilities

        if not abilities().bubblewrap:
            pytest.skip("no working bubblewrap")
    found, safe, errors = attempted(level, engine)
    assert set(found) == {trial.name for trial in TRIALS}, errors
    assert list(escapes(found, level, engine)) == []
    assert safe


def escapes(found: dict[str, tuple[str, str]], level: Level, engine: str) -> Iterator[str]:
    """The attacks that got through though they must not."""
    for trial in TRIALS:
        if found[trial.name][0] != "stopped" and must_stop(trial, level) and holds(trial, engine):
            yield f"{trial.group}: {trial.name}"


def holds(trial: Trial, engine: str) -> bool:
    """bubblewrap cannot keep code from being mapped out of a folder; the docs say so."""
    return not (engine == "bubblewrap" and trial.name == "map code from its data folder")


HARMLESS = ("read a file that everybody may read", "read the users", "see how large it is")


def test_unconfined_the_attacks_do_what_they_say() -> None:
    """An attack that could never succeed would prove nothing."""
    import subprocess
    import sys

    chosen = [trial for trial in TRIALS if trial.name in HARMLESS or trial.group == "network"]
    with targets() as aim:
        done = subprocess.run(
            [sys.executable, "-c", render(chosen, aim, platform.machine())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    found = results(done.stdout)
    assert sum(one[0] == "escaped" for one in found.values()) > 15
    assert all(found[name][0] == "escaped" for name in HARMLESS)
