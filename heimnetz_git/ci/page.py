"""What a check found, in the forms that forges show: a page, annotations, SARIF. Pure text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from heimnetz_git.ci.check import Examined, Scanned
from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.registry.law_report import (
    annotation_lines,
    finding_line,
    permission_lines,
    plain_text,
    size_lines,
)
from heimnetz_git.scan.report import Report
from heimnetz_git.scan.sarif import sarif as scan_sarif
from heimnetz_git.storage.repo import Repository

__all__ = ["FORMS", "Form", "github", "json_text", "markdown", "sarif", "text"]

MOST_FINDINGS = 50
_VERDICTS = {
    "refused": "Refused: it cannot be merged as it is.",
    "held": "Held: a maintainer decides.",
    "accepted": "Accepted: nothing stands against it.",
}
_BREAKS = frozenset({"plugin-broken", "requirement-unmet", "requirement-unbounded"})
_OUTCOMES = {"refuse": Severity.HIGH, "hold": Severity.MEDIUM, "note": Severity.INFO}
_LEVELS = {
    Severity.CRITICAL: "refuse",
    Severity.HIGH: "refuse",
    Severity.MEDIUM: "hold",
}


def markdown(repo: Repository, found: Examined, links: str = "") -> str:
    """The page for a pull request: verdict, permissions, findings, resolvability, scanner, sizes.

    ``links`` is the address of the commit's files at the forge; findings link to their lines there.
    """
    base, head = found.trees
    lines = [f"## {_VERDICTS[found.verdict]}", ""]
    lines += [f"For the commit `{found.head}`, on `{found.base}`.", ""]
    lines += permission_lines(repo, base, head)
    others = [one for one in found.findings if one.rule not in _BREAKS]
    lines += ["### Findings", "", *(_linked(one, links) for one in others[:MOST_FINDINGS])]
    lines += [] if others else ["None."]
    lines += ["", "### What it does to others", ""]
    broken = [one for one in found.findings if one.rule in _BREAKS]
    lines += [finding_line(one) for one in broken]
    lines += [] if broken else ["What could be installed before still can, and so can this."]
    for one in found.scans:
        lines += ["", *_scan_lines(one, found)]
    return "\n".join([*lines, "", *size_lines(repo, base, head), ""])


def _scan_lines(one: Scanned, found: Examined) -> Iterator[str]:
    report = one.report
    yield f"### Scanner: {report.verdict}, {report.score}/100 ({report.grade})"
    yield ""
    yield f"Of {plain_text(one.wheel)}:"
    yield ""
    source = found.release.source if found.release else None
    for finding in report.findings[:MOST_FINDINGS]:
        yield finding_line(finding)
    if len(report.findings) > MOST_FINDINGS:
        yield f"- and {len(report.findings) - MOST_FINDINGS} more"
    can = sorted({f"{it.kind.value} {it.target}".strip() for it in report.capabilities})
    yield "" if report.findings else "No findings."
    yield f"It can: {plain_text(', '.join(can)) or 'only compute'}."
    if source is not None and re.fullmatch(r"https://[\w./~-]+", source.repository):
        yield ""
        yield f"Its source: {source.repository} at `{plain_text(source.commit)}`."


def _linked(one: Finding, links: str) -> str:
    line = finding_line(one)
    if not re.fullmatch(r"https?://[\w./:~-]+", links):
        return line
    if not re.fullmatch(r"[\w./+-]+", one.location.file):
        return line
    anchor = f"#L{one.location.line}" if one.location.line else ""
    return f"{line} [see]({links}/{one.location.file}{anchor})"


def github(repo: Repository, found: Examined, links: str = "") -> str:  # noqa: ARG001 # a Form
    """Workflow commands of GitHub Actions and Forgejo: one annotation a finding."""
    lines = [*annotation_lines(found.findings)]
    for one in found.scans:
        placed = (
            msgspec.structs.replace(
                finding,
                location=msgspec.structs.replace(finding.location, file=one.wheel),
                message=f"{finding.location}: {finding.message}",
                outcome=_LEVELS.get(finding.severity, "note"),
            )
            for finding in one.report.findings[:MOST_FINDINGS]
        )
        lines += annotation_lines([*placed])
    return "\n".join([*lines, f"{found.verdict}: {found.head}"]) + "\n"


def json_text(repo: Repository, found: Examined, links: str = "") -> str:  # noqa: ARG001 # a Form
    """One JSON document."""
    document = {"schema": "heimnetz-git/ci-check/1", **found.document()}
    return json.dumps(document, indent=2) + "\n"


def sarif(repo: Repository, found: Examined, links: str = "") -> str:  # noqa: ARG001 # a Form
    """SARIF 2.1.0: a run for the law, and one for each wheel with paths below the wheel's own."""
    law = tuple(
        msgspec.structs.replace(one, severity=_OUTCOMES.get(one.outcome, one.severity))
        for one in found.findings
    )
    log = scan_sarif(Report(law, ()))
    _name(log["runs"][0], "law", found)
    del log["runs"][0]["properties"]["score"], log["runs"][0]["properties"]["grade"]
    log["runs"][0]["properties"]["verdict"] = found.verdict
    for one in found.scans:
        run = scan_sarif(one.report, root=printable(one.wheel))["runs"][0]
        _name(run, f"scan/{printable(one.wheel)}", found)
        log["runs"].append(run)
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _name(run: dict[str, Any], category: str, found: Examined) -> None:
    """Which of the runs of one commit it is; code hosts tell runs apart by this."""
    run["automationDetails"] = {"id": f"heimnetz-git/{category}/"}
    run["versionControlProvenance"] = [
        {"repositoryUri": "registry:/", "revisionId": found.head, "branch": "submission"}
    ]


def text(repo: Repository, found: Examined, links: str = "") -> str:  # noqa: ARG001 # a Form
    """Lines for a terminal or a log."""
    lines = [f"{found.verdict}: {found.head} on {found.base}"]
    for change in found.permissions:
        sign = "+" if change.kind == "gained" else "-"
        lines.append(f"  {sign} {printable(change.words, longest=400)}")
    lines += [f"  {one.outcome or one.severity}: {one}" for one in found.findings]
    for one in found.scans:
        report = one.report
        lines.append(f"  {printable(one.wheel)}: {report.verdict}, {report.score} of 100")
        lines += [f"    {printable(str(finding), longest=400)}" for finding in report.findings]
    return "\n".join(lines) + "\n"


Form = Callable[[Repository, Examined, str], str]
FORMS: dict[str, Form] = {
    "text": text,
    "markdown": markdown,
    "json": json_text,
    "sarif": sarif,
    "github": github,
}
