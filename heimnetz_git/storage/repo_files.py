"""The files of an object store: indexes of packs, other stores that it borrows from, loose objects.

Formats: https://git-scm.com/docs/gitrepository-layout.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from heimnetz_git.errors import CorruptRepository, printable
from heimnetz_git.storage.packentry import DEFAULT_LIMITS, KINDS

__all__ = ["borrowed_from", "indexes", "read_loose"]


def borrowed_from(folder: Path) -> Iterator[Path]:
    """The object folders named in ``info/alternates`` of this one."""
    try:
        lines = (folder / "info" / "alternates").read_text("utf-8", "surrogateescape").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return
    for line in lines:
        if line and not line.startswith("#"):
            yield Path(os.path.normpath(folder / line))


def indexes(folder: Path) -> list[Path]:
    """The indexes of the packs in a folder; none when there is no such folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 # this is asked for each object that is not here
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [
        folder / name
        for name in sorted(names)
        if name.startswith("pack-") and name.endswith(".idx")
    ]


def read_loose(path: Path, oid: str) -> tuple[str, bytes]:
    """The kind and bytes in a file that holds one object, not checked against its id."""
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(path.read_bytes(), DEFAULT_LIMITS.largest)
        head, _, body = data.partition(b"\0")
        kind, _, size = head.decode("ascii").partition(" ")
        if not stream.eof or kind not in KINDS.values() or int(size) != len(body):
            raise ValueError("it is cut off, too long or of no known kind")
    except (OSError, ValueError, zlib.error) as error:
        said = printable(f"{type(error).__name__}: {error}")
        raise CorruptRepository(f"The object {oid} cannot be read ({said}).", oid=oid) from error
    return kind, body
