"""What a whole process costs, and what two of them cost in turns on the same machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

__all__ = ["Cost", "Row", "paired", "run", "table"]

ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
Command = Sequence[str | os.PathLike[str]]


class Cost(NamedTuple):
    """CPU seconds of a process and all that it waited for; peak memory of the largest in MB."""

    cpu: float
    memory: float


class Row(NamedTuple):
    """A line of the table: the goal's number and words, ratio or figure, the peer's figure."""

    goal: str
    job: str
    wanted: str
    measured: str
    peer: str


def run(command: Command) -> Cost:
    """Run a program to its end (POSIX: wait4). Ends the benchmark when it fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **ALONE})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{[str(word) for word in command]} ended with {process.returncode}")
    kilo = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / kilo)


def paired(
    mine: Callable[[], Cost], peer: Callable[[], Cost], rounds: int
) -> tuple[float, Cost, Cost]:
    """The median of the ratios of CPU time, taken in turns, and the median cost of each."""
    pairs = [(mine(), peer()) for _ in range(rounds)]
    ratio = statistics.median(ours.cpu / theirs.cpu for ours, theirs in pairs)
    return ratio, _median([ours for ours, _ in pairs]), _median([theirs for _, theirs in pairs])


def _median(costs: list[Cost]) -> Cost:
    cpus, memories = zip(*costs, strict=True)
    return Cost(statistics.median(cpus), statistics.median(memories))


def table(rows: Sequence[Row]) -> str:
    """The rows with a heading, in columns."""
    lines = [Row("goal", "job", "wanted", "measured", "peer"), *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
