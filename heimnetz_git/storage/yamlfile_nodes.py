"""YAML bytes as a tree of located nodes with every structural problem: the slow, explaining way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.storage.yamlfile_parse import (
    FORBIDDEN,
    KEY_FORBIDDEN,
    LONGEST_KEY,
    SURROGATE,
    Bounds,
    Doubt,
    events,
    resolve,
)

__all__ = ["MOST_PROBLEMS", "Node", "Place", "nodes"]

MOST_PROBLEMS = 100


class Place(NamedTuple):
    """Where a key stands: line and column from 1, offsets in characters from 0."""

    line: int
    column: int
    start: int
    end: int


class Node(msgspec.Struct):
    """A value and where it stands; lines and columns count from 1, offsets are in characters.

    ``value`` is a dict of Nodes, a list of Nodes or a scalar. ``text`` is what a scalar was written
    as and ``plain`` whether without quotes; ``keys`` are the places of a mapping's keys.
    """

    value: Any
    line: int
    column: int
    start: int
    end: int
    text: str = ""
    plain: bool = False
    flow: bool = False
    keys: dict[str, Place] = {}

    def data(self) -> Any:
        """The plain value, without places."""
        if isinstance(self.value, dict):
            return {key: node.data() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.data() for node in self.value]
        return self.value


def nodes(data: bytes, source: str, bounds: Bounds) -> tuple[Node | None, list[Problem]]:
    """The located tree of a document and every structural problem; None when there is no tree."""
    text, problem = _source_problem(data, source, bounds)
    if problem:
        return None, [problem]
    from ruamel.yaml.error import YAMLError

    builder = _Nodes(events(text.encode()), source, bounds)
    try:
        return builder.document(), builder.problems
    except _Stop:
        return None, builder.problems
    except (YAMLError, UnicodeError) as error:
        return None, [*builder.problems, _syntax_problem(error, text, source)]


class _Stop(Exception):
    """The tree cannot be built further."""


class _Nodes:
    """Events to located nodes; collects every structural problem and goes on where it can."""

    def __init__(self, next_event: Callable[[], Any], source: str, bounds: Bounds) -> None:
        self.next_event = next_event
        self.source = source
        self.bounds = bounds
        self.left = bounds.nodes
        self.problems: list[Problem] = []

    def document(self) -> Node:
        self.next_event()
        start = self.next_event()
        if type(start).__name__ == "StreamEndEvent":
            return Node(None, 1, 1, 0, 0, plain=True)
        if start.version or start.tags:
            self.refuse(start, "directive", "YAML directives (%YAML, %TAG) are not used here.")
        node = self.node(self.next_event(), 0)
        self.next_event()
        after = self.next_event()
        if type(after).__name__ != "StreamEndEvent":
            self.refuse(after, "several-documents", "A second document begins.", "one document")
        return node

    def refuse(
        self, event: Any, code: str, message: str, expected: str = "", hint: str = ""
    ) -> None:
        if len(self.problems) >= MOST_PROBLEMS:
            raise _Stop
        mark = event.start_mark
        place = Location(self.source, mark.line + 1, mark.column + 1)
        self.problems.append(Problem(code, message, place, expected=expected, suggestion=hint))

    def node(self, event: Any, depth: int) -> Node:
        self.left -= 1
        if self.left < 0:
            most = self.bounds.nodes
            self.refuse(event, "too-many-values", f"The file has more than {most} values.")
            raise _Stop
        self.refuse_extras(event)
        kind = type(event).__name__
        if kind == "ScalarEvent":
            return self.scalar(event)
        if kind == "AliasEvent":
            return self.located(event, None)
        if depth >= self.bounds.depth:
            deepest = self.bounds.depth
            self.refuse(event, "too-deep", f"The nesting is deeper than {deepest} levels.")
            raise _Stop
        return (
            self.mapping(event, depth) if kind == "MappingStartEvent" else self.list(event, depth)
        )

    def refuse_extras(self, event: Any) -> None:
        if type(event).__name__ == "AliasEvent":
            self.refuse(event, "alias", "Aliases (*name) are not used here.", "the value itself")
        elif event.anchor is not None:
            self.refuse(event, "anchor", "Anchors (&name) are not used here.", "the value itself")
        if getattr(event, "ctag", None) is not None:
            tag = printable(str(event.ctag), longest=40)
            self.refuse(event, "tag", f"Tags ({tag}) are not used here.", "a value without tag")

    def located(self, event: Any, value: Any, end: Any = None, **more: Any) -> Node:
        start, stop = event.start_mark, (end or event).end_mark
        return Node(value, start.line + 1, start.column + 1, start.index, stop.index, **more)

    def scalar(self, event: Any) -> Node:
        text: str = event.value
        plain = not event.style
        if len(text) > self.bounds.scalar:
            longest = self.bounds.scalar
            self.refuse(event, "text-too-long", f"A text is longer than {longest} characters.")
            return self.located(event, "", text="", plain=plain)
        value: object = text
        if SURROGATE.search(text):
            self.refuse(event, "lone-surrogate", "An escape is no character.", "a whole character")
        elif plain and text == "<<":
            self.refuse(
                event, "merge-key", "Merge keys (<<) are not used here.", "the keys written out"
            )
        elif plain:
            try:
                value = resolve(text)
            except Doubt:
                shown = printable(text, longest=40)
                self.refuse(
                    event,
                    "number-range",
                    f"{shown} is no finite number of 64 bits.",
                    "a smaller number, or text in quotes",
                    f'"{shown}"',
                )
        return self.located(event, value, text=text, plain=plain)

    def list(self, event: Any, depth: int) -> Node:
        items = []
        while type(following := self.next_event()).__name__ != "SequenceEndEvent":
            items.append(self.node(following, depth + 1))
        return self.located(event, items, following, flow=bool(event.flow_style))

    def mapping(self, event: Any, depth: int) -> Node:
        found: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while type(following := self.next_event()).__name__ != "MappingEndEvent":
            key_node = self.node(following, depth + 1)
            key = self.key(following, key_node, keys)
            value = self.node(self.next_event(), depth + 1)
            if key is not None:
                found[key] = value
                keys[key] = Place(key_node.line, key_node.column, key_node.start, key_node.end)
        return self.located(event, found, following, keys=keys, flow=bool(event.flow_style))

    def key(self, event: Any, node: Node, keys: dict[str, Place]) -> str | None:
        if not isinstance(node.value, str):
            if type(event).__name__ == "AliasEvent":
                return None
            self.refuse(event, "key-not-text", "A key must be text.", "text", f'"{node.text}"')
        elif node.value in keys:
            shown = printable(node.value, longest=60)
            first = keys[node.value].line
            self.refuse(
                event, "duplicate-key", f"The key {shown!r} stands already in line {first}."
            )
        elif len(node.value) > LONGEST_KEY or KEY_FORBIDDEN.search(node.value):
            self.refuse(
                event,
                "unusable-key",
                f"A key is longer than {LONGEST_KEY} characters or has control characters.",
            )
        else:
            return node.value
        return None


def _source_problem(data: bytes, source: str, bounds: Bounds) -> tuple[str, Problem | None]:
    """The text, or what is wrong with the bytes before any YAML is read."""
    if len(data) > bounds.size:
        message = f"The file has more than {bounds.size} bytes."
        return "", Problem("file-too-large", message, Location(source))
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        message = "The file begins with a byte order mark."
        place = Location(source, 1, 1)
        return "", Problem("byte-order-mark", message, place, expected="UTF-8 without a mark")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"The byte 0x{data[error.start]:02x} is not UTF-8."
        return "", Problem("not-utf-8", message, _place(source, before), expected="UTF-8")
    match = FORBIDDEN.search(text)
    if not match:
        return text, None
    place = _place(source, text[: match.start()])
    if match[0] == "\t":
        message = "The line has a tab."
        return "", Problem("tab", message, place, expected="spaces, or \\t within double quotes")
    message = f"The character U+{ord(match[0]):04X} may not stand in a file."
    return "", Problem("control-character", message, place, expected="its escape in double quotes")


def _place(source: str, before: str) -> Location:
    return Location(source, before.count("\n") + 1, len(before) - before.rfind("\n"))


_ADVICE = (
    ("mapping values are not allowed", "text with ': ' in quotes"),
    ("could not find expected ':'", "'key: value'"),
    ("did not find expected key", "keys that begin in the same column"),
    ("cannot start any token", "text with a special first character in quotes"),
    ("expected <block end>", "entries that begin in the same column"),
    ("did not find expected '-' indicator", "entries that begin in the same column"),
    ("unexpected end of stream", "a closing quote"),
)


def _syntax_problem(error: Exception, text: str, source: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", None) or "it cannot be read").strip()
    lines = text.count("\n") + 1
    line = min(mark.line + 1, lines) if mark else 0
    place = Location(source, line, mark.column + 1 if mark else 0)
    expected = next((advice for part, advice in _ADVICE if part in said), "")
    message = f"This is not YAML: {printable(said, longest=160)}."
    return Problem("not-yaml", message, place, expected=expected)
