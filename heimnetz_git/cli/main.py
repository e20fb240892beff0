"""The way in: answers ``--version`` by itself and loads the command line for everything else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program on ``argv`` (without its name) and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        from heimnetz_git.cli.version import VERSION

        sys.stdout.write(f"heimnetz-git {VERSION}\n")
        return 0
    try:
        from heimnetz_git.cli.program import run
    except KeyboardInterrupt:  # so early that nothing was begun
        return INTERRUPTED
    return run(arguments)
