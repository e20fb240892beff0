"""Scanners of others: asked in a sandbox, and their failure never looks like a pass.

A package offers one by an entry point of the group ``heimnetz.scanners``: a function that takes the
folder with the submission's files and gives mappings with ``rule``, ``severity``, ``message``,
``file`` and, if it knows, ``line`` and ``column``. It is imported in the sandbox alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

import msgspec

from heimnetz_git.errors import HeimnetzError, printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.report import SCANNER_FAILED

__all__ = ["DRIVER", "GROUP", "External", "Ran", "ask", "external_scanners"]

GROUP = "heimnetz.scanners"
MOST_FINDINGS = 5000
DRIVER = b"""\
import importlib, json, sys
out, sys.stdout = sys.stdout, sys.stderr  # what a scanner prints is no answer
module, _, name = sys.argv[1].partition(":")
function = importlib.import_module(module)
for part in name.split("."):
    function = getattr(function, part)
json.dump([dict(one) for one in function(sys.argv[2])], out)
"""


class External(NamedTuple):
    """A scanner of another package: its name, ``module:function``, and the folder of its code."""

    name: str
    target: str
    folder: Path


class Ran(NamedTuple):
    """How a scanner ended: its exit code, why it was ended (empty: by itself), what it answered."""

    status: int
    stopped: str
    answer: bytes


class _Told(msgspec.Struct, frozen=True):
    """One finding as a scanner tells it."""

    rule: str
    severity: Severity
    message: str
    file: str
    line: int = 0
    column: int = 0


Run = Callable[[External], Ran]


def external_scanners(search: Iterable[str] | None = None) -> tuple[External, ...]:
    """The scanners that installed packages offer, by name; ``search`` is like ``sys.path``."""
    found = distributions(path=list(search)) if search is not None else distributions()
    return tuple(
        sorted(
            External(entry.name, entry.value, Path(str(one.locate_file(""))).resolve())
            for one in found
            for entry in one.entry_points
            if entry.group == GROUP
        )
    )


def ask(scanner: External, run: Run) -> tuple[Finding, ...]:
    """What a scanner finds; one that fails is a finding itself, which makes the status an error.

    ``run`` runs it in a sandbox with limits.
    """
    try:
        ran = run(scanner)
    except HeimnetzError as error:
        return (_failed(scanner, f"could not be run: {error}"),)
    if ran.stopped or ran.status:
        return (_failed(scanner, ran.stopped or f"ended with code {ran.status}"),)
    try:
        told = msgspec.json.decode(ran.answer, type=list[_Told])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return (_failed(scanner, f"gave no findings: {error}"),)
    if len(told) > MOST_FINDINGS:
        return (_failed(scanner, f"gave more than {MOST_FINDINGS} findings"),)
    return tuple(_finding(scanner, one) for one in told)


def _finding(scanner: External, told: _Told) -> Finding:
    return Finding(
        f"{printable(scanner.name, longest=60)}/{printable(told.rule, longest=100)}",
        told.severity,
        printable(told.message, longest=1000),
        Location(printable(told.file, longest=500), max(0, told.line), max(0, told.column)),
    )


def _failed(scanner: External, said: str) -> Finding:
    name = printable(scanner.name, longest=60)
    message = f"The scanner {name} {printable(said, longest=400)}."
    hint = "Mend or remove it: what it would have found is not known."
    return Finding(SCANNER_FAILED, Severity.HIGH, message, Location(""), hint)
