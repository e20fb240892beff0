"""Filling an empty cache with a whole index: the rows of each plugin at once, as it was read."""

from __future__ import annotations

from typing import NamedTuple

from heimnetz_git.model.registry import PluginEntry, Record
from heimnetz_git.model.release import Release
from heimnetz_git.model.report import Reporter
from heimnetz_git.registry.cachefeed import Feed, Taken
from heimnetz_git.registry.cachefile import Connection, fill_words, make_keys, pack
from heimnetz_git.registry.cachefollow import list_plugin
from heimnetz_git.registry.cacherows import (
    INSERT_LISTING,
    INSERT_OUTLINE,
    INSERT_PLUGIN,
    INSERT_RECORD,
    INSERT_RELEASE,
    INSERT_SKIPPED,
    Mirrored,
    ReleaseRow,
    best,
    listing_row,
    plugin_row,
    release_row,
    skipped_row,
)
from heimnetz_git.registry.outlining import outline_of_releases

__all__ = ["Filling"]

MOST_AT_ONCE = 1000
"""Releases of one plugin that are kept in memory; the rows of a larger one are read again."""


class _Read(NamedTuple):
    """A release that was read, and its row."""

    row: ReleaseRow
    release: Release


class Filling:
    """Turns all files of an index into rows, within the caller's transaction."""

    def __init__(self, connection: Connection, reporter: Reporter) -> None:
        """Writes nothing yet; the tables must be empty."""
        self._connection = connection
        self._run, self._run_many = connection.execute, connection.executemany
        self._reporter = reporter
        self._added = 0
        self._large: list[str] = []
        self._has_records = self._finds_records = False
        self._begin("")

    def write(self, feed: Feed) -> Mirrored:
        """Everything that the feed has."""
        self._reporter.start("Reading the index")
        try:
            for taken in feed.since(None):
                self._take(taken)
                self._reporter.advance()
            self._end()
            make_keys(self._connection)
            for name in self._large:
                list_plugin(self._connection, name)
            fill_words(self._connection)
        finally:
            self._reporter.done()
        return Mirrored(self._added)

    def _begin(self, name: str) -> None:
        self._name = name
        self._entry: PluginEntry | None = PluginEntry(format=1, name=name, owners=())
        self._read: list[_Read] = []
        self._is_large = False

    def _take(self, taken: Taken) -> None:
        reading = taken.reading
        if reading is None:
            return
        kind, value = reading.kind, reading.value
        if kind.name != self._name:
            self._end()
            self._begin(kind.name)
        if reading.problems:
            self._run(INSERT_SKIPPED, skipped_row(taken.path, reading.problems))
        if isinstance(value, Release):
            self._added += 1
            self._read.append(_Read(release_row(reading.oid, value), value))
            if len(self._read) > MOST_AT_ONCE:
                self._is_large = True
                self._write_releases()
        elif kind.kind == "plugin":
            self._entry = value if isinstance(value, PluginEntry) else None
            self._run(INSERT_PLUGIN, plugin_row(kind.name, reading.oid, self._entry))
        elif isinstance(value, Record):
            self._has_records = True
            self._run(INSERT_RECORD, (value.name, value.version, value.release, value.merged))

    def _write_releases(self) -> None:
        self._run_many(INSERT_RELEASE, [each.row for each in self._read])
        self._read = []

    def _end(self) -> None:
        """The rows of a plugin, all of whose files were taken."""
        if self._is_large:
            self._large.append(self._name)
        elif self._read and self._entry is not None:
            self._list(self._entry)
        self._write_releases()

    def _list(self, entry: PluginEntry) -> None:
        """Its outline and its row of full text."""
        self._read.sort(key=lambda each: (each.row.sort, each.row.version))
        merged = self._merged()
        known = [
            (each.release, merged.get((each.row.version, each.row.oid), "")) for each in self._read
        ]
        outline = outline_of_releases(entry, known)
        if outline is not None:
            self._run(INSERT_OUTLINE, (entry.name, pack(outline)))
        newest_first = [(each.row.version, each.row.pre) for each in reversed(self._read)]
        shown, offered = best(entry, newest_first)
        release = next(each.release for each in self._read if each.row.version == shown)
        updated = max((when for _, when in known), default="")
        self._run(INSERT_LISTING, listing_row(entry, release, updated=updated, offered=offered))

    def _merged(self) -> dict[tuple[str, str], str]:
        """When releases of this plugin were merged, by version and file."""
        if not self._has_records:
            return {}
        rows = self._run(
            "SELECT version, release, merged FROM record WHERE name = ?", (self._name,)
        )
        return {(version, oid): merged for version, oid, merged in rows}
