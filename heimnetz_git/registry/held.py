"""Locked plugins whose registry no index is of any more: they stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from heimnetz_git.errors import IndexNotFound, printable

if TYPE_CHECKING:
    from heimnetz_git.model.lock import Candidate, LockedPlugin

__all__ = ["Held", "of_no_index"]


class Held(NamedTuple):
    """A locked plugin whose registry no index is of, and its release if that is installed.

    ``registry`` is the name that the registry gave itself.
    """

    locked: LockedPlugin
    registry: str
    installed: Candidate | None

    def origin(self) -> str:
        """The index it came from, which may be gone. Raises IndexNotFound if it is not here."""
        if self.installed is None:
            raise of_no_index(self.locked, self.registry)
        return self.installed.index


def of_no_index(locked: LockedPlugin, registry: str) -> IndexNotFound:
    """The error for a plugin of a registry that no index is of."""
    named = f"{printable(registry)!r} ({printable(locked.registry)})"
    return IndexNotFound(
        f"{locked.name!r} was locked from the registry"
        f" {named if registry else printable(locked.registry)}, and no index is of that registry.",
        hint="Add that registry with 'heimnetz-git index add', or say index/name for another.",
        name=locked.name,
        registry=printable(locked.registry),
    )
