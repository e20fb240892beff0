"""Whether all that one JSON Schema allows is allowed by another, and if not, where and why.

The part of JSON Schema (draft 2020-12) that type hints need, as operations and configurations have
it. The question is undecidable for the whole language; here every doubt counts as a difference,
so silence is a promise. Schemas are foreign: references are followed inside them alone, recursion
ends where a pair of references comes again, and the work is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = ["MOST_STEPS", "Narrowing", "narrowings"]

MOST_STEPS = 20_000
DEEPEST = 64

Shape: TypeAlias = Mapping[str, Any] | bool

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "$comment", "$defs", "$id"}
)
_KNOWN = frozenset(
    {"type", "enum", "const", "anyOf", "oneOf", "$ref", "properties", "required", "items"}
    | {"additionalProperties", "prefixItems", "pattern", "format", "uniqueItems"}
    | {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
    | {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
)
_FLOORS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_CEILINGS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_SAME = ("pattern", "format")


class Narrowing(NamedTuple):
    """One place where the second schema allows less: ``path`` such as ``devices[].mac``."""

    path: str
    words: str


def narrowings(
    given: Mapping[str, Any], wanted: Mapping[str, Any], *, complete: bool = False
) -> tuple[Narrowing, ...]:
    """Why values that ``given`` allows are refused by ``wanted``; empty if all of them fit.

    Names that an object merely does not forbid are nobody's promise: a property that ``wanted``
    adds to such an object is no difference. With ``complete``, a property that ``wanted`` names and
    ``given`` does not is one, even if it is optional: whoever reads such values expects it.
    """
    return tuple(_Comparison(given, wanted, complete=complete).visit(given, wanted, ""))


class _Comparison:
    """One walk over two schemas: their definitions, and what is assumed to hold."""

    def __init__(
        self, given: Mapping[str, Any], wanted: Mapping[str, Any], *, complete: bool
    ) -> None:
        self.given = _definitions(given)
        self.wanted = _definitions(wanted)
        self.complete = complete
        self.assumed: set[tuple[str, str]] = set()
        self.steps = 0
        self.depth = 0

    def visit(self, given: Shape, wanted: Shape, path: str) -> Iterator[Narrowing]:
        """Every difference between two schemas at one place of the value."""
        self.steps += 1
        if self.steps > MOST_STEPS or self.depth > DEEPEST:
            yield Narrowing(path, "the schemas are too large to compare")
            return
        self.depth += 1
        yield from self._followed(given, wanted, path)
        self.depth -= 1

    def _followed(self, given: Shape, wanted: Shape, path: str) -> Iterator[Narrowing]:
        refs = (_reference(given), _reference(wanted))
        if any(refs):
            if refs in self.assumed:
                return
            self.assumed.add(refs)
        given, wanted = _followed(given, self.given), _followed(wanted, self.wanted)
        if given is False or not isinstance(wanted, Mapping):
            if wanted is False and given is not False:
                yield Narrowing(path, "nothing is allowed any more")
            return
        given = given if isinstance(given, Mapping) else {}
        yield from self._forms(given, wanted, path)

    def _forms(
        self, given: Mapping[str, Any], wanted: Mapping[str, Any], path: str
    ) -> Iterator[Narrowing]:
        branches, options = _branches(given), _branches(wanted)
        if branches:
            for branch in branches:
                yield from self.visit(branch, wanted, path)
        elif options:
            yield from self._one_of(given, options, path)
        else:
            yield from self._plain(given, wanted, path)

    def _one_of(
        self, given: Mapping[str, Any], options: Sequence[Shape], path: str
    ) -> Iterator[Narrowing]:
        """A value fits several forms if it fits one; which forms it fits together is not asked."""
        for option in options:
            assumed = set(self.assumed)
            if not list(self.visit(given, option, path)):
                return
            self.assumed = assumed  # what was assumed on the way did not hold
        yield Narrowing(path, f"{_noun(given)} fits none of the forms that are allowed")

    def _plain(
        self, given: Mapping[str, Any], wanted: Mapping[str, Any], path: str
    ) -> Iterator[Narrowing]:
        values = _values(given)
        if values is not None:
            yield from _listed(values, wanted, path)
            return
        if "enum" in wanted or "const" in wanted:
            yield Narrowing(path, f"{_noun(given)} was free and is one of a list now")
            return
        kind = wanted.get("type")
        if kind is not None and not _is_kind(given.get("type"), kind):
            yield Narrowing(path, f"{_noun(given)} is not {_article(str(kind))}")
            return
        yield from _bounds(given, wanted, path)
        yield from _strange(given, wanted, path)
        yield from self._arrays(given, wanted, path)
        yield from self._objects(given, wanted, path)

    def _arrays(
        self, given: Mapping[str, Any], wanted: Mapping[str, Any], path: str
    ) -> Iterator[Narrowing]:
        heads, asked = _list(given.get("prefixItems")), _list(wanted.get("prefixItems"))
        rest, rest_asked = given.get("items", True), wanted.get("items", True)
        for at in range(max(len(heads), len(asked))):
            left = heads[at] if at < len(heads) else rest
            right = asked[at] if at < len(asked) else rest_asked
            yield from self.visit(left, right, f"{path}[{at}]")
        yield from self.visit(rest, rest_asked, f"{path}[]")

    def _objects(
        self, given: Mapping[str, Any], wanted: Mapping[str, Any], path: str
    ) -> Iterator[Narrowing]:
        has, knows = _mapping(given.get("properties")), _mapping(wanted.get("properties"))
        others = wanted.get("additionalProperties", True)
        for name in _list(wanted.get("required")):
            if name not in _list(given.get("required")):
                yield Narrowing(_below(path, name), "is required, and was not always there")
        for name, schema in has.items():
            if name in knows:
                yield from self.visit(schema, knows[name], _below(path, name))
            elif others is False:
                yield Narrowing(_below(path, name), "is not known any more")
            else:
                yield from self.visit(schema, others, _below(path, name))
        if self.complete:
            lost = set(knows) - set(has) - set(_list(wanted.get("required")))
            yield from (Narrowing(_below(path, name), "is gone") for name in sorted(lost))
        yield from self._others(given, wanted, path)

    def _others(
        self, given: Mapping[str, Any], wanted: Mapping[str, Any], path: str
    ) -> Iterator[Narrowing]:
        """Properties that ``given`` does not name."""
        has, knows = _mapping(given.get("properties")), _mapping(wanted.get("properties"))
        others = wanted.get("additionalProperties", True)
        more = given.get("additionalProperties", True)
        if more is False or given.get("type", "object") != "object":
            return
        if others is False:
            yield Narrowing(path, "further properties are not allowed any more")
            return
        yield from self.visit(more, others, _below(path, "*"))
        if isinstance(more, Mapping):
            for name in knows.keys() - has.keys():
                yield from self.visit(more, knows[name], _below(path, name))


def _definitions(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(schema.get("$defs"))


def _reference(schema: Shape) -> str:
    return str(schema.get("$ref", "")) if isinstance(schema, Mapping) else ""


def _followed(schema: Shape, definitions: Mapping[str, Any]) -> Shape:
    """What a schema's reference stands for; unknown ones allow all, as nothing is known of them."""
    seen = set()
    while (name := _reference(schema).removeprefix("#/$defs/")) and name not in seen:
        seen.add(name)
        schema = definitions.get(name, True)
    return schema


def _branches(schema: Mapping[str, Any]) -> list[Any]:
    """The alternatives of a schema: its ``anyOf``, its ``oneOf`` or its several types, if any."""
    for key in ("anyOf", "oneOf"):
        if _list(schema.get(key)):
            shared = {k: v for k, v in schema.items() if k not in (key, *_ANNOTATIONS)}
            return [
                {**shared, **branch} if isinstance(branch, Mapping) else branch
                for branch in schema[key]
            ]
    kinds = schema.get("type")
    if isinstance(kinds, list | tuple):
        return [{**schema, "type": kind} for kind in kinds]
    return []


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    """The listed values of a schema, None if it lists none."""
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if isinstance(schema.get("enum"), list | tuple) else None


def _listed(values: list[Any], wanted: Mapping[str, Any], path: str) -> Iterator[Narrowing]:
    allowed = _values(wanted)
    kind = wanted.get("type")
    for value in values:
        if allowed is not None and not any(_equal(value, other) for other in allowed):
            yield Narrowing(path, f"{value!r} is not allowed any more")
        elif allowed is None and kind is not None and not _is_kind(_kind_of(value), kind):
            yield Narrowing(path, f"{value!r} is not {_article(str(kind))}")
    bounds = sorted(set(wanted) - _ANNOTATIONS - {"type", "enum", "const"})
    if allowed is None and bounds:
        yield Narrowing(path, f"listed values meet new bounds: {', '.join(bounds)}")


def _equal(one: Any, other: Any) -> bool:
    """JSON's equality: ``true`` is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _bounds(given: Mapping[str, Any], wanted: Mapping[str, Any], path: str) -> Iterator[Narrowing]:
    for key in (*_FLOORS, *_CEILINGS):
        before, now = given.get(key), wanted.get(key)
        if not isinstance(now, int | float):
            continue
        within = isinstance(before, int | float) and (
            before >= now if key in _FLOORS else before <= now
        )
        if not within:
            yield Narrowing(path, f"{key} is {now}, and was {'free' if before is None else before}")
    for key in _SAME:
        if key in wanted and given.get(key) != wanted[key]:
            yield Narrowing(path, f"{key} is {wanted[key]!r}, and was {given.get(key, 'free')!r}")
    if wanted.get("uniqueItems") and not given.get("uniqueItems"):
        yield Narrowing(path, "items must differ, and needed not")


def _strange(given: Mapping[str, Any], wanted: Mapping[str, Any], path: str) -> Iterator[Narrowing]:
    """Keywords that are not understood narrow, unless both schemas have the same."""
    for key in sorted(set(wanted) - _KNOWN - _ANNOTATIONS):
        if given.get(key) != wanted[key]:
            yield Narrowing(path, f"{key!r} cannot be compared")


def _is_kind(given: Any, wanted: Any) -> bool:
    return bool(given == wanted) or (given == "integer" and wanted == "number")


def _kind_of(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return kinds.get(type(value), "array" if isinstance(value, list | tuple) else "object")


def _noun(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    return _article(str(kind)) if kind else "a value of any type"


def _article(kind: str) -> str:
    return "null" if kind == "null" else f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
