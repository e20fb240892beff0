"""The program as a whole: runs a command line and turns whatever happens into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from heimnetz_git.cli.command import LazyGroup, flags_of, help_when_alone
from heimnetz_git.cli.typing_ahead import COMPLETE_VARIABLE

__all__ = ["PROGRAM", "Program", "program", "run"]

PROGRAM = "heimnetz-git"
INTERRUPTED = 130


class Program(LazyGroup):
    """The root group; ``main`` never lets an exception out but SystemExit."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run on ``args`` and exit, as click's own ``main`` does in standalone mode."""
        sys.exit(run(list(sys.argv[1:] if args is None else args)))


def _note_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    flags_of(context)["version"] = value


@click.pass_context
def _without_command(context: click.Context) -> None:
    """Print the version if that was asked for, else help."""
    if not flags_of(context).get("version"):
        help_when_alone()
        return
    from heimnetz_git.cli.output import Answer, Output
    from heimnetz_git.cli.version import VERSION

    answer = Answer({"version": VERSION}, [f"{PROGRAM} {VERSION}"])
    Output.of(flags_of(context)).show(answer, f"{PROGRAM}/version/1")
    context.exit()


program = Program(
    help="A plugin registry that is a Git repository, and the toolkit around it.",
    params=[
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            expose_value=False,
            callback=_note_version,
            help="Print the version and end.",
        )
    ],
    examples=(
        "search wake",
        "install wake-on-lan",
        "run wake-on-lan wake --param mac=00:11:22:33:44:55",
        "index add acme https://git.example.org/acme/plugins.git",
    ),
    callback=_without_command,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run(arguments: list[str]) -> int:
    """Run one command line; every outcome is a code and at most one message, never a trace."""
    if COMPLETE_VARIABLE in os.environ:
        return _complete()
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
    except (KeyboardInterrupt, click.Abort):
        return _report(arguments, KeyboardInterrupt())
    except Exception as error:  # the outermost place: whatever it is gets a message and a code
        return _report(arguments, error)
    return code


def _invoke(arguments: list[str]) -> int:
    try:
        with program.make_context(PROGRAM, list(arguments)) as context:
            result = program.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return result if isinstance(result, int) else 0


def _report(arguments: list[str], error: BaseException) -> int:
    """Say what went wrong and return its code; a second interrupt or a closed pipe ends it."""
    from heimnetz_git.cli.failure import report

    try:
        return report(error, arguments)
    except BrokenPipeError:
        return _reader_left()
    except KeyboardInterrupt:
        return INTERRUPTED


def _reader_left() -> int:
    """Who read our output has gone: end quietly, as programs in a pipe do."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(quiet, stream.fileno())
        except (OSError, ValueError):
            continue
    return 141


def _complete() -> int:
    """Answer the shell's completion script; a completion that fails says nothing."""
    from click.shell_completion import shell_complete

    from heimnetz_git.cli import completion  # registers PowerShell

    completion.register()
    try:
        return shell_complete(
            program, {}, PROGRAM, COMPLETE_VARIABLE, os.environ[COMPLETE_VARIABLE]
        )
    except Exception:  # a trace in the middle of typing helps nobody
        return 1
