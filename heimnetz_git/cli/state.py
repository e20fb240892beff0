"""Commands about what is installed: tree, why, outdated, generations, rollback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.installing import active_lock, enforce_policy_on, follow
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.reasons import chain_line
from heimnetz_git.cli.session import Session, not_installed
from heimnetz_git.cli.terminal import table
from heimnetz_git.errors import printable
from heimnetz_git.model.names import plugin_name

if TYPE_CHECKING:
    from heimnetz_git.resolve.comparison import Outdated
    from heimnetz_git.resolve.graph import Branch

__all__ = ["generations", "outdated", "rollback", "tree", "why"]


@command(examples=("tree", "tree --json"))
def tree(session: Session) -> Answer:
    """Show what requires what.

    What was asked for, with what it needs below it.
    """
    from heimnetz_git.resolve.graph import tree as grow

    branches = grow(active_lock(session))
    lines = [line for branch in branches for line in _drawn(branch, "", "")]
    return Answer({"tree": branches}, lines or ["Nothing is installed."])


@command(examples=("why device-registry",))
@click.argument("name", shell_complete=completion.installed)
def why(session: Session, name: str) -> Answer:
    """Show why a plugin is installed.

    Every chain from what was asked for to it.
    """
    from heimnetz_git.resolve.graph import why as explain

    lock = active_lock(session)
    plugin = plugin_name(name)
    if plugin not in {locked.name for locked in lock.plugins}:
        raise not_installed(name, [locked.name for locked in lock.plugins])
    chains = explain(lock, plugin)
    return Answer({"name": plugin, "chains": chains}, map(chain_line, chains))


@command(examples=("outdated", "outdated --json"))
def outdated(session: Session) -> Answer:
    """List plugins that have newer versions.

    By what was last fetched of the indexes: see 'index update'.
    """
    from heimnetz_git.resolve.comparison import outdated as compare

    lock = active_lock(session)
    follow(session, lock)
    found = compare(
        lock, session.catalog, session.environment, prereleases=session.settings.prereleases
    )
    rows = [(one.name, one.current, one.compatible, one.newest, _held(one)) for one in found]
    head = ("NAME", "INSTALLED", "FITTING", "NEWEST", "HELD BACK BY")
    lines = table(head, rows, columns=session.output.columns) if rows else ["All are up to date."]
    return Answer({"outdated": found}, lines)


@command(examples=("generations", "generations --json"))
def generations(session: Session) -> Answer:
    """List the sets of plugins that were active.

    Each installation, update or removal makes a new one; the old ones stay for a rollback.
    """
    from heimnetz_git.install.generations import generations as listed

    active = session.active_number
    found = listed(session.home)
    rows = [
        ("*" if one.number == active else "", one.number, one.created, len(one.active), one.reason)
        for one in found
    ]
    head = ("", "NUMBER", "CREATED", "PLUGINS", "REASON")
    lines = table(head, rows, columns=session.output.columns) if rows else ["There is none yet."]
    return Answer({"active": active, "generations": found}, lines)


@command(examples=("rollback", "rollback 3"))
@click.argument("number", type=click.IntRange(min=1), required=False)
def rollback(session: Session, number: int | None) -> Answer:
    """Go back to an earlier set of plugins.

    Without NUMBER to the one before. Nothing is fetched and nothing is lost: going forth again is
    a rollback too.
    """
    from heimnetz_git.install.generations import rollback as turn_back

    generation = turn_back(
        session.home, number, gate=lambda receipts: enforce_policy_on(session, receipts)
    )
    names = sorted(generation.active)
    said = f"Generation {generation.number} is active: {', '.join(names) or 'no plugins'}."
    return Answer({"generation": generation}, [printable(said, longest=4000)], narrates=True)


def _held(one: Outdated) -> str:
    """What keeps the newest away, and that the installed one was yanked."""
    yanked = [] if one.yanked is None else [f"{one.current} was yanked: {one.yanked}"]
    return " ".join([*yanked, one.held_back_by]).strip()


def _drawn(branch: Branch, before: str, below: str) -> Iterator[str]:
    """The lines of a branch: its own behind ``before``, those below it behind ``below``."""
    wanted = f"  ({branch.specifier})" if branch.specifier else ""
    marks = "  optional" if branch.optional else ""
    again = "  (see above)" if branch.repeated else ""
    yield f"{before}{branch.name} {branch.version}{wanted}{marks}{again}"
    for number, child in enumerate(branch.branches, 1):
        last = number == len(branch.branches)
        yield from _drawn(
            child,
            f"{below}{'└── ' if last else '├── '}",
            f"{below}{'    ' if last else '│   '}",
        )
