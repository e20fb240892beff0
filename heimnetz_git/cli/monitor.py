"""The commands that show what plugins do and use: figures, a live table, and who is to blame."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.terminal import table
from heimnetz_git.errors import FindingsError, UsageError, printable

if TYPE_CHECKING:
    from heimnetz_git.host.stats import PluginStats

__all__ = ["bisect", "stats", "top"]

HEAD = ("PLUGIN", "VERSION", "STATE", "CALLS", "ERRORS", "P50", "P99", "CPU", "MEMORY", "RESTARTS")


@command(
    examples=(
        "stats",
        "stats dhcp-leases",
        "stats dhcp-leases --limits",
        "stats --prometheus",
    )
)
@click.argument("name", required=False, shell_complete=completion.installed)
@click.option("--prometheus", is_flag=True, help="As text that Prometheus reads.")
@click.option("--limits", is_flag=True, help="Propose limits that fit what was measured.")
def stats(session: Session, name: str | None, *, prometheus: bool, limits: bool) -> Answer:
    """Show how often plugins were called, and what that cost.

    Over all runs so far, those of hosts that run now included. Nothing of it leaves this machine.
    """
    from heimnetz_git.host import figures, metrics

    found = dict(figures.total(session.home.figures, _runs))
    if name is not None:
        session.installed(name)
        found = {name: found[name]} if name in found else {}
    data = {"plugins": {one: _json(figure) for one, figure in found.items()}}
    if prometheus:
        return Answer(data, metrics.prometheus(found).splitlines())
    if limits:
        return _proposals(session, found)
    lines = _rows(found, session.output.columns)
    if name is not None and name in found:
        lines += ["", *_operations(found[name], session.output.columns)]
    return Answer(data, lines or ["No plugin has run yet."])


@command(examples=("top", "top --every 5", "top --once --json"))
@click.option("--every", default=2.0, show_default=True, metavar="SECONDS", help="How often.")
@click.option("--once", is_flag=True, help="Show it once; so too when nobody watches.")
def top(session: Session, *, every: float, once: bool) -> Answer:
    """Watch the plugins of all running hosts."""
    from heimnetz_git.host import figures

    if every <= 0:
        raise UsageError("--every takes a number of seconds above 0.")
    watched = not (once or session.output.as_json) and sys.stdout.isatty()
    while True:
        snapshots = figures.live(session.home.figures, _runs)
        found = figures.merged(snapshots)
        lines = _rows(found, session.output.columns) or ["No host runs any plugin."]
        if not watched:
            hosts = [one.host for one in snapshots]
            return Answer(
                {"hosts": hosts, "plugins": {k: _json(v) for k, v in found.items()}}, lines
            )
        click.clear()
        click.echo("\n".join(lines))
        try:
            time.sleep(every)
        except KeyboardInterrupt:
            return Answer({}, ())


@command(examples=("bisect --probe './check.sh'", "bisect --probe 'pytest -q tests/test_home.py'"))
@click.option("--probe", required=True, metavar="COMMAND", help="Fails while the trouble is there.")
@click.option("--timeout", default=300.0, show_default=True, metavar="SECONDS", help="For a probe.")
def bisect(session: Session, probe: str, timeout: float) -> Answer:
    """Find the plugins that make a command fail.

    It is run with fewer and fewer of them, as if halving. The command starts the host application
    or 'heimnetz-git run'; plugins that are left out are named in HEIMNETZ_GIT_WITHOUT, which every
    host heeds. Its exit status 0 means that all is well.
    """
    from heimnetz_git.host.bisect import WITHOUT
    from heimnetz_git.host.bisect import bisect as search

    receipts = session.receipts
    words = shlex.split(probe)
    if not words:
        raise UsageError("--probe takes a command.")

    def fails(enabled: frozenset[str]) -> bool:
        left_out = ",".join(sorted(set(receipts) - enabled))
        session.output.note(f"{len(enabled)} of {len(receipts)} plugins ...")
        environ = {**session.environ, WITHOUT: left_out}
        try:
            done = subprocess.run(
                words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return True
        except OSError as error:
            raise UsageError(f"{printable(words[0])} cannot be run: {error}.") from error
        return done.returncode != 0

    verdict = search({name: one.release.requires for name, one in receipts.items()}, fails)
    if verdict.kind == "elsewhere":
        raise FindingsError(
            "The probe fails without any plugin too: none of them is to blame.",
            hint="Look at the host application, or at the probe itself.",
        )
    data = {"verdict": verdict.kind, "culprits": verdict.culprits, "probes": verdict.probes}
    return Answer(data, list(_sentence(verdict.culprits, verdict.probes)))


def _sentence(culprits: tuple[str, ...], probes: int) -> Iterator[str]:
    if not culprits:
        yield "The probe succeeds with all plugins: there is nothing to find."
        return
    names = " and ".join(map(printable, culprits))
    together = "fails only with these together" if len(culprits) > 1 else "fails because of it"
    yield f"{names}: the probe {together} ({probes} probes)."
    for name in culprits:
        yield f"Go back ('heimnetz-git rollback'), or remove it ('heimnetz-git uninstall {name}')."


def _rows(found: Mapping[str, PluginStats], columns: int | None) -> list[str]:
    """A line for each plugin."""
    from heimnetz_git.host.stats import together

    rows = []
    for name, one in found.items():
        whole = together(one.operations.values())
        rows.append(
            (
                printable(name), one.version, one.state, str(whole.calls), str(whole.errors),
                _time(whole.p50), _time(whole.p99), f"{one.cpu:.1f} s",
                f"{one.memory / 1e6:.1f} MB" if one.memory else "-", str(one.restarts),
            )
        )  # fmt: skip
    return table(HEAD, rows, columns=columns) if rows else []


def _operations(one: PluginStats, columns: int | None) -> list[str]:
    head = ("OPERATION", "CALLS", "ERRORS", "P50", "P90", "P99")
    rows = [
        (
            printable(name), str(found.calls), str(found.errors), _time(found.p50),
            _time(found.p90), _time(found.p99),
        )
        for name, found in one.operations.items()
    ]  # fmt: skip
    return table(head, rows, columns=columns) if rows else []


def _proposals(session: Session, found: Mapping[str, PluginStats]) -> Answer:
    """Limits that would fit better, as lines for plugin.yaml."""
    from heimnetz_git.host.propose import propose

    proposed = {
        name: propose(one, session.receipts[name].release.limits)
        for name, one in found.items()
        if name in session.receipts
    }
    lines = [
        f"{name}: limits: {{{', '.join(f'{key}: {value}' for key, value in better.items())}}}"
        for name, better in proposed.items()
        if better
    ]
    return Answer({"limits": proposed}, lines or ["The declared limits fit what was measured."])


def _json(one: PluginStats) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(one)
    return plain


def _time(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    if not seconds:
        return "-"
    for unit, size in (("us", 1e-6), ("ms", 1e-3)):
        if seconds < size * 1000:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"


def _runs(pid: int) -> bool:
    """Does a process of that number run?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
