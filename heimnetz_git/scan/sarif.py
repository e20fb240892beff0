"""Reports in the forms of others: SARIF 2.1.0 and Markdown.

Source of the format: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", OASIS, and
what code hosts make of it (``security-severity``, ``partialFingerprints``, at most 5,000 results).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity, Step
from heimnetz_git.scan.baseline import Suppressed
from heimnetz_git.scan.report import Report
from heimnetz_git.scan.rules import RULES
from heimnetz_git.scan.submission import Rule

__all__ = ["RulePage", "markdown", "page_of", "sarif"]

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MOST_RESULTS = 5000
_LEVELS = {
    Severity.CRITICAL: ("error", "9.5"),
    Severity.HIGH: ("error", "8.0"),
    Severity.MEDIUM: ("warning", "5.0"),
    Severity.LOW: ("note", "2.0"),
    Severity.INFO: ("note", "0.0"),
}


class RulePage:
    """A rule's page in the manual: its code, first sentence, text, and tags such as ``CWE-78``."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.summary, _, self.text = text.partition("\n\n")
        self.tags = tuple(
            dict.fromkeys(re.findall(r"CWE-\d+|\bT\d{4}(?:\.\d{3})?|CVE-\d{4}-\d+", text))
        )


def page_of(rule: Rule) -> RulePage:
    """The page of a rule, from its docstring."""
    lines = (rule.__doc__ or "").strip().splitlines()
    return RulePage(rule.__name__.replace("_", "-"), "\n".join(line.strip() for line in lines))


def sarif(
    report: Report, *, root: str = "", suppressed: Sequence[Suppressed] = ()
) -> dict[str, Any]:
    """The report as a SARIF log; paths are relative to ``root``, below the repository's top.

    What is ``suppressed`` stands in it as such, after the rest.
    """
    pages = _pages((*report.findings, *(one.finding for one in suppressed)))
    index = {page.code: number for number, page in enumerate(pages)}
    results = [_result(one, index[one.rule], root) for one in report.findings]
    results += [
        {
            **_result(one.finding, index[one.finding.rule], root),
            "suppressions": [{"kind": one.kind, "justification": printable(one.reason)}],
        }
        for one in suppressed
    ]
    driver = {
        "name": "heimnetz-git",
        "version": _version(),
        "rules": [_rule(page) for page in pages],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": results[:MOST_RESULTS],
        "properties": {
            "score": report.score,
            "grade": report.grade,
            "verdict": report.verdict,
            "status": report.status,
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _version() -> str:
    try:
        return version("heimnetz-git")
    except PackageNotFoundError:
        return "0"


def _pages(findings: Iterable[Finding]) -> list[RulePage]:
    """All rules, then those of findings that no rule of the table made (a wheel refused)."""
    pages = [page_of(rule) for rule in RULES]
    known = {page.code for page in pages}
    more = sorted({finding.rule for finding in findings} - known)
    return [
        *pages,
        *(RulePage(code, f"{code}.\n\nFound before the rules are asked.") for code in more),
    ]


def _rule(page: RulePage) -> dict[str, Any]:
    return {
        "id": page.code,
        "name": "".join(word.capitalize() for word in page.code.split("-")),
        "shortDescription": {"text": page.summary},
        "fullDescription": {"text": page.text or page.summary},
        "help": {"text": page.text or page.summary},
        "properties": {
            "tags": ["security", *(_tag(tag) for tag in page.tags)],
            "security-severity": "8.0",
        },
    }


def _tag(tag: str) -> str:
    if tag.startswith("CWE-"):
        return f"external/cwe/{tag.lower()}"
    return f"external/mitre-attack/{tag}" if tag.startswith("T") else f"external/cve/{tag.lower()}"


def _result(finding: Finding, index: int, root: str) -> dict[str, Any]:
    level, severity = _LEVELS[finding.severity]
    said = f"{finding.message} {finding.hint}".strip()
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level,
        "message": {"text": said},
        "locations": [_location(finding.location, root)],
        "properties": {
            "capability": finding.capability,
            "severity": str(finding.severity),
            "security-severity": severity,
        },
    }
    if finding.fingerprint:
        result["partialFingerprints"] = {"heimnetzFinding/v1": finding.fingerprint}
    if finding.trail:
        result["codeFlows"] = [{"threadFlows": [{"locations": _flow(finding.trail, root)}]}]
    return result


def _flow(trail: Iterable[Step], root: str) -> list[dict[str, Any]]:
    return [
        {"location": {**_location(step.location, root), "message": {"text": step.words}}}
        for step in trail
    ]


def _location(place: Location, root: str) -> dict[str, Any]:
    file = f"{root.rstrip('/')}/{place.file}" if root else place.file
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(file.lstrip("/"), safe="/")}}
    if place.line:
        physical["region"] = {"startLine": place.line}
        if place.column:
            physical["region"]["startColumn"] = place.column
    return {"physicalLocation": physical}


def markdown(report: Report, title: str) -> str:
    """The report for a pull request: verdict, score with its reasons, findings, capabilities."""
    lines = [
        f"## {_cell(title)}: {report.verdict}, {report.score}/100 ({report.grade})",
        "",
    ]
    if report.reasons:
        lines += ["| Points | Rule | Why |", "|---|---|---|"]
        lines += [f"| -{it.points} | `{it.rule}` | {_cell(it.words)} |" for it in report.reasons]
        lines.append("")
    if report.findings:
        lines += ["| Severity | Where | What |", "|---|---|---|"]
        lines += [
            f"| {it.severity} | `{_cell(str(it.location))}` | {_cell(it.message)} (`{it.rule}`) |"
            for it in report.findings[:200]
        ]
        lines.append("")
    can = sorted({f"{one.kind.value} {one.target}".strip() for one in report.capabilities})
    lines.append(f"It can: {', '.join(f'`{_cell(one)}`' for one in can) or 'only compute'}.")
    if report.recommendations:
        lines += ["", "What to do, in the order of effect:", ""]
        lines += [f"1. {_cell(one)}" for one in report.recommendations]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Foreign text that stays in its cell."""
    return re.sub(r"[|`<>\n]", " ", printable(text, longest=300))
