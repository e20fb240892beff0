"""What no limit of the kernel bounds: the files of a folder together, the memory of a tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from heimnetz_git.model.limits import Limits, size_in_bytes

__all__ = ["MOST_FILES", "Usage", "Watch", "children", "descendants", "usage_of"]

MOST_FILES = 20_000
"""How many files and folders a plugin's data may be."""
SLACK = 64 << 20
"""Bytes that an interpreter uses before the plugin does anything."""


class Usage:
    """Bytes and number of entries below a folder."""

    def __init__(self) -> None:
        self.size = 0
        self.entries = 0


def usage_of(folder: str | Path, *, most: int, most_entries: int = MOST_FILES) -> Usage:
    """What a folder holds, links not followed; stops counting beyond either bound."""
    found = Usage()
    waiting = [os.fspath(folder)]
    while waiting and found.size <= most and found.entries <= most_entries:
        for entry in _entries(waiting.pop()):
            found.entries += 1
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    found.size += entry.stat(follow_symlinks=False).st_blocks * 512
            if found.size > most or found.entries > most_entries:
                break
    return found


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, nothing if it cannot be listed."""
    with suppress(OSError), os.scandir(folder) as found:
        yield from found


class Watch:
    """Looks after one running plugin; ask ``exceeded`` every now and then.

    ``before`` is what the data folder may hold beyond the limit because it was there already.
    """

    def __init__(self, pid: int, data: str, limits: Limits) -> None:
        self._pid = pid
        self._data = data
        self._disk = size_in_bytes(limits.disk)
        self._memory = size_in_bytes(limits.memory)

    def exceeded(self) -> str:
        """What it uses too much of, as words; empty while it stays within its limits."""
        found = usage_of(self._data, most=self._disk)
        if found.size > self._disk:
            return f"more than {self._disk >> 20} MiB in its data folder"
        if found.entries > MOST_FILES:
            return f"more than {MOST_FILES} files in its data folder"
        family = [self._pid, *descendants(self._pid)]
        if sum(map(_memory_of, family)) > self._memory + SLACK:
            return f"more than {self._memory >> 20} MiB of memory in all its processes"
        return ""


def descendants(pid: int) -> list[int]:
    """The process ids of all children of ``pid`` and theirs (Linux; elsewhere none are known)."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        young = children(waiting.pop())
        found += young
        waiting += young
    return found


def children(pid: int) -> list[int]:
    """The process ids of the children of ``pid``; none of a process, or thread, that has gone."""
    found: list[int] = []
    with suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, path.read_text().split())
    return found


def _memory_of(pid: int) -> int:
    """Bytes of memory that are a process's own, or shared memory; 0 once it has gone."""
    total = 0
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) << 10
    return total
