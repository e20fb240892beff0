"""Findings that somebody has looked at: a baseline file, or a comment with a reason.

Neither is read from inside of what is scanned unless the one who scans asks for it: a submission
cannot quieten its own scan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from heimnetz_git.errors import InvalidFile
from heimnetz_git.model.finding import Finding, Location, Problem
from heimnetz_git.scan.report import Report
from heimnetz_git.storage import yamlfile

__all__ = ["Baseline", "Known", "Looked", "Suppressed", "baseline_of", "read_baseline", "suppress"]

Looked = Literal["external", "inSource"]
_COMMENT = re.compile(
    rb"(?:#|//)\s*heimnetz:\s*allow\s+([a-z][a-z-]{1,60})\s+because\s+(\S[^\r\n]{2,300})"
)


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding that was looked at: its fingerprint, why it may stay, and until when.

    ``expires`` is a day as ``2027-01-31``; empty means for good. The rest helps its readers.
    """

    fingerprint: str
    rule: str = ""
    file: str = ""
    reason: str = ""
    expires: str = ""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """A baseline file: what need not be told again."""

    format: Literal[1] = 1
    findings: tuple[Known, ...] = ()


class Suppressed(msgspec.Struct, frozen=True):
    """A finding that is not told, by whom (SARIF's words), and why."""

    finding: Finding
    kind: Looked
    reason: str


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises InvalidFile, FileMissing."""
    found = yamlfile.read_file(path, Baseline)
    problems = [
        Problem(
            "expires",
            f"'{known.expires}' is no day.",
            Location(path.name),
            path=f"findings[{number}].expires",
            expected="a day as 2027-01-31",
        )
        for number, known in enumerate(found.findings)
        if known.expires and _day(known.expires) is None
    ]
    if problems:
        raise InvalidFile(f"{path.name} is no baseline.", problems=tuple(problems))
    return found


def baseline_of(findings: Iterable[Finding], reason: str) -> Baseline:
    """A baseline of all these findings, in the order of their files."""
    known = {
        Known(it.fingerprint, it.rule, it.location.file, reason)
        for it in findings
        if it.fingerprint
    }
    ordered = sorted(known, key=lambda it: (it.file, it.rule, it.fingerprint))
    return Baseline(findings=tuple(ordered))


def suppress(
    report: Report,
    baseline: Baseline = Baseline(),  # noqa: B008 # frozen
    *,
    today: date,
    inline: Mapping[str, bytes] | None = None,
) -> tuple[Report, tuple[Suppressed, ...]]:
    """The report without what was looked at, and that.

    ``inline`` are the files whose comments count (``# heimnetz: allow RULE because REASON``, on the
    finding's line); None is for code of others. What has expired is told again.
    """
    known = {
        _stem(it.fingerprint, it.rule): it
        for it in baseline.findings
        if not it.expires or (_day(it.expires) or date.min) >= today
    }
    kept: list[Finding] = []
    gone: list[Suppressed] = []
    for finding in report.findings:
        entry = known.get(_stem(finding.fingerprint, finding.rule))
        reason = _said(finding, inline or {})
        if entry is not None and finding.fingerprint:
            gone.append(Suppressed(finding, "external", entry.reason))
        elif reason:
            gone.append(Suppressed(finding, "inSource", reason))
        else:
            kept.append(finding)
    return msgspec.structs.replace(report, findings=tuple(kept)), tuple(gone)


def _stem(fingerprint: str, rule: str) -> str:
    """What a finding is known by: a key is the same wherever, and how often, it stands."""
    return fingerprint.rpartition("-")[0] if rule == "secret" else fingerprint


def _said(finding: Finding, files: Mapping[str, bytes]) -> str:
    """The reason that the finding's own line gives; empty if it gives none."""
    lines = files.get(finding.location.file, b"").split(b"\n") if files else []
    number = finding.location.line
    found = _COMMENT.search(lines[number - 1]) if 0 < number <= len(lines) else None
    if found is None or found[1].decode() != finding.rule:
        return ""
    return found[2].decode("utf-8", "replace").strip()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
