"""How a command is made: lazy groups in panels, options that all share, help with examples."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli.directory import COMMANDS, GROUPS, PANELS, Entry, rows

if TYPE_CHECKING:
    from heimnetz_git.cli.output import Answer

__all__ = ["LazyGroup", "ToolCommand", "command", "flags_of", "help_when_alone", "shared_options"]

FLAGS = "heimnetz_git.flags"
SHARED_TITLE = "Options of every command"


def flags_of(context: click.Context) -> dict[str, Any]:
    """The shared options given so far, at the program and after the command alike."""
    flags: dict[str, Any] = context.meta.setdefault(FLAGS, {})
    return flags


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Note a shared option that was given; one that was not leaves an earlier one alone."""
    flags = flags_of(context)
    name = option.name or ""
    if name == "verbose":
        flags[name] = flags.get(name, 0) + value
    elif value not in (None, False):
        flags[name] = value


class SharedOption(click.Option):
    """An option that every command takes and none handles itself."""

    def __init__(self, *declarations: str, **attributes: Any) -> None:
        super().__init__(declarations, expose_value=False, callback=_keep, **attributes)


def shared_options() -> list[click.Parameter]:
    """New instances of the options that every command takes."""
    return [
        SharedOption("--json", is_flag=True, help="Print one JSON document."),
        SharedOption("-q", "--quiet", is_flag=True, help="Say only what was asked for."),
        SharedOption("-v", "--verbose", count=True, help="Say more; twice for even more."),
        SharedOption(
            "--color", type=click.Choice(["auto", "always", "never"]), help="When to use colour."
        ),
        SharedOption("--offline", is_flag=True, help="Use what is already here, no network."),
        SharedOption("--no-input", is_flag=True, help="Never ask; refuse instead."),
        SharedOption("--home", metavar="DIR", help="Where plugins and indexes are kept."),
    ]


def _section(formatter: click.HelpFormatter, title: str, records: list[tuple[str, str]]) -> None:
    if records:
        with formatter.section(title):
            formatter.write_dl(records)


class HelpMixin(click.Command):
    """Help with the shared options apart and examples at the end."""

    examples: tuple[str, ...] = ()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, a group's commands, then what all commands share."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and isinstance(parameter, click.Option):
                (shared if isinstance(parameter, SharedOption) else own).append(record)
        _section(formatter, "Options", own)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        _section(formatter, SHARED_TITLE, shared)

    def format_epilog(
        self,
        ctx: click.Context,  # noqa: ARG002 # click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the examples as they would be typed."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}heimnetz-git {example}\n")


class ToolCommand(HelpMixin):
    """A command with the shared options and examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **attributes: Any) -> None:
        attributes["params"] = [*(attributes.get("params") or ()), *shared_options()]
        super().__init__(*args, **attributes)
        self.examples = tuple(examples)


class LazyGroup(HelpMixin, click.Group):
    """A group that knows its commands by the table and imports the one that is called."""

    def __init__(
        self, prefix: str = "", *, examples: Sequence[str] = (), **attributes: Any
    ) -> None:
        super().__init__(
            name=prefix or "heimnetz-git",
            params=[*attributes.pop("params", ()), *shared_options()],
            invoke_without_command=True,
            callback=attributes.pop("callback", help_when_alone),
            **attributes,
        )
        self.prefix = prefix
        self.examples = tuple(examples)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        """The names of the commands, in the order of the table."""
        return [name for name, _, _ in rows(self.prefix)]

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 # click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """The command, imported now; None when there is none of that name."""
        if not self.prefix and cmd_name in GROUPS:
            return LazyGroup(cmd_name, help=GROUPS[cmd_name][0])
        for entry in COMMANDS:
            if entry.words == f"{self.prefix} {cmd_name}".strip():
                return load(entry)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with a guess at what was meant."""
        found = self.get_command(ctx, args[0])
        if found is None and not ctx.resilient_parsing:
            raise click.UsageError(_no_such(args[0], self.list_commands(ctx)), ctx)
        return args[0] if found else None, found, args[1:]

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 # click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the commands in a panel per audience; a group's own in one."""
        found = rows(self.prefix)
        panels = (
            [("Commands", [(name, summary) for name, summary, _ in found])]
            if self.prefix
            else [(p, [(name, text) for name, text, panel in found if panel == p]) for p in PANELS]
        )
        for title, lines in panels:
            with formatter.section(title):
                formatter.write_dl(lines)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Names of commands with their summaries, from the table alone."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=summary)
            for name, summary, _ in rows(self.prefix)
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def load(entry: Entry) -> click.Command:
    """Import the command behind an entry of the table."""
    module = importlib.import_module(f"heimnetz_git.cli.{entry.module}")
    found = getattr(module, entry.function)
    if not isinstance(found, click.Command):
        raise TypeError(f"{entry.module}.{entry.function} is not a command")
    return found


@click.pass_context
def help_when_alone(context: click.Context) -> None:
    """Show the help of a group that was called without a command."""
    if context.invoked_subcommand is not None:
        return
    if flags_of(context).get("json"):
        raise click.UsageError("A command is missing.", context)
    click.echo(context.get_help())


def _no_such(name: str, known: Sequence[str]) -> str:
    import difflib

    from heimnetz_git.errors import printable

    close = difflib.get_close_matches(name, known, n=1)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return f"There is no command '{printable(name, longest=64)}'.{guess}"


def command(*, examples: Sequence[str]) -> Callable[[Callable[..., Answer]], click.Command]:
    """Make a command of a function that takes a session and returns an answer.

    The function's docstring is the help, its first line the summary; ``examples`` are command
    lines without the program's name.
    """

    def make(function: Callable[..., Answer]) -> click.Command:
        @functools.wraps(function)
        def call(**parameters: Any) -> int:
            from heimnetz_git.cli.session import Session

            context = click.get_current_context()
            with Session.of(flags_of(context)) as session:
                return session.output.show(function(session, **parameters), schema_of(context))

        return click.command(cls=ToolCommand, examples=examples)(call)

    return make


def schema_of(context: click.Context) -> str:
    """The schema name of a command's document: ``heimnetz-git/index-add/1``."""
    words = context.command_path.split()[1:]
    return f"heimnetz-git/{'-'.join(words)}/1"
