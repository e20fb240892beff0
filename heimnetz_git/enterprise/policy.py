"""Holds what is about to be installed against the policy of the machine's operator (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase

from heimnetz_git.errors import PolicyDenied
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.machinepolicy import MachinePolicy
from heimnetz_git.model.permission import covers, difference

__all__ = ["RULES", "Rule", "check", "enforce"]

Rule = Callable[[MachinePolicy, Candidate], Iterator[str]]

_LICENSE_WORD = re.compile(r"[A-Za-z0-9.+-]+")
_LICENSE_JOINTS = frozenset({"AND", "OR", "WITH"})


def denied_name(policy: MachinePolicy, candidate: Candidate) -> Iterator[str]:
    """The name must match ``allow`` and must not match ``deny``."""
    name = candidate.release.name
    if any(fnmatchcase(name, pattern) for pattern in policy.deny):
        yield f"{name} is on the list of denied plugins"
    elif not any(fnmatchcase(name, pattern) for pattern in policy.allow):
        yield f"{name} is not on the list of allowed plugins"


def foreign_registry(policy: MachinePolicy, candidate: Candidate) -> Iterator[str]:
    """The registry, known by its UUID, must be one of ``registries``, if any are named."""
    if policy.registries and candidate.registry not in policy.registries:
        yield f"{candidate.release.name} comes from a registry that is not allowed here"


def denied_license(policy: MachinePolicy, candidate: Candidate) -> Iterator[str]:
    """Every licence that the SPDX expression names must be one of ``licenses``, if any are named.

    An ``OR`` is read strictly: both sides must be allowed.
    """
    named = set(_LICENSE_WORD.findall(candidate.release.license)) - _LICENSE_JOINTS
    unwanted = sorted(named - set(policy.licenses))
    if policy.licenses and unwanted:
        yield f"{candidate.release.name} is under {', '.join(unwanted)}, which is not allowed here"


def above_ceiling(policy: MachinePolicy, candidate: Candidate) -> Iterator[str]:
    """The permissions must be covered by ``ceiling``; each one above it is named."""
    if policy.ceiling is None or covers(policy.ceiling, candidate.release.permissions):
        return
    for change in difference(policy.ceiling, candidate.release.permissions):
        if change.kind == "gained":
            yield f"{candidate.release.name} asks for {change.grant}, above what is allowed here"


RULES: dict[str, Rule] = {
    "denied-name": denied_name,
    "foreign-registry": foreign_registry,
    "denied-license": denied_license,
    "above-ceiling": above_ceiling,
}


def check(
    policy: MachinePolicy, candidates: Iterable[Candidate], *, source: str
) -> tuple[Finding, ...]:
    """Everything in which the candidates break the policy; ``source`` is the policy's file."""
    return tuple(
        Finding(name, Severity.HIGH, message, Location(source))
        for candidate in candidates
        for name, rule in RULES.items()
        for message in rule(policy, candidate)
    )


def enforce(policy: MachinePolicy, candidates: Iterable[Candidate], *, source: str) -> None:
    """Raise PolicyDenied with every finding, or do nothing."""
    findings = check(policy, candidates, source=source)
    if findings:
        raise PolicyDenied(
            f"The policy of this machine does not allow this: {findings[0].message}.",
            hint=f"Ask the operator of this machine; the policy is {source}.",
            problems=findings,
        )
