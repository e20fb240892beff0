"""What a registry does about a finding: refuse it, hold it for a maintainer, or note it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.registry import Outcome, Policy

__all__ = ["CHOSEN", "held", "may_approve", "may_override", "refuses", "with_outcomes"]

CHOSEN: dict[str, Outcome] = {
    "adoption": "hold",
    "facts-unproven": "hold",
    "host-unbounded": "note",
    "license-file-missing": "hold",
    "license-not-allowed": "refuse",
    "name-similar": "hold",
    "name-upstream": "hold",
    "newest-yanked": "hold",
    "not-reproduced": "hold",
    "permissions-grown": "hold",
    "plugin-broken": "hold",
    "removal": "hold",
    "requirement-unbounded": "note",
    "requirement-unmet": "note",
    "signature-unknown": "hold",
    "successor-missing": "hold",
    "version-skipped": "note",
}
"""Rules whose outcome policy.yaml may choose, with what they do by default; all others refuse."""


def with_outcomes(found: Iterable[Finding], policy: Policy) -> tuple[Finding, ...]:
    """The findings with their outcomes. What guards published files is refused, whatever is said.

    A finding of severity ``info`` is a note, unless policy.yaml chooses otherwise for its rule.
    """
    return tuple(msgspec.structs.replace(one, outcome=_outcome(one, policy)) for one in found)


def _outcome(one: Finding, policy: Policy) -> Outcome:
    if one.rule in CHOSEN:
        return policy.rules.get(one.rule, CHOSEN[one.rule])
    return "note" if one.severity is Severity.INFO else "refuse"


def refuses(finding: Finding) -> bool:
    """Does this finding keep a submission out, whoever asks?"""
    if finding.outcome:
        return finding.outcome == "refuse"
    return finding.severity is not Severity.INFO


def held(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that wait for a maintainer's word."""
    return tuple(one for one in found if one.outcome == "hold")


def may_approve(policy: Policy, rule: str, who: str) -> bool:
    """May ``who`` decide what this rule holds from afar? Only who is named for it."""
    return who in policy.override.get(rule, policy.maintainers)


def may_override(policy: Policy, rule: str, who: str) -> bool:
    """May ``who`` take in what this rule holds? Where nobody is named, whoever can merge may."""
    allowed = policy.override.get(rule, policy.maintainers)
    return not allowed or who in allowed
