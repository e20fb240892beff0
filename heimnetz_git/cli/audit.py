"""The command that holds what is installed or locked against known weaknesses."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.words import COLORS, count
from heimnetz_git.errors import FileMissing, InvalidFile, UsageError, printable

if TYPE_CHECKING:
    from heimnetz_git.market.audit import Exemption, Hit, Subject
    from heimnetz_git.model.osv import Record
    from heimnetz_git.registry.cacheadvisories import AdvisoryStore, Imported

__all__ = ["audit"]

STORE = "advisories.sqlite"
FOUND_FAULT = 9
RULE = re.compile(r"(?P<id>[A-Za-z0-9-]+)(?:@(?P<until>\d{4}-\d{2}-\d{2}))?=(?P<reason>.+)")


@command(
    examples=(
        "audit --import pypi-advisories.zip",
        "audit",
        "audit heimnetz.lock --json",
        "audit requirements.txt --ignore 'GHSA-abcd-efgh-ijkl@2026-12-31=only on Windows'",
    )
)
@click.argument("path", required=False, type=click.Path())
@click.option(
    "--import", "dumps", multiple=True, metavar="FILE.zip",
    help="Take in OSV records first, as osv.dev publishes them.",
)  # fmt: skip
@click.option(
    "--ignore", "ignored", multiple=True, metavar="ID[@DATE]=REASON",
    help="Pass over an advisory, until that date.",
)  # fmt: skip
@click.option(
    "--vex", multiple=True, metavar="FILE", help="Believe the statements of an OpenVEX document."
)
def audit(session: Session, path: str | None, **options: Any) -> Answer:
    """Find known weaknesses of plugins and their packages.

    What is installed is audited, or PATH: a heimnetz.lock, a pylock.toml or a requirements.txt.
    Advisories are those of the registries and those that were imported; nothing is fetched. Ends
    with code 9 when something is affected, and when nothing was there to hold it against.
    """
    from heimnetz_git.market.audit import audit as examine
    from heimnetz_git.market.subjects import own_records
    from heimnetz_git.registry.cacheadvisories import AdvisoryStore

    rules = [*map(_rule, options["ignored"]), *_statements(session, options["vex"])]
    with AdvisoryStore(session.home.cache / STORE) as store:
        imported = [
            store.import_dump(session.existing(dump), reporter=session.reporter)
            for dump in options["dumps"]
        ]
        if imported and path is None and session.generation is None:
            return _told(imported, len(store), store.as_of)
        subjects = _subjects(session, path)
        own, unasked = own_records(session.catalog)
        records = _records(store, own, subjects)
        known, as_of = len(store), store.as_of
    today = time.strftime("%Y-%m-%d", time.gmtime(session.now()))
    hits = examine(subjects, records, exemptions=rules, today=today)
    blind = known == 0 and any(one.ecosystem == "PyPI" for one in subjects)
    failed = blind or any(hit.counts for hit in hits)
    lines = [line for hit in hits for line in _lines(hit)]
    lines += [f"The index {printable(one)} has no advisories to ask for." for one in unasked]
    lines.append(_summary(subjects, hits, known, as_of, blind=blind))
    data = {
        "advisories": [_row(hit) for hit in hits],
        "audited": len(subjects),
        "known": known,
        "as_of": as_of,
        "imported": [_import_row(one) for one in imported],
        "unasked": unasked,
        "failed": failed,
    }
    return Answer(data, lines, exit_code=FOUND_FAULT if failed else 0)


def _rule(text: str) -> Exemption:
    from heimnetz_git.market.audit import Exemption

    found = RULE.fullmatch(text)
    if found is None or not found["reason"].strip():
        raise UsageError(
            f"'{printable(text)}' does not say what to ignore and why.",
            hint="Write --ignore 'GHSA-abcd-efgh-ijkl@2026-12-31=why it does not matter here'.",
        )
    return Exemption(found["id"], found["reason"].strip(), until=found["until"] or "")


def _statements(session: Session, files: Iterable[str]) -> Iterator[Exemption]:
    from heimnetz_git.market.audit import from_openvex

    for file in files:
        try:
            yield from from_openvex(json.loads(session.existing(file).read_bytes()))
        except (ValueError, RecursionError) as error:
            said = printable(str(error))
            raise InvalidFile(f"{printable(file)} is no OpenVEX document: {said}.") from None


def _subjects(session: Session, path: str | None) -> tuple[Subject, ...]:
    from heimnetz_git.market.subjects import in_file, installed

    if path is not None:
        return tuple(in_file(session.existing(path)))
    if session.generation is None:
        raise FileMissing(
            "Nothing is installed here.", hint="Name a file: 'heimnetz-git audit heimnetz.lock'."
        )
    return tuple(installed(session.home, session.receipts.values()))


def _records(
    store: AdvisoryStore, own: Iterable[Record], subjects: Iterable[Subject]
) -> dict[tuple[str, str], list[Record]]:
    """The advisories that name a subject: the registries' own and the imported ones."""
    from heimnetz_git.model.osv import normal_name

    found: dict[tuple[str, str], list[Record]] = {}
    for ecosystem in {one.ecosystem for one in subjects}:
        names = {one.name for one in subjects if one.ecosystem == ecosystem}
        for name, records in store.records(ecosystem, names).items():
            found.setdefault((ecosystem, name), []).extend(records)
    for record in own:
        packages = [one.package for one in record.affected or () if one.package]
        for ecosystem, name in {
            (it.ecosystem, normal_name(it.ecosystem, it.name)) for it in packages
        }:
            found.setdefault((ecosystem, name), []).append(record)
    return found


def _lines(hit: Hit) -> Iterator[str]:
    subject = hit.subject
    name = click.style(hit.severity.value, fg=COLORS[hit.severity], bold=True)
    score = f" {hit.score:.1f}" if hit.score is not None else ""
    through = f" (of {subject.plugin})" if subject.plugin else ""
    what = printable(f"{subject.name} {subject.version or '(any version)'}")
    fate = "" if hit.fate.value == "affected" else f" [{hit.fate.value}]"
    said = f"{printable(hit.id)}{fate} {printable(hit.summary)}".rstrip()
    yield f"{what}{through}: {name}{score}: {said}"
    if hit.reason:
        yield f"  because: {printable(hit.reason)}"
    elif hit.fixed:
        yield f"  fixed in {printable(', '.join(hit.fixed[:3]))}"
    else:
        yield "  no version fixes it"


def _summary(
    subjects: Iterable[Subject], hits: Iterable[Hit], known: int, as_of: str, *, blind: bool
) -> str:
    number = len(tuple(subjects))
    if blind:
        return (
            f"{count(number, 'thing')} audited against nothing: no advisories of Python packages"
            " are here. Import some: 'heimnetz-git audit --import FILE.zip'."
        )
    bad = sum(hit.counts for hit in hits)
    said = f"{count(bad, 'weakness', 'weaknesses')}" if bad else "no known weakness"
    age = f" ({known:,} advisories as of {printable(as_of[:10])})" if known else ""
    return f"{count(number, 'thing')} audited: {said}{age}."


def _row(hit: Hit) -> dict[str, Any]:
    subject = hit.subject
    return {
        "id": hit.id,
        "aliases": hit.aliases,
        "ecosystem": subject.ecosystem,
        "name": subject.name,
        "version": subject.version,
        "plugin": subject.plugin,
        "status": hit.fate.value,
        "severity": hit.severity.value,
        "score": hit.score,
        "summary": hit.summary,
        "fixed": hit.fixed,
        "reason": hit.reason,
    }


def _import_row(one: Imported) -> dict[str, Any]:
    return {"records": one.records, "changed": one.changed, "skipped": one.skipped}


def _told(imported: list[Imported], known: int, as_of: str) -> Answer:
    """What an import alone says."""
    lines = [
        f"Read {count(one.records, 'advisory', 'advisories')}, {one.changed:,} of them new or newer"
        f"{f'; {len(one.skipped)} files are none' if one.skipped else ''}."
        for one in imported
    ]
    rows = [_import_row(one) for one in imported]
    data = {
        "advisories": [], "audited": 0, "known": known, "as_of": as_of, "imported": rows,
        "unasked": [], "failed": False,
    }  # fmt: skip
    return Answer(data, lines)
