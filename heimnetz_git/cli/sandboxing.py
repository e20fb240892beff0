"""Commands that show and test the sandbox: explain, selftest, doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.launch import launch_specs
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.sandbox import LEVEL
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.terminal import table

if TYPE_CHECKING:
    from heimnetz_git.sandbox.selftest import Tested

__all__ = ["doctor", "sandbox_explain", "sandbox_selftest"]

FOUND_ESCAPES = 9


@command(
    examples=("sandbox explain wake-on-lan", "sandbox explain dhcp-leases --level strict --json")
)
@click.argument("name", shell_complete=completion.installed)
@click.option("--level", type=LEVEL, default="standard", show_default=True, help="How closely.")
def sandbox_explain(session: Session, name: str, level: Any) -> Answer:
    """Show how an installed plugin is confined on this machine.

    Mounts, files, system calls, limits, network, and what is promised. Nothing is started.
    """
    from heimnetz_git.host.start import profile_for
    from heimnetz_git.sandbox.explain import as_document, as_lines
    from heimnetz_git.sandbox.launcher import Launcher

    receipt = session.installed(name)
    specs = launch_specs(session, receipt.release.name)
    spec = next(one for one in specs if one.name == receipt.release.name)
    launcher = Launcher(
        session.settings.sandbox, level=level, on_warning=session.output.warn,
        abilities=session.sandbox_abilities,
    )  # fmt: skip
    profile = profile_for(spec, launcher)
    return Answer({"plugin": spec.name, **as_document(profile)}, as_lines(profile))


@command(
    examples=("sandbox selftest", "sandbox selftest --level strict", "sandbox selftest --json")
)
@click.option("--level", "levels", type=LEVEL, multiple=True, help="Only this one; repeatable.")
def sandbox_selftest(session: Session, levels: tuple[Any, ...]) -> Answer:
    """Attack the sandbox of this machine, harmlessly.

    Every attack aims at files, sockets and a process that are made for it. Ends with code 9 if one
    succeeds that the level promises to stop.
    """
    from heimnetz_git.sandbox.levels import LEVELS
    from heimnetz_git.sandbox.selftest import self_test

    chosen = tuple(one for one in LEVELS[1:] if not levels or one in levels)
    tested = self_test(
        chosen,
        abilities=session.sandbox_abilities,
        on_level=lambda level: session.output.note(f"attacking the level {level} ..."),
    )
    groups = sorted({group for one in tested for group in one.groups})
    rows = [_row(one, groups) for one in tested if one.groups]
    lines = list(table(("LEVEL", *(g.upper() for g in groups), "STOPPED"), rows, columns=None))
    lines += [f"{one.level}: not possible here: {one.unkept}" for one in tested if one.unkept]
    lines += [f"ESCAPED at {one.level}: {name}" for one in tested for name in one.escaped]
    failed = any(one.escaped for one in tested)
    return Answer(
        {"levels": [one._asdict() for one in tested], "passed": not failed},
        lines,
        exit_code=FOUND_ESCAPES if failed else 0,
    )


def _row(tested: Tested, groups: list[str]) -> tuple[str, ...]:
    """A level's line: what was stopped of each group, and in all."""
    counts = [tested.groups[group] for group in groups]
    total = (sum(stopped for stopped, _ in counts), sum(count for _, count in counts))
    return (tested.level, *(f"{stopped}/{count}" for stopped, count in (*counts, total)))


@command(examples=("doctor", "doctor --again", "doctor --json"))
@click.option("--again", is_flag=True, help="Look again, whatever is remembered.")
def doctor(session: Session, again: bool) -> Answer:
    """Say what sandbox this machine can make, and why no better.

    What is found out is remembered until the kernel, the user or a setting changes.
    """
    from heimnetz_git.sandbox.abilities import forget
    from heimnetz_git.sandbox.levels import LEVELS, PROMISES, engine_for, missing

    if again:
        forget(session.home.root)
    found = session.sandbox_abilities()
    rows = []
    for level in LEVELS:
        why = missing(level, found)
        rows.append((level, "no" if why else "yes", why or PROMISES[level]))
    facts = [
        f"Landlock: version {found.landlock}" if found.landlock else "Landlock: none",
        f"System-call filter: {'yes' if found.seccomp else 'no'}",
        f"Namespaces of a plugin's own: {'yes' if found.namespaces else 'no'}",
        f"bubblewrap: {found.bubblewrap or 'none that works'}",
        f"Control groups: {', '.join(found.cgroup) or 'none that can be used'}",
        *(f"Why not {name}: {why}" for name, why in sorted(found.reasons.items())),
    ]
    levels = {
        level: {"kept": not missing(level, found), "why": missing(level, found),
                "engine": engine_for(level, found)}
        for level in LEVELS
    }  # fmt: skip
    return Answer(
        {"levels": levels, "abilities": found},
        [*facts, "", *table(("LEVEL", "KEPT", "WHAT"), rows, columns=session.output.columns)],
    )
