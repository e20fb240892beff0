"""What a driver is: how submissions reach a forge and are read there, without the forge's words."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from heimnetz_git.errors import LoginRequired, UsageError
from heimnetz_git.forge.letter import Letter
from heimnetz_git.model.registry import Owner
from heimnetz_git.registry.submission_value import Submission
from heimnetz_git.storage.download_api import Api
from heimnetz_git.storage.repo import Repository

__all__ = [
    "Check",
    "Driver",
    "Open",
    "Reach",
    "Sent",
    "account_at",
    "moment",
    "no_drafts",
    "text_at",
]

Check = Literal["", "pending", "passed", "failed"]


class Reach(NamedTuple):
    """How to reach a server: seconds for each answer, and a proxy if there is one."""

    timeout: float = 30.0
    proxy: str = ""


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A submission on its way: which driver took it, where people see it, what the server said.

    ``updated`` says that it replaced an earlier form of the same submission.
    """

    driver: str
    address: str
    url: str = ""
    server: str = ""
    updated: bool = False
    draft: bool = False


class Open(msgspec.Struct, frozen=True, omit_defaults=True):
    """An open submission as its forge tells it.

    ``ref`` is where its commit can be fetched. ``by`` and ``account`` are the forge's name and
    numeric id of whoever asks. ``since`` (unix seconds) is a time of the forge's own clock that is
    not before this commit came, 0 if unknown. ``approved`` names who approved exactly this commit.
    """

    submission: Submission
    ref: str
    number: int = 0
    url: str = ""
    by: str = ""
    account: str = ""
    draft: bool = False
    since: int = 0
    check: Check = ""
    approved: tuple[str, ...] = ()
    source: str = ""


class Driver(Protocol):
    """One kind of forge, at one registry. Every method raises NetworkError and its like."""

    name: str
    address: str

    def account(self) -> Owner | None:
        """Who one is there, with the forge's numeric id; None where nothing can say it."""

    def send(self, repo: Repository, asked: Submission, letter: Letter, *, draft: bool) -> Sent:
        """Ask for ``asked``, whose commits are in ``repo``; asking again replaces it."""

    def open(self, *, details: bool = False) -> tuple[Open, ...]:
        """What is asked for now; with ``details`` also the state of checks and approvals."""

    def withdraw(self, repo: Repository, found: Open) -> None:
        """Take a submission back."""

    def finish(self, repo: Repository, found: Open, words: str) -> None:
        """Close what was merged, saying so in ``words``, and remove its branch where it is ours."""


def text_at(value: Any, *keys: str) -> str:
    """The text at a path of keys in a forge's answer; numbers as text, empty when absent."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def account_at(api: Api, name: str) -> Owner | None:
    """Who the token of this machine belongs to, as ``/user`` says; None without a token."""
    try:
        api.sign_in()
    except LoginRequired:
        return None
    me = api.get("/user")
    login, number = text_at(me, name), text_at(me, "id")
    return Owner(login, number) if login else None


def moment(text: str) -> int:
    """Unix seconds of an ISO 8601 time, 0 for what is none."""
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return 0


def no_drafts(name: str, *, draft: bool) -> None:
    """Raise UsageError where a draft was asked for and there is no such thing."""
    if draft:
        raise UsageError(
            f"The driver {name!r} knows no drafts: what it sends is a submission.",
            hint="See what would be sent with --dry-run.",
        )
