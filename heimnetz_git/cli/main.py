"""The way in: answers what needs no command, and loads the command line for everything else."""

from __future__ import annotations

import atexit
import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # what typing and collections.abc cost is a fifth of what a bare Python does
    from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130
SELDOM = 100_000  # new objects between two looks for garbage; Python's own figure is 700


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program on ``argv`` (without its name) and return the exit code.

    Without ``argv`` on the process's own arguments, as the one thing that this process does.
    """
    if argv is None:
        _expect_a_short_life()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        said = _quick_answer(arguments)
        if said is not None:
            sys.stdout.write(said)
            return 0
        from heimnetz_git.cli.program import run
    except KeyboardInterrupt:  # so early that nothing was begun
        return INTERRUPTED
    return run(arguments)


def _expect_a_short_life() -> None:
    """Almost all that a start loads stays to the end: do not look through it again and again, nor
    on the way out. That is a tenth of what ``--help`` takes."""
    gc.set_threshold(SELDOM)
    atexit.register(gc.freeze)


def _quick_answer(arguments: list[str]) -> str | None:
    """The version, or how a command's name goes on; None for anything else."""
    if arguments in (["--version"], ["-V"]):
        from heimnetz_git.cli.version import VERSION

        return f"heimnetz-git {VERSION}\n"
    from heimnetz_git.cli.typing_ahead import complete

    return complete(os.environ)
