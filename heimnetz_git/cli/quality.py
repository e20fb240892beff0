"""The command that tells a plugin's quality tier and what the next one asks for."""

from __future__ import annotations

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import printable

__all__ = ["quality"]


@command(examples=("quality", "quality plugins/wake-on-lan --json"))
@click.argument("path", default=".", type=click.Path())
@click.option("--all", "everything", is_flag=True, help="List the rules that hold, too.")
def quality(session: Session, path: str, *, everything: bool) -> Answer:
    """Show a plugin's quality tier, and what the next one asks for.

    PATH is the project's folder. Bronze, silver, gold, platinum: every rule is checked by machine.
    """
    from heimnetz_git.sdk.quality import quality as examine

    found = examine(session.existing(path))
    lines = [
        f"  {'-' if one.missing else '+'} {one.tier:8}  {one.says}"
        + (f" Missing: {printable(one.missing, longest=400)}" if one.missing else "")
        for one in (found.verdicts if everything else found.wanted)
    ]
    reached = found.tier.capitalize() if found.tier else "No tier yet"
    head = f"{printable(path, longest=400)}: {reached}."
    if found.next_tier and not everything:
        head += f" For {found.next_tier}:"
    data = {
        "tier": found.tier,
        "next": found.next_tier,
        "rules": [
            {"rule": one.rule, "tier": one.tier, "says": one.says, "missing": one.missing}
            for one in found.verdicts
        ],
    }
    return Answer(data, [head, *lines])
