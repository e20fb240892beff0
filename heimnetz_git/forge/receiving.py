"""Taking in what comes without a push: a bundle that was carried to the registry."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.errors import SubmissionNotFound, SubmissionRefused
from heimnetz_git.forge.bundle import HEADS, Bundle
from heimnetz_git.registry.law_outcome import refuses
from heimnetz_git.registry.replay import replay
from heimnetz_git.registry.submission_actor import actor_of
from heimnetz_git.registry.submission_value import (
    MAIN,
    Submission,
    commit_of,
    judge_replayed,
    submission_of,
)
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_bundle import add_bundle

__all__ = ["receive_bundle"]


def receive_bundle(path: Path, bundle: Path, *, now: int) -> tuple[Submission, ...]:
    """Make the submissions in a file open ones of the bare registry at ``path``: all or none.

    They are held to the law as those that are pushed; only a signature proves who asks. Raises
    CorruptRepository, SubmissionNotFound for a file without any, SubmissionRefused.
    """
    found = Bundle(bundle).open()
    if not found:
        raise SubmissionNotFound(f"There is no submission in {bundle}.", path=str(bundle))
    with Repository.open(path) as repo:
        add_bundle(repo, bundle)
        base = commit_of(repo, MAIN)
        taken = [submission_of(one.ref.removeprefix(HEADS), one.submission.head, base)
                 for one in found]  # fmt: skip
        against = [
            finding
            for asked in taken
            for finding in judge_replayed(
                repo,
                replay(repo, base, asked.head),
                expected=asked,
                actor=actor_of(repo, base, asked.head, at=now),
                at=now,
            )
            if refuses(finding)
        ]
        if against:
            raise SubmissionRefused(
                f"The registry does not take this bundle: {against[0].message}", problems=against
            )
        for asked in taken:
            repo.set_branch(asked.branch, asked.head, expect=repo.branch(asked.branch))
    return tuple(taken)
