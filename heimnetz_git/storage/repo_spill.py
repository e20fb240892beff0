"""Objects laid down as they arrive, to be read again in another order and not unpacked twice.

A pack has objects in the order that suits its deltas; what reads an index wants them in the order
of its tree. Between the two lies one temporary file, so that memory does not grow with their size.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final, Self

from heimnetz_git.storage.repo_objects import writing

__all__ = ["LARGEST", "Spill"]

LARGEST: Final = (1 << 20) - 1
"""Bytes of an object that is kept; longer ones, such as wheels, are read where they lie."""
_BITS: Final = 20
_CHUNK = 1 << 18
_BLOCK = 1 << 12


class Spill:
    """Trees and blobs by their ids, as long as this is open; a context manager.

    ``take`` is an OnObject: what it is told was checked against its id already.
    """

    def __init__(self, folder: Path) -> None:
        """An empty one; its file lies in ``folder`` and has no name where the system allows."""
        self._places: dict[str, dict[bytes, int]] = {"tree": {}, "blob": {}}
        self._pending = bytearray()
        self._written = 0
        with writing(folder):
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 # see close

    def close(self) -> None:
        """Forget everything."""
        self._places = {}
        self._file.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def take(self, kind: str, oid: str, data: bytes) -> None:
        """Keep an object, if it is a tree or a blob that is not too long."""
        places = self._places.get(kind)
        if places is None or len(data) > LARGEST:
            return
        places[bytes.fromhex(oid)] = (self._written + len(self._pending)) << _BITS | len(data)
        self._pending += data
        if len(self._pending) > _CHUNK:
            self._flush()

    def get(self, kind: str, oid: str) -> bytes | None:
        """The bytes of an object of this kind, None when it is not here."""
        place = self._places.get(kind, {}).get(bytes.fromhex(oid))
        if place is None:
            return None
        if self._pending:
            self._flush()
        return self._read(place >> _BITS, place & LARGEST)

    def _read(self, start: int, length: int) -> bytes:
        if sys.platform == "win32":
            self._file.seek(start)
            return self._file.read(length) or b""
        return os.pread(self._file.fileno(), length, start)

    def _flush(self) -> None:
        with writing(Path(str(self._file.name))):
            view = memoryview(self._pending)
            while view:
                count = self._file.write(view) or 0
                self._written += count
                view = view[count:]
            view.release()
        self._pending = bytearray()
