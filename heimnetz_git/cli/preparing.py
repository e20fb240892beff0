"""The command that prepares a project that is there already: its release workflow."""

from __future__ import annotations

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import UsageError, printable

__all__ = ["init"]


@command(
    examples=(
        "init --ci github",
        "init plugins/wake-on-lan --ci gitlab --to https://gitlab.com/acme/plugins.git",
    )
)
@click.argument("path", default=".", type=click.Path())
@click.option(
    "--ci",
    type=click.Choice(["github", "forgejo", "gitlab"]),
    required=True,
    help="Whose continuous integration releases it.",
)
@click.option("--to", default="", metavar="URL", help="The registry [default: a variable there].")
def init(session: Session, path: str, ci: str, to: str) -> Answer:
    """Give a project a workflow that publishes on a tag.

    PATH is the project's folder. The file says which variables and secrets the forge must hold;
    the token is never in it.
    """
    from heimnetz_git.forge.place import place_of
    from heimnetz_git.sdk.release_workflow import add_release_workflow

    if to and place_of(to) is None and "://" not in to:
        raise UsageError(f"{printable(to)!r} is not an address that a forge can reach.")
    written = add_release_workflow(session.existing(path), ci, address=to)
    lines = [f"Wrote {printable(written.as_posix())}; it begins with what to set up at the forge."]
    data = {"ci": ci, "file": written.as_posix()}
    return Answer(data, lines, narrates=True)
