"""How bad an advisory is: CVSS's base score where a vector is given, else the database's word.

Vectors are scored by the library cvss of the extra ``audit`` (versions 2, 3.x and 4.0 of FIRST's
standard); without it, or without a vector, what the database says of itself counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from heimnetz_git.model.finding import Severity
from heimnetz_git.model.osv import Record

__all__ = ["rating", "score_of", "severity_of"]

_WORDS = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "moderate": Severity.MEDIUM,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
    "none": Severity.INFO,
}
_LEAST = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM))


def rating(records: Iterable[Record]) -> tuple[Severity, float | None]:
    """The severity of records that mean the same, by the highest score; medium if none says."""
    records = tuple(records)
    scores = [score for record in records for text in _vectors(record) if (score := score_of(text))]
    if scores:
        return severity_of(max(scores)), max(scores)
    for record in records:
        for said in (
            record.database_specific,
            *(one.database_specific for one in record.affected or ()),
        ):
            word = said.get("severity") if said else None
            if isinstance(word, str) and word.casefold() in _WORDS:
                return _WORDS[word.casefold()], None
    return Severity.MEDIUM, None


def severity_of(score: float) -> Severity:
    """The word for a base score (CVSS 3.1, section 5, and 4.0, section 6)."""
    for least, severity in _LEAST:
        if score >= least:
            return severity
    return Severity.LOW if score > 0 else Severity.INFO


def score_of(vector: str) -> float | None:
    """The base score of a vector; None when it is none, or when the library is not there."""
    try:
        import cvss
    except ImportError:
        return None
    kinds: dict[str, Any] = {"CVSS:3": cvss.CVSS3, "CVSS:4": cvss.CVSS4}
    kind = kinds.get(vector[:6], cvss.CVSS2)
    try:
        return float(kind(vector).scores()[0])
    except (cvss.CVSSError, ValueError, KeyError, ArithmeticError):
        return None


def _words(records: Iterable[Record]) -> Iterator[str]:
    """What databases call the severity, each in a field of its own."""
    for record in records:
        own = [record.database_specific, *(one.database_specific for one in record.affected or ())]
        for said in own:
            word = (said or {}).get("severity")
            if isinstance(word, str):
                yield word


def _vectors(record: Record) -> Iterator[str]:
    for score in record.severity or ():
        yield score.score
    for affected in record.affected or ():
        for score in affected.severity:
            yield score.score
