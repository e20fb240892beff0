"""What the files of a plugin become in a cache: the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Problem
from heimnetz_git.model.registry import PluginEntry
from heimnetz_git.model.release import Release
from heimnetz_git.registry.cache import yank
from heimnetz_git.registry.cachefile import SEPARATOR, pack
from heimnetz_git.registry.stored import StoredRelease
from heimnetz_git.registry.versionorder import is_prerelease, sort_key

__all__ = [
    "INSERT_LISTING",
    "INSERT_OUTLINE",
    "INSERT_PLUGIN",
    "INSERT_RECORD",
    "INSERT_RELEASE",
    "INSERT_SKIPPED",
    "ListingRow",
    "Mirrored",
    "ReleaseRow",
    "best",
    "listing_row",
    "plugin_row",
    "release_row",
    "skipped_row",
]


class Mirrored(NamedTuple):
    """What a cache took in: releases added and removed, plugins whose facts changed."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    rebuilt: bool = False


class ReleaseRow(NamedTuple):
    """A row of ``release``."""

    name: str
    version: str
    oid: str
    sort: bytes
    pre: bool
    data: bytes


class ListingRow(NamedTuple):
    """A row of ``listing`` but for its number."""

    name: str
    joined: str
    title: str
    summary: str
    categories: str
    tags: str
    author: str
    version: str
    type: str
    status: str
    updated: str
    offered: bool


def _insert(table: str, columns: Iterable[str]) -> str:
    names = tuple(columns)
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 # names of this module


INSERT_RELEASE = _insert("release", ReleaseRow._fields)
INSERT_LISTING = _insert("listing", ListingRow._fields)
INSERT_PLUGIN = _insert("plugin", ("name", "oid", "data"))
INSERT_OUTLINE = _insert("outline", ("name", "data"))
INSERT_RECORD = _insert("record", ("name", "version", "release", "merged"))
INSERT_SKIPPED = f"{_insert('skipped', ('path', 'problems'))} ON CONFLICT DO NOTHING"


def release_row(oid: str, value: Release) -> ReleaseRow:
    """A release file that can be used."""
    return ReleaseRow(
        value.name,
        value.version,
        oid,
        sort_key(value.version),
        is_prerelease(value.version),
        pack(StoredRelease(oid, value)),
    )


def plugin_row(name: str, oid: str, value: PluginEntry | None) -> tuple[str, str, bytes | None]:
    """The facts of a plugin; None for those that cannot be read."""
    return name, oid, None if value is None else pack(value)


def skipped_row(path: str, problems: tuple[Problem, ...]) -> tuple[str, bytes]:
    """A file that cannot be used; its path as text that a database takes and a terminal shows."""
    return printable(path, longest=500), pack(problems)


def best(entry: PluginEntry, versions: Iterable[tuple[str, bool]]) -> tuple[str, bool]:
    """The version that search shows of (version, whether a pre-release), newest first.

    With it, whether any is offered. There must be one.
    """
    known = tuple(versions)
    offered = tuple(each for each in known if yank(entry, each[0]) is None)
    shown = min(offered or known, key=lambda each: bool(each[1]))
    return shown[0], bool(offered)


def listing_row(entry: PluginEntry, release: Release, *, updated: str, offered: bool) -> ListingRow:
    """A plugin as search finds it: ``updated`` is when a release was last merged, if known."""
    return ListingRow(
        name=entry.name,
        joined=entry.name.replace("-", ""),
        title=entry.title,
        summary=release.summary,
        categories=_join(entry.categories),
        tags=_join(entry.tags),
        author=" ".join(author.name for author in release.authors),
        version=release.version,
        type=release.type,
        status=entry.status,
        updated=updated,
        offered=offered,
    )


def _join(words: Iterable[str]) -> str:
    """Words, each between two separators; nothing when there are none."""
    joined = SEPARATOR.join(words)
    return f"{SEPARATOR}{joined}{SEPARATOR}" if joined else ""
