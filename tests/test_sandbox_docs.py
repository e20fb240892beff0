"""The figures of the threat model are those of the program."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.sandbox.levels import LEVELS, PROMISES
from heimnetz_git.sandbox.seccomp import Calls, refused
from heimnetz_git.sandbox.syscalls import ALLOWED, NETWORK
from heimnetz_git.sandbox.trials_all import TRIALS

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "threat-model.md"


def test_the_threat_model_counts_as_the_program_does() -> None:
    """Attacks, groups of attacks, system calls."""
    text = PAGE.read_text(encoding="utf-8")
    assert f"with {len(TRIALS)} scripts" in text
    assert f"{len(TRIALS)}/{len(TRIALS)}" in text
    for group in {trial.group for trial in TRIALS}:
        count = sum(trial.group == group for trial in TRIALS)
        assert f"{count}/{count}" in text, group
    assert f"{len(refused(Calls())) + len(NETWORK) + 1} refused" in text
    assert f"a list of {len(ALLOWED)}," in text


def test_every_level_has_its_promise() -> None:
    """In the program and on the page."""
    text = PAGE.read_text(encoding="utf-8")
    assert set(PROMISES) == set(LEVELS)
    assert all(f"| {level}" in text for level in LEVELS)
