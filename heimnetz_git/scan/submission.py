"""What a rule looks at: the files of one submission, and all that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.permission import Permissions
from heimnetz_git.scan.capabilities import Capability
from heimnetz_git.scan.facts import Facts

__all__ = ["Broken", "Rule", "Submission", "found"]


class Broken(NamedTuple):
    """A module that could not be analysed, and why."""

    location: Location
    reason: str


class Submission(NamedTuple):
    """Files by their path, the facts of each module, what they can do, and what was declared.

    ``permissions`` is None when nobody said: the rules on them are silent then.
    """

    files: Mapping[str, bytes]
    modules: tuple[Facts, ...]
    broken: tuple[Broken, ...]
    capabilities: tuple[Capability, ...]
    permissions: Permissions | None


# One rule: its docstring is its page in the manual, its name (with hyphens) its code.
Rule = Callable[[Submission], Iterator[Finding]]


def found(
    rule: Rule,
    severity: Severity,
    location: Location,
    message: str,
    *,
    hint: str = "",
    capability: str = "",
) -> Finding:
    """A finding of ``rule``, named by its function."""
    name = rule.__name__.replace("_", "-")
    return Finding(name, severity, message, location, hint=hint, capability=capability)
