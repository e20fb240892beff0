"""What a failed run says, and the exit code it ends with."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import click

from heimnetz_git.cli.output import Output, safe_lines
from heimnetz_git.errors import DiskFull, HeimnetzError, StorageError, UsageError, printable

__all__ = ["EXIT_CODES", "INTERNAL", "INTERRUPTED", "Interrupted", "report"]

INTERNAL = 70
INTERRUPTED = 130

EXIT_CODES: dict[int, str] = {
    0: "It worked.",
    1: "It failed; the message says why.",
    2: "The call is wrong: an unknown, missing or contradictory argument or setting.",
    3: "There is nothing of that name.",
    4: "Trust or permission refused it; nothing was changed.",
    5: "What came is not what was promised; nothing was installed.",
    6: "A rule of this machine's operator forbids it.",
    7: "The network did not answer, or was forbidden by --offline.",
    8: "The lock is out of date.",
    9: "A check found something.",
    INTERNAL: "A fault in heimnetz-git itself.",
    INTERRUPTED: "Interrupted (Ctrl-C).",
    141: "The program that read the output went away.",
}


class Interrupted(HeimnetzError):
    """The run was stopped by Ctrl-C."""

    code = "interrupted"
    exit_code = INTERRUPTED
    hint = "What was begun and not finished is cleaned up by the next run."


class InternalError(HeimnetzError):
    """A fault in heimnetz-git itself."""

    code = "internal"
    exit_code = INTERNAL
    hint = (
        "Please report it with the command and the output of the same command with -v:"
        " it is not your fault."
    )


def report(error: BaseException, arguments: Sequence[str]) -> int:
    """Print what ``error`` means to the one who typed ``arguments``; returns the exit code."""
    output = Output.for_arguments(arguments)
    known = understand(error)
    if output.as_json:
        output.document({"schema": "heimnetz-git/error/1", "error": document(known)})
    else:
        _tell(known, output)
    if output.verbose and not isinstance(error, HeimnetzError | click.ClickException):
        output.tell(safe_lines("".join(traceback.format_exception(error))))
    return known.exit_code


def understand(error: BaseException) -> HeimnetzError:
    """Any exception as one of the ladder."""
    if isinstance(error, HeimnetzError):
        return error
    for kind, translate in TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return InternalError(f"Something went wrong inside heimnetz-git: {safe_lines(said)}")


def _from_click(error: Any) -> HeimnetzError:
    context = getattr(error, "ctx", None)
    hint = f"See '{context.command_path} --help'." if context else UsageError.hint
    return UsageError(safe_lines(error.format_message()), hint=hint)


def _from_interrupt(_: Any) -> HeimnetzError:
    return Interrupted("Interrupted.")


def _from_os(error: Any) -> HeimnetzError:
    where = f" ({printable(str(error.filename))})" if error.filename else ""
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
    return kind(f"{error.strerror or type(error).__name__}{where}.")


def _from_recursion(_: Any) -> HeimnetzError:
    return HeimnetzError("The input is nested too deeply.", hint="Simplify it.")


TRANSLATIONS: tuple[tuple[type[BaseException], Callable[[Any], HeimnetzError]], ...] = (
    (click.ClickException, _from_click),
    (KeyboardInterrupt, _from_interrupt),
    (OSError, _from_os),
    (RecursionError, _from_recursion),
)


def document(error: HeimnetzError) -> dict[str, Any]:
    """An error as JSON values; its cause's facts are kept, whatever they are."""
    return {
        "code": error.code,
        "message": str(error),
        "hint": error.hint,
        "exit_code": error.exit_code,
        "problems": list(error.problems),
        "facts": error.facts,
    }


def _tell(error: HeimnetzError, output: Output) -> None:
    head = click.style(f"error[{error.code}]:", fg="red", bold=True)
    output.tell(f"{head} {safe_lines(str(error))}")
    for problem in error.problems:
        output.tell(f"  {safe_lines(str(problem))}")
    output.tell(f"{click.style('hint:', bold=True)} {error.hint}")
