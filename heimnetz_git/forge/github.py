"""The driver for GitHub: a branch of one's fork and a pull request from it.

Source: GitHub's REST API of 2022-11-28 (users, forks, pulls, check runs, reviews). The token is a
classic one with the scope ``public_repo`` (``repo`` for a private registry) or that of a GitHub
App: fine-grained tokens cannot open a pull request on somebody else's repository.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from heimnetz_git.errors import (
    FileMissing,
    HeimnetzError,
    NetworkError,
    RemoteRefused,
    printable,
)
from heimnetz_git.forge.driver import Check, Open, Reach, Sent, account_at, moment, text_at
from heimnetz_git.forge.letter import Letter, submission_in
from heimnetz_git.forge.place import Place
from heimnetz_git.model.registry import Owner
from heimnetz_git.registry.submission_value import MAIN, Submission
from heimnetz_git.storage.download_api import Api
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_address import shown

__all__ = ["GitHub"]

FORK_POLLS = 30
FORK_PAUSE = 2.0
_PASSED = frozenset({"success", "neutral", "skipped"})


class GitHub:
    """Pull requests of a GitHub repository."""

    name = "github"

    def __init__(
        self, place: Place, reach: Reach, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.address = place.address
        self._place, self._timeout, self._sleep = place, reach.timeout, sleep
        public = place.host == "github.com"
        self._api = Api(
            "https://api.github.com" if public else f"{place.web}/api/v3",
            account=place.web,
            accept="application/vnd.github+json",
            headers={"X-GitHub-Api-Version": "2022-11-28"},
            timeout=reach.timeout,
            proxy=reach.proxy,
            sleep=sleep,
        )

    def account(self) -> Owner | None:
        """Who the token belongs to."""
        return account_at(self._api, "login")

    def send(self, repo: Repository, asked: Submission, letter: Letter, *, draft: bool) -> Sent:
        """Push the branch to the registry if one may, else to one's fork; open or change the pull
        request from it.
        """
        self._api.sign_in()
        me = text_at(self._api.get("/user"), "login")
        source = self._source(me)
        target = self._place.sibling(source)
        repo.push(target, asked.branch, asked.head, force=True, timeout=self._timeout)
        owner = source.partition("/")[0]
        before = self._pull_of(owner, asked.branch)
        if before is not None:
            path = f"/repos/{self._place.slug}/pulls/{text_at(before, 'number')}"
            made = self._api.send("PATCH", path, {"title": letter.title, "body": letter.text}).value
        else:
            made = self._create(owner, asked.branch, letter, draft=draft)
        url = printable(text_at(made, "html_url"))
        is_draft = bool(isinstance(made, dict) and made.get("draft"))
        address = shown(self.address)
        return Sent(self.name, address, url, updated=before is not None, draft=is_draft)

    def open(self, *, details: bool = False) -> tuple[Open, ...]:
        """The open pull requests that are submissions, the oldest first."""
        query = {"state": "open", "base": MAIN, "per_page": 100, "direction": "asc"}
        rows = self._api.pages(f"/repos/{self._place.slug}/pulls", **query)
        found = [one for one in map(self._read, rows) if one is not None]
        return tuple(self._detailed(one) for one in found) if details else tuple(found)

    def withdraw(self, repo: Repository, found: Open) -> None:  # noqa: ARG002 # all by the API
        """Close the pull request and remove its branch."""
        path = f"/repos/{self._place.slug}/pulls/{found.number}"
        self._api.send("PATCH", path, {"state": "closed"})
        source = found.source or self._place.slug
        with contextlib.suppress(FileMissing, RemoteRefused):
            branch = found.submission.branch
            self._api.send("DELETE", f"/repos/{source}/git/refs/heads/{branch}")

    def finish(self, repo: Repository, found: Open, words: str) -> None:
        """Say that it was merged and close it; a branch of a fork stays its owner's."""
        path = f"/repos/{self._place.slug}/issues/{found.number}/comments"
        self._api.send("POST", path, {"body": words})
        if not found.source:
            self.withdraw(repo, found)
            return
        path = f"/repos/{self._place.slug}/pulls/{found.number}"
        self._api.send("PATCH", path, {"state": "closed"})

    def _source(self, me: str) -> str:
        """The repository to push to: the registry's own where one may, else a fork, made if need
        be.
        """
        slug = self._place.slug
        here = self._api.get(f"/repos/{slug}")
        rights = here.get("permissions") if isinstance(here, dict) else None
        if isinstance(rights, dict) and rights.get("push"):
            return slug
        fork = text_at(
            self._api.send("POST", f"/repos/{slug}/forks", {"default_branch_only": True}).value,
            "full_name",
        )
        if fork.partition("/")[0].lower() != me.lower() or "/" not in fork:
            said = f"{self._place.web} made a fork that is not {printable(me)}'s."
            raise NetworkError(said, fork=printable(fork))
        for _ in range(FORK_POLLS):
            if self._api.get(f"/repos/{fork}", missing_ok=True) is not None:
                return fork
            self._sleep(FORK_PAUSE)
        raise NetworkError(
            f"The fork {printable(fork)!r} is not ready yet.",
            hint="Making it takes the forge a while: publish again in some minutes.",
        )

    def _create(self, owner: str, branch: str, letter: Letter, *, draft: bool) -> Any:
        """A new pull request; when the answer was lost, the one that was made."""
        wish = {
            "title": letter.title,
            "head": f"{owner}:{branch}",
            "base": MAIN,
            "body": letter.text,
            "draft": draft,
            "maintainer_can_modify": False,
        }
        try:
            return self._api.send("POST", f"/repos/{self._place.slug}/pulls", wish).value
        except NetworkError:
            made = self._pull_of(owner, branch)
            if made is None:
                raise
            return made

    def _pull_of(self, owner: str, branch: str) -> Any:
        path = f"/repos/{self._place.slug}/pulls"
        rows = self._api.get(path, state="open", head=f"{owner}:{branch}")
        wanted = (row for row in _rows(rows) if text_at(row, "head", "ref") == branch)
        return next(wanted, None)

    def _read(self, said: Any) -> Open | None:
        head = text_at(said, "head", "sha")
        asked = submission_in(text_at(said, "head", "ref"), text_at(said, "body"), head)
        number = text_at(said, "number")
        if asked is None or not number or text_at(said, "base", "ref") != MAIN:
            return None
        source = text_at(said, "head", "repo", "full_name")
        return Open(
            asked,
            f"refs/pull/{number}/head",
            number=int(number),
            url=text_at(said, "html_url"),
            by=text_at(said, "user", "login"),
            account=text_at(said, "user", "id"),
            draft=bool(said.get("draft")),
            since=moment(text_at(said, "updated_at")),
            source="" if source.lower() == self._place.slug.lower() else source,
        )

    def _detailed(self, found: Open) -> Open:
        slug, head = self._place.slug, found.submission.head
        try:
            runs = self._api.get(f"/repos/{slug}/commits/{head}/check-runs", missing_ok=True)
            reviews = list(self._api.pages(f"/repos/{slug}/pulls/{found.number}/reviews"))
        except HeimnetzError:
            return found
        listed = runs.get("check_runs") if isinstance(runs, dict) else None
        return msgspec.structs.replace(
            found, check=_check(_rows(listed)), approved=_approvers(reviews, head)
        )


def _rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _check(runs: Iterable[Any]) -> Check:
    """What all check runs of a commit come to."""
    ends = [
        text_at(run, "conclusion") if text_at(run, "status") == "completed" else "" for run in runs
    ]
    if not ends:
        return ""
    if any(end and end not in _PASSED for end in ends):
        return "failed"
    return "passed" if all(ends) else "pending"


def _approvers(reviews: Iterable[Any], head: str) -> tuple[str, ...]:
    """Whose last word on exactly this commit is an approval: what came before a push is void."""
    last: dict[str, bool] = {}
    for review in reviews:
        state = text_at(review, "state")
        if state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
            is_current = text_at(review, "commit_id") == head
            last[text_at(review, "user", "login")] = state == "APPROVED" and is_current
    return tuple(sorted(name for name, approves in last.items() if approves))
