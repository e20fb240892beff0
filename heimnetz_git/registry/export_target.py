"""What an export is written to: a folder or a bucket, behind one small face."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from heimnetz_git.registry.export_folder import ExportFolder

__all__ = ["ExportTarget", "target_of"]


class ExportTarget(Protocol):
    """Files by paths with ``/``. No reader ever meets half of one.

    ``written`` counts those that are new or changed.
    """

    written: int

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, None when there is none."""
        ...

    def expect(self, paths: Iterable[str]) -> None:
        """These files will be read next: a bucket asks for them together."""
        ...

    def has(self, path: str, size: int) -> bool:
        """Whether a file of that many bytes is there."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """A file of these bytes, there at the latest after ``settle``."""
        ...

    def remove(self, path: str) -> None:
        """A file, if it is there."""
        ...

    def retire(self, path: str, when: int) -> None:
        """Notes since when (Unix time, or now) nothing refers to a file."""
        ...

    def retired(self, folder: str, before: int) -> Iterator[str]:
        """The files directly in a folder that were written or retired before then, sorted."""
        ...

    def settle(self) -> None:
        """All that was put is there for good when this returns."""
        ...

    def publish(self, path: str, data: bytes) -> None:
        """A file that others are looking at, replaced in one step that lasts."""
        ...


def target_of(place: Path | ExportTarget) -> ExportTarget:
    """The folder at a path, or what was given."""
    return ExportFolder(place) if isinstance(place, Path) else place
