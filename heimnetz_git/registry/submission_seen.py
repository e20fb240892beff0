"""What a registry remembers of submissions: since when it knows a commit, and who brought it.

It lies in a file beside the repository's objects, where no push reaches. Dates in commits are their
author's to choose, so they prove nothing about how long a submission waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from heimnetz_git.storage.home import Home, write_atomic
from heimnetz_git.storage.repo import Repository

__all__ = ["Seen", "forget", "note_seen", "read_seen", "replace_seen", "single_writer"]

FOLDER = "heimnetz"
FILE = "seen.json"
PATIENCE = 60.0


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """Since when (unix seconds) a branch has had this head, and who pushed it, if that is known.

    ``account`` is the id that a forge gave to ``by``.
    """

    head: str
    at: int
    by: str = ""
    account: str = ""


@contextlib.contextmanager
def single_writer(repo: Repository, *, timeout: float = PATIENCE) -> Iterator[None]:
    """Be the only one who merges into a repository; given back when the process ends, however.

    Raises HomeBusy when another is still at it after ``timeout`` seconds.
    """
    with Home(_folder(repo)).lock(timeout=timeout):
        yield


def read_seen(repo: Repository) -> dict[str, Seen]:
    """Every branch of a submission that was seen. Empty when nothing was, or it is damaged."""
    try:
        data = (_folder(repo) / FILE).read_bytes()
        return msgspec.json.decode(data, type=dict[str, Seen])
    except (OSError, msgspec.MsgspecError):
        return {}


def note_seen(
    repo: Repository, heads: Mapping[str, str], *, now: int, by: str = ""
) -> dict[str, Seen]:
    """Remember these branches with their heads; what is known of all that are still open.

    A head that was seen before keeps its time; another head begins anew. A time that lies ahead
    of ``now`` is taken as ``now``. Only for the single writer.
    """
    known = read_seen(repo)
    found = dict(known)
    for branch, head in heads.items():
        old = known.get(branch)
        if old is None or old.head != head:
            found[branch] = Seen(head, now, by)
        elif old.at > now or (by and not old.by):
            found[branch] = Seen(head, min(old.at, now), by or old.by)
    if found != known:
        _write(repo, found)
    return found


def replace_seen(repo: Repository, seen: Mapping[str, Seen]) -> None:
    """Take what a forge knows of its submissions for what was seen. Only for the single writer."""
    _write(repo, dict(seen))


def forget(repo: Repository, still: Mapping[str, str]) -> None:
    """Drop what is known of branches that are not ``still`` there. Only for the single writer."""
    known = read_seen(repo)
    kept = {branch: seen for branch, seen in known.items() if branch in still}
    if kept != known:
        _write(repo, kept)


def _write(repo: Repository, seen: Mapping[str, Seen]) -> None:
    folder = _folder(repo)
    folder.mkdir(exist_ok=True)
    write_atomic(folder / FILE, msgspec.json.encode(dict(sorted(seen.items()))))


def _folder(repo: Repository) -> Path:
    return repo.path / FOLDER
