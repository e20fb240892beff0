"""Commands of the operator: settings and the shell."""

from __future__ import annotations

from typing import Any

import click

from heimnetz_git.cli import completion as completions
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer, plain
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.settings import setting_type
from heimnetz_git.cli.terminal import table
from heimnetz_git.errors import InvalidConfiguration, NotFound, printable
from heimnetz_git.model.config import without_password

__all__ = ["completion", "config_get", "config_list", "config_set", "config_unset"]


@command(examples=("config list", "config list --show-origin", "config list --json"))
@click.option("--show-origin", is_flag=True, help="Say where each value comes from.")
def config_list(session: Session, show_origin: bool) -> Answer:
    """List every setting and its value.

    A flag wins over HEIMNETZ_GIT_* in the environment, that over the project's heimnetz.yaml, then
    the user's file, the machine's, and the default.
    """
    entries = session.effective.entries
    rows = [
        (entry.key, _shown(entry.value), *([entry.origin] if show_origin else ()))
        for entry in entries
    ]
    head = ("SETTING", "VALUE", *(["ORIGIN"] if show_origin else ()))
    return Answer(
        {
            "settings": [entry._asdict() for entry in entries],
            "user_file": str(session.effective.user_file),
            "home": str(session.effective.home),
        },
        table(head, rows, columns=session.output.columns),
    )


@command(examples=("config get sandbox", "config get indexes.acme"))
@click.argument("key", shell_complete=completions.settings)
def config_get(session: Session, key: str) -> Answer:
    """Print one setting.

    KEY is a setting's name, or a dotted one such as indexes.acme or host.heimnetz.
    """
    for entry in session.effective.entries:
        if entry.key == key:
            return Answer(entry._asdict(), [_shown(entry.value)])
    raise NotFound(
        f"There is no setting '{printable(key)}'.", hint="See 'heimnetz-git config list'.", key=key
    )


@command(examples=("config set sandbox required", "config set indexes.acme.priority 10"))
@click.argument("key", shell_complete=completions.settings)
@click.argument("value")
def config_set(session: Session, key: str, value: str) -> Answer:
    """Change a setting in the user's file.

    Comments and order of the file are kept. Lists are written with commas.
    """
    if key == "home":
        raise InvalidConfiguration(
            "The user's file cannot say where the home is.",
            hint="Use --home or HEIMNETZ_GIT_HOME.",
            key=key,
        )
    if key.startswith("indexes.") and key.split(".")[1] not in session.settings.indexes:
        raise InvalidConfiguration(
            f"There is no index '{printable(key.split('.')[1])}'.",
            hint="Add it with 'heimnetz-git index add NAME URL'.",
            key=key,
        )
    typed = setting_type(key, value)
    session.change_settings({key: typed})
    return Answer(
        {"key": key, "value": typed, "file": str(session.effective.user_file)},
        [f"{key} is now {_shown(typed)}, in {session.effective.user_file}."],
        narrates=True,
    )


@command(examples=("config unset sandbox",))
@click.argument("key", shell_complete=completions.settings)
def config_unset(session: Session, key: str) -> Answer:
    """Take a setting out of the user's file.

    What a lower layer says, or the default, is in force again.
    """
    origin = f"user {session.effective.user_file}"
    found = [entry for entry in session.effective.entries if entry.key == key]
    if not found or not session.user_sets(key):
        where = f"; it comes from: {found[0].origin}" if found else ""
        raise NotFound(
            f"{printable(key)} is not set in {session.effective.user_file}{where}.",
            hint="See 'heimnetz-git config list --show-origin'.",
            key=key,
            origin=origin,
        )
    session.change_settings({key: None})
    return Answer(
        {"key": key, "file": str(session.effective.user_file)},
        [f"{key} is no longer set in {session.effective.user_file}."],
        narrates=True,
    )


@command(
    examples=(
        "completion bash > ~/.local/share/bash-completion/completions/heimnetz-git",
        "completion zsh > ~/.zfunc/_heimnetz-git",
        "completion fish > ~/.config/fish/completions/heimnetz-git.fish",
        "completion powershell >> $PROFILE",
    )
)
@click.argument("shell", type=click.Choice(completions.SHELLS))
def completion(_: Session, shell: str) -> Answer:
    """Print the completion script of a shell.

    Commands, options, names of plugins, indexes and settings are completed, from what is here.
    """
    program = click.get_current_context().find_root().command
    text = completions.script(shell, program, "heimnetz-git", "_HEIMNETZ_GIT_COMPLETE")
    return Answer({"shell": shell, "script": text}, [text.rstrip("\n")])


def _shown(value: Any) -> str:
    """A value as one line: text as it is, the rest as JSON; no password of an address."""
    import json

    text = value if isinstance(value, str) else json.dumps(plain(value))
    return printable(without_password(text), longest=4000)
