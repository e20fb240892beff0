"""G13: what the program costs to start, against a Python that does nothing.

``python -m benchmarks.startup [--quick]``. Whole processes in turns, CPU time: ``--version``, the
completion of a command's name as a shell asks for it, and ``--help``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.measure import BARE, Row, paired, run, show

START = "import sys; from heimnetz_git.cli.main import main; sys.exit(main())"
ASKED = {
    "_HEIMNETZ_GIT_COMPLETE": "bash_complete",
    "COMP_WORDS": "heimnetz-git in",
    "COMP_CWORD": "1",
}
COMPLETING = f"import os; os.environ.update({ASKED}); {START}"
PROGRAM = (sys.executable, "-I", "-c")
CASES = (
    ("--version", (*PROGRAM, START, "--version"), 1.3),
    ("completion of a command", (*PROGRAM, COMPLETING), 1.3),
    ("--help", (*PROGRAM, START, "--help"), 4.2),
    ("index --help", (*PROGRAM, START, "index", "--help"), 4.2),
)


def measure(job: str, command: Sequence[str], wanted: float, *, rounds: int) -> Row:
    """A row for one way to start; the first turn of both is not counted."""
    paired(lambda: run(command), lambda: run(BARE), 1)
    ratio, ours, bare = paired(lambda: run(command), lambda: run(BARE), rounds)
    return Row(
        "G13",
        job,
        f"<= {wanted}x CPU",
        f"{ratio:.2f}x ({ours.cpu * 1e3:.1f} ms)",
        f"python -I -c pass: {bare.cpu * 1e3:.1f} ms",
        ratio <= wanted,
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="once: only that it runs")
    parser.add_argument("--rounds", type=int, default=25)
    asked = parser.parse_args()
    rounds = 1 if asked.quick else asked.rounds
    show([measure(*case, rounds=rounds) for case in CASES])
    return 0


if __name__ == "__main__":
    sys.exit(main())
