"""What a user should hear about a release that was chosen all the same."""

from __future__ import annotations

from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.lock import Candidate
from heimnetz_git.resolve.request import Note

__all__ = ["notes_on"]


def notes_on(candidate: Candidate) -> Iterator[Note]:
    """That a release was yanked, or its plugin deprecated, with the reason."""
    release = candidate.release
    named = f"{release.name} {release.version}"
    if candidate.yanked is not None:
        why = printable(candidate.yanked).rstrip(".") or "no reason given"
        yield Note("yanked", release.name, release.version, f"{named} was yanked: {why}.")
    if candidate.deprecated is not None:
        why = printable(candidate.deprecated).rstrip(".") or "no reason given"
        yield Note("deprecated", release.name, release.version, f"{named} is deprecated: {why}.")
