"""Which of the things installed or locked have a known weakness, and what to do about each.

Subjects (a plugin or a Python package in one version) are held against advisories. Records that
mean the same are told once, withdrawn ones never; what a person has ruled on, with a reason, is
shown as such and fails nothing. What cannot be told is not passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from heimnetz_git.market.cvss import rating
from heimnetz_git.model.finding import Severity
from heimnetz_git.model.osv import (
    Record,
    State,
    covers,
    escapes,
    fixed_versions,
    normal_name,
)

__all__ = ["Exemption", "Fate", "Hit", "Subject", "audit", "from_openvex"]

_MALICIOUS = "MAL-"
_FIRST = ("MAL-", "GHSA-", "PYSEC-", "CVE-")
_VEX_PREFIX = "pkg:pypi/"


class Subject(msgspec.Struct, frozen=True, order=True):
    """One thing in one version: its ecosystem, its name, and the plugin that brings it.

    An empty ``version`` means that only the range ``wanted`` is known (PEP 440; empty: any).
    """

    ecosystem: str
    name: str
    version: str
    plugin: str = ""
    wanted: str = ""


class Fate(StrEnum):
    """What an advisory means here."""

    AFFECTED = "affected"
    UNKNOWN = "unknown"
    IGNORED = "ignored"
    NOT_AFFECTED = "not-affected"


class Exemption(msgspec.Struct, frozen=True):
    """A person's word on an advisory: why it does not count, of what, and until when.

    ``until`` is a date (``2026-12-31``) or empty; ``name`` empty means every package.
    ``not_affected`` tells a statement on the code (VEX) from a decision to wait.
    """

    id: str
    reason: str
    until: str = ""
    name: str = ""
    not_affected: bool = False


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One weakness of one subject; ``score`` is CVSS's base score, None when nothing says it."""

    id: str
    aliases: tuple[str, ...]
    subject: Subject
    fate: Fate
    severity: Severity
    score: float | None
    summary: str
    fixed: tuple[str, ...]
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Whether something must be done."""
        return self.fate in (Fate.AFFECTED, Fate.UNKNOWN)


def audit(
    subjects: Iterable[Subject],
    records: Mapping[tuple[str, str], Sequence[Record]],
    *,
    exemptions: Iterable[Exemption] = (),
    today: str,
) -> tuple[Hit, ...]:
    """Every weakness, the worst first. ``records`` are by ecosystem and normal name.

    ``today`` is a date (``2026-01-31``): an exemption that ended before it counts no more.
    """
    rules = [one for one in exemptions if not one.until or one.until >= today]
    hits: list[Hit] = []
    for subject in sorted(set(subjects)):
        name = normal_name(subject.ecosystem, subject.name)
        standing = [one for one in records.get((subject.ecosystem, name), ()) if not one.withdrawn]
        for group in _same(standing):
            hit = _hit(subject, name, group)
            if hit is not None:
                hits.append(_ruled(hit, rules))
    return tuple(sorted(hits, key=_order))


def _hit(subject: Subject, name: str, group: Sequence[Record]) -> Hit | None:
    """What records that mean the same say of a subject; None when it is not affected."""
    concerned = [
        (record, affected)
        for record in group
        for affected in record.affected or ()
        if affected.package
        and affected.package.ecosystem == subject.ecosystem
        and normal_name(subject.ecosystem, affected.package.name) == name
    ]
    states = {
        covers(affected, subject.version) if subject.version else escapes(affected, subject.wanted)
        for _, affected in concerned
    }
    if State.AFFECTED not in states and State.UNKNOWN not in states:
        return None
    names = dict.fromkeys(one for record in group for one in (record.id, *(record.aliases or ())))
    first, *others = sorted(names, key=_rank)
    severity, score = rating(group)
    return Hit(
        id=first,
        aliases=tuple(others),
        subject=subject,
        fate=Fate.AFFECTED if State.AFFECTED in states else Fate.UNKNOWN,
        severity=Severity.CRITICAL if first.startswith(_MALICIOUS) else severity,
        score=score,
        summary=next((record.summary for record in group if record.summary), ""),
        fixed=fixed_versions((affected for _, affected in concerned), subject.version),
    )


def _same(records: Sequence[Record]) -> list[list[Record]]:
    """Records that share an id or an alias, together."""
    groups: list[tuple[set[str], list[Record]]] = []
    for record in records:
        names, members = {record.id, *(record.aliases or ())}, [record]
        apart = []
        for known, others in groups:
            if known & names:
                names |= known
                members = [*others, *members]
            else:
                apart.append((known, others))
        groups = [*apart, (names, members)]
    return [members for _, members in groups]


def _rank(name: str) -> tuple[int, str]:
    """The name that people look up first: a report of malice, then the reviewed databases."""
    known = (rank for rank, prefix in enumerate(_FIRST) if name.startswith(prefix))
    return next(known, -1), name


def _ruled(hit: Hit, rules: Iterable[Exemption]) -> Hit:
    names = {hit.id, *hit.aliases}
    for rule in rules:
        same = not rule.name or normal_name(hit.subject.ecosystem, rule.name) == normal_name(
            hit.subject.ecosystem, hit.subject.name
        )
        if rule.id in names and same:
            fate = Fate.NOT_AFFECTED if rule.not_affected else Fate.IGNORED
            return msgspec.structs.replace(hit, fate=fate, reason=rule.reason)
    return hit


def _order(hit: Hit) -> tuple[Any, ...]:
    severities = list(Severity)
    return (
        not hit.counts,
        severities.index(hit.severity),
        -(hit.score or 0.0),
        hit.subject,
        hit.id,
    )


def from_openvex(document: Any) -> tuple[Exemption, ...]:
    """The statements of an OpenVEX document (openvex.dev, 0.2.0) that something is not affected.

    Products are package URLs; one that names no package of PyPI or no product at all is passed
    over. Raises ValueError with a sentence for what is no such document.
    """
    statements = document.get("statements") if isinstance(document, Mapping) else None
    if not isinstance(statements, list):
        raise ValueError("an OpenVEX document has a list of statements")
    found: list[Exemption] = []
    for statement in statements:
        if not isinstance(statement, Mapping) or statement.get("status") != "not_affected":
            continue
        reason = statement.get("impact_statement") or statement.get("justification")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError("a statement of 'not_affected' needs a justification")
        names = _product_names(statement.get("products"))
        for vulnerability in _vulnerabilities(statement.get("vulnerability")):
            found += [
                Exemption(vulnerability, reason, name=name, not_affected=True) for name in names
            ]
    return tuple(found)


def _product_names(products: Any) -> list[str]:
    texts = []
    for product in products if isinstance(products, list) else []:
        text = product.get("@id") if isinstance(product, Mapping) else product
        if isinstance(text, str) and text.startswith(_VEX_PREFIX):
            texts.append(text.removeprefix(_VEX_PREFIX).partition("@")[0].partition("?")[0])
    return texts


def _vulnerabilities(said: Any) -> list[str]:
    if isinstance(said, str):
        return [said]
    if not isinstance(said, Mapping):
        raise ValueError("a statement names its vulnerability")
    return [text for text in (said.get("name"), *(said.get("aliases") or ())) if text]
