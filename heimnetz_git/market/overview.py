"""An index at a glance: how many plugins, of which types and licences, and what is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import msgspec

from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.registry import PluginEntry

__all__ = ["Newcomer", "Overview", "Shelf", "overview"]


class Shelf(Protocol):
    """What an index offers; registry/cache's Cache is one."""

    def names(self) -> Sequence[str]:
        """Every plugin."""

    def plugin(self, name: str) -> PluginEntry | None:
        """The mutable facts of a plugin."""

    def releases(self, name: str) -> Sequence[Candidate]:
        """The releases of a plugin, newest version first."""


class Newcomer(msgspec.Struct, frozen=True):
    """A release, and when the registry merged it (UTC, ``2026-01-31T12:00:00Z``)."""

    name: str
    version: str
    merged: str


class Overview(msgspec.Struct, frozen=True):
    """The figures of an index.

    ``types`` and ``licenses`` count plugins by their newest release; ``newest`` are the releases
    merged last, newest first; ``yanked`` counts releases, ``deprecated`` plugins.
    """

    plugins: int
    releases: int
    yanked: int
    deprecated: int
    types: dict[str, int]
    licenses: dict[str, int]
    newest: tuple[Newcomer, ...]


def overview(shelf: Shelf, *, newest: int = 5) -> Overview:
    """Count what ``shelf`` offers; the ``newest`` latest releases are named."""
    releases = [found for name in shelf.names() if (found := shelf.releases(name))]
    every = [candidate for found in releases for candidate in found]
    return Overview(
        plugins=len(releases),
        releases=len(every),
        yanked=sum(candidate.yanked is not None for candidate in every),
        deprecated=sum(found[0].deprecated is not None for found in releases),
        types=_counted([found[0].release.type for found in releases]),
        licenses=_counted([found[0].release.license for found in releases]),
        newest=_latest(every)[:newest],
    )


def _counted(words: Sequence[str]) -> dict[str, int]:
    """How often each word occurs, most frequent first, equals by name."""
    return dict(sorted(Counter(words).items(), key=lambda item: (-item[1], item[0])))


def _latest(candidates: Sequence[Candidate]) -> tuple[Newcomer, ...]:
    recorded = [
        Newcomer(candidate.release.name, candidate.release.version, candidate.merged)
        for candidate in candidates
        if candidate.merged
    ]
    by_name = sorted(recorded, key=lambda one: (one.name, one.version))
    return tuple(sorted(by_name, key=lambda one: one.merged, reverse=True))
