"""The scanner's report: findings, capabilities, verdict, and a score with its reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.scan.capabilities import Capability

__all__ = [
    "SCANNER_FAILED",
    "Reason",
    "Report",
    "Status",
    "Verdict",
    "fingerprinted",
    "ranked",
    "verdict_of",
]

Verdict = Literal["accept", "review", "reject"]
Status = Literal["not_scanned", "scanning", "passed", "warning", "failed", "error"]
SCANNER_FAILED = "scanner-failed"
_STATUS: dict[Verdict, Status] = {"accept": "passed", "review": "warning", "reject": "failed"}
_RANK = {severity: rank for rank, severity in enumerate(Severity)}
# Rules on code that is careless or unusual rather than out to harm. By themselves they do not send
# a package to a person, unless it was to be held to declared permissions.
_NOTES = frozenset(
    {"dynamic-code", "shell-command", "native-code", "permission-unused", "source-encoding",
     "secret", "host-tampering", "credential-files", "concealed-name", "foreign-entry",
     "confusable-name", "spying", "anti-analysis", "binary-member", "startup-hook",
     "shadowed-module"}
)  # fmt: skip
_POINTS = {Severity.CRITICAL: 70, Severity.HIGH: 61, Severity.MEDIUM: 12, Severity.LOW: 2}
_MOST_POINTS = {Severity.MEDIUM: 36, Severity.LOW: 6}
_GRADES = ((90, "A"), (80, "B"), (65, "C"), (40, "D"), (20, "E"))


class Reason(msgspec.Struct, frozen=True):
    """Why points were taken off: the rule, how many, and in which words."""

    rule: str
    points: int
    words: str


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found, worst first, and everything that the code can do.

    ``held`` says whether the code was held to declared permissions.
    """

    findings: tuple[Finding, ...]
    capabilities: tuple[Capability, ...]
    held: bool = False

    @property
    def verdict(self) -> Verdict:
        """What a registry should do with the submission."""
        return verdict_of(self.findings, held=self.held)

    @property
    def status(self) -> Status:
        """``passed``, ``warning`` or ``failed`` by the verdict; ``error`` if a scanner failed.

        A registry says ``not_scanned`` and ``scanning`` of what has no report yet.
        """
        if any(finding.rule == SCANNER_FAILED for finding in self.findings):
            return "error"
        return _STATUS[self.verdict]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Each rule that took points off, once, by its worst finding: the number of findings of a
        rule does not count, so a large package does not sink. Medium rules take 36 points at the
        most, low ones 6.
        """
        worst: dict[str, Finding] = {}
        for finding in self.findings:
            if finding.rule not in worst:
                worst[finding.rule] = finding
        taken: dict[Severity, int] = {}
        reasons: list[Reason] = []
        for rule, finding in worst.items():
            severity = finding.severity
            most = _MOST_POINTS.get(severity, 100) - taken.get(severity, 0)
            points = min(_POINTS.get(severity, 0), most)
            taken[severity] = taken.get(severity, 0) + points
            if points > 0:
                reasons.append(Reason(rule, points, f"{severity}: {finding.message}"))
        return tuple(reasons)

    @property
    def score(self) -> int:
        """100 without findings; each reason takes its points off, down to 0."""
        return max(0, 100 - sum(reason.points for reason in self.reasons))

    @property
    def grade(self) -> str:
        """A from 90, B from 80, C from 65, D from 40, E from 20, else F."""
        return next((grade for least, grade in _GRADES if self.score >= least), "F")

    @property
    def recommendations(self) -> tuple[str, ...]:
        """What to do, in the order of the points that it gives back."""
        hints: dict[str, str] = {}
        for finding in self.findings:
            if finding.hint and finding.rule not in hints:
                hints[finding.rule] = finding.hint
        ordered = sorted(self.reasons, key=lambda reason: -reason.points)
        said = (hints[reason.rule] for reason in ordered if reason.rule in hints)
        return tuple(dict.fromkeys(said))

    def document(self) -> dict[str, Any]:
        """The report as plain data, as ``scan --json`` prints it."""
        return {
            "findings": [_row(finding) for finding in self.findings],
            "score": self.score,
            "grade": self.grade,
            "verdict": self.verdict,
            "status": self.status,
            "reasons": [msgspec.to_builtins(reason) for reason in self.reasons],
            "recommendations": list(self.recommendations),
            "capabilities": [msgspec.to_builtins(one) for one in self.capabilities],
        }


def _row(finding: Finding) -> dict[str, Any]:
    place = finding.location
    row = {
        "file": place.file, "line": place.line, "column": place.column, "rule": finding.rule,
        "severity": str(finding.severity), "capability": finding.capability,
        "message": finding.message, "hint": finding.hint, "fingerprint": finding.fingerprint,
        "location": msgspec.to_builtins(place),
    }  # fmt: skip
    if finding.trail:
        row["trail"] = [msgspec.to_builtins(step) for step in finding.trail]
    return row


def verdict_of(findings: Iterable[Finding], *, held: bool = False) -> Verdict:
    """``reject`` for a critical or high finding, ``review`` for a medium one, else ``accept``.

    A medium note on style (a lone ``exec``, a shell) asks for a person only when the code is
    ``held`` to declared permissions, which it could not keep.
    """
    verdict: Verdict = "accept"
    for finding in findings:
        if _RANK[finding.severity] <= _RANK[Severity.HIGH]:
            return "reject"
        if finding.severity is Severity.MEDIUM and (held or finding.rule not in _NOTES):
            verdict = "review"
    return verdict


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once: worst first, then by file, line, column and rule."""
    best: dict[tuple[Any, ...], Finding] = {}
    for one in findings:
        place = one.location
        key = (one.rule, place.file, place.line, place.column, one.message)
        if key not in best or len(one.trail) > len(best[key].trail):
            best[key] = one
    return tuple(
        sorted(
            best.values(),
            key=lambda it: (
                _RANK[it.severity],
                it.location.file,
                it.location.line,
                it.location.column,
                it.rule,
                it.message,
            ),
        )
    )


def fingerprinted(findings: Iterable[Finding], files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """The findings with fingerprints: of rule, file, the line's text, and which of its like it is.

    Lines that move keep theirs. A rule that gave its finding a fingerprint chose the stem itself.
    """
    lines: dict[str, list[bytes]] = {}
    seen: dict[str, int] = {}
    made: list[Finding] = []
    for finding in findings:
        place = finding.location
        if place.file not in lines:
            lines[place.file] = files.get(place.file, b"").split(b"\n")
        known = lines[place.file]
        text = known[place.line - 1] if 0 < place.line <= len(known) else b""
        key = f"{finding.rule}|{place.file}|".encode() + b" ".join(text.split())[:2000]
        stem = finding.fingerprint or hashlib.sha256(key).hexdigest()[:24]
        seen[stem] = seen.get(stem, -1) + 1
        made.append(msgspec.structs.replace(finding, fingerprint=f"{stem}-{seen[stem]}"))
    return tuple(made)
