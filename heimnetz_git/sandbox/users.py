"""The user that a plugin is on a host that runs as root, and what that user can reach."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

__all__ = ["give", "is_root", "plugin_user", "reachable"]

# Above the ranges that systemd and containers hand out (systemd.io/UIDS-GIDS); a small one for
# containers that only have 65,536 users, in a gap of the same table.
RANGES = ((1_900_000_000, 1 << 24), (60_706, 478))


def is_root() -> bool:
    """Does this process run as root (never on Windows)?"""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def plugin_user(owner: str, mapped: Iterable[tuple[int, int]]) -> int:
    """The number of the user and group that ``owner`` (a plugin's data) is, the same each time.

    ``mapped`` are the pairs (first, count) of users that exist in this user namespace. 0 if it has
    none to spare.
    """
    spans = tuple(mapped)
    number = int.from_bytes(hashlib.sha256(owner.encode()).digest()[:4], "big")
    for first, count in RANGES:
        if any(low <= first and first + count <= low + size for low, size in spans):
            return first + number % count
    return 0


def mapped_users() -> tuple[tuple[int, int], ...]:
    """The users of this user namespace as pairs (first, count), from ``/proc/self/uid_map``."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return ()
    return tuple((int(line.split()[0]), int(line.split()[2])) for line in lines)


def reachable(paths: Iterable[str]) -> bool:
    """Can any user come to each of ``paths``: may all enter its folder and the folders above?"""
    return all(
        parent.stat().st_mode & stat.S_IXOTH
        for path in paths
        for parent in Path(path).resolve().parents
        if parent.exists()
    )


def give(folder: Path, uid: int) -> None:
    """Make ``folder`` and all in it belong to ``uid``, unless it does already; follows no links."""
    if folder.lstat().st_uid == uid:
        return
    for _path, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, uid, uid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(folder, uid, uid, follow_symlinks=False)
