"""The folder that an export is written to: objects first and for good, what changes in one step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from heimnetz_git.storage.home import storage_errors, write_atomic

__all__ = ["ExportFolder"]

_FEW = 32  # files; beyond this one sync of the disk is cheaper than one for each


class ExportFolder:
    """A folder by paths with ``/``; every write is aside and then moved, so no reader sees half."""

    def __init__(self, root: Path) -> None:
        """``root`` is made with the first file."""
        self.root = root
        self.written = 0
        self._unsettled: list[Path] = []
        self._made: set[Path] = set()

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None when there is none."""
        with storage_errors(self.root / path):
            try:
                return (self.root / path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def expect(self, paths: Iterable[str]) -> None:
        """These files will be read next; a disk needs no notice."""

    def has(self, path: str, size: int) -> bool:
        """Whether a file of that many bytes is there."""
        with storage_errors(self.root / path):
            try:
                return (self.root / path).stat().st_size == size
            except (FileNotFoundError, NotADirectoryError):
                return False

    def put(self, path: str, data: bytes) -> None:
        """A file of these bytes: nothing to do when it is there, written when it is damaged."""
        if self.read(path) != data:
            self._write(path, data)

    def remove(self, path: str) -> None:
        """A file, if it is there, and its folder when that is empty then."""
        target = self.root / path
        with storage_errors(target):
            target.unlink(missing_ok=True)
            if target.parent.is_dir() and not any(target.parent.iterdir()):
                target.parent.rmdir()

    def retire(self, path: str, when: int) -> None:
        """Notes, as the file's time, since when nothing refers to it."""
        with storage_errors(self.root / path):
            if (self.root / path).exists():
                os.utime(self.root / path, (when, when))

    def retired(self, folder: str, before: int) -> Iterator[str]:
        """The files directly in a folder that were written or retired before then, sorted."""
        place = self.root / folder
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            with storage_errors(path):
                if path.stat().st_mtime <= before:
                    yield f"{folder}/{path.name}"

    def settle(self) -> None:
        """All that was written is on the disk when this returns."""
        if len(self._unsettled) > _FEW and hasattr(os, "sync"):
            os.sync()
            self._unsettled.clear()
        with storage_errors(self.root):
            for path in self._unsettled:
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
        self._unsettled.clear()

    def publish(self, path: str, data: bytes) -> None:
        """A file that others are looking at, replaced in one step that lasts."""
        write_atomic(self.root / path, data)
        self.written += 1

    def _write(self, path: str, data: bytes) -> None:
        target = self.root / path
        with storage_errors(target):
            if target.parent not in self._made:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(target.parent)
            aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            aside.write_bytes(data)
            aside.replace(target)
        self._unsettled.append(target)
        self.written += 1
