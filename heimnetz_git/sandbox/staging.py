"""Copies of code that the plugin's own user could not read, for a host that runs as root."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from heimnetz_git.errors import StorageError
from heimnetz_git.sandbox.watch import usage_of

__all__ = ["readable_by_all", "stand_in"]

LARGEST = 1 << 30
MOST_FILES = 50_000


def readable_by_all(path: Path) -> bool:
    """May any user read this file, or this folder and all in it?"""
    if path.is_file():
        return bool(path.stat().st_mode & stat.S_IROTH)
    for folder, _folders, files in os.walk(path):
        wanted = stat.S_IROTH | stat.S_IXOTH
        if Path(folder).stat().st_mode & wanted != wanted:
            return False
        if not all(_open_to_all(Path(folder, name)) for name in files):
            return False
    return True


def _open_to_all(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISLNK(mode) or bool(mode & stat.S_IROTH)


def stand_in(path: Path, folder: Path) -> Path:
    """A copy of a file or folder below ``folder`` that every user may read; links stay links.

    Raises StorageError for one that is too large.
    """
    target = folder / f"copy-{len(list(folder.iterdir()))}"
    if path.is_file():
        shutil.copyfile(path, target)
        target.chmod(0o444)
        return target
    found = usage_of(path, most=LARGEST, most_entries=MOST_FILES)
    if found.size > LARGEST or found.entries > MOST_FILES:
        raise StorageError(f"{path} is too large to be copied for a user who may not read it.")
    shutil.copytree(path, target, symlinks=True)
    for one in (target, *_all_below(target)):
        if not one.is_symlink():
            one.chmod(0o755 if one.is_dir() else 0o444)
    return target


def _all_below(folder: Path) -> Iterable[Path]:
    return folder.rglob("*")
