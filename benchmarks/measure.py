"""What a whole process costs, and what two of them cost in turns on the same machine."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["BARE", "ROWS", "Command", "Cost", "Row", "by_clock", "paired", "run", "show", "table"]

ROWS = "HEIMNETZ_GIT_BENCHMARK_ROWS"
"""The variable that names a file to which ``show`` adds its rows: what ``make bench`` ends with."""

BARE = (sys.executable, "-I", "-c", "pass")
"""The least that any Python program costs; what start-up is compared with."""

ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
Command = Sequence[str | os.PathLike[str]]


class Cost(NamedTuple):
    """CPU seconds of a process and all that it waited for; peak memory of the largest in MB.

    ``wall`` is what it took by the clock, in seconds.
    """

    cpu: float
    memory: float
    wall: float = 0.0


class Row(NamedTuple):
    """A line of the table: the goal's number and words, ratio or figure, the peer's figure.

    ``met`` is None where there is no goal; ``why`` says what keeps a goal from being met.
    """

    goal: str
    job: str
    wanted: str
    measured: str
    peer: str
    met: bool | None = None
    why: str = ""


def run(command: Command) -> Cost:
    """Run a program to its end (POSIX: wait4). Ends the benchmark when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **ALONE})
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{[str(word) for word in command]} ended with {process.returncode}")
    kilo = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / kilo, wall)


def paired(
    mine: Callable[[], Cost], peer: Callable[[], Cost], rounds: int
) -> tuple[float, Cost, Cost]:
    """The median of the ratios of CPU time, taken in turns, and the median cost of each."""
    return _paired(mine, peer, rounds, lambda cost: cost.cpu)


def by_clock(
    mine: Callable[[], Cost], peer: Callable[[], Cost], rounds: int
) -> tuple[float, Cost, Cost]:
    """The same of the time by the clock: for jobs that mostly wait for somebody else."""
    return _paired(mine, peer, rounds, lambda cost: cost.wall)


def _paired(
    mine: Callable[[], Cost],
    peer: Callable[[], Cost],
    rounds: int,
    figure: Callable[[Cost], float],
) -> tuple[float, Cost, Cost]:
    pairs = [(mine(), peer()) for _ in range(rounds)]
    ratio = statistics.median(figure(ours) / figure(theirs) for ours, theirs in pairs)
    return ratio, _median([ours for ours, _ in pairs]), _median([theirs for _, theirs in pairs])


def _median(costs: list[Cost]) -> Cost:
    return Cost(*(statistics.median(figures) for figures in zip(*costs, strict=True)))


def show(rows: Sequence[Row]) -> None:
    """Print the table, and keep its rows for the one table at the end where ROWS asks for it."""
    print(table(rows), flush=True)
    if os.environ.get(ROWS):
        with Path(os.environ[ROWS]).open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in rows)


def table(rows: Sequence[Row]) -> str:
    """The rows with a heading, in columns; below them why some goals are not met."""
    lines = [("goal", "job", "wanted", "measured", "peer", "met")]
    lines += [(*row[:5], "" if row.met is None else "yes" if row.met else "NO") for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    reasons = dict.fromkeys(f"{row.goal}: {row.why}" for row in rows if row.why and not row.met)
    return "\n".join(
        [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        + list(reasons)
    )
