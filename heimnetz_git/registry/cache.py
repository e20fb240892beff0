"""The cache over an index: what its accepted tree says, answered from SQLite without Git or YAML.

Written by registry/cachewriter; everything here only asks. Any answer may raise Unusable (the file
is damaged: build it anew) or HomeBusy (another process has been writing for too long).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from heimnetz_git.model.finding import Problem
from heimnetz_git.model.registry import PluginEntry, RegistryInfo
from heimnetz_git.registry import cachefile
from heimnetz_git.registry.cachefile import SEPARATOR, Connection, Unusable, unpack

if TYPE_CHECKING:  # a search needs neither
    from heimnetz_git.model.lock import Candidate
    from heimnetz_git.model.outline import Outline

__all__ = [
    "Cache",
    "Counts",
    "Filters",
    "Listing",
    "Skipped",
    "Unusable",
    "deprecation",
    "yank",
]

WAIT = 10.0  # seconds for another process's lock

RELEASES = """
    SELECT r.data, coalesce(c.merged, '') FROM release r
    LEFT JOIN record c ON c.name = r.name AND c.version = r.version AND c.release = r.oid
    WHERE r.name = ?
"""
# Weights of the columns of `words`: name, joined, title, summary, categories, tags, author.
_RANK = "bm25(words, 10.0, 10.0, 5.0, 2.0, 3.0, 4.0, 1.0)"
# A plugin that its author gave up ranks behind its equals; the very name ranks before everything.
_SCORE = f"-{_RANK} * iif(l.status = 'active', 1.0, 0.5) + iif(l.name = :exact, 1000.0, 0.0)"
_COLUMNS = """
    l.name, l.version, l.title, l.summary, l.type, l.categories, l.tags, l.status, l.updated
"""
_FILTER = f"""
    l.offered
    AND (:type = '' OR l.type = :type)
    AND (:category = '' OR instr(l.categories, '{SEPARATOR}' || :category || '{SEPARATOR}'))
    AND (:tag = '' OR instr(l.tags, '{SEPARATOR}' || :tag || '{SEPARATOR}'))
"""
_ORDER = {
    "relevance": "score DESC, l.name",
    "name": "l.name",
    "updated": "l.updated DESC, l.name",
}


class Skipped(msgspec.Struct, frozen=True):
    """A file of an index that cannot be used and is not offered: its path, every problem in it."""

    path: str
    problems: tuple[Problem, ...]


class Listing(NamedTuple):
    """A plugin as search shows it; ``score`` is higher for a better match, 0 without words."""

    name: str
    version: str
    title: str
    summary: str
    type: str
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    status: str
    updated: str
    score: float


class Filters(NamedTuple):
    """What a listing must be, beyond the words; empty means anything."""

    type: str = ""
    category: str = ""
    tag: str = ""


class Counts(NamedTuple):
    """How much an index offers."""

    plugins: int
    releases: int


class Cache:
    """One index's cache, open; a context manager.

    ``index`` is the local name that its candidates carry; ``tree`` and ``commit`` are what it
    mirrors, ``committed`` that commit's unix time.
    """

    def __init__(self, connection: Connection, path: Path | None, index: str) -> None:
        """Takes over ``connection``; ``path`` is None for one in memory."""
        self.path = path
        self.index = index
        self._connection = connection
        try:
            meta = dict(self._rows("SELECT key, value FROM meta"))
            self.tree, self.commit, self.committed = unpack(meta.get("state"), tuple[str, str, int])
            self.info = unpack(meta.get("info"), RegistryInfo)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def open(cls, path: Path, *, index: str, timeout: float = WAIT) -> Cache:
        """The cache at ``path``. Raises Unusable when there is none to be trusted, HomeBusy."""
        return cls(cachefile.open_existing(path, timeout=timeout), path, index)

    def __enter__(self) -> Cache:
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes it."""
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def plugin(self, name: str) -> PluginEntry | None:
        """The mutable facts of a plugin; None when the index does not offer it.

        One without a ``plugin.yaml`` has empty facts.
        """
        found = self._rows("SELECT data FROM plugin WHERE name = ?", name)
        if not found:
            return PluginEntry(format=1, name=name, owners=()) if self._released(name) else None
        return None if found[0][0] is None else unpack(found[0][0], PluginEntry)

    def has(self, name: str) -> bool:
        """Whether ``releases`` would answer anything."""
        unreadable = self._rows("SELECT 1 FROM plugin WHERE name = ? AND data IS NULL", name)
        return not unreadable and self._released(name)

    def releases(self, name: str) -> tuple[Candidate, ...]:
        """Every release of a plugin, newest version first, yanked ones too.

        None at all when its ``plugin.yaml`` cannot be read: what it yanks is not known then. Those
        of a removed plugin are all yanked. ``merged`` is the record's, if it is of this very file.
        """
        entry = self.plugin(name)
        if entry is None:
            return ()
        rows = self._rows(f"{RELEASES} ORDER BY r.sort DESC, r.version DESC", name)
        return tuple(self._candidate(entry, *row) for row in rows)

    def outline(self, name: str) -> Outline | None:
        """What resolving needs to know of a plugin's releases; None when there are none."""
        from heimnetz_git.model.outline import Outline

        rows = self._rows("SELECT data FROM outline WHERE name = ?", name)
        if not rows:
            return None
        return msgspec.structs.replace(unpack(rows[0][0], Outline), registry=self.info.id)

    def candidate(self, name: str, version: str) -> Candidate | None:
        """One release of a plugin as ``releases`` has it; None when it has none of that version."""
        entry = self.plugin(name)
        rows = self._rows(f"{RELEASES} AND r.version = ?", name, version)
        return self._candidate(entry, *rows[0]) if rows and entry is not None else None

    def _candidate(self, entry: PluginEntry, data: bytes, merged: str) -> Candidate:
        from heimnetz_git.model.lock import Candidate
        from heimnetz_git.registry.stored import StoredRelease

        oid, release = unpack(data, StoredRelease)
        return Candidate(
            release=release,
            registry=self.info.id,
            index=self.index,
            oid=oid,
            yanked=yank(entry, release.version),
            deprecated=deprecation(entry),
            merged=merged,
        )

    def names(self) -> list[str]:
        """Every plugin that search can find, sorted."""
        rows = self._rows("SELECT name FROM listing WHERE offered ORDER BY name")
        return [row[0] for row in rows]

    def skipped(self) -> tuple[Skipped, ...]:
        """The files of the mirrored tree that could not be used, by path."""
        rows = self._rows("SELECT path, problems FROM skipped ORDER BY path")
        return tuple(Skipped(path, unpack(data, tuple[Problem, ...])) for path, data in rows)

    def counts(self) -> Counts:
        """How many plugins and releases it offers."""
        (plugins,) = self._rows("SELECT count(*) FROM listing WHERE offered")[0]
        (releases,) = self._rows("SELECT count(*) FROM release")[0]
        return Counts(plugins, releases)

    def checked(self) -> int:
        """When an update last compared the index with its address: unix time, 0 when unknown."""
        return int(self.path.stat().st_mtime) if self.path and self.path.exists() else 0

    def match(
        self, query: str, filters: Filters, *, exact: str = "", sort: str = "relevance", limit: int
    ) -> list[Listing]:
        """Listings that an FTS5 ``query`` matches (all when it is empty), best first.

        ``exact`` is a plugin name to put first; ``sort`` is relevance, name or updated; a negative
        ``limit`` means no limit.
        """
        source, score = ("words JOIN listing l ON l.id = words.rowid", _SCORE)
        where = f"words MATCH :query AND {_FILTER}"
        if not query:
            source, score, where = "listing l", "0.0", _FILTER
        rows = self._rows(
            f"SELECT {_COLUMNS}, {score} AS score FROM {source} WHERE {where}"  # noqa: S608 # constants of this module
            f" ORDER BY {_ORDER[sort]} LIMIT :limit",
            {"query": query, "exact": exact, "limit": limit, **filters._asdict()},
        )
        return [Listing._make((*row[:5], _split(row[5]), _split(row[6]), *row[7:])) for row in rows]

    def has_term(self, word: str) -> bool:
        """Whether ``word``, lower case without accents, is an indexed word."""
        return bool(self._rows("SELECT 1 FROM vocabulary WHERE term = ?", word))

    def terms(self, shortest: int, longest: int) -> list[str]:
        """The indexed words of a length between the two, sorted."""
        rows = self._rows(
            "SELECT term FROM vocabulary WHERE length(term) BETWEEN ? AND ?", shortest, longest
        )
        return [row[0] for row in rows]

    def _released(self, name: str) -> bool:
        return bool(self._rows("SELECT 1 FROM release WHERE name = ? LIMIT 1", name))

    def _rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        named: Sequence[Any] | dict[str, Any] = parameters
        if len(parameters) == 1 and isinstance(parameters[0], dict):
            named = parameters[0]
        with cachefile.sqlite_errors(self.path):
            return self._connection.execute(sql, named).fetchall()


def yank(entry: PluginEntry, version: str) -> str | None:
    """Why a release is yanked, None when it is not."""
    if entry.status == "removed":
        return "the plugin was removed from its registry"
    return entry.yanked.get(version)


def deprecation(entry: PluginEntry) -> str | None:
    """Why a plugin should no longer be chosen, and what instead; None when nothing is wrong."""
    if entry.deprecated is None:
        return {"deprecated": "it is deprecated", "archived": "it is archived"}.get(entry.status)
    successor = entry.deprecated.successor
    return entry.deprecated.reason + (f" (use {successor} instead)" if successor else "")


def _split(joined: str) -> tuple[str, ...]:
    return tuple(joined.strip(SEPARATOR).split(SEPARATOR)) if joined else ()
