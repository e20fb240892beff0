"""A folder's files, read within bounds; links and what is not read are findings themselves."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from heimnetz_git.errors import FileMissing, printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.members import Unpacked

__all__ = ["read_tree"]

MOST_FILES = 20_000
LARGEST_TREE = 256 << 20
_NOT_SOURCE = frozenset({".git", ".hg", ".svn"})


def read_tree(folder: Path) -> Unpacked:
    """The files below ``folder`` by their path with ``/``, those of version control left out.

    Links are not followed. Raises FileMissing.
    """
    if not folder.is_dir():
        raise FileMissing(f"There is no folder {printable(str(folder))}.", path=str(folder))
    files: dict[str, bytes] = {}
    odd: list[Finding] = []
    size = 0
    for name, entry in _entries(folder, odd):
        try:
            status = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                odd.append(_unseen(name, "is a link or a device"))
                continue
            size += status.st_size
            if len(files) >= MOST_FILES or size > LARGEST_TREE:
                odd.append(_unseen(name, "and what follows it is past the scanner's bounds"))
                break
            files[name] = Path(entry.path).read_bytes()
        except OSError as error:
            odd.append(_unseen(name, f"cannot be read ({error.strerror or type(error).__name__})"))
    return Unpacked(files, tuple(odd))


def _entries(folder: Path, odd: list[Finding]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder but folders, sorted, without recursion."""
    stack: list[tuple[str, str]] = [("", str(folder))]
    while stack:
        prefix, path = stack.pop()
        try:
            with os.scandir(path) as listed:
                entries = sorted(listed, key=lambda one: one.name)
        except OSError:
            odd.append(_unseen(prefix.rstrip("/"), "is a folder that cannot be read"))
            continue
        for entry in entries:
            name = prefix + entry.name.encode("utf-8", "backslashreplace").decode()
            if not entry.is_dir(follow_symlinks=False):
                yield name, entry
            elif entry.name not in _NOT_SOURCE:
                stack.append((f"{name}/", entry.path))


def _unseen(name: str, said: str) -> Finding:
    message = f"{printable(name)} {said}: it was not analysed."
    return Finding("not-analysed", Severity.MEDIUM, message, Location(name))
