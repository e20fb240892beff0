"""The host's journal: a line before each act, so that after a crash the suspect has a name."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from heimnetz_git.host.lifecycle import TRANSIENT, Row, State

__all__ = ["CLOSED", "Journal", "last_rows", "suspects"]

CLOSED = "\0closed"
"""The name in the line that a host writes last when it ends in good order."""
LONGEST = 4 << 20
"""Bytes from which on the journal is written anew, with the last line of each plugin."""


class Journal:
    """An append-only file of JSON lines. ``rows`` are those that were there when it was opened.

    A torn last line (the machine went down while it was written) is left out. One write per line
    and no wait for the disk: what has to survive is the end of the process.
    """

    def __init__(self, path: Path, *, run: str, now: Callable[[], float]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = tuple(_read(path))
        self._run = run
        self._now = now
        self._lock = threading.Lock()
        if path.exists() and path.stat().st_size > LONGEST:
            _rewrite(path, last_rows(self.rows).values())
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._mend(path)

    def _mend(self, path: Path) -> None:
        """End a torn line, so that the next one is whole."""
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.write(self._file, b"\n")

    def note(
        self, plugin: str, version: str, state: State, reason: str, disabled_by: tuple[str, ...]
    ) -> None:
        """Write a line."""
        row = Row(self._run, self._now(), plugin, version, state, reason[:500], disabled_by)
        with self._lock:
            if self._file >= 0:
                os.write(self._file, msgspec.json.encode(row) + b"\n")

    def close(self) -> None:
        """Write that the host ended in good order."""
        self.note(CLOSED, "", State.STOPPED, "", ())
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1


def last_rows(rows: Iterable[Row]) -> dict[str, Row]:
    """The last line of each plugin."""
    found: dict[str, Row] = {}
    for row in rows:
        found.pop(row.plugin, None)
        found[row.plugin] = row
    return found


def suspects(rows: Iterable[Row]) -> tuple[str, ...]:
    """The plugins that were in the middle of something when the last host ended abruptly."""
    rows = tuple(rows)
    if not rows or rows[-1].plugin == CLOSED:
        return ()
    run = rows[-1].run
    last = last_rows(row for row in rows if row.run == run)
    return tuple(name for name, row in last.items() if row.state in TRANSIENT)


def _read(path: Path) -> list[Row]:
    """The lines that are whole."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    decoder = msgspec.json.Decoder(Row)
    found = []
    for line in filter(None, lines):
        try:
            found.append(decoder.decode(line))
        except msgspec.MsgspecError:
            continue
    return found


def _rewrite(path: Path, rows: Iterable[Row]) -> None:
    """Write the journal anew, aside and then in its place."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    aside.replace(path)
