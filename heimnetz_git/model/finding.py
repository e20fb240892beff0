"""Problems and findings: what is wrong, where, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Finding", "Location", "Problem", "Severity", "Step"]


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Location(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place in a file; lines and columns count from 1, 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """``file:line:column``, as compilers write it."""
        parts = [self.file, *(str(number) for number in (self.line, self.column) if number)]
        return ":".join(parts)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wrong in one file: part of an InvalidFile report.

    ``path`` is the place in the document (``permissions.network.connect[0]``), ``expected`` what
    would be right, ``suggestion`` the word that was probably meant.
    """

    code: str
    message: str
    location: Location
    path: str = ""
    expected: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        """One line: where, what, and the way out."""
        said = f"{self.location}: {self.message}"
        if self.expected:
            said += f" Expected {self.expected}."
        if self.suggestion:
            said += f" Did you mean {self.suggestion!r}?"
        return f"{said} [{self.code}]"


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of the evidence: a place, and what happens there."""

    location: Location
    words: str


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rule of the law, the validator or the scanner found.

    ``trail`` is the evidence from the source of a flow to where it ends; ``fingerprint`` stays
    what it is when lines move. Both are empty when the rule has none. ``outcome`` is what a
    registry does about it: ``refuse``, ``hold`` for a maintainer, or ``note``.
    """

    rule: str
    severity: Severity
    message: str
    location: Location
    hint: str = ""
    capability: str = ""
    trail: tuple[Step, ...] = ()
    fingerprint: str = ""
    outcome: str = ""

    def __str__(self) -> str:
        """One line: where, how bad, what, and which rule."""
        return f"{self.location}: {self.severity}: {self.message} [{self.rule}]"
