"""The command that runs the plugin being written, reloads it on change and takes calls."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.parameters import parse_parameters
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.words import count, result_lines
from heimnetz_git.errors import AccessDenied, HeimnetzError, PluginNotFound, UsageError, printable

if TYPE_CHECKING:
    from heimnetz_git.host.spec import LaunchSpec
    from heimnetz_git.model.release import Release
    from heimnetz_git.sdk.dev import DevHost, Renewal

__all__ = ["dev", "others", "settings_in"]

Tell: TypeAlias = Callable[[str], None]
"""Where a line for the author goes."""

LOOK_EVERY = 0.3
DATA = ".heimnetz-dev"


@command(examples=("dev", "dev plugins/wake-on-lan --data data"))
@click.argument("path", default=".", type=click.Path())
@click.option("--config", "settings", metavar="FILE", help="Its configuration, a YAML file.")
@click.option("--data", metavar="DIR", help=f"Its data folder [default: {DATA} in the project].")
@click.option(
    "--sandbox", type=click.Choice(["auto", "required", "off"]), help="How it is confined."
)
def dev(session: Session, path: str, **options: Any) -> Answer:
    """Run the plugin you are writing, and reload it on change.

    Every change of a file builds the plugin anew and swaps it in; no call fails for it, and what
    does not build leaves the old one running. Type an operation with its parameters ('wake
    mac=...') to call it, nothing to see what there is, 'quit' or end of input to end. What
    the sandbox refuses is shown with the lines of plugin.yaml that would allow it.
    """
    from heimnetz_git.sdk.dev import DevHost

    said: list[str] = []
    tell = said.append if session.output.as_json else session.output.tell
    root = session.existing(path)
    data = session.path(options["data"]) if options["data"] else root / DATA
    host = DevHost(
        root,
        data=data,
        config=settings_in(session, options["settings"]),
        others=lambda release: others(session, release),
        sandbox=options["sandbox"] or session.settings.sandbox,
        on_warning=lambda text: tell(f"warning: {text}"),
        on_log=lambda plugin, _level, line: tell(f"{plugin}: {printable(line)}"),
        environ=session.environ,
    )
    tally = {"calls": 0, "errors": 0, "reloads": 0}
    ended = threading.Event()
    with host:
        _told(tell, host.renew())
        watcher = threading.Thread(target=_watch, args=(tell, host, ended, tally), daemon=True)
        watcher.start()
        try:
            for line in _lines(session):
                if line.strip() in ("quit", "exit"):
                    break
                _call(session, tell, host, line, tally)
        finally:
            ended.set()
            watcher.join()
    words = f"{count(tally['calls'], 'call')}, {count(tally['reloads'], 'reload')}."
    return Answer({**tally, "said": said}, [words], narrates=True)


def _watch(tell: Tell, host: DevHost, ended: threading.Event, tally: dict[str, int]) -> None:
    """Renew the plugin after each change, until the end."""
    while not ended.wait(LOOK_EVERY):
        try:
            if not host.changed():
                continue
            renewal = host.renew()
        except HeimnetzError as error:
            tell(f"error: {error}")
            continue
        tally["reloads"] += renewal.error is None
        _told(tell, renewal)


def _told(tell: Tell, renewal: Renewal) -> None:
    if renewal.release is not None:
        release = renewal.release
        tell(f"{release.name} {release.version} serves ({renewal.seconds:.1f} s).")
    elif renewal.error is not None:
        tell(f"error: {renewal.error}")
        for problem in renewal.error.problems:
            tell(f"  {problem}")
        tell("  What was there before goes on; save a file to try again.")


def _lines(session: Session) -> Iterator[str]:
    """What is typed or piped in, until it ends."""
    while True:
        if session.may_ask:
            try:
                yield str(click.prompt("dev", default="", show_default=False, err=True))
            except click.Abort:
                return
            continue
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line:
            return
        yield line


def _call(session: Session, tell: Tell, host: DevHost, line: str, tally: dict[str, int]) -> None:
    """One typed line: a call, or the list of operations."""
    from heimnetz_git.sdk.dev import line_to_add

    try:
        words = shlex.split(line)
        if not words:
            for name, one in host.operations.items():
                tell(f"  {printable(name)}  {printable(str(one.get('summary', '')))}")
            return
        tally["calls"] += 1
        _show(session, _result(host, words[0], words[1:]))
    except ValueError as error:
        tell(f"error: {printable(str(error))}")
    except HeimnetzError as error:
        tally["errors"] += 1
        tell(f"error: {error}")
        if isinstance(error, AccessDenied) and (lines := line_to_add(error)):
            tell("  Add to plugin.yaml, if the plugin should do this:")
            for add in lines:
                tell(f"    {add}")


def _result(host: DevHost, operation: str, pairs: Sequence[str]) -> Any:
    schema = host.operations.get(operation, {}).get("parameters", {})
    return host.call(operation, **parse_parameters(pairs, schema, operation))


def _show(session: Session, result: Any) -> None:
    if not session.output.as_json:
        for line in result_lines(result, session.output.columns) or ["(done)"]:
            click.echo(line)


def settings_in(session: Session, file: str | None) -> dict[str, Any]:
    """The configuration in a YAML file; none without one. Raises UsageError, InvalidFile."""
    if file is None:
        return {}
    from heimnetz_git.storage import yamlfile

    found = yamlfile.parse(session.existing(file).read_bytes(), Path(file).name)
    if not isinstance(found, dict):
        raise UsageError(f"{printable(file)} is no mapping of settings.")
    return found


def others(session: Session, release: Release) -> tuple[LaunchSpec, ...]:
    """The installed plugins that it requires, ready to be started."""
    from heimnetz_git.cli.launch import launch_specs

    found: dict[str, LaunchSpec] = {}
    for name in release.requires:
        if name not in session.receipts:
            raise PluginNotFound(
                f"{release.name} requires {printable(name)}, which is not installed.",
                hint=f"Install it: 'heimnetz-git install {printable(name)}'.",
                name=name,
            )
        found |= {spec.name: spec for spec in launch_specs(session, name)}
    return tuple(found.values())
