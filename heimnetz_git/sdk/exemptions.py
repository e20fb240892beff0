"""Findings that an author answers for, with a reason in ``plugin.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.manifest import Exemption
from heimnetz_git.sdk.project import MANIFEST

__all__ = ["exempted"]

_FIRM = (Severity.CRITICAL, Severity.HIGH)


def exempted(findings: Iterable[Finding], exemptions: Sequence[Exemption]) -> Iterator[Finding]:
    """The findings, those that an exemption covers as information with the author's reason.

    What a registry refuses (high, critical) stays what it is: the author cannot answer for that.
    An exemption that covers nothing is a finding itself, so that none outlives what it was for.
    """
    useless = set(range(len(exemptions)))
    for finding in findings:
        for number, one in enumerate(exemptions):
            if one.rule == finding.rule and one.file in ("", finding.location.file):
                useless.discard(number)
                finding = _answered_for(finding, one)  # noqa: PLW2901  # the same one, less severe
                break
        yield finding
    for number in sorted(useless):
        yield _of_no_use(number, exemptions[number])


def _answered_for(finding: Finding, exemption: Exemption) -> Finding:
    if finding.severity in _FIRM:
        hint = f"{finding.hint} An exception does not help: a registry refuses this.".strip()
        return msgspec.structs.replace(finding, hint=hint)
    return msgspec.structs.replace(
        finding,
        severity=Severity.INFO,
        message=f"{finding.message} Accepted: {printable(exemption.reason)}",
    )


def _of_no_use(number: int, exemption: Exemption) -> Finding:
    rule = printable(exemption.rule)
    return Finding(
        "exception-unused",
        Severity.LOW,
        f"exceptions[{number}]: {rule!r} finds nothing that the exception is for.",
        Location(MANIFEST),
        hint="Remove it, or look for a slip of the pen in 'rule' or 'file'.",
    )
