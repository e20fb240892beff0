"""The driver for GitLab: a push with options opens the merge request, no API needed.

Sources: "Push options" in GitLab's manual (``merge_request.*``), and its API v4 for reading
(``/projects/:id/merge_requests``), which public projects answer without a login.
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from heimnetz_git.errors import FileMissing, HeimnetzError, LoginRequired
from heimnetz_git.forge.driver import Check, Open, Reach, Sent, account_at, moment, text_at
from heimnetz_git.forge.letter import Letter, submission_in
from heimnetz_git.forge.place import Place
from heimnetz_git.model.registry import Owner
from heimnetz_git.registry.submission_value import MAIN, Submission
from heimnetz_git.storage.download_api import Api
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_address import shown

__all__ = ["GitLab"]

_CHECKS: dict[str, Check] = {
    "success": "passed",
    "failed": "failed",
    "canceled": "failed",
    "created": "pending",
    "pending": "pending",
    "running": "pending",
    "waiting_for_resource": "pending",
}


class GitLab:
    """Merge requests of a GitLab project, from a branch of its own or of a ``fork``."""

    name = "gitlab"

    def __init__(self, place: Place, reach: Reach, *, fork: str = "") -> None:
        self.address = place.address
        self._place, self._timeout = place, reach.timeout
        self._fork = fork
        self._api = Api(
            f"{place.web}/api/v4", account=place.web, timeout=reach.timeout, proxy=reach.proxy
        )

    def account(self) -> Owner | None:
        """Who the token belongs to."""
        return account_at(self._api, "username")

    def send(self, repo: Repository, asked: Submission, letter: Letter, *, draft: bool) -> Sent:
        """Push the branch; the options ask for the merge request, or change that which is open."""
        options = [
            "merge_request.create",
            f"merge_request.target={MAIN}",
            f"merge_request.title={'Draft: ' if draft else ''}{letter.title}",
            f"merge_request.description={letter.line}",
            "merge_request.remove_source_branch",
        ]
        if self._fork:
            options.append(f"merge_request.target_project={self._place.slug}")
        words = repo.push_ref(
            self._fork or self.address,
            f"refs/heads/{asked.branch}",
            asked.head,
            options=options,
            timeout=self._timeout,
        )
        return Sent(self.name, shown(self.address), server=words, draft=draft)

    def open(self, *, details: bool = False) -> tuple[Open, ...]:
        """The open merge requests that are submissions, the oldest first."""
        query = {"state": "opened", "target_branch": MAIN, "per_page": 100, "sort": "asc"}
        rows = self._api.pages(f"/projects/{self._place.quoted}/merge_requests", **query)
        found = [one for one in map(self._read, rows) if one is not None]
        return tuple(self._detailed(one) for one in found) if details else tuple(found)

    def withdraw(self, repo: Repository, found: Open) -> None:
        """Close the merge request, and remove its branch.

        Without a token for the API the branch is removed alone, which closes the request too.
        """
        with contextlib.suppress(LoginRequired):
            self._close(found)
        self._remove_branch(repo, found)

    def finish(self, repo: Repository, found: Open, words: str) -> None:
        """Say that it was merged, close it, remove its branch."""
        path = f"/projects/{self._place.quoted}/merge_requests/{found.number}/notes"
        self._api.send("POST", path, {"body": words})
        self._close(found)
        if not found.source:
            self._remove_branch(repo, found)

    def _close(self, found: Open) -> None:
        path = f"/projects/{self._place.quoted}/merge_requests/{found.number}"
        self._api.send("PUT", path, {"state_event": "close"})

    def _remove_branch(self, repo: Repository, found: Open) -> None:
        target = (self._fork or self.address) if found.source else self.address
        with contextlib.suppress(FileMissing):
            asked = found.submission
            repo.push_delete(target, asked.branch, expect=asked.head, timeout=self._timeout)

    def _read(self, said: Any) -> Open | None:
        text = text_at(said, "description")
        asked = submission_in(text_at(said, "source_branch"), text, text_at(said, "sha"))
        number = text_at(said, "iid")
        if asked is None or not number or text_at(said, "target_branch") != MAIN:
            return None
        source, target = text_at(said, "source_project_id"), text_at(said, "target_project_id")
        return Open(
            asked,
            f"refs/merge-requests/{number}/head",
            number=int(number),
            url=text_at(said, "web_url"),
            by=text_at(said, "author", "username"),
            account=text_at(said, "author", "id"),
            draft=bool(said.get("draft")),
            since=moment(text_at(said, "updated_at")),
            source="" if source == target else source,
        )

    def _detailed(self, found: Open) -> Open:
        path = f"/projects/{self._place.quoted}/merge_requests/{found.number}"
        try:
            said = self._api.get(path, missing_ok=True)
        except HeimnetzError:
            return found
        pipeline = said.get("head_pipeline") if isinstance(said, dict) else None
        is_of_head = text_at(pipeline, "sha") == found.submission.head
        check = _CHECKS.get(text_at(pipeline, "status"), "") if is_of_head else ""
        return msgspec.structs.replace(found, check=check)
