"""The driver for Forgejo and Gitea: a push to ``refs/for/main`` is a pull request (AGit).

It needs no fork and no right to write. Sources: "AGit workflow usage" in the manuals of Forgejo and
Gitea, and their API v1 (``/repos/{owner}/{repo}/pulls``).
"""

from __future__ import annotations

from typing import Any

import msgspec

from heimnetz_git.errors import HeimnetzError
from heimnetz_git.forge.driver import Check, Open, Reach, Sent, account_at, moment, text_at
from heimnetz_git.forge.letter import Letter, submission_in
from heimnetz_git.forge.place import Place
from heimnetz_git.model.registry import Owner
from heimnetz_git.registry.submission_value import MAIN, PREFIX, Submission
from heimnetz_git.storage.download_api import Api
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_address import shown

__all__ = ["AGit"]

DRAFT = "WIP: "
_CHECKS: dict[str, Check] = {
    "success": "passed",
    "failure": "failed",
    "error": "failed",
    "pending": "pending",
}


class AGit:
    """Pull requests of a Forgejo or Gitea."""

    name = "agit"

    def __init__(self, place: Place, reach: Reach) -> None:
        self.address = place.address
        self._place, self._timeout = place, reach.timeout
        self._api = Api(
            f"{place.web}/api/v1",
            account=place.web,
            bearer="token",
            timeout=reach.timeout,
            proxy=reach.proxy,
        )

    def account(self) -> Owner | None:
        """Who the token belongs to."""
        return account_at(self._api, "login")

    def send(self, repo: Repository, asked: Submission, letter: Letter, *, draft: bool) -> Sent:
        """Push to the inbox; the topic makes a second push an update of the first."""
        topic = asked.branch.removeprefix(PREFIX)
        options = (
            f"title={DRAFT if draft else ''}{letter.title}",
            f"description={letter.line}",
            "force-push=true",
        )
        words = repo.push_ref(
            self.address,
            f"refs/for/{MAIN}/{topic}",
            asked.head,
            options=options,
            timeout=self._timeout,
        )
        return Sent(self.name, shown(self.address), server=words, draft=draft)

    def open(self, *, details: bool = False) -> tuple[Open, ...]:
        """The open pull requests that are submissions, the oldest first."""
        path = f"/repos/{self._place.slug}/pulls"
        found = [self._read(one) for one in self._api.pages(path, state="open", limit=50)]
        ordered = sorted((one for one in found if one), key=lambda one: one.number)
        return tuple(self._detailed(one) for one in ordered) if details else tuple(ordered)

    def withdraw(self, repo: Repository, found: Open) -> None:  # noqa: ARG002 # no branch of ours
        """Close the pull request."""
        path = f"/repos/{self._place.slug}/pulls/{found.number}"
        self._api.send("PATCH", path, {"state": "closed"})

    def finish(self, repo: Repository, found: Open, words: str) -> None:
        """Say that it was merged, and close it."""
        path = f"/repos/{self._place.slug}/issues/{found.number}/comments"
        self._api.send("POST", path, {"body": words})
        self.withdraw(repo, found)

    def _read(self, said: Any) -> Open | None:
        head = text_at(said, "head", "sha")
        asked = submission_in(text_at(said, "head", "ref"), text_at(said, "body"), head)
        number = text_at(said, "number")
        if asked is None or not number or text_at(said, "base", "ref") != MAIN:
            return None
        return Open(
            asked,
            f"refs/pull/{number}/head",
            number=int(number),
            url=text_at(said, "html_url"),
            by=text_at(said, "user", "login"),
            account=text_at(said, "user", "id"),
            draft=text_at(said, "title").startswith(DRAFT),
            since=moment(text_at(said, "updated_at")),
        )

    def _detailed(self, found: Open) -> Open:
        slug, head = self._place.slug, found.submission.head
        try:
            state = self._api.get(f"/repos/{slug}/commits/{head}/status", missing_ok=True)
            reviews = list(self._api.pages(f"/repos/{slug}/pulls/{found.number}/reviews"))
        except HeimnetzError:
            return found
        approved = {
            text_at(one, "user", "login")
            for one in reviews
            if text_at(one, "state") == "APPROVED"
            and text_at(one, "commit_id") == head
            and not (isinstance(one, dict) and one.get("dismissed"))
        }
        check = _CHECKS.get(text_at(state, "state"), "")
        return msgspec.structs.replace(found, check=check, approved=tuple(sorted(approved)))
