"""Source that this Python does not parse, mended so that the rest of it can still be analysed.

Old syntax is written anew, lines that stay unknown are left out: a single one of them must not
hide what stands around it. Source of the old forms: "What's New In Python 3.0".
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import NamedTuple

__all__ = ["Mended", "mended"]

MOST_LINES = 24  # that are left out before one gives up
LARGEST = 2 << 20
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+")
_OLD = (
    (re.compile(r"^(\s*)print\s+>>\s*([\w.]+)\s*,\s*(.*?)\s*$"), r"\1print(\3, file=\2)"),
    (re.compile(r"^(\s*)print\s*$"), r"\1print()"),
    (re.compile(r"^(\s*)print\s+(?![=(.,:)\]])(.*?),?\s*$"), r"\1print(\2)"),
    (re.compile(r"^((?:.*[:;])?\s*)print\s+([\"'].*?)\s*$"), r"\1print(\2)"),
    (re.compile(r"^(\s*except\s+[\w.() ,]+?)\s*,\s*(\w+)\s*:"), r"\1 as \2:"),
    (re.compile(r"^(\s*)exec\s+(?![=(.,:)\]])(.+?)(?:\s+in\s+.*)?$"), r"\1exec(\2)"),
    (re.compile(r"^(\s*raise\s+[\w.]+)\s*,\s*(.+)$"), r"\1(\2)"),
    (re.compile(r"\b0([0-7]+)\b(?![.xob])"), r"0o\1"),
    (re.compile(r"\b(\d+)[lL]\b"), r"\1"),
    (re.compile(r"\bur([\"'])"), r"r\1"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"`([^`]+)`"), r"repr(\1)"),
)


class Mended(NamedTuple):
    """A tree; ``lost`` are the lines, from 1, that are not in it."""

    tree: ast.Module
    lost: tuple[int, ...]


def mended(source: bytes) -> Mended | None:
    """What can be read of a module that does not parse; None if that is nothing."""
    if len(source) > LARGEST:
        return None
    lines = _text(source).expandtabs(8).splitlines()
    lines = ["" if number < 2 and _COOKIE.match(line) else line
             for number, line in enumerate(lines)]  # fmt: skip
    lost: list[int] = []
    old = False
    for _ in range(MOST_LINES):
        try:
            return Mended(_parsed(lines), tuple(lost))
        except SyntaxError as error:
            at = min(max(error.lineno or 1, 1), max(len(lines), 1)) - 1
            if not old:
                old, lines = True, [_anew(line) for line in lines]
                continue
            if at + 1 in lost or not lines:
                return None
            lost.append(at + 1)
            lines[at] = _blank(lines[at])
        except (ValueError, RecursionError, MemoryError):
            return None
    return None


def _text(source: bytes) -> str:
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = source.decode("latin-1")
    return text.replace("\0", " ").replace("\f", " ")


def _parsed(lines: list[str]) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse("\n".join(lines) + "\n")


def _anew(line: str) -> str:
    """A line of Python 2 as one of Python 3."""
    if len(line) < 4000:
        for pattern, by in _OLD:
            line = pattern.sub(by, line)
    return line


def _blank(line: str) -> str:
    """A statement of the same depth that does nothing; one that opens a block still does."""
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}if True:" if line.rstrip().endswith(":") else f"{indent}pass"
