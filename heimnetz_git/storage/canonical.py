r"""The one canonical form in which files of an index are written; pure Python, no YAML library.

A document is a mapping in block style, UTF-8, LF line ends, no comments, no blank lines, never
folded. The form, complete:

* A line is ``INDENT KEY: SCALAR``, or ``INDENT KEY:`` before a nested block, or one of both behind
  ``- `` for an entry of a list; a list in a list stands below a line that is ``INDENT -`` alone.
* Nesting indents by two spaces, lists below their key too. The first key of a mapping in a list
  stands on the line of the dash, its others two columns right of the dash.
* An empty mapping is ``{}``, an empty list ``[]``.
* Fields of a Struct come in its order, those with their default value left out, but ``format`` is
  always written. Keys of plain dicts are sorted by code point.
* ``null``, ``true``, ``false``; integers in decimal; floats as Python's ``repr``, with ``.0``
  before an exponent when there is no fraction.
* Text stands plain when every YAML reader, of 1.1 or 1.2, takes it for that text: its first
  character is a letter, ``/``, ``_`` or any visible character above U+00A0; all others are these,
  digits, or one of ``+ - . , ( ) @ ; ! ? % = < > ~ ^ $ * '``, or a single space or colon between
  two such; and it is not null, true, false, yes, no, on, off, y or n, in any case. Three or more
  numbers with dots, such as ``1.2.0rc1``, stand plain too.
* All other text is in double quotes on one line: quote and backslash behind a backslash, ``\n``,
  ``\t``, ``\r``, and every other invisible character as ``\uXXXX`` or ``\UXXXXXXXX``. Which these
  are is fixed below and does not follow the Unicode tables of the Python that runs.

So equal values give equal bytes, and the bytes prove themselves: what is read from them, written
again, is the same bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from heimnetz_git.storage.yamlfile_parse import Bounds

__all__ = ["dump", "scalar"]

_BOUNDS = Bounds()
_LONGEST_KEY = 1000  # YAML readers look 1,024 characters ahead for the colon behind a key
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff"
)
_BLANKS = " \xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_VISIBLE = rf'[^{_HIDDEN}{_BLANKS}"#&:`|\\\[\]{{}}]'
_FIRST = rf"(?![\x21-\x2e\x30-\x40\x5b-\x5e\x60\x7b-\x7e]){_VISIBLE}"
_PLAIN = re.compile(rf"{_FIRST}(?:[ :]?{_VISIBLE})*")
_NUMBERS = re.compile(r"[0-9]+\.[0-9]+\.[0-9][0-9A-Za-z.+\-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_LONGEST_WORD = max(map(len, _WORDS))
_ESCAPED = re.compile(f'["\\\\{_HIDDEN}]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump(value: msgspec.Struct | dict[str, Any]) -> bytes:
    """``value`` in canonical form; read back it is equal.

    Raises ValueError for what no file may hold: lone surrogates, numbers that are not finite or
    beyond 64 bits, keys that are not text or too long, anything beyond the bounds of reading;
    TypeError for other types.
    """
    items = _items(value)
    if not items:
        return b"{}\n"
    lines: list[str] = []
    _mapping(lines, items, "", "")
    lines.append("")
    data = "\n".join(lines).encode()
    if len(data) > _BOUNDS.size:
        raise ValueError(f"a canonical form has at most {_BOUNDS.size} bytes")
    return data


def scalar(value: object) -> str:
    """One scalar, or an empty collection, as canonical text. Raises as ``dump``."""
    if isinstance(value, str):
        return _text(str(value))
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise ValueError("a number of more than 64 bits has no canonical form")
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (list, tuple)):
        return "[]"
    if isinstance(value, (dict, msgspec.Struct)):
        return "{}"
    raise TypeError(f"a {type(value).__name__} has no canonical form")


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("a number that is not finite has no canonical form")
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else mantissa + e + exponent


def _text(text: str) -> str:
    if len(text) > _BOUNDS.scalar:
        raise ValueError(f"a text in canonical form has at most {_BOUNDS.scalar} characters")
    if _PLAIN.fullmatch(text):
        if len(text) > _LONGEST_WORD or text.lower() not in _WORDS:
            return text
    elif _NUMBERS.fullmatch(text):
        return text
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if 0xD800 <= code < 0xE000:
        raise ValueError("text with a lone surrogate has no canonical form")
    return _SHORT.get(char) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


@lru_cache(maxsize=4096)
def _key(key: str) -> str:
    if not isinstance(key, str):
        raise ValueError(f"a key must be text, not {type(key).__name__}")
    text = _text(key)
    if len(text) > _LONGEST_KEY:
        raise ValueError("a key is too long for a YAML file")
    return text


def _items(value: Any) -> list[tuple[str, Any]]:
    """Keys and values of a Struct or dict that are written, in canonical order."""
    if isinstance(value, msgspec.Struct):
        return [
            (key, found)
            for name, key, default in _fields(type(value))
            if (found := getattr(value, name)) != default
        ]
    if isinstance(value, dict):
        return sorted(value.items(), key=_by_key)
    raise TypeError(f"a {type(value).__name__} is no mapping")


def _by_key(item: tuple[Any, Any]) -> str:
    key = item[0]
    if not isinstance(key, str):
        raise ValueError(f"a key must be text, not {type(key).__name__}")
    return key


@lru_cache(maxsize=256)
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Name, key in the file and default of each field; NODEFAULT when it is always written."""
    found = []
    for field in msgspec.structs.fields(kind):
        default = field.default
        if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
            factory: Any = field.default_factory
            default = factory()
        found.append(
            (
                field.name,
                field.encode_name,
                msgspec.NODEFAULT if field.name == "format" else default,
            )
        )
    return tuple(found)


def _mapping(lines: list[str], items: list[tuple[str, Any]], indent: str, lead: str) -> None:
    """Write a mapping's lines; ``lead`` is what the first one begins with."""
    for key, value in items:
        _entry(lines, f"{lead}{_key(key)}:", value, indent)
        lead = indent


def _entry(lines: list[str], head: str, value: Any, indent: str) -> None:
    """Write ``head`` with a scalar behind it, or with a block of lines below it."""
    if type(value) is str:
        lines.append(f"{head} {_text(value)}")
        return
    _hold_depth(value, indent)
    if isinstance(value, (list, tuple)) and value:
        lines.append(head)
        _list(lines, value, indent + "  ")
    elif isinstance(value, (dict, msgspec.Struct)) and (items := _items(value)):
        lines.append(head)
        _mapping(lines, items, indent + "  ", indent + "  ")
    else:
        lines.append(f"{head} {scalar(value)}")


def _hold_depth(value: Any, indent: str) -> None:
    """Refuse a collection within so many others that it would not be read back."""
    deep = len(indent) // 2 + 2 > _BOUNDS.depth
    if deep and isinstance(value, (dict, list, tuple, msgspec.Struct)):
        raise ValueError(f"a canonical form is nested at most {_BOUNDS.depth} levels deep")


def _list(lines: list[str], values: Iterable[Any], indent: str) -> None:
    for value in values:
        items = _items(value) if isinstance(value, (dict, msgspec.Struct)) else []
        if items:
            _hold_depth(value, indent)
            _mapping(lines, items, indent + "  ", indent + "- ")
        else:
            _entry(lines, indent + "-", value, indent)
