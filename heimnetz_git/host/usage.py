"""What a process and all that came of it use: processor time and memory, from /proc (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from heimnetz_git.sandbox.watch import children

__all__ = ["Usage", "usage"]

MOST_PROCESSES = 256


class Usage(NamedTuple):
    """``cpu`` in seconds, ``memory`` in bytes (proportional share), and how many processes."""

    cpu: float
    memory: int
    processes: int


def usage(pid: int) -> Usage:
    """What ``pid`` and its descendants use; zeros where the system does not tell."""
    cpu, memory, count = 0.0, 0, 0
    for one in family(pid):
        with suppress(OSError, ValueError, IndexError):
            cpu += _cpu(one)
            memory += _memory(one)
            count += 1
    return Usage(cpu, memory, count)


def family(pid: int) -> Iterator[int]:
    """A process and all that came of it."""
    waiting = [pid] if pid else []
    for _ in range(MOST_PROCESSES):
        if not waiting:
            return
        current = waiting.pop()
        yield current
        waiting += children(current)


def _cpu(pid: int) -> float:
    """Seconds of processor time (proc(5): fields 14 and 15 of ``stat``)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> int:
    """Bytes: the proportional share, or what is resident where that may not be read."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
