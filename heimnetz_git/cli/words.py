"""What is said to people: permissions, findings, facts and results as lines."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from heimnetz_git.cli.terminal import display_width, table
from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.permission import PermissionChange

__all__ = [
    "COLORS",
    "bullet_permissions",
    "count",
    "fields",
    "finding_lines",
    "result_lines",
    "time_of",
    "worst_first",
]

LONGEST = 4000
LARGEST_SOURCE = 16 << 20
EXCERPT = 100
INDENT = "  "

COLORS: dict[Severity, str] = {
    Severity.CRITICAL: "bright_red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "blue",
}


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 plugin``, ``2 plugins``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def fields(pairs: Iterable[tuple[str, object]]) -> list[str]:
    """``Label  value`` lines, aligned; pairs without a value are left out."""
    shown = [(label, printable(str(value), longest=LONGEST)) for label, value in pairs if value]
    width = max((display_width(label) for label, _ in shown), default=0)
    return [f"{click.style(label.ljust(width), bold=True)}  {value}" for label, value in shown]


def time_of(seconds: float) -> str:
    """A Unix time as ``2026-01-31 12:00 UTC``; whatever the machine's zone and locale."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def worst_first(changes: Iterable[PermissionChange]) -> list[PermissionChange]:
    """By severity, then as they came."""
    rank = {severity: number for number, severity in enumerate(Severity)}
    return sorted(changes, key=lambda change: rank[change.severity])


def bullet_permissions(changes: Iterable[PermissionChange], *, grants: bool = True) -> list[str]:
    """A line per permission: what it means, and the grant that says so."""
    lines = []
    for change in worst_first(changes):
        mark = click.style("-" if change.kind == "lost" else "+", fg=COLORS[change.severity])
        tail = f"  ({printable(change.grant)})" if grants else ""
        lines.append(f"{INDENT}{mark} {printable(change.words, longest=LONGEST)}{tail}")
    return lines


def finding_lines(findings: Sequence[Finding], root: Path | None = None) -> list[str]:
    """A line per finding, below it the line of source in the folder ``root`` and its hint."""
    lines: list[str] = []
    sources: dict[str, list[str]] = {}
    for found in findings:
        name = click.style(found.severity.value, fg=COLORS[found.severity], bold=True)
        place = printable(str(found.location), longest=LONGEST)
        text = printable(found.message, longest=LONGEST)
        lines.append(f"{place}: {name}: {text} [{printable(found.rule)}]")
        if root is not None and found.location.line:
            file = found.location.file
            if file not in sources:
                sources[file] = _source(root, file)
            lines += _excerpt(sources[file], found.location)
        if found.hint:
            lines.append(f"{INDENT}{printable(found.hint, longest=LONGEST)}")
    return lines


def _source(root: Path, file: str) -> list[str]:
    """The lines of a file below ``root``; none for one that is no plain text there."""
    path = root / file
    outside = ".." in path.parts or Path(file).is_absolute()
    if outside or path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_SOURCE:
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def _excerpt(lines: Sequence[str], place: Location) -> list[str]:
    """The line that a finding is about, cut to EXCERPT characters, and a mark below its column."""
    if place.line > len(lines):
        return []
    line = lines[place.line - 1]
    column = max(place.column - 1, 0)
    start = max(0, column - EXCERPT // 2) if len(line) > EXCERPT else 0
    shown = line[start : start + EXCERPT].expandtabs(1)
    indent = len(shown) - len(shown.lstrip())
    number = str(place.line)
    head = f"{INDENT}{number} | {printable(shown.strip(), longest=EXCERPT * 6)}"
    if not place.column or not shown.isprintable():
        return [head]
    before = display_width(shown[indent : max(column - start, indent)])
    mark = click.style("^", bold=True)
    return [head, f"{INDENT}{' ' * len(number)} | {' ' * before}{mark}"]


def result_lines(result: Any, columns: int | None = None) -> list[str]:
    """What an operation returned: a table, ``key: value`` lines, text, or JSON."""
    if result is None:
        return []
    if result in ([], {}):
        return ["(nothing)"]
    if isinstance(result, str):
        return [printable(line, longest=LONGEST) for line in result.splitlines()]
    if isinstance(result, list) and result and all(isinstance(item, dict) for item in result):
        return _objects(result, columns)
    if isinstance(result, list) and all(isinstance(item, str) for item in result):
        return [printable(item, longest=LONGEST) for item in result]
    if isinstance(result, Mapping) and result and not _is_nested(result):
        return fields((printable(str(key)), _cell(value) or "-") for key, value in result.items())
    return json.dumps(result, indent=2, ensure_ascii=True).splitlines()


def _objects(rows: Sequence[Mapping[str, Any]], columns: int | None) -> list[str]:
    keys = list(dict.fromkeys(str(key) for row in rows for key in row))
    head = [printable(key).upper() for key in keys]
    cells = [[_cell(row.get(key)) for key in keys] for row in rows]
    return table(head, cells, columns=columns)


def _is_nested(value: Mapping[str, Any]) -> bool:
    return any(isinstance(item, dict) and item for item in value.values())


def _cell(value: Any) -> str:
    """A value in one cell: nothing for None, words for a list of plain values, else JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ", ".join(_cell(item) for item in value)
    return json.dumps(value)
