"""Lines of the canonical form as plain values: each line proven by writing it again, and kept.

What a line says does not depend on the others, so its proof is made once: lines such as
``type: string`` stand in every file. How lines nest is proven by a grammar that takes exactly what
storage/canonical writes; the order of keys is left to the caller where it is not the sorted one.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final

from heimnetz_git.storage.canonical import scalar
from heimnetz_git.storage.yamlfile_parse import KEY_FORBIDDEN, LONGEST_KEY, Bounds

__all__ = ["Unclear", "value_of"]

_LONGEST_KEPT = 200  # characters of one line
_INDENTS = [" " * (2 * level) for level in range(Bounds().depth - 1)]
_ENTRY = re.compile(r'("(?:[^"\\]|\\.)*+"|[^"\n]*?):(?: (.*))?')
_WORDS: dict[str, Any] = {"null": None, "true": True, "false": False}
_NUMBER_STARTS = frozenset("-0123456789")
_BELOW: Final = object()  # in place of a value that stands in the lines below

_Line = tuple[str | None, Any]


class Unclear(Exception):
    """This is not the canonical form, or may not be; never leaves the room."""


def value_of(block: str, key: str, *, key_order: bool) -> Any:
    """The plain value of the block ``key: ...``, which has no line end at its end.

    With ``key_order`` the block is proven to be canonical; without it, all but the order of its
    keys is. Raises Unclear, or ValueError for text that is in no form at all.
    """
    lines = block.split("\n")
    lines.reverse()
    found, value = _line(lines.pop())
    if value is _BELOW:
        value = _below(lines, 1, key_order)
    if lines or found != key:
        raise Unclear
    return value


def _below(lines: list[str], level: int, key_order: bool) -> Any:
    """The value of the block at ``level``, taken off the end of ``lines``."""
    if not lines or level >= len(_INDENTS):  # what is empty may lie one level deeper
        raise Unclear
    read = _list if lines[-1].startswith("-", 2 * level) else _mapping
    return read(lines, level, key_order)


def _mapping(lines: list[str], level: int, key_order: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    indent, column, last = _INDENTS[level], 2 * level, ""
    while lines and lines[-1].startswith(indent):
        key, value = _line(lines.pop()[column:])
        if key is None or ((key <= last if key_order else key in found) and found):
            raise Unclear
        found[key] = value if value is not _BELOW else _below(lines, level + 1, key_order)
        last = key
    if not found:
        raise Unclear
    return found


def _list(lines: list[str], level: int, key_order: bool) -> list[Any]:
    found: list[Any] = []
    indent, column = _INDENTS[level], 2 * level
    while lines and lines[-1].startswith(indent):
        line = lines.pop()
        found.append(_item(lines, line[column:], level, key_order))
    if not found:
        raise Unclear
    return found


def _item(lines: list[str], text: str, level: int, key_order: bool) -> Any:
    """The entry of a list that begins with ``text``, its dash first."""
    if text == "-":  # only a list stands below its dash
        if not lines or not lines[-1].startswith("-", 2 * level + 2):
            raise Unclear
        return _below(lines, level + 1, key_order)
    if not text.startswith("- "):
        raise Unclear
    key, value = _line(text[2:])
    if key is None:
        return value
    lines.append(f"{_INDENTS[level]}  {text[2:]}")
    return _below(lines, level + 1, key_order)


def _line(text: str) -> _Line:
    return _kept_line(text) if len(text) <= _LONGEST_KEPT else _proven_line(text)


def _proven_line(text: str) -> _Line:
    """The key, None for an entry of a list, and the value of a line without its indentation."""
    entry = _ENTRY.fullmatch(text)
    if entry is None:
        return None, _scalar(text)
    key = _scalar(entry[1])
    if not isinstance(key, str) or len(key) > LONGEST_KEY or KEY_FORBIDDEN.search(key):
        raise Unclear
    return key, _BELOW if entry[2] is None else _scalar(entry[2])


_kept_line = lru_cache(maxsize=1 << 15)(_proven_line)


def _scalar(text: str) -> Any:
    """The value of a scalar, or of an empty collection, that is written so and not otherwise.

    Escapes are JSON's, which has none like ``\\U000e0041``: such text is left to the parser.
    """
    if text[:1] == '"':
        value = json.loads(text)
    elif text in _WORDS:
        value = _WORDS[text]
    elif text[:1] in _NUMBER_STARTS:
        value = _number(text)
    elif text in ("{}", "[]"):
        value = {} if text == "{}" else []
    else:
        value = text
    if scalar(value) != text:
        raise Unclear
    return value


def _number(text: str) -> int | float | str:
    """A number; a row of numbers such as ``1.2.0`` is text."""
    if text.count(".") > 1:
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
