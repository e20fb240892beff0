"""Outlines of plugins from what a cache or a universe knows of their releases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.outline import Outline, Written, outline_of
from heimnetz_git.model.registry import PluginEntry
from heimnetz_git.model.release import Release
from heimnetz_git.registry.cache import yank
from heimnetz_git.registry.cachefile import unpack

__all__ = ["outline_of_candidates", "outline_of_releases", "outline_of_rows"]


class _Wheel(msgspec.Struct, frozen=True):
    path: str = ""
    url: str = ""

    @property
    def file(self) -> str:
        return (self.path or self.url).rpartition("/")[2]


class _Facts(msgspec.Struct, frozen=True):
    """The part of a release that an outline is made of; the rest is not decoded."""

    version: str
    host: dict[str, str]
    python: str
    artifacts: tuple[_Wheel, ...]
    requires: dict[str, str] = {}
    optional: dict[str, str] = {}


class _Stored(NamedTuple):
    oid: str
    release: _Facts


def outline_of_rows(entry: PluginEntry, rows: Iterable[tuple[bytes, str]]) -> Outline | None:
    """The outline of a cache's rows: a packed release and when it was merged. Raises Unusable."""
    return outline_of(entry.name, (_of_row(entry, *row) for row in rows))


def outline_of_releases(
    entry: PluginEntry, releases: Iterable[tuple[Release, str]]
) -> Outline | None:
    """The outline of releases and when each was merged, in any order."""
    return outline_of(
        entry.name,
        (
            _written(release, merged, yanked=yank(entry, release.version) is not None)
            for release, merged in releases
        ),
    )


def outline_of_candidates(name: str, offered: Iterable[Candidate]) -> Outline | None:
    """The outline of releases as an index offers them, in any order."""
    registry, written = "", []
    for one in offered:
        registry = one.registry
        written.append(_written(one.release, one.merged, yanked=one.yanked is not None))
    return outline_of(name, written, registry=registry)


def _of_row(entry: PluginEntry, data: bytes, merged: str) -> Written:
    release = unpack(data, _Stored).release
    return _written(release, merged, yanked=yank(entry, release.version) is not None)


def _written(release: _Facts | Release, merged: str, *, yanked: bool) -> Written:
    return Written(
        version=release.version,
        requires=release.requires,
        optional=release.optional,
        host=release.host,
        python=release.python,
        files=tuple(artifact.file for artifact in release.artifacts),
        yanked=yanked,
        merged=merged,
    )
