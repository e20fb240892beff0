"""What a resolution is asked, from whom, and what it answers: values only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from heimnetz_git.model.lock import Candidate, Lock

__all__ = ["Edge", "Note", "Request", "Resolution", "Universe"]


class Universe(Protocol):
    """Whoever knows the releases of plugins; with several indexes it decides which one is asked."""

    def releases(self, name: str) -> Sequence[Candidate]:
        """Every release of a plugin, newest first, yanked ones included; empty if unknown."""
        ...


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted.

    ``requested`` maps a plugin to a PEP 440 range, empty for any version. Versions of ``locked``
    are kept where they can be, but for those that ``upgrade`` names (True: all of them).
    ``prereleases`` takes pre-releases of every plugin; ``with_optional`` pulls in what releases
    name under ``optional:``.
    """

    requested: dict[str, str]
    locked: Lock | None = None
    upgrade: frozenset[str] | bool = frozenset()
    prereleases: bool = False
    with_optional: bool = False

    def keeps(self, name: str) -> bool:
        """Should the locked version of a plugin be preferred?"""
        if isinstance(self.upgrade, bool):
            return not self.upgrade
        return name not in self.upgrade


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
