"""Writing a cache: what changed between two trees of an index becomes rows, all or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from heimnetz_git.errors import CorruptRepository, printable
from heimnetz_git.model.finding import Problem
from heimnetz_git.model.layout import PathKind, classify
from heimnetz_git.model.registry import PluginEntry, Record, RegistryInfo
from heimnetz_git.model.release import Release
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry import cachefile, index
from heimnetz_git.registry.cache import RELEASES, WAIT, Cache, StoredRelease, yank
from heimnetz_git.registry.cachefile import SEPARATOR, Connection, Unusable, pack, unpack
from heimnetz_git.registry.outlining import outline_of_rows
from heimnetz_git.registry.versionorder import is_prerelease, sort_key
from heimnetz_git.storage.home import storage_errors
from heimnetz_git.storage.repo import Repository

__all__ = [
    "Checkpoint",
    "Feed",
    "Mirrored",
    "RepositoryFeed",
    "State",
    "Taken",
    "bring_up_to_date",
    "in_memory",
    "in_memory_of",
    "mirror",
    "no_checkpoint",
]

Checkpoint = Callable[[str], None]


def no_checkpoint(_step: str) -> None:
    """Passes every step: nobody is counting."""


class Mirrored(NamedTuple):
    """What a cache took in: releases added and removed, plugins whose facts changed."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    rebuilt: bool = False


class State(NamedTuple):
    """What a cache mirrors: a tree, the commit that it is of, that commit's unix time."""

    tree: str
    commit: str
    committed: int


class Taken(NamedTuple):
    """A plugin's file that differs between two states.

    ``known`` is whether the old state has it, ``reading`` what it says in the new one, None where
    it is gone.
    """

    path: str
    known: bool
    reading: index.Reading | None


class Feed(Protocol):
    """An index at one state, whatever carries it: what a cache is written from."""

    def state(self) -> State:
        """Which state that is."""

    def info(self) -> RegistryInfo:
        """Who the registry is."""

    def since(self, base: str | None) -> Iterator[Taken]:
        """The files of plugins that differ from the tree ``base``; all of them when it is None.

        Raises Unusable or CorruptRepository when that tree is not known here.
        """


class RepositoryFeed(NamedTuple):
    """A commit of a repository as a feed."""

    repo: Repository
    commit: str

    def state(self) -> State:
        """Which state that is."""
        return State(self.repo.tree(self.commit), self.commit, self.repo.commit_time(self.commit))

    def info(self) -> RegistryInfo:
        """Who the registry is."""
        return index.registry_info(self.repo, self.repo.tree(self.commit))

    def since(self, base: str | None) -> Iterator[Taken]:
        """The files of plugins that differ from the tree ``base``."""
        for change in self.repo.diff(base, self.repo.tree(self.commit)):
            if classify(change.path).kind in index.KINDS:
                reading = index.read_file(self.repo, change.new) if change.new else None
                yield Taken(change.path, change.old is not None, reading)


Write = Callable[[Connection, str | None], Mirrored]


def bring_up_to_date(
    path: Path,
    repo: Repository,
    commit: str,
    *,
    aside: Path,
    timeout: float = WAIT,
    reporter: Reporter = SILENT,
    checkpoint: Checkpoint = no_checkpoint,
) -> Mirrored:
    """Makes the cache at ``path`` mirror ``commit`` of ``repo``; as ``mirror``."""
    return mirror(
        path,
        RepositoryFeed(repo, commit),
        aside=aside,
        timeout=timeout,
        reporter=reporter,
        checkpoint=checkpoint,
    )


def mirror(
    path: Path,
    feed: Feed,
    *,
    aside: Path,
    timeout: float = WAIT,
    reporter: Reporter = SILENT,
    checkpoint: Checkpoint = no_checkpoint,
) -> Mirrored:
    """Makes the cache at ``path`` say what ``feed`` says; the caller is its only writer.

    Reads only what differs from the tree that it mirrors. One that cannot be trusted, or mirrors a
    tree that the feed does not know, is built anew as the file ``aside`` (on the same disk) and
    moved into place. Whenever this ends, the file is as it was or whole and new.
    """

    def write(connection: Connection, base: str | None) -> Mirrored:
        return _Writer(connection, reporter).write(base, feed)

    try:
        return _advance(path, feed.state().commit, write, timeout, checkpoint)
    except (Unusable, CorruptRepository):
        return _rebuild(path, aside, write, checkpoint)


def in_memory(repo: Repository, commit: str, index_name: str) -> Cache:
    """A cache of ``commit`` that lives in memory: for a home that cannot be written to."""
    return in_memory_of(RepositoryFeed(repo, commit), index_name)


def in_memory_of(feed: Feed, index_name: str) -> Cache:
    """A cache of what ``feed`` says that lives in memory."""
    connection = cachefile.create(None)
    try:
        with cachefile.transaction(connection, None):
            _Writer(connection, SILENT).write(None, feed)
    except BaseException:
        connection.close()
        raise
    return Cache(connection, None, index_name)


def _advance(
    path: Path, commit: str, write: Write, timeout: float, checkpoint: Checkpoint
) -> Mirrored:
    connection = cachefile.open_existing(path, timeout=timeout)
    with Cache(connection, path, "") as cache:
        if cache.commit == commit:
            return Mirrored()
        with cachefile.transaction(connection, path):
            mirrored = write(connection, cache.tree)
            checkpoint("cache-written")
    return mirrored


def _rebuild(path: Path, aside: Path, write: Write, checkpoint: Checkpoint) -> Mirrored:
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.unlink(missing_ok=True)
        connection = cachefile.create(aside)
        try:
            with cachefile.transaction(connection, aside):
                mirrored = write(connection, None)
        finally:
            connection.close()
        checkpoint("cache-built")
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        _forget_journal(path)
        aside.replace(path)
    return mirrored._replace(rebuilt=True)


def _forget_journal(path: Path) -> None:
    """A dead writer's journal must not be rolled back into the new file: the old one goes first."""
    beside = [path.with_name(path.name + end) for end in ("-journal", "-wal", "-shm")]
    if any(journal.exists() for journal in beside):
        path.unlink(missing_ok=True)
    for journal in beside:
        journal.unlink(missing_ok=True)


class _Writer:
    """Turns the files of an index into rows, within the caller's transaction."""

    def __init__(self, connection: Connection, reporter: Reporter) -> None:
        self._run = connection.execute
        self._reporter = reporter
        self._touched: set[str] = set()
        self._changed: set[str] = set()
        self._added = self._removed = 0

    def write(self, base: str | None, feed: Feed) -> Mirrored:
        """Every difference between the tree ``base`` and the feed's state, then that state."""
        self._reporter.start("Reading the index")
        try:
            for taken in feed.since(base):
                self._take(taken)
                self._reporter.advance()
            for name in sorted(self._touched):
                self._list_again(name)
        finally:
            self._reporter.done()
        self._set("info", pack(feed.info()))
        self._set("state", pack(feed.state()))
        return Mirrored(self._added, len(self._changed), self._removed)

    def _set(self, key: str, value: bytes) -> None:
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _take(self, taken: Taken) -> None:
        kind, reading = classify(taken.path), taken.reading
        self._touched.add(kind.name)
        self._run("DELETE FROM skipped WHERE path = ?", (_shown(taken.path),))
        if reading and reading.problems:
            self._skip(taken.path, reading.problems)
        value = reading.value if reading else None
        if kind.kind == "release":
            self._release(kind, taken, value if isinstance(value, Release) else None)
        elif kind.kind == "plugin":
            self._plugin(kind, taken, value if isinstance(value, PluginEntry) else None)
        else:
            self._record(kind, value if isinstance(value, Record) else None)

    def _skip(self, path: str, problems: tuple[Problem, ...]) -> None:
        self._run("INSERT OR REPLACE INTO skipped VALUES (?, ?)", (_shown(path), pack(problems)))

    def _release(self, kind: PathKind, taken: Taken, value: Release | None) -> None:
        before = self._run("DELETE FROM release WHERE name = ? AND version = ?", kind[1:]).rowcount
        if value is None or taken.reading is None:
            self._removed += before
            return
        order, pre = sort_key(value.version), is_prerelease(value.version)
        row = (
            value.name,
            value.version,
            taken.reading.oid,
            order,
            pre,
            pack(StoredRelease(taken.reading.oid, value)),
        )
        self._run("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?)", row)
        if before:
            self._changed.add(kind.name)
        else:
            self._added += 1

    def _plugin(self, kind: PathKind, taken: Taken, value: PluginEntry | None) -> None:
        if taken.known and taken.reading:
            self._changed.add(kind.name)
        self._run("DELETE FROM plugin WHERE name = ?", (kind.name,))
        if taken.reading:
            row = (kind.name, taken.reading.oid, None if value is None else pack(value))
            self._run("INSERT INTO plugin VALUES (?, ?, ?)", row)

    def _record(self, kind: PathKind, value: Record | None) -> None:
        self._run("DELETE FROM record WHERE name = ? AND version = ?", kind[1:])
        if value is not None:
            row = (value.name, value.version, value.release, value.merged)
            self._run("INSERT INTO record VALUES (?, ?, ?, ?)", row)

    def _list_again(self, name: str) -> None:
        """The plugin's outline, and its one row of full text from its newest release, anew."""
        self._run("DELETE FROM listing WHERE name = ?", (name,))
        self._run("DELETE FROM outline WHERE name = ?", (name,))
        plugin = self._run("SELECT data FROM plugin WHERE name = ?", (name,)).fetchone()
        rows = self._run(
            "SELECT version, pre FROM release WHERE name = ? ORDER BY sort DESC", (name,)
        ).fetchall()
        if not rows or plugin == (None,):
            return
        entry = PluginEntry(format=1, name=name, owners=())
        if plugin:
            entry = unpack(plugin[0], PluginEntry)
        self._outline(entry)
        offered = [row for row in rows if yank(entry, row[0]) is None]
        shown, _pre = min(offered or rows, key=lambda row: bool(row[1]))
        stored = unpack(
            self._run(
                "SELECT data FROM release WHERE name = ? AND version = ?", (name, shown)
            ).fetchone()[0],
            StoredRelease,
        )
        self._list(entry, stored.release, offered=bool(offered))

    def _outline(self, entry: PluginEntry) -> None:
        """What a resolver asks for: all releases of a plugin in one row."""
        rows = self._run(f"{RELEASES} ORDER BY r.sort", (entry.name,))
        found = outline_of_rows(entry, rows)
        if found is not None:
            self._run("INSERT INTO outline VALUES (?, ?)", (entry.name, pack(found)))

    def _list(self, entry: PluginEntry, release: Release, *, offered: bool) -> None:
        (updated,) = self._run(
            "SELECT coalesce(max(c.merged), '') FROM record c JOIN release r"
            " ON r.name = c.name AND r.version = c.version AND r.oid = c.release"
            " WHERE c.name = ?",
            (entry.name,),
        ).fetchone()
        row = {
            "name": entry.name,
            "joined": entry.name.replace("-", ""),
            "title": entry.title,
            "summary": release.summary,
            "categories": _join(entry.categories),
            "tags": _join(entry.tags),
            "author": " ".join(author.name for author in release.authors),
            "version": release.version,
            "type": release.type,
            "status": entry.status,
            "updated": updated,
            "offered": offered,
        }
        columns, marks = ", ".join(row), ", ".join(f":{column}" for column in row)
        self._run(f"INSERT INTO listing ({columns}) VALUES ({marks})", row)  # noqa: S608 # names above


def _shown(path: str) -> str:
    """A path as text that a database takes and a terminal shows."""
    return printable(path, longest=500)


def _join(words: Iterable[str]) -> str:
    """Words, each between two separators; nothing when there are none."""
    joined = SEPARATOR.join(words)
    return f"{SEPARATOR}{joined}{SEPARATOR}" if joined else ""
