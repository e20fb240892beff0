"""Following an index with its cache: the files that differ between two states change its rows."""

from __future__ import annotations

from heimnetz_git.model.layout import PathKind, classify
from heimnetz_git.model.registry import PluginEntry, Record
from heimnetz_git.model.release import Release
from heimnetz_git.model.report import Reporter
from heimnetz_git.registry.cache import RELEASES
from heimnetz_git.registry.cachefeed import Feed, Taken
from heimnetz_git.registry.cachefile import Connection, pack, unpack
from heimnetz_git.registry.cacherows import (
    INSERT_LISTING,
    INSERT_OUTLINE,
    INSERT_PLUGIN,
    INSERT_RECORD,
    INSERT_RELEASE,
    INSERT_SKIPPED,
    Mirrored,
    best,
    listing_row,
    plugin_row,
    release_row,
    skipped_row,
)
from heimnetz_git.registry.outlining import outline_of_rows
from heimnetz_git.registry.stored import StoredRelease

__all__ = ["Following", "list_plugin"]

_UPDATED = """
    SELECT coalesce(max(c.merged), '') FROM record c
    JOIN release r ON r.name = c.name AND r.version = c.version AND r.oid = c.release
    WHERE c.name = ?
"""


class Following:
    """Turns the files of an index that changed into rows, within the caller's transaction."""

    def __init__(self, connection: Connection, reporter: Reporter) -> None:
        """Writes nothing yet."""
        self._connection = connection
        self._run = connection.execute
        self._reporter = reporter
        self._touched: set[str] = set()
        self._changed: set[str] = set()
        self._added = self._removed = 0

    def write(self, base: str, feed: Feed) -> Mirrored:
        """Every difference between the tree ``base`` and the feed's state."""
        self._reporter.start("Reading the index")
        try:
            for taken in feed.since(base):
                self._take(taken)
                self._reporter.advance()
            for name in sorted(self._touched):
                self._run("DELETE FROM listing WHERE name = ?", (name,))
                self._run("DELETE FROM outline WHERE name = ?", (name,))
                list_plugin(self._connection, name)
        finally:
            self._reporter.done()
        return Mirrored(self._added, len(self._changed), self._removed)

    def _take(self, taken: Taken) -> None:
        reading = taken.reading
        kind = reading.kind if reading else classify(taken.path)
        self._touched.add(kind.name)
        skipped = skipped_row(taken.path, reading.problems if reading else ())
        self._run("DELETE FROM skipped WHERE path = ?", skipped[:1])
        if reading and reading.problems:
            self._run(INSERT_SKIPPED, skipped)
        value = reading.value if reading else None
        if kind.kind == "release":
            self._release(kind, taken, value if isinstance(value, Release) else None)
        elif kind.kind == "plugin":
            self._plugin(kind, taken, value if isinstance(value, PluginEntry) else None)
        else:
            self._record(kind, value if isinstance(value, Record) else None)

    def _release(self, kind: PathKind, taken: Taken, value: Release | None) -> None:
        before = self._run("DELETE FROM release WHERE name = ? AND version = ?", kind[1:]).rowcount
        if value is None or taken.reading is None:
            self._removed += before
            return
        self._run(INSERT_RELEASE, release_row(taken.reading.oid, value))
        if before:
            self._changed.add(kind.name)
        else:
            self._added += 1

    def _plugin(self, kind: PathKind, taken: Taken, value: PluginEntry | None) -> None:
        if taken.known and taken.reading:
            self._changed.add(kind.name)
        self._run("DELETE FROM plugin WHERE name = ?", (kind.name,))
        if taken.reading:
            self._run(INSERT_PLUGIN, plugin_row(kind.name, taken.reading.oid, value))

    def _record(self, kind: PathKind, value: Record | None) -> None:
        self._run("DELETE FROM record WHERE name = ? AND version = ?", kind[1:])
        if value is not None:
            row = (value.name, value.version, value.release, value.merged)
            self._run(INSERT_RECORD, row)


def list_plugin(connection: Connection, name: str) -> None:
    """Writes a plugin's outline and its row of full text, which are not there, from its releases.

    Nothing when it has none, or its facts cannot be read.
    """
    run = connection.execute
    plugin = run("SELECT data FROM plugin WHERE name = ?", (name,)).fetchone()
    versions = run(
        "SELECT version, pre FROM release WHERE name = ? ORDER BY sort DESC, version DESC", (name,)
    ).fetchall()
    if not versions or plugin == (None,):
        return
    entry = PluginEntry(format=1, name=name, owners=())
    if plugin:
        entry = unpack(plugin[0], PluginEntry)
    outline = outline_of_rows(entry, run(f"{RELEASES} ORDER BY r.sort, r.version", (name,)))
    if outline is not None:
        run(INSERT_OUTLINE, (name, pack(outline)))
    shown, offered = best(entry, versions)
    found = run("SELECT data FROM release WHERE name = ? AND version = ?", (name, shown))
    release = unpack(found.fetchone()[0], StoredRelease).release
    (updated,) = run(_UPDATED, (name,)).fetchone()
    run(INSERT_LISTING, listing_row(entry, release, updated=updated, offered=offered))
