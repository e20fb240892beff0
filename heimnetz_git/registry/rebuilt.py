"""What a registry knows of wheels that were built anew from their source, and compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from heimnetz_git.model.release import Release
from heimnetz_git.storage.home import write_atomic
from heimnetz_git.storage.repo import Repository

__all__ = ["Reproduced", "note_rebuilt", "read_rebuilt", "reproduced"]

Reproduced = Literal["yes", "no", "not tried"]
FILE = Path("heimnetz") / "rebuilt.json"
KEPT = 10_000


def read_rebuilt(repo: Repository) -> dict[str, bool]:
    """SHA-256 of a wheel -> did its source make the same bytes? Empty when none is known.

    It lies beside the repository's objects, where no push reaches.
    """
    try:
        return msgspec.json.decode((repo.path / FILE).read_bytes(), type=dict[str, bool])
    except (OSError, msgspec.MsgspecError):
        return {}


def note_rebuilt(repo: Repository, digests: Iterable[str], *, same: bool) -> None:
    """Remember it of these wheels; of the last ten thousand. Only for the single writer."""
    known = read_rebuilt(repo)
    for digest in digests:
        known.pop(digest, None)
        known[digest] = same
    path = repo.path / FILE
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, msgspec.json.encode(dict([*known.items()][-KEPT:])))


def reproduced(known: dict[str, bool], release: Release) -> Reproduced:
    """``no`` when a wheel of the release differs, ``yes`` when all are the same."""
    states = [known.get(artifact.sha256) for artifact in release.artifacts]
    if False in states:
        return "no"
    return "yes" if all(states) else "not tried"
