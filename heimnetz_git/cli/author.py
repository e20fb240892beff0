"""Commands of the author: validate, build, schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.words import count, finding_lines
from heimnetz_git.errors import UsageError, printable
from heimnetz_git.model.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heimnetz_git.sdk.fixes import Mend

__all__ = ["build", "schema", "validate"]

LEVELS = tuple(severity.value for severity in Severity)
NEVER = "never"


def fail_on(default: str) -> Callable[[Any], Any]:
    """The option that says from which severity on a finding makes exit code 9."""
    return click.option(
        "--fail-on",
        type=click.Choice([*LEVELS, NEVER]),
        default=default,
        show_default=True,
        help="End with code 9 from this severity on.",
    )


@command(
    examples=(
        "validate",
        "validate plugins/wake-on-lan --fix",
        "validate dist/wake_on_lan-1.0.0-py3-none-any.whl --fail-on low",
    )
)
@click.argument("path", default=".", type=click.Path())
@fail_on("medium")
@click.option("--fix", "mend", is_flag=True, help="Mend what is safe to mend in plugin.yaml.")
def validate(session: Session, path: str, fail_on: str, *, mend: bool) -> Answer:
    """Check a plugin project against the rules.

    PATH is the project's folder, or a wheel. The code is read, never run. With --fix the manifest
    gets the permissions that the code uses and bounded ranges; the rest of it stays as it is.
    """
    from heimnetz_git.sdk.validate import validate as examine

    place = session.existing(path)
    mends = mended(place) if mend else ()
    said = findings_answer(tuple(examine(place)), fail_on, path, sources(place))
    data = {**said.data, "fixed": [{"key": one.key, "message": one.words} for one in mends]}
    lines = [*(f"Fixed: {printable(one.words, longest=400)}" for one in mends), *said.lines]
    return Answer(data, lines, exit_code=said.exit_code)


def mended(project: Path) -> Sequence[Mend]:
    """Mend a project's manifest; what was done. Raises UsageError for a wheel."""
    from heimnetz_git.sdk.fixes import fix

    if not project.is_dir():
        raise UsageError("Only a project can be mended; a wheel is what it is.")
    return fix(project)


@command(examples=("build", "build plugins/wake-on-lan --out dist"))
@click.argument("path", default=".", type=click.Path())
@click.option("--out", default="dist", show_default=True, help="The folder for the wheel.")
@click.option(
    "--isolation",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Whether the build back end gets an environment of its own.",
)
def build(session: Session, path: str, out: str, isolation: str) -> Answer:
    """Build a plugin's wheel, reproducibly.

    The same source gives the same bytes. The plugin is asked for its operations, in the sandbox.
    """
    built = build_project(session, session.existing(path), session.path(out), isolation=isolation)
    return Answer(
        {"wheel": str(built.wheel), "release": built.release},
        [f"Built {printable(str(built.wheel), longest=400)}"],
        narrates=True,
    )


@command(examples=("schema manifest", "schema release > release.schema.json", "schema --list"))
@click.argument("kind", required=False)
@click.option("--list", "listing", is_flag=True, help="List the kinds of files.")
def schema(_: Session, kind: str | None, listing: bool) -> Answer:
    """Print the JSON Schema of a kind of file.

    For editors and other programs; JSON Schema 2020-12.
    """
    from heimnetz_git.model.schema import KINDS, json_schema

    if listing or kind is None:
        return Answer({"kinds": sorted(KINDS)}, sorted(KINDS))
    if kind not in KINDS:
        raise click.BadParameter(f"there is no kind '{kind}'; choose of {', '.join(KINDS)}.")
    found = json_schema(kind)
    return Answer({"kind": kind, "json_schema": found}, [json.dumps(found, indent=2)])


def build_project(session: Session, project: Path, out: Path, **options: Any) -> Any:
    """Build with this run's settings; ``options`` are those of ``sdk.build.build``."""
    from heimnetz_git.sdk.build import build as make
    from heimnetz_git.sdk.repack import EPOCH

    when = session.now() if "SOURCE_DATE_EPOCH" in session.environ else EPOCH
    return make(
        project,
        out,
        sandbox=session.settings.sandbox,
        when=when,
        reporter=session.reporter,
        **options,
    )


def sources(place: Path) -> Path | None:
    """The folder that findings' files lie in; None for what is in an archive."""
    if place.is_dir():
        return place
    return None if place.suffix == ".whl" else place.parent


def findings_answer(
    findings: Sequence[Finding], fail_on: str, subject: str, root: Path | None = None
) -> Answer:
    """Findings as an answer; code 9 when one is as bad as ``fail_on``.

    With ``root`` people see the lines of source that they are about.
    """
    ranks = {level: rank for rank, level in enumerate(LEVELS)}
    worst = min((ranks[found.severity.value] for found in findings), default=len(LEVELS))
    failed = fail_on != NEVER and worst <= ranks[fail_on]
    name = printable(subject, longest=400)
    lines = [
        *finding_lines(findings, root),
        f"{name}: {count(len(findings), 'finding') if findings else 'no findings'}.",
    ]
    data = {"findings": findings, "failed": failed}
    return Answer(data, lines, exit_code=9 if failed else 0)
