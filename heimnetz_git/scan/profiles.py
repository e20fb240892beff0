"""Compliance profiles: lists of requirements as data, each answered yes or no with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from heimnetz_git.errors import NotFound, printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.scan.report import Report, Verdict
from heimnetz_git.storage import yamlfile

__all__ = ["Answer", "Profile", "Requirement", "answers", "builtin", "read_profile"]

_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_VERDICTS: tuple[Verdict, ...] = ("accept", "review", "reject")
MOST_EVIDENCE = 5


class Requirement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing asked of a plugin; all that it names must hold.

    No finding of ``rules`` (of all rules when empty) as bad as ``severity``; none of the
    capabilities ``without``; a ``score`` of at least; a ``verdict`` no worse than; ``held`` to
    declared permissions. ``reference`` is where it comes from.
    """

    id: str
    text: str
    reference: str = ""
    rules: tuple[str, ...] = ()
    severity: Severity | None = None
    without: tuple[str, ...] = ()
    score: int = 0
    verdict: Verdict = "reject"
    held: bool = False


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A list of requirements with a name."""

    format: Literal[1]
    name: str
    title: str
    summary: str = ""
    requirements: tuple[Requirement, ...]


class Answer(msgspec.Struct, frozen=True):
    """Whether a requirement is met, and what shows it."""

    id: str
    text: str
    reference: str
    met: bool
    evidence: tuple[str, ...]


def builtin() -> tuple[str, ...]:
    """The names of the profiles that come along."""
    folder = files("heimnetz_git.scan") / "profiles"
    return tuple(sorted(it.name.removesuffix(".yaml") for it in folder.iterdir()))


def read_profile(name: str, folder: Path) -> Profile:
    """A profile that comes along, by its name, or that in a file below ``folder``.

    Raises NotFound, InvalidFile.
    """
    if name in builtin():
        data = (files("heimnetz_git.scan") / "profiles" / f"{name}.yaml").read_bytes()
        return yamlfile.read(data, Profile, f"{name}.yaml")
    path = folder / name
    if not path.is_file():
        raise NotFound(
            f"There is no profile '{printable(name)}'.",
            hint=f"Choose of {', '.join(builtin())}, or give a file.",
            profile=name,
        )
    return yamlfile.read(path.read_bytes(), Profile, path.name)


def answers(profile: Profile, report: Report) -> tuple[Answer, ...]:
    """Each requirement of the profile answered, in its order."""
    return tuple(_answer(one, report) for one in profile.requirements)


def _answer(one: Requirement, report: Report) -> Answer:
    against = tuple(_against(one, report))
    evidence = against[:MOST_EVIDENCE] or _shown(one, report)
    return Answer(one.id, one.text, one.reference, not against, evidence)


def _against(one: Requirement, report: Report) -> Iterator[str]:
    """Everything that speaks against a requirement."""
    if one.held and not report.held:
        yield "The code was not held to declared permissions."
    if report.score < one.score:
        yield f"The score is {report.score}, less than {one.score}."
    if _VERDICTS.index(report.verdict) > _VERDICTS.index(one.verdict):
        yield f"The verdict is {report.verdict}."
    for finding in report.findings:
        if _counts(one, finding):
            yield f"{printable(str(finding.location))}: {finding.message} [{finding.rule}]"
    for it in report.capabilities:
        if it.kind.value in one.without:
            can = f"it can {it.kind.value} {printable(it.target)}".strip()
            yield f"{printable(str(it.location))}: {can}"


def _counts(one: Requirement, finding: Finding) -> bool:
    if not one.rules and one.severity is None:
        return False
    if one.rules and finding.rule not in one.rules:
        return False
    return one.severity is None or _RANK[finding.severity] <= _RANK[one.severity]


def _shown(one: Requirement, report: Report) -> tuple[str, ...]:
    """What shows that it holds."""
    said = []
    if one.held:
        said.append("The code was held to declared permissions.")
    if one.score:
        said.append(f"The score is {report.score}.")
    if one.verdict != "reject":
        said.append(f"The verdict is {report.verdict}.")
    if one.rules or one.severity:
        said.append(f"No finding of {', '.join(one.rules) or 'any rule'}.")
    if one.without:
        said.append(f"None of {', '.join(one.without)}.")
    return tuple(said)
