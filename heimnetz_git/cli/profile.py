"""The command that tells what an operation of a plugin costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.dev import others, settings_in
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.parameters import parse_parameters
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.words import count
from heimnetz_git.errors import OperationNotFound, printable

if TYPE_CHECKING:
    from pathlib import Path

    from heimnetz_git.model.release import Release
    from heimnetz_git.sdk.profile import Profile

__all__ = ["profile"]

SHOWN = 10


@command(
    examples=(
        "profile subnets --calls 100",
        "profile wake --path plugins/wake-on-lan --param mac=00:11:22:33:44:55",
        "profile subnets --calls 100 --html profile.html --speedscope profile.json",
    )
)
@click.argument("operation")
@click.option("--path", default=".", show_default=True, help="The project's folder, or a wheel.")
@click.option(
    "-p", "--param", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter; repeatable."
)
@click.option("--calls", type=click.IntRange(1, 1_000_000), default=1, show_default=True,
              help="How often it is called.")  # fmt: skip
@click.option("--config", "settings", metavar="FILE", help="Its configuration, a YAML file.")
@click.option("--speedscope", metavar="FILE", help="Write the profile for speedscope.")
@click.option("--html", metavar="FILE", help="Write a page with flame graphs.")
@click.option(
    "--sandbox", type=click.Choice(["auto", "required", "off"]), help="How it is confined."
)
def profile(session: Session, operation: str, **options: Any) -> Answer:
    """Measure what an operation costs, and what the start does.

    The plugin is built and runs in its sandbox with an empty data folder; its operation is called
    for real. A thread in its process looks every millisecond where it is: a call of a few
    milliseconds needs --calls to be seen well.
    """
    from heimnetz_git.sdk.profile import profile as measure

    def parameters(release: Release) -> dict[str, Any]:
        if operation not in release.operations:
            raise OperationNotFound(
                f"{release.name} has no operation {printable(operation)!r}; it has"
                f" {', '.join(sorted(release.operations))}."
            )
        schema = release.operations[operation].get("parameters", {})
        return parse_parameters(options["pairs"], schema, operation)

    found = measure(
        session.existing(options["path"]),
        operation,
        parameters,
        calls=options["calls"],
        config=settings_in(session, options["settings"]),
        others=lambda release: others(session, release),
        sandbox=options["sandbox"] or session.settings.sandbox,
        on_warning=session.output.warn,
        on_log=session.plugin_log,
        environ=session.environ,
    )
    graphs = {f"{found.plugin}.{operation}": found.stacks, "Imports": found.import_stacks}
    written = _written(session, f"{found.plugin} {found.version}", graphs, options)
    return Answer(_data(found, written), [*_lines(found), *(f"Wrote {it}." for it in written)])


def _written(
    session: Session, title: str, graphs: dict[str, Any], options: dict[str, Any]
) -> list[str]:
    """Write what was asked for; the names."""
    from heimnetz_git.sdk.flame import flame_page, speedscope

    texts: dict[str, str] = {}
    if options["speedscope"]:
        texts[options["speedscope"]] = json.dumps(speedscope(title, graphs))
    if options["html"]:
        texts[options["html"]] = flame_page(title, graphs)
    for name, text in texts.items():
        file: Path = session.path(name)
        file.write_text(text, encoding="utf-8")
    return [printable(name, longest=400) for name in texts]


def _data(found: Profile, written: list[str]) -> dict[str, Any]:
    return {
        "plugin": found.plugin,
        "version": found.version,
        "operation": found.operation,
        "isolated": found.isolated,
        "calls": found.calls,
        "call": {"median": found.call, "fastest": found.fastest, "slowest": found.slowest},
        "cpu": found.cpu,
        "memory": found.memory,
        "start": found.start,
        "initialize": found.initialize,
        "imports": found.imports,
        "samples": found.samples,
        "written": written,
    }


def _lines(found: Profile) -> list[str]:
    """The table."""
    per_call = found.cpu / found.calls
    seen = f"{count(found.calls, 'call')}, {count(found.samples, 'sample')}"
    lines = [
        f"{found.plugin} {found.version}, {printable(found.operation)}, {seen}:",
        f"  call        {_ms(found.call)} median, {_ms(found.fastest)} to {_ms(found.slowest)}",
        f"  processor   {_ms(per_call)} a call",
        f"  memory      {found.memory / (1 << 20):.1f} MiB at most",
        f"  start       {_ms(found.start)}, of it initialize {_ms(found.initialize)}",
        "  imports     whole        own",
    ]
    lines += [
        f"    {_ms(one.whole):>11} {_ms(one.own):>11}  {printable(one.module)}"
        for one in found.imports[:SHOWN]
    ]
    if len(found.imports) > SHOWN:
        lines.append(f"    and {count(len(found.imports) - SHOWN, 'module')} more")
    return lines


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
