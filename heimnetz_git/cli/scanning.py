"""The command that scans: one plugin, with the forms in which it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli.author import fail_on, findings_answer, sources
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import UsageError, printable
from heimnetz_git.storage.home import write_atomic

if TYPE_CHECKING:
    from heimnetz_git.scan.baseline import Suppressed
    from heimnetz_git.scan.profiles import Answer as Met
    from heimnetz_git.scan.report import Report

__all__ = ["scan"]

FORMS = ("sarif", "markdown", "junit", "cyclonedx")
LOOKED_AT = "known when the baseline was made"


def forms(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """The options that also write the report to a file."""
    names = {"sarif": "SARIF 2.1.0", "junit": "JUnit's XML", "cyclonedx": "CycloneDX 1.6"}
    for form in reversed(FORMS):
        text = f"Also write the report there, as {names.get(form, form.capitalize())}."
        function = click.option(f"--{form}", metavar="FILE", help=text)(function)
    return function


@command(
    examples=(
        "scan",
        "scan dist/wake_on_lan-1.0.0-py3-none-any.whl",
        "scan wake-on-lan@1.0.0 --profile strict",
        "scan . --sarif scan.sarif --json",
        "scan . --write-baseline known.yaml",
        "scan --index home-lab --since 3f786850e387550fdab836ed7e6dc881de23001b --json",
    )
)
@click.argument("path", default=".", type=click.Path())
@forms
@click.option("--profile", metavar="NAME", help="Answer a profile's requirements; or a file's.")
@click.option("--baseline", metavar="FILE", help="Leave out the findings that this file knows.")
@click.option("--write-baseline", metavar="FILE", help="Write a baseline of all that is found.")
@click.option("--index", metavar="NAME", help="Scan every release of this index instead.")
@click.option("--since", metavar="COMMIT", help="With --index: what was released after it.")
@click.option("--workers", type=click.IntRange(0, 512), default=0, help="Processes; 0: as cores.")
@click.option("--cluster", metavar="ADDRESS", help="Use the workers of this Dask scheduler.")
@click.option(
    "--external", multiple=True, metavar="NAME", help="Ask this installed scanner too, or 'all'."
)
@click.option("--allow-inline", is_flag=True, help="Let comments in the code leave findings out.")
@fail_on("high")
def scan(session: Session, path: str, fail_on: str, **options: Any) -> Answer:
    """Show what a plugin's code can do and what is risky.

    PATH is a wheel, a project's folder, any folder or module, or NAME@VERSION. What a plugin can do
    is held against the permissions that it declares. The code is read, never run. A profile is
    baseline, strict, asvs, enterprise, or a file. Only with --allow-inline does a comment count,
    '# heimnetz: allow RULE because REASON'. With --index what was scanned before by the same rules
    is not scanned again.
    """
    if options["index"]:
        return _index(session, options)
    if options["since"] or options["cluster"]:
        raise UsageError("--since and --cluster go with --index.")
    report, root = _asked(session, path, options["external"])
    if options["write_baseline"]:
        _write_baseline(session.path(options["write_baseline"]), report)
    report, gone = _without_known(session, report, root, options)
    _write(session, path, report, gone, options)
    said = findings_answer(report.findings, fail_on, path, root)
    can = sorted({f"{one.kind.value} {one.target}".strip() for one in report.capabilities})
    lines = [
        *said.lines,
        *([f"Left out: {len(gone)}, each with its reason (--json)."] if gone else []),
        f"It can: {printable(', '.join(can), longest=2000) or 'only compute'}.",
        f"Score: {report.score} of 100 ({report.grade}). Verdict: {report.verdict}.",
    ]
    data = {**said.data, **report.document(), "suppressed": gone}
    if not options["profile"]:
        return Answer(data, lines, exit_code=said.exit_code)
    met = _answered(session, options["profile"], report)
    data["profile"] = {"name": options["profile"], "met": all(it.met for it in met), "answers": met}
    lines += _profile_lines(met)
    return Answer(data, lines, exit_code=said.exit_code if data["profile"]["met"] else 9)


def _index(session: Session, options: dict[str, Any]) -> Answer:
    from heimnetz_git.cli.scanning_index import scan_index

    how = {key: options[key] for key in ("workers", "cluster", "since")}
    return scan_index(session, options["index"], **{k: v for k, v in how.items() if v})


def _asked(session: Session, text: str, external: tuple[str, ...]) -> tuple[Report, Path | None]:
    """What our scanner says, and those of others that were named."""
    report, root = _scanned(session, text)
    if not external:
        return report, root
    from heimnetz_git.cli.scanning_external import with_external

    return with_external(session, report, text, external), root


def _scanned(session: Session, text: str) -> tuple[Report, Path | None]:
    """What the scanner says of a path or a release, and the folder of its sources, if any."""
    name, at, version = text.partition("@")
    if at and name and not session.path(text).exists():
        return _release(session, name, version), None
    from heimnetz_git.sdk.scanning import scan_path

    place = session.existing(text)
    return scan_path(place), sources(place)


def _release(session: Session, name: str, version: str) -> Report:
    """What the scanner says of a published release's first wheel."""
    from heimnetz_git.cli.find import pick, releases_of
    from heimnetz_git.scan.engine import scan_wheel

    chosen = pick(releases_of(session, name), version, name)
    return scan_wheel(session.catalog.artifact_bytes(chosen, chosen.release.artifacts[0]))


def _without_known(
    session: Session, report: Report, root: Path | None, options: dict[str, Any]
) -> tuple[Report, Sequence[Suppressed]]:
    if not options["baseline"] and not options["allow_inline"]:
        return report, ()
    from heimnetz_git.scan.baseline import Baseline, read_baseline, suppress

    named = options["baseline"]
    known = read_baseline(session.existing(named)) if named else Baseline()
    today = datetime.fromtimestamp(session.now(), UTC).date()
    files = _sources_of(report, root) if options["allow_inline"] else None
    return suppress(report, known, today=today, inline=files)


def _sources_of(report: Report, root: Path | None) -> dict[str, bytes]:
    """The files that findings are in, as they are on disk."""
    if root is None:
        return {}
    named = {finding.location.file for finding in report.findings}
    inside = ((file, (root / file).resolve()) for file in sorted(named))
    return {
        file: path.read_bytes()
        for file, path in inside
        if path.is_relative_to(root.resolve()) and path.is_file()
    }


def _write_baseline(path: Path, report: Report) -> None:
    from heimnetz_git.scan.baseline import baseline_of
    from heimnetz_git.storage.canonical import dump

    write_atomic(path, dump(baseline_of(report.findings, LOOKED_AT)))


def _write(
    session: Session,
    subject: str,
    report: Report,
    gone: Sequence[Suppressed],
    options: dict[str, Any],
) -> None:
    """The files that were asked for."""
    if not any(options[form] for form in FORMS):
        return
    from heimnetz_git.scan import formats, sarif

    made: dict[str, Callable[[], str]] = {
        "sarif": lambda: json.dumps(sarif.sarif(report, suppressed=gone), indent=1),
        "markdown": lambda: sarif.markdown(report, subject),
        "junit": lambda: formats.junit(report, subject),
        "cyclonedx": lambda: formats.cyclonedx(report, subject),
    }
    for form in FORMS:
        if options[form]:
            write_atomic(session.path(options[form]), made[form]().encode())


def _answered(session: Session, name: str, report: Report) -> Sequence[Met]:
    from heimnetz_git.scan.profiles import answers, read_profile

    return answers(read_profile(name, session.cwd), report)


def _profile_lines(met: Sequence[Met]) -> list[str]:
    lines = []
    for it in met:
        lines.append(f"{'yes' if it.met else 'NO ':3} {it.id}: {it.text}")
        lines += [f"      {printable(one, longest=300)}" for one in it.evidence if not it.met]
    return lines
