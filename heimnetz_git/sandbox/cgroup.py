"""Control groups: bounds on the memory and the number of processes of a whole tree.

Version 2 where a group of our own can be made below the one that this process is in (root, or a
systemd user scope that delegates), else version 1 where root can. Source:
``Documentation/admin-guide/cgroup-v2.rst`` of the kernel.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["Group", "controllers"]

WANTED = ("memory", "pids")
FILES = {
    2: {"memory": "memory.max", "pids": "pids.max"},
    1: {"memory": "memory.limit_in_bytes", "pids": "pids.max"},
}
GONE_WITHIN = 1.0


class Group:
    """A control group for one plugin's tree; its limits hold for all processes in it together."""

    def __init__(self, folders: Mapping[str, tuple[int, Path]], name: str) -> None:
        """``folders`` are, by controller, the version and the group to make it in."""
        self._folders = {what: (version, path / name) for what, (version, path) in folders.items()}

    @classmethod
    def make(cls, name: str, *, memory: int, processes: int) -> Group | None:
        """A group that may use so many bytes and processes, None where there is no way."""
        _sweep()
        group = cls(_places(), f"heimnetz-{name}")
        made = [
            group._set("memory", str(memory)),  # of this class
            group._set("pids", str(processes)),
        ]
        return group if any(made) else None

    def _set(self, what: str, value: str) -> bool:
        """Set one bound, making the group if it is missing; was that possible?"""
        if what not in self._folders:
            return False
        version, folder = self._folders[what]
        try:
            folder.mkdir(exist_ok=True)
            (folder / FILES[version][what]).write_text(value)
        except OSError:
            return False
        return True

    def add(self, pid: int) -> None:
        """Put a process, and all that it will start, into the group. Raises OSError."""
        for version, folder in set(self._folders.values()):
            with suppress(OSError):
                if version == 1:
                    folder.mkdir(exist_ok=True)
            if folder.is_dir():
                (folder / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Take the group away once its processes are gone; tried for GONE_WITHIN seconds."""
        deadline = time.monotonic() + GONE_WITHIN
        waiting = {folder for _version, folder in self._folders.values() if folder.is_dir()}
        while waiting and time.monotonic() < deadline:
            for folder in tuple(waiting):
                with suppress(OSError):
                    folder.rmdir()
                    waiting.discard(folder)
            if waiting:
                time.sleep(0.01)


@cache
def _sweep() -> None:
    """Take away, once, what hosts that were killed have left behind: ``heimnetz-HOST-PLUGIN``."""
    for _version, folder in set(_places().values()):
        for left in folder.glob("heimnetz-*-*"):
            host = left.name.split("-")[1]
            if host.isdigit() and not Path(f"/proc/{host}").exists():
                with suppress(OSError):
                    left.rmdir()


@cache
def controllers() -> tuple[str, ...]:
    """Which of WANTED can be used here, sorted."""
    return tuple(sorted(_places()))


@cache
def _places() -> dict[str, tuple[int, Path]]:
    """By controller: the version, and the group of this process if others can be made in it."""
    found: dict[str, tuple[int, Path]] = {}
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        own = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return found
    paths = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in own if line.count(":") >= 2}
    for line in mounts:
        before, _, after = line.partition(" - ")
        kind, point = after.split()[0], before.split()[4]
        if kind == "cgroup2":
            found |= _version_two(Path(point + paths.get("", "/")))
        elif kind == "cgroup":
            found |= _version_one(Path(point), after.split()[2], paths)
    return found


def _version_two(folder: Path) -> dict[str, tuple[int, Path]]:
    """The controllers that groups made in ``folder`` would have."""
    try:
        given = (folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        return {}
    return {what: (2, folder) for what in WANTED if what in given and os.access(folder, os.W_OK)}


def _version_one(
    point: Path, options: str, paths: Mapping[str, str]
) -> dict[str, tuple[int, Path]]:
    """The controllers of one hierarchy of the old kind."""
    names = [name for name in options.split(",") if name in WANTED]
    found = {}
    for name in names:
        where = next((path for key, path in paths.items() if name in key.split(",")), "/")
        folder = Path(f"{point}{where}")
        if os.access(folder, os.W_OK) and folder.is_dir():
            found[name] = (1, folder)
    return found
