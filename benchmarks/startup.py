"""The CPU time of ``--version`` and ``--help`` as a ratio to ``python -c "import click"``."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

ROUNDS = 25
LIMIT = 1.7
PYTHON = sys.executable
START = "import sys; from heimnetz_git.cli.main import main; sys.exit(main())"

BASE = [PYTHON, "-c", "import click"]
CASES = {
    "--version": [PYTHON, "-c", START, "--version"],
    "--help": [PYTHON, "-c", START, "--help"],
    "index --help": [PYTHON, "-c", START, "index", "--help"],
}


def cpu(command: list[str]) -> float:
    """User and system seconds of one child (POSIX: wait4)."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def ratio(command: list[str], rounds: int = ROUNDS) -> tuple[float, float]:
    """Median of paired ratios to the base, and the command's median seconds; one warm-up first."""
    cpu(command), cpu(BASE)
    pairs = [(cpu(command), cpu(BASE)) for _ in range(rounds)]
    return (
        statistics.median(mine / base for mine, base in pairs),
        statistics.median(mine for mine, _ in pairs),
    )


def main() -> int:
    """Print a line per case; 1 when one is above the limit."""
    print(f'CPU time against python -c "import click", {ROUNDS} pairs, limit {LIMIT}')
    worst = 0.0
    for name, command in CASES.items():
        found, seconds = ratio(command)
        worst = max(worst, found)
        print(f"  heimnetz-git {name:<14} {found:5.2f}x   {seconds * 1000:6.1f} ms")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
