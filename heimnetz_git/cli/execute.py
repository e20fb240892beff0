"""The command that runs an operation of an installed plugin."""

from __future__ import annotations

import json
from typing import Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.installing import enforce_policy_on
from heimnetz_git.cli.launch import closure, launch_specs, with_files
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.parameters import parse_parameters
from heimnetz_git.cli.sandbox import LEVEL
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.words import result_lines
from heimnetz_git.errors import (
    AccessDenied,
    InvalidParameters,
    OperationNotFound,
    UsageError,
    printable,
)
from heimnetz_git.model.release import Release

__all__ = ["run"]

DEFAULT_OPERATION = "execute"


@command(
    examples=(
        "run wake-on-lan wake --param mac=00:11:22:33:44:55",
        "run dhcp-leases leases --json",
        "run dhcp-leases update --allow-read leases.txt --param path=leases.txt",
    )
)
@click.argument("name", shell_complete=completion.installed)
@click.argument("operation", default=DEFAULT_OPERATION)
@click.option(
    "-p", "--param", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter; repeatable."
)
@click.option("--params", "document", metavar="JSON", help="All parameters as one JSON object.")
@click.option("--allow-read", multiple=True, metavar="PATH", help="Let it read this, just now.")
@click.option("--allow-write", multiple=True, metavar="PATH", help="Let it write this, just now.")
@click.option(
    "--sandbox", type=click.Choice(["auto", "required", "off"]), help="How it is confined."
)
@click.option("--level", type=LEVEL, default="standard", show_default=True, help="How closely.")
@click.option("--trace", is_flag=True, help="Say which grants it used, and which it lacked.")
def run(session: Session, name: str, operation: str, **options: Any) -> Answer:
    """Run an operation of an installed plugin.

    The plugin runs in a process of its own and can do only what it was granted. A parameter that
    names a file of --allow-read or --allow-write is passed as its full path.
    """
    from heimnetz_git.host.manager import PluginManager

    receipt = session.installed(name)
    release = receipt.release
    wanted = operation_of(release, operation)
    parameters = _parameters(session, wanted, operation, **options)
    enforce_policy_on(
        session, (session.receipts[one] for one in closure(release.name, session.receipts))
    )
    specs = launch_specs(session, release.name)
    specs = with_files(
        specs,
        release.name,
        read=[str(session.existing(path)) for path in options["allow_read"]],
        write=[str(session.path(path)) for path in options["allow_write"]],
    )
    sandbox = options["sandbox"] or session.settings.sandbox
    with PluginManager(
        specs,
        sandbox=sandbox,
        level=options["level"],
        on_warning=session.output.warn,
        on_log=session.plugin_log,
        environ=session.environ,
        restart=None,
        figures=session.home.figures,
    ) as manager:
        manager.start([release.name])
        try:
            result = manager.call(release.name, operation, **parameters)
        except AccessDenied:
            if options["trace"]:
                _tell(session, *manager.trace(release.name))
            raise
        denied, used = manager.trace(release.name)
    data = {
        "plugin": release.name, "version": release.version, "operation": operation,
        "result": result,
    }  # fmt: skip
    if options["trace"]:
        data |= {"denied": denied, "used": used}
        _tell(session, denied, used)
    return Answer(data, result_lines(result, session.output.columns))


def _tell(session: Session, denied: dict[str, int], used: dict[str, int]) -> None:
    """What the plugin asked the host for, and the line of plugin.yaml that it lacks."""
    for grant, count in sorted(used.items()):
        session.output.note(f"used {count} x: {printable(grant)}")
    for grant, count in sorted(denied.items()):
        place, _, text = grant.partition(" ")
        outer, _, inner = place.partition(".")
        line = f"{outer}: {{{inner}: [{text!r}]}}" if inner else f"{outer}: [{text}]"
        session.output.note(f"denied {count} x: permissions: {{{printable(line)}}}")


def operation_of(release: Release, operation: str) -> dict[str, Any]:
    """What the release says of the operation. Raises OperationNotFound with the nearest name."""
    if operation in release.operations:
        return release.operations[operation]
    import difflib

    close = difflib.get_close_matches(operation, list(release.operations), n=1)
    guess = f" Did you mean '{printable(close[0])}'?" if close else ""
    known = ", ".join(sorted(map(printable, release.operations))) or "none"
    raise OperationNotFound(
        f"{release.name} {release.version} has no operation '{printable(operation)}'.{guess}"
        f" It has: {known}.",
        plugin=release.name,
        operation=operation,
    )


def _parameters(
    session: Session, wanted: dict[str, Any], operation: str, *, pairs: tuple[str, ...],
    document: str | None, allow_read: tuple[str, ...], allow_write: tuple[str, ...], **_: Any,
) -> dict[str, Any]:  # fmt: skip
    """Those of --params, then each --param; names of allowed files become full paths."""
    schema = wanted.get("parameters", {})
    found = {**_document(document), **parse_parameters(pairs, schema, operation)}
    allowed = {text: str(session.path(text)) for text in (*allow_read, *allow_write)}
    return {
        key: allowed.get(value, value) if isinstance(value, str) else value
        for key, value in found.items()
    }


def _document(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"--params is not JSON: {error}.", hint="Quote it for the shell."
        ) from error
    if not isinstance(found, dict):
        raise InvalidParameters("--params must be a JSON object.")
    return found
