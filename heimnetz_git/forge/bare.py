"""The driver for a Git server or folder without a forge: the branch itself is the request."""

from __future__ import annotations

from heimnetz_git.forge.driver import Open, Reach, Sent, no_drafts
from heimnetz_git.forge.letter import Letter
from heimnetz_git.model.registry import Owner
from heimnetz_git.registry.submission import submissions
from heimnetz_git.registry.submission_seen import Seen, read_seen
from heimnetz_git.registry.submission_value import Submission
from heimnetz_git.storage.repo import Repository, remote_heads
from heimnetz_git.storage.repo_address import local_folder, shown

__all__ = ["Bare"]


class Bare:
    """Branches ``submit/...`` of the registry's own repository, written by whoever may push."""

    name = "bare"

    def __init__(self, address: str, reach: Reach) -> None:
        self.address = address
        self._timeout = reach.timeout

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
        """Push the branch, over an earlier form of it."""
        no_drafts(self.name, draft=draft)
        there = remote_heads(self.address, prefix=asked.branch, timeout=self._timeout)
        before = there.get(asked.branch)
        repo.push(self.address, asked.branch, asked.head, force=True, timeout=self._timeout)
        updated = before not in {None, asked.head}
        return Sent(self.name, shown(self.address), updated=updated)

    def open(self, *, details: bool = False) -> tuple[Open, ...]:  # noqa: ARG002 # nothing more
        """Every branch of a submission; in a folder with what its hook or its merge has seen."""
        found = submissions(self.address, timeout=self._timeout)
        folder = local_folder(self.address)
        seen: dict[str, Seen] = {}
        if folder is not None:
            with Repository.open(folder) as repo:
                seen = read_seen(repo)
        return tuple(_open(one, seen.get(one.branch)) for one in found)

    def withdraw(self, repo: Repository, found: Open) -> None:
        """Remove the branch, unless it asks for something else by now."""
        asked = found.submission
        repo.push_delete(self.address, asked.branch, expect=asked.head, timeout=self._timeout)

    def finish(
        self,
        repo: Repository,
        found: Open,
        words: str,  # noqa: ARG002 # nobody to tell
    ) -> None:
        """Remove the branch."""
        self.withdraw(repo, found)


def _open(asked: Submission, seen: Seen | None) -> Open:
    ref = f"refs/heads/{asked.branch}"
    if seen is None or seen.head != asked.head:
        return Open(asked, ref)
    return Open(asked, ref, by=seen.by, account=seen.account, since=seen.at)
