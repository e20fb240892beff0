"""What is wrong with a document of a kind: every problem, each with its place and a way out.

Runs only when the fast way failed, or for an author, whose unknown keys are refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from msgspec import inspect

from heimnetz_git.errors import printable
from heimnetz_git.model.check import Fault, check_field, check_whole
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.storage.canonical import scalar
from heimnetz_git.storage.yamlfile_nodes import MOST_PROBLEMS, Node

__all__ = ["explain"]

_MOST_SUGGESTED = 6
_WRITTEN = {
    inspect.StrType: "text",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.NoneType: "null",
}
_YES_OR_NO = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_TAKEN: dict[type, tuple[type, ...]] = {
    inspect.StrType: (str,),
    inspect.IntType: (int,),
    inspect.FloatType: (int, float),
    inspect.BoolType: (bool,),
    inspect.NoneType: (type(None),),
}


def explain(node: Node, kind: Any, source: str, *, authoring: bool) -> list[Problem]:
    """The problems of a document that should be a ``kind``, at most 100; none when it is one."""
    found = _Explainer(source, authoring).value(node, inspect.type_info(kind), "")
    return list(islice(found, MOST_PROBLEMS))


class _Explainer:
    def __init__(self, source: str, authoring: bool) -> None:
        self.source = source
        self.authoring = authoring

    def value(self, node: Node, kind: inspect.Type, path: str) -> Iterator[Problem]:
        """The problems of one node that should be of ``kind``."""
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        if isinstance(kind, inspect.StructType):
            yield from self.struct(node, kind, path)
        elif isinstance(kind, inspect.DictType):
            yield from self.dict(node, kind, path)
        elif isinstance(kind, (inspect.VarTupleType, inspect.ListType)):
            yield from self.list(node, kind, path)
        elif isinstance(kind, inspect.UnionType):
            yield from self.union(node, kind, path)
        elif isinstance(kind, inspect.LiteralType):
            yield from self.literal(node, kind, path)
        elif isinstance(kind, inspect.EnumType):
            yield from self.one_of(node, [member.value for member in kind.cls], path)
        elif type(kind) in _TAKEN:
            yield from self.scalar(node, kind, path)

    def problem(self, node: Node, code: str, message: str, path: str, **more: str) -> Problem:
        place = Location(self.source, node.line, node.column)
        return Problem(code, message, place, printable(path), **more)

    def wrong_type(self, node: Node, path: str, expected: str, hint: str = "") -> Problem:
        label = printable(path, longest=80) or "the document"
        message = f"{label} is {_described(node)}."
        return self.problem(node, "wrong-type", message, path, expected=expected, suggestion=hint)

    def struct(self, node: Node, kind: inspect.StructType, path: str) -> Iterator[Problem]:
        if not isinstance(node.value, dict):
            yield self.wrong_type(node, path, "a mapping with the keys " + _names(kind))
            return
        flawed = False
        for field in kind.fields:
            found = list(self.field(node, kind, field, path))
            flawed = flawed or bool(found)
            yield from found
        if self.authoring:
            yield from self.unknown(node, kind, path)
        if not flawed:
            yield from self.faults(check_whole(msgspec.convert(node.data(), kind.cls)), node, path)

    def field(
        self, node: Node, kind: inspect.StructType, field: inspect.Field, path: str
    ) -> Iterator[Problem]:
        below = f"{path}.{field.encode_name}" if path else field.encode_name
        inner = node.value.get(field.encode_name)
        if inner is None:
            if field.required:
                message = f"The key {field.encode_name!r} is missing."
                yield self.problem(
                    node, "missing-key", message, below, expected=_expected(field.type)
                )
            return
        found = list(self.value(inner, field.type, below))
        yield from found
        if not any(problem.code in {"wrong-type", "missing-key"} for problem in found):
            yield from self.checked(inner, kind.cls, field, below)

    def checked(self, node: Node, cls: type, field: inspect.Field, path: str) -> Iterator[Problem]:
        annotation = _annotations(cls)[field.name]
        try:
            value = msgspec.convert(node.data(), annotation)
        except msgspec.ValidationError:
            return
        yield from self.faults(check_field(cls, field.name, value), node, path)

    def faults(self, faults: Iterable[Fault], node: Node, path: str) -> Iterator[Problem]:
        for fault in faults:
            at = _below(node, fault.path)
            joined = f"{path}{fault.path}" if fault.path[:1] in {"[", "."} else fault.path
            if path and fault.path[:1] not in {"", "[", "."}:
                joined = f"{path}.{fault.path}"
            yield self.problem(
                at, fault.code, fault.message, joined or path, expected=fault.expected
            )

    def unknown(self, node: Node, kind: inspect.StructType, path: str) -> Iterator[Problem]:
        known = [field.encode_name for field in kind.fields]
        for key in node.value:
            if key not in known:
                shown = printable(key, longest=60)
                place = node.keys[key]
                yield Problem(
                    "unknown-key",
                    f"There is no key {shown!r} here.",
                    Location(self.source, place.line, place.column),
                    printable(f"{path}.{key}" if path else key),
                    "" if len(known) > _MOST_SUGGESTED * 3 else "one of " + _listed(known),
                    _closest(key, [name for name in known if name not in node.value]),
                )

    def dict(self, node: Node, kind: inspect.DictType, path: str) -> Iterator[Problem]:
        if not isinstance(node.value, dict):
            yield self.wrong_type(node, path, "a mapping")
            return
        for key, inner in node.value.items():
            yield from self.value(inner, kind.value_type, f"{path}.{key}")

    def list(
        self, node: Node, kind: inspect.VarTupleType | inspect.ListType, path: str
    ) -> Iterator[Problem]:
        if not isinstance(node.value, list):
            hint = f"[{scalar(node.value)}]" if node.text and len(node.text) < 60 else ""
            yield self.wrong_type(node, path, "a list", hint)
            return
        for number, inner in enumerate(node.value):
            yield from self.value(inner, kind.item_type, f"{path}[{number}]")

    def union(self, node: Node, kind: inspect.UnionType, path: str) -> Iterator[Problem]:
        if node.value is None and any(isinstance(one, inspect.NoneType) for one in kind.types):
            return
        others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        tries = [list(self.value(node, one, path)) for one in others]
        yield from min(tries, key=len, default=[])

    def literal(self, node: Node, kind: inspect.LiteralType, path: str) -> Iterator[Problem]:
        yield from self.one_of(node, list(kind.values), path)

    def one_of(self, node: Node, allowed: Iterable[Any], path: str) -> Iterator[Problem]:
        choices = list(allowed)
        if any(node.value == one and type(node.value) is type(one) for one in choices):
            return
        names = [str(one) for one in choices]
        message = f"{printable(path, longest=80)} is {_described(node)}."
        expected = names[0] if len(names) == 1 else "one of " + _listed(names)
        yield self.problem(
            node, "unknown-value", message, path, expected=expected,
            suggestion=_closest(str(node.value), names),
        )  # fmt: skip

    def scalar(self, node: Node, kind: inspect.Type, path: str) -> Iterator[Problem]:
        taken = _TAKEN[type(kind)]
        if isinstance(node.value, taken) and (bool in taken or not isinstance(node.value, bool)):
            return
        hint = ""
        if isinstance(kind, inspect.StrType) and 0 < len(node.text) < 80:
            hint = f'"{printable(node.text)}"'
        elif isinstance(kind, inspect.BoolType):
            hint = _YES_OR_NO.get(str(node.value).lower(), "")
        elif isinstance(node.value, str) and not node.plain and len(node.text) < 20:
            hint = printable(node.text)
        yield self.wrong_type(node, path, _WRITTEN[type(kind)], hint)


@lru_cache(maxsize=256)
def _annotations(cls: type) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(cls)}


def _below(node: Node, path: str) -> Node:
    """The node that a fault's relative path names, or the last one on the way that exists."""
    rest = path.removeprefix(".")
    if not rest:
        return node
    if isinstance(node.value, list) and rest.startswith("["):
        number, _, rest = rest[1:].partition("]")
        return _below(node.value[int(number)], rest) if int(number) < len(node.value) else node
    if isinstance(node.value, dict):
        fits = [key for key in node.value if rest == key or rest.startswith((f"{key}.", f"{key}["))]
        if fits:
            key = max(fits, key=len)
            return _below(node.value[key], rest[len(key) :])
    return node


def _described(node: Node) -> str:
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if isinstance(node.value, str):
        return f"the text {printable(node.value, longest=60)!r}"
    if node.value is None:
        return "empty"
    kind = "the word" if isinstance(node.value, bool) else "the number"
    return f"{kind} {printable(node.text, longest=60)}"


def _expected(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType):
        return _listed([str(value) for value in kind.values])
    if isinstance(kind, (inspect.StructType, inspect.DictType)):
        return "a mapping"
    if isinstance(kind, (inspect.VarTupleType, inspect.ListType)):
        return "a list"
    return _WRITTEN.get(type(kind), "")


def _names(kind: inspect.StructType) -> str:
    wanted = [field.encode_name for field in kind.fields if field.required]
    return _listed(wanted or [field.encode_name for field in kind.fields])


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _closest(word: str, known: list[str]) -> str:
    """The known word that was probably meant, or nothing."""
    found = difflib.get_close_matches(word[:100].lower(), known, n=1, cutoff=0.6)
    return found[0] if found else ""
