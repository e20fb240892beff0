"""YAML bytes as plain values, the fast way: bounded, YAML 1.2 core schema, only what JSON knows.

ruamel's parser (the C one where it is installed) gives events; this module makes values of them
itself, so that nothing is built before it is known to be allowed: an alias, an anchor, a tag, a
merge key, a second document, a duplicate key or a key that is not text ends this way at once, and
``yamlfile_nodes`` then names each such place. Only ``null``, ``true``, ``false`` and the numbers of
YAML 1.2 (decimal, octal, hexadecimal) are more than text: ``no``, ``on``, ``2026-01-31`` are text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

__all__ = [
    "FORBIDDEN",
    "KEY_FORBIDDEN",
    "LONGEST_KEY",
    "SURROGATE",
    "Bounds",
    "Doubt",
    "events",
    "resolve",
    "values",
]

LONGEST_KEY = 256
_LARGEST = 1 << 63
_SOURCE_BYTES = bytes(sorted({*range(0x20, 0x7F), *range(0x80, 0x100), 0x0A, 0x0D}))
# C0 and C1 controls, line separators that YAML 1.1 and 1.2 read differently, bidirectional
# overrides that make a reviewer see another text than the parser (Trojan Source), inner BOMs.
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)
SURROGATE = re.compile("[\ud800-\udfff]")
KEY_FORBIDDEN = re.compile(FORBIDDEN.pattern[:-1] + "\n\r]")
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_FIRST = frozenset("0123456789+-.~nNtTfF")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How large a file may be: bytes, nesting, characters of one text, values in all."""

    size: int = 1 << 20
    depth: int = 32
    scalar: int = 1 << 16
    nodes: int = 100_000


class Doubt(Exception):
    """The fast way met something that only the slow way can judge; never leaves this room."""


def resolve(text: str) -> object:
    """A plain scalar's value by the YAML 1.2 core schema. Raises Doubt outside 64 bits."""
    if text in _WORDS:
        return _WORDS[text]
    number: int | float
    if _INT.fullmatch(text):
        number = int(text) if len(text) <= 20 else _LARGEST
    elif _BASED.fullmatch(text):
        number = int(text, 0) if len(text) <= 24 else _LARGEST
    elif _FLOAT.fullmatch(text):
        number = float(text)
    elif _NOT_FINITE.fullmatch(text):
        number = math.inf
    else:
        return text
    if isinstance(number, int):
        if not -_LARGEST <= number < _LARGEST:
            raise Doubt
    elif not math.isfinite(number):
        raise Doubt
    return number


def values(data: bytes, bounds: Bounds) -> object:
    """The plain value of a flawless document, None for an empty one. Raises Doubt for any other."""
    _doubt_source(data, bounds)
    from ruamel.yaml.error import YAMLError

    try:
        return _Values(events(data), bounds).document()
    except (YAMLError, UnicodeError) as error:
        raise Doubt from error


def events(data: bytes) -> Callable[[], Any]:
    """A function that gives ruamel's next event of ``data``; from C where clib is installed."""
    try:
        from ruamel.yaml.cyaml import CParser  # type: ignore[attr-defined] # it has no __all__ for it
    except ImportError:  # no wheel of ruamel.yaml.clib for this interpreter
        from ruamel.yaml import YAML

        stream: Iterator[Any] = YAML(typ="safe", pure=True).parse(data.decode())
        return stream.__next__
    next_event: Callable[[], Any] = CParser(data).get_event
    return next_event


def _doubt_source(data: bytes, bounds: Bounds) -> None:
    if len(data) > bounds.size or data.translate(None, _SOURCE_BYTES):
        raise Doubt
    if not data.isascii():
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise Doubt from error
        if FORBIDDEN.search(text):
            raise Doubt


class _Values:
    """Events to plain values, as fast as Python goes; the first oddity is a Doubt."""

    def __init__(self, next_event: Callable[[], Any], bounds: Bounds) -> None:
        from ruamel.yaml import events

        self.next_event = next_event
        self.bounds = bounds
        self.left = bounds.nodes
        self.scalar = events.ScalarEvent
        self.mapping = events.MappingStartEvent
        self.mapping_end = events.MappingEndEvent
        self.sequence = events.SequenceStartEvent
        self.sequence_end = events.SequenceEndEvent
        self.document_start = events.DocumentStartEvent
        self.stream_end = events.StreamEndEvent

    def document(self) -> object:
        self.next_event()
        start = self.next_event()
        if type(start) is self.stream_end:
            return None
        if type(start) is not self.document_start or start.version or start.tags:
            raise Doubt
        value = self.value(self.next_event(), self.bounds.depth)
        self.next_event()
        if type(self.next_event()) is not self.stream_end:
            raise Doubt
        return value

    def value(self, event: Any, depth: int) -> object:
        self.left -= 1
        if self.left < 0:
            raise Doubt
        kind = type(event)
        if kind is self.scalar:
            return self.text(event)
        if depth <= 0:
            raise Doubt
        if kind is self.mapping and event.anchor is None and event.ctag is None:
            return self.dict(depth - 1)
        if kind is self.sequence and event.anchor is None and event.ctag is None:
            return self.list(depth - 1)
        raise Doubt

    def text(self, event: Any) -> object:
        text: str = event.value
        if event.anchor is not None or event.ctag is not None or len(text) > self.bounds.scalar:
            raise Doubt
        if not text.isascii() and SURROGATE.search(text):  # the C parser refuses them itself
            raise Doubt
        if not event.style and (not text or text[0] in _FIRST):
            return resolve(text)
        if text == "<<" and not event.style:
            raise Doubt
        return text

    def list(self, depth: int) -> list[object]:
        found = []
        while type(event := self.next_event()) is not self.sequence_end:
            found.append(self.value(event, depth))
        return found

    def dict(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while type(event := self.next_event()) is not self.mapping_end:
            if type(event) is not self.scalar:
                raise Doubt
            self.left -= 1
            key = self.text(event)
            if type(key) is not str or key in found or _bad_key(key):
                raise Doubt
            found[key] = self.value(self.next_event(), depth)
        return found


def _bad_key(key: str) -> bool:
    return len(key) > LONGEST_KEY or not (key.isprintable() or not KEY_FORBIDDEN.search(key))
