"""Writing a cache: what changed between two trees of an index becomes rows, all or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry import cachefile
from heimnetz_git.registry.cache import WAIT, Cache
from heimnetz_git.registry.cachefeed import Feed, RepositoryFeed
from heimnetz_git.registry.cachefile import Connection, Unusable, pack
from heimnetz_git.registry.cachefill import Filling
from heimnetz_git.registry.cachefollow import Following
from heimnetz_git.registry.cacherows import Mirrored
from heimnetz_git.registry.synced import Checkpoint, no_checkpoint
from heimnetz_git.storage.home import storage_errors
from heimnetz_git.storage.repo import Repository

__all__ = ["bring_up_to_date", "in_memory", "in_memory_of", "mirror"]

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
        return _write(connection, base, feed, reporter)

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
            _write(connection, None, feed, SILENT)
    except BaseException:
        connection.close()
        raise
    return Cache(connection, None, index_name)


def _write(connection: Connection, base: str | None, feed: Feed, reporter: Reporter) -> Mirrored:
    """All that differs from the tree ``base``, or everything, then which state that is."""
    if base is None:
        mirrored = Filling(connection, reporter).write(feed)
    else:
        mirrored = Following(connection, reporter).write(base, feed)
    for key, value in (("info", pack(feed.info())), ("state", pack(feed.state()))):
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
    return mirrored


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
