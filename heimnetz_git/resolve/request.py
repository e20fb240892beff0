"""What a resolution is asked, from whom, and what it answers: values only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec

from heimnetz_git.model.lock import Candidate, Lock
from heimnetz_git.model.outline import Outline

__all__ = ["Edge", "Note", "Outlined", "Request", "Resolution", "Universe"]


class Universe(Protocol):
    """Whoever knows the releases of plugins; with several indexes it decides which one is asked."""

    def releases(self, name: str) -> Sequence[Candidate]:
        """Every release of a plugin, newest first, yanked ones included; empty if unknown."""
        ...


@runtime_checkable
class Outlined(Universe, Protocol):
    """A universe that has worked out beforehand what resolving needs to know: much faster."""

    def outline(self, name: str) -> Outline | None:
        """A plugin's releases in short; None if unknown."""
        ...

    def candidate(self, name: str, version: str) -> Candidate | None:
        """One of its releases; None if there is none of that version."""
        ...


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted.

    ``requested`` maps a plugin to a PEP 440 range, empty for any version. Versions of ``locked``
    are kept where they can be, but for those that ``upgrade`` names (True: all of them).
    ``prereleases`` takes pre-releases of every plugin; ``with_optional`` pulls in what releases
    name under ``optional:``.

    ``constraints`` maps plugins to ranges that bind them if they are needed at all; ``overrides``
    to ranges that stand for whatever anybody asks of them. ``exclude_newer``, a UTC date or time
    (``2026-01-31``, ``2026-01-31T12:00:00Z``), leaves out what a registry merged later or at a time
    that it does not say. ``resolution`` ``lowest`` takes the oldest releases that fit,
    ``lowest-direct`` those of requested plugins only.
    """

    requested: dict[str, str]
    locked: Lock | None = None
    upgrade: frozenset[str] | bool = frozenset()
    prereleases: bool = False
    with_optional: bool = False
    constraints: dict[str, str] = {}
    overrides: dict[str, str] = {}
    exclude_newer: str = ""
    resolution: Literal["highest", "lowest", "lowest-direct"] = "highest"

    def keeps(self, name: str) -> bool:
        """Should the locked version of a plugin be preferred?"""
        if isinstance(self.upgrade, bool):
            return not self.upgrade
        return name not in self.upgrade

    def range_on(self, name: str) -> str:
        """The user's own range on a requested plugin; an override counts for it."""
        return self.overrides.get(name, self.requested.get(name, ""))

    def takes_lowest(self, name: str) -> bool:
        """Should the oldest release of a plugin be preferred?"""
        direct = self.resolution == "lowest-direct" and name in self.requested
        return direct or self.resolution == "lowest"


class Edge(msgspec.Struct, frozen=True, order=True):
    """``source`` needs ``target`` in the range ``specifier``; optional if it can do without."""

    source: str
    target: str
    specifier: str
    optional: bool = False


class Note(msgspec.Struct, frozen=True):
    """Something to know about a chosen release: ``kind`` is ``yanked`` or ``deprecated``."""

    kind: str
    plugin: str
    version: str
    message: str

    def __str__(self) -> str:
        """One sentence for a person."""
        return self.message


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: one release of each plugin that is needed.

    ``chosen`` is sorted by name; ``order`` is the order to install and start in, dependencies
    first; ``edges`` are sorted and hold optional plugins only where they are present.
    """

    requested: dict[str, str]
    chosen: dict[str, Candidate]
    order: tuple[str, ...]
    edges: tuple[Edge, ...]
    notes: tuple[Note, ...] = ()

    @property
    def versions(self) -> dict[str, str]:
        """Plugin to version."""
        return {name: candidate.release.version for name, candidate in self.chosen.items()}
