"""The driver for the air gap: a submission as a file that somebody carries to the registry."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.errors import HeimnetzError, UsageError
from heimnetz_git.forge.driver import Open, Sent, no_drafts
from heimnetz_git.forge.letter import Letter
from heimnetz_git.model.registry import Owner
from heimnetz_git.registry.submission_value import Submission, submission_of
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_bundle import read_bundle, write_bundle

__all__ = ["Bundle"]

HEADS = "refs/heads/"


class Bundle:
    """The file ``path``: a Git bundle with the branch of one submission."""

    name = "bundle"

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._path = path

    def account(self) -> Owner | None:
        """Nobody: there are no accounts here."""
        return None

    def send(
        self,
        repo: Repository,
        asked: Submission,
        letter: Letter,  # noqa: ARG002 # the commit says it all
        *,
        draft: bool,
    ) -> Sent:
        """Write the file, over an earlier one; it builds on the registry's commit of now."""
        no_drafts(self.name, draft=draft)
        updated = self._path.exists()
        write_bundle(repo, self._path, {HEADS + asked.branch: asked.head}, [asked.base])
        return Sent(self.name, self.address, updated=updated)

    def open(self, *, details: bool = False) -> tuple[Open, ...]:  # noqa: ARG002 # nothing more
        """The submissions that the file brings."""
        head = read_bundle(self._path)
        found = []
        for ref, commit in sorted(head.refs.items()):
            try:
                asked = submission_of(ref.removeprefix(HEADS), commit, "".join(head.needs[:1]))
            except HeimnetzError:
                continue
            found.append(Open(asked, ref))
        return tuple(found)

    def withdraw(self, repo: Repository, found: Open) -> None:  # noqa: ARG002 # nothing to reach
        """A file that was carried away cannot be called back: UsageError."""
        raise UsageError(
            f"{self.address} is a file: remove it where it is.",
            hint="Once it was received, withdraw it at the registry.",
        )

    def finish(self, repo: Repository, found: Open, words: str) -> None:
        """Nothing is left to close."""
