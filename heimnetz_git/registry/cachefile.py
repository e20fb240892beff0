"""The SQLite file behind a cache: its schema, how it is opened, what its errors mean."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import msgspec

from heimnetz_git.errors import DiskFull, HomeBusy, HomeReadOnly, StorageError, printable

__all__ = [
    "SCHEMA_VERSION",
    "Connection",
    "Unusable",
    "create",
    "fill_words",
    "make_keys",
    "open_existing",
    "pack",
    "sqlite_errors",
    "transaction",
    "unpack",
]

Connection = sqlite3.Connection
Value = TypeVar("Value")

SCHEMA_VERSION = "5"
_PAGE = 8192  # bytes; half as many overflow pages for rows as long as a manifest
_ROOM = 16 << 20  # bytes of pages that a new database keeps in memory
SEPARATOR = "\x1f"  # stands around each category and tag, so that one is found whole

# The large tables keep their rowid: rows as long as a manifest would each spill out of the other
# kind of table, into nearly twice the room (https://www.sqlite.org/withoutrowid.html, "When to
# use"); and plugins come in an order of which their names know nothing, so that rows are added at
# the end and their keys are sorted once.
#
# One row of full text per plugin, not per release: searching is ten times faster so, and a plugin
# with many releases does not crowd the others out. The text itself stays in `listing`
# (https://www.sqlite.org/fts5.html#external_content_tables), hence the two triggers.
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE plugin (name TEXT NOT NULL, oid TEXT NOT NULL, data BLOB);
CREATE TABLE release (
    name TEXT NOT NULL, version TEXT NOT NULL, oid TEXT NOT NULL,
    sort BLOB NOT NULL, pre INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE TABLE record (
    name TEXT NOT NULL, version TEXT NOT NULL, release TEXT NOT NULL, merged TEXT NOT NULL
);
CREATE TABLE outline (name TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE skipped (path TEXT PRIMARY KEY, problems BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE listing (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, joined TEXT NOT NULL, title TEXT NOT NULL,
    summary TEXT NOT NULL, categories TEXT NOT NULL, tags TEXT NOT NULL, author TEXT NOT NULL,
    version TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, updated TEXT NOT NULL,
    offered INTEGER NOT NULL
);
CREATE VIRTUAL TABLE words USING fts5 (
    name, joined, title, summary, categories, tags, author,
    content='listing', content_rowid='id',
    tokenize='unicode61 remove_diacritics 2', prefix='2 3'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, 'row');
"""
# What is made of rows is made when all of them are there, where a whole index comes at once.
_KEYS = {
    "plugin": "CREATE UNIQUE INDEX IF NOT EXISTS plugin_key ON plugin (name)",
    "release": "CREATE UNIQUE INDEX IF NOT EXISTS release_key ON release (name, version)",
    "record": "CREATE UNIQUE INDEX IF NOT EXISTS record_key ON record (name, version)",
    "outline": "CREATE UNIQUE INDEX IF NOT EXISTS outline_key ON outline (name)",
}
_ALL_WORDS = "INSERT INTO words (words) VALUES ('rebuild')"
_LISTED = """
CREATE TRIGGER listed AFTER INSERT ON listing BEGIN
    INSERT INTO words (rowid, name, joined, title, summary, categories, tags, author) VALUES
    (new.id, new.name, new.joined, new.title, new.summary, new.categories, new.tags, new.author);
END;
"""
_UNLISTED = """
CREATE TRIGGER unlisted AFTER DELETE ON listing BEGIN
    INSERT INTO words (words, rowid, name, joined, title, summary, categories, tags, author) VALUES
    ('delete', old.id, old.name, old.joined, old.title, old.summary, old.categories, old.tags,
     old.author);
END;
"""


class Unusable(Exception):
    """The file cannot be trusted and must be built anew; inner flow, never shown to a user."""


def open_existing(path: Path, *, timeout: float) -> Connection:
    """The database at ``path``, which must exist, for reading and for writing where that works.

    A journal that a killed writer left is rolled back here. ``timeout`` in seconds is how long a
    lock of another process is waited for. Raises Unusable, HomeBusy.
    """
    with sqlite_errors(path):
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw", uri=True, timeout=timeout, isolation_level=None
        )
        try:
            found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
            if found is None or found[0] != SCHEMA_VERSION:
                raise Unusable("another schema")
        except BaseException:
            connection.close()
            raise
        return connection


def create(path: Path | None) -> Connection:
    """A new database with empty tables: the file ``path``, or memory when it is None.

    Its journal is in memory: nobody may look at it before it is whole and moved into place. It is
    to be filled, then ``make_keys`` and ``fill_words``.
    """
    with sqlite_errors(path):
        connection = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA page_size = {_PAGE}")
            connection.execute(f"PRAGMA cache_size = -{_ROOM >> 10}")
            connection.executescript(_SCHEMA)
            connection.execute("INSERT INTO meta VALUES ('schema', ?)", (SCHEMA_VERSION,))
        except BaseException:
            connection.close()
            raise
        return connection


def make_keys(connection: Connection, *tables: str) -> None:
    """Lets rows of these tables, or of all, be found by name; when a new database has most."""
    for table in tables or _KEYS:
        connection.execute(_KEYS[table])


def fill_words(connection: Connection) -> None:
    """Makes the full text of all listings; once, when a new database has them. Then it follows."""
    for statement in (_ALL_WORDS, _LISTED, _UNLISTED):
        connection.execute(statement)


@contextmanager
def transaction(connection: Connection, path: Path | None) -> Iterator[None]:
    """All of the block's changes or none; waits for other writers as ``connection`` does."""
    with sqlite_errors(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def sqlite_errors(path: Path | None) -> Iterator[None]:
    """Turns sqlite3's errors into HomeBusy, HomeReadOnly, DiskFull, StorageError or Unusable.

    The codes are those of https://www.sqlite.org/rescode.html.
    """
    where = printable(str(path or "memory"), longest=500)
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0)
        primary = code & 0xFF
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise HomeBusy(f"Another process is writing {where}.", path=where) from error
        if primary == sqlite3.SQLITE_FULL:
            raise DiskFull(f"There is no room left to write {where}.", path=where) from error
        if primary == sqlite3.SQLITE_READONLY and code != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise HomeReadOnly(f"{where} cannot be written to.", path=where) from error
        if primary == sqlite3.SQLITE_IOERR:
            reason = printable(str(error))
            raise StorageError(f"The disk refused {where}: {reason}.", path=where) from error
        raise Unusable(str(error)) from error


def pack(value: object) -> bytes:
    """``value`` as MessagePack behind its CRC-32: damage is noticed, not served."""
    data = msgspec.msgpack.encode(value)
    return zlib.crc32(data).to_bytes(4, "big") + data


@lru_cache
def _decoder(kind: Hashable) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(cast("type[Any]", kind))


def unpack(data: object, kind: type[Value]) -> Value:
    """The value that ``pack`` wrote. Raises Unusable when the bytes are not what it wrote."""
    if not isinstance(data, bytes) or zlib.crc32(data[4:]).to_bytes(4, "big") != data[:4]:
        raise Unusable("a damaged value")
    try:
        found: Value = _decoder(cast("Hashable", kind)).decode(data[4:])
    except msgspec.MsgspecError as error:
        raise Unusable("a value of another make") from error
    return found
