"""The inbox of a registry on a plain Git server: a push to ``refs/for/main/NAME/VERSION``.

Forges that speak AGit know such pushes; two hooks make the same of them here. The first judges one
as a push of the branch ``submit/NAME/VERSION``, the second makes it that branch once it was taken.
"""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.registry.submission_value import MAIN, PREFIX
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_refs import read_all

__all__ = ["INBOX", "asked_ref", "settle"]

INBOX = f"refs/for/{MAIN}/"
_HEADS = "refs/heads/"


def asked_ref(ref: str) -> str:
    """The ref of a submission's branch for one of the inbox; any other ref as it is."""
    return f"{_HEADS}{PREFIX}{ref.removeprefix(INBOX)}" if ref.startswith(INBOX) else ref


def settle(path: Path) -> tuple[str, ...]:
    """Make everything in the inbox of the repository at ``path`` branches; their names, sorted.

    What an earlier call left behind, killed midway, is done too.
    """
    moved = []
    with Repository.open(path) as repo:
        for ref, commit in read_all(repo.path, INBOX).items():
            branch = asked_ref(ref).removeprefix(_HEADS)
            if repo.set_branch(branch, commit, expect=repo.branch(branch)):
                repo.delete_branch(ref, expect=commit)
                moved.append(branch)
    return tuple(moved)
