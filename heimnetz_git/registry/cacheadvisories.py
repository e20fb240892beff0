"""Advisories kept on this machine: OSV dumps imported into SQLite, asked by package name.

A dump is a zip archive of JSON files, one record each, as osv.dev publishes them for each
ecosystem. Records are kept whole and looked up by (ecosystem, name); a record that comes again
replaces the older one, so the newest dump wins and withdrawals arrive.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from heimnetz_git.errors import FileMissing, InvalidFile, StorageError, printable
from heimnetz_git.model.osv import Record, decode, normal_name
from heimnetz_git.model.report import SILENT, Reporter

__all__ = ["AdvisoryStore", "Imported"]

LARGEST_RECORD = 16 << 20
LARGEST_DUMP = 8 << 30
MOST_RECORDS = 2_000_000
_VERSION = 1
_SCHEMA = """
CREATE TABLE record (
    id TEXT PRIMARY KEY, modified TEXT NOT NULL, withdrawn TEXT NOT NULL, data BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE target (
    ecosystem TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (ecosystem, name, id)
) WITHOUT ROWID;
CREATE INDEX target_id ON target (id);
"""


class Imported(NamedTuple):
    """What a dump brought: records read, of them new or newer, and files that are no records."""

    records: int
    changed: int
    skipped: tuple[str, ...]


class AdvisoryStore:
    """The advisories of this machine; a context manager. One file, several processes."""

    def __init__(self, path: Path, *, timeout: float = 10.0) -> None:
        """Open or make the file at ``path``; one of another form is made anew, being a copy.

        Raises StorageError.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._link = _opened(path, timeout)
        except (OSError, sqlite3.Error) as error:
            raise self._fault(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._link.close()

    def __len__(self) -> int:
        """How many records stand, withdrawn ones not counted."""
        (count,) = self._link.execute("SELECT count(*) FROM record WHERE withdrawn = ''").fetchone()
        return int(count)

    @property
    def as_of(self) -> str:
        """When the newest record was modified (RFC 3339, UTC); empty when there is none."""
        (newest,) = self._link.execute("SELECT max(modified) FROM record").fetchone()
        return str(newest or "")

    def import_dump(self, dump: Path, *, reporter: Reporter = SILENT) -> Imported:
        """Take in a zip archive of records; all of it or, when it is broken, nothing.

        Raises FileMissing, InvalidFile for what is no such archive or too large, StorageError.
        """
        if not dump.is_file():
            raise FileMissing(f"There is no file {printable(str(dump), longest=400)}.")
        try:
            with zipfile.ZipFile(dump) as archive, self._writing():
                return self._take(archive, reporter)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            said = printable(str(error))
            raise InvalidFile(
                f"{printable(dump.name)} is no whole zip archive: {said}.",
                hint="Fetch it again; what was imported before stays.",
            ) from None

    def records(self, ecosystem: str, names: Iterable[str]) -> dict[str, list[Record]]:
        """The records that name a package of the ecosystem, withdrawn ones among them, by name."""
        found: dict[str, list[Record]] = {}
        for name in {normal_name(ecosystem, name) for name in names}:
            rows = self._link.execute(
                "SELECT data FROM target JOIN record USING (id)"
                " WHERE ecosystem = ? AND name = ? ORDER BY id",
                (ecosystem, name),
            )
            records = [decode(zlib.decompress(data)) for (data,) in rows]
            if records:
                found[name] = records
        return found

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._link.execute("BEGIN IMMEDIATE")
            yield
            self._link.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                self._link.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._fault(error) from error
            raise

    def _take(self, archive: zipfile.ZipFile, reporter: Reporter) -> Imported:
        members = [one for one in archive.infolist() if one.filename.endswith(".json")]
        if len(members) > MOST_RECORDS or sum(one.file_size for one in members) > LARGEST_DUMP:
            raise InvalidFile("The archive is larger than any dump of advisories.")
        records, changed = 0, 0
        skipped: list[str] = []
        reporter.start("Reading advisories", len(members))
        try:
            for member in members:
                with archive.open(member) as stream:
                    data = _bounded(stream)
                try:
                    if data is None:
                        raise ValueError("it is too large")
                    changed += self._put(decode(data), data)
                    records += 1
                except ValueError:
                    skipped.append(member.filename)
                reporter.advance(1)
        finally:
            reporter.done()
        if not records:
            raise InvalidFile(
                "There is no OSV record in the archive.",
                hint="Take an ecosystem's all.zip, as osv.dev publishes it.",
            )
        return Imported(records, changed, tuple(skipped))

    def _put(self, record: Record, data: bytes) -> bool:
        """Keep a record unless a newer one is here; whether it was kept."""
        known = self._link.execute(
            "SELECT modified FROM record WHERE id = ?", (record.id,)
        ).fetchone()
        if known is not None and known[0] >= record.modified:
            return False
        self._link.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)",
            (record.id, record.modified, record.withdrawn or "", zlib.compress(data, 6)),
        )
        self._link.execute("DELETE FROM target WHERE id = ?", (record.id,))
        packages = (one.package for one in record.affected or () if one.package)
        self._link.executemany(
            "INSERT OR IGNORE INTO target VALUES (?, ?, ?)",
            [(one.ecosystem, normal_name(one.ecosystem, one.name), record.id) for one in packages],
        )
        return True

    def _fault(self, error: Exception) -> StorageError:
        where = printable(str(self.path), longest=400)
        return StorageError(f"The advisories in {where}: {printable(str(error))}.")


def _bounded(stream: IO[bytes]) -> bytes | None:
    """A member's bytes; None for more than a record has, whatever the archive says of its size."""
    data = stream.read(LARGEST_RECORD + 1)
    return data if len(data) <= LARGEST_RECORD else None


def _opened(path: Path, timeout: float) -> sqlite3.Connection:
    link = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    try:
        try:
            (version,) = link.execute("PRAGMA user_version").fetchone()
            tables = link.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        except sqlite3.DatabaseError:
            link.close()
            path.unlink()  # a copy of what can be imported again
            return _opened(path, timeout)
        if version != _VERSION and tables:
            link.close()
            path.unlink()
            return _opened(path, timeout)
        if version != _VERSION:
            link.execute("BEGIN IMMEDIATE")
            if link.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                for statement in _SCHEMA.split(";"):
                    link.execute(statement)
                link.execute(f"PRAGMA user_version = {_VERSION}")
            link.execute("COMMIT")
    except BaseException:
        link.close()
        raise
    return link
