"""Shell completion: the scripts, PowerShell, and names of plugins, indexes and settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

__all__ = ["SHELLS", "PowerShell", "installed", "offered", "register", "script"]

SHELLS = ("bash", "zsh", "fish", "powershell")
MOST = 200


class PowerShell(ShellComplete):
    """PowerShell 5.1 and later; click has one of its own only since 8.5."""

    name = "powershell"
    source_template = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $env:COMP_WORDS = $commandAst.ToString()
    $env:COMP_WORD = $wordToComplete
    $env:%(complete_var)s = 'powershell_complete'
    try {
        & %(prog_name)s 2>$null | ForEach-Object {
            $value, $tip = $_ -split "`t", 2
            [System.Management.Automation.CompletionResult]::new(
                $value, $value, 'ParameterValue', $tip)
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_WORD, Env:%(complete_var)s
    }
}
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is being typed, and that one."""
        words = split_arg_string(os.environ["COMP_WORDS"])[1:]
        incomplete = os.environ.get("COMP_WORD", "")
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """``value<TAB>tip`` on one line."""
        tip = " ".join((item.help or item.value).split())
        return f"{item.value}\t{tip}"


def register() -> None:
    """Make PowerShell known to click."""
    add_completion_class(PowerShell)


def script(shell: str, program: click.Command, name: str, variable: str) -> str:
    """The script that a user's shell loads. ``shell`` is one of SHELLS."""
    register()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    return kind(program, {}, name, variable).source()


def _names(find: Callable[[Any], Iterable[str]]) -> Callable[..., list[CompletionItem[str]]]:
    """A click completer out of a function from a session to names; a failure offers nothing."""

    def complete(
        context: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from heimnetz_git.cli.session import Session

        flags = context.meta.get("heimnetz_git.flags", {})
        with Session({**flags, "quiet": True, "offline": True}, cwd=Path.cwd()) as session:
            names = [name for name in find(session) if name.startswith(incomplete)]
        return [CompletionItem(name) for name in names[:MOST]]

    return complete


def _installed(session: Any) -> Iterable[str]:
    from heimnetz_git.install.generations import current

    generation = current(session.home)
    return sorted(generation.active) if generation else ()


def _offered(session: Any) -> Iterable[str]:
    return sorted(session.catalog.names())


def _indexes(session: Any) -> Iterable[str]:
    return sorted(session.settings.indexes)


def _settings(session: Any) -> Iterable[str]:
    return [entry.key for entry in session.effective.entries]


installed = _names(_installed)
offered = _names(_offered)
indexes = _names(_indexes)
settings = _names(_settings)
