"""Commands of the sandbox: run a script as a plugin would be run."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import (
    FileMissing,
    InvalidFile,
    PluginFailed,
    PluginTimedOut,
    UsageError,
    printable,
)
from heimnetz_git.model.finding import Location, Problem

if TYPE_CHECKING:
    from heimnetz_git.model.limits import Limits
    from heimnetz_git.model.permission import Permissions

__all__ = ["LEVEL", "sandbox_exec"]

LARGEST_SCRIPT = 4 << 20
LEVEL = click.Choice(["minimal", "standard", "strict", "maximum"])


@command(
    examples=(
        "sandbox exec -- probe.py",
        "sandbox exec --level strict --code src --data state -- src/main.py --verbose",
        "sandbox exec --permissions plugin.yaml --timeout 5s -- probe.py",
    )
)
@click.option("--level", type=LEVEL, default="standard", show_default=True, help="How closely.")
@click.option("--code", multiple=True, metavar="DIR", help="Show this, read-only; on sys.path.")
@click.option("--data", metavar="DIR", help="Let it write here; else to a folder that is removed.")
@click.option("--permissions", "grants", metavar="FILE", help="Grant what this plugin.yaml says.")
@click.option("--memory", metavar="SIZE", help="Such as 128M.")
@click.option("--disk", metavar="SIZE", help="Of its data, and of each file.")
@click.option("--processes", type=int, metavar="N", help="Processes and threads.")
@click.option("--files", type=int, metavar="N", help="Open files.")
@click.option("--timeout", default="60s", show_default=True, metavar="TIME", help="It may run.")
@click.option("--output", default="8M", show_default=True, metavar="SIZE", help="It may print.")
@click.argument("script")
@click.argument("arguments", nargs=-1)
def sandbox_exec(
    session: Session, script: str, arguments: tuple[str, ...], **options: Any
) -> Answer:
    """Run a Python script as a plugin would be run.

    It gets nothing but the code and the data folder, and what --permissions grants. Its exit code
    is passed on, 128 + N for signal N; what it prints too. When it takes too long or too much, it
    is ended with all that it started. Where the machine cannot keep the level's promise, it is not
    run at all.
    """
    from heimnetz_git.sandbox.launcher import Launcher
    from heimnetz_git.sandbox.script import run_script

    path = session.existing(script)
    launcher = Launcher("required", level=options["level"], on_warning=session.output.warn)
    permissions, limits = _granted(session, options)
    captured: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}

    def pass_on(number: int, data: bytes) -> None:
        if session.output.as_json:
            captured[number] += data
        else:
            stream = sys.stdout.buffer if number == 1 else sys.stderr.buffer
            stream.write(data)
            stream.flush()

    with ExitStack() as stack:
        job = _job(session, path, arguments, options, stack)
        outcome = run_script(
            job, launcher, permissions, limits, _bounds(options), on_output=pass_on
        )
    if outcome.stopped:
        kind = PluginTimedOut if "ran for more" in outcome.stopped else PluginFailed
        raise kind(
            f"{printable(path.name)} was ended with all that it started: {outcome.stopped}.",
            hint="Its limits are those of a plugin; see the options of this command.",
        )
    return Answer(
        {
            "level": launcher.level,
            "engine": launcher.engine,
            "applied": list(outcome.applied),
            "exit_code": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "stdout": captured[1].decode(errors="replace"),
            "stderr": captured[2].decode(errors="replace"),
        },
        exit_code=outcome.status,
    )


def _bounds(options: dict[str, Any]) -> Any:
    """How long it may run, how much it may print. Raises UsageError."""
    from heimnetz_git.model.limits import seconds, size_in_bytes
    from heimnetz_git.sandbox.script import Bounds

    try:
        return Bounds(seconds(options["timeout"]), size_in_bytes(options["output"]))
    except ValueError as error:
        raise UsageError(f"{error}.") from None


def _job(
    session: Session, path: Path, arguments: tuple[str, ...], options: dict[str, Any],
    stack: ExitStack,
) -> Any:  # fmt: skip
    """The script with its folders; temporary ones go with ``stack``."""
    from heimnetz_git.sandbox.script import Script

    if not path.is_file() or path.stat().st_size > LARGEST_SCRIPT:
        raise FileMissing(f"{printable(str(path))} is no script.", path=str(path))
    code = tuple(_folder(session, one) for one in options["code"])
    if options["data"]:
        data = _folder(session, options["data"])
    else:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="heimnetz-data-"))
    stand_ins = _stand_ins((*map(Path, code), path), stack)
    return Script(path.read_bytes(), str(path), arguments, code, data, stand_ins)


def _folder(session: Session, text: str) -> str:
    """A folder that exists. Raises FileMissing."""
    found = session.existing(text)
    if not found.is_dir():
        raise FileMissing(f"{printable(text)} is not a folder.", path=str(found))
    return str(found)


def _stand_ins(paths: tuple[Path, ...], stack: ExitStack) -> dict[str, str]:
    """Copies of what a plugin's own user could not read, when this is root."""
    from heimnetz_git.sandbox.staging import readable_by_all, stand_in
    from heimnetz_git.sandbox.users import is_root

    hidden = [path for path in paths if is_root() and not readable_by_all(path)]
    if not hidden:
        return {}
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="heimnetz-code-")))
    folder.chmod(0o755)
    return {str(path): str(stand_in(path, folder)) for path in hidden}


def _granted(session: Session, options: dict[str, Any]) -> tuple[Permissions, Limits]:
    """The grants and limits of a plugin.yaml, then those of the options."""
    import msgspec

    from heimnetz_git.model.check import check
    from heimnetz_git.model.limits import Limits
    from heimnetz_git.model.permission import Permissions

    permissions, limits = Permissions(), Limits()
    if options["grants"]:
        found = _document(session.existing(options["grants"]))
        try:
            permissions = msgspec.convert(found.get("permissions") or {}, Permissions)
            limits = msgspec.convert(found.get("limits") or {}, Limits)
        except msgspec.ValidationError as error:
            raise InvalidFile(
                f"{printable(options['grants'])} grants nothing that can be read: {error}."
            ) from None
    changes = {
        name: options[name]
        for name in ("memory", "disk", "processes", "files")
        if options[name] is not None
    }
    limits = msgspec.structs.replace(limits, **changes)
    faults = [*check(permissions), *check(limits)]
    if faults:
        where = Location(str(options["grants"] or "options"))
        problems = [Problem(one.code, one.message, where, path=one.path) for one in faults]
        raise InvalidFile("The grants or limits cannot be used.", problems=problems)
    return permissions, limits


def _document(path: Path) -> dict[str, Any]:
    """A YAML mapping. Raises InvalidFile."""
    from heimnetz_git.storage import yamlfile

    found = yamlfile.parse(path.read_bytes(), str(path))
    if not isinstance(found, dict):
        raise InvalidFile(f"{printable(str(path))} must be a mapping.", file=str(path))
    return found
