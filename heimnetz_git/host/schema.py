"""Check plain values against the part of JSON Schema that type hints need; say all that is wrong.

Schemas come from plugins, so they are foreign: they are parsed into values before use, references
are followed only inside the schema, the work is bounded, and regular expressions (which can be
made to run for ever) are only evaluated on request, by the plugin's own process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Location, Problem

__all__ = ["MOST_PROBLEMS", "Schema", "check", "parse"]

MOST_PROBLEMS = 20
MOST_STEPS = 200_000
DEEPEST = 64


class Schema(msgspec.Struct, frozen=True, rename="camel"):
    """One JSON Schema (draft 2020-12) with the keywords that are checked; others are ignored."""

    type: str | tuple[str, ...] = ()
    properties: dict[str, Schema] = {}
    required: tuple[str, ...] = ()
    additional_properties: bool | Schema = True
    items: bool | Schema = True
    prefix_items: tuple[Schema, ...] = ()
    any_of: tuple[Schema, ...] = ()
    one_of: tuple[Schema, ...] = ()
    enum: tuple[Any, ...] | None = None
    const: Any = msgspec.UNSET
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    pattern: str | None = None
    ref: str = msgspec.field(default="", name="$ref")
    defs: dict[str, Schema] = msgspec.field(default={}, name="$defs")


def parse(schema: Mapping[str, Any]) -> Schema:
    """A schema as a value. Raises ValueError with a sentence if it is not one."""
    try:
        return msgspec.convert(schema, Schema)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(f"not a JSON Schema: {printable(str(error))}") from error


def check(
    value: Any, schema: Schema, subject: str, *, patterns: bool = False
) -> tuple[Problem, ...]:
    """Everything in ``value`` that ``schema`` does not allow, at most MOST_PROBLEMS.

    ``subject`` names the value in the problems' location. Without ``patterns`` the keyword
    ``pattern`` is skipped.
    """
    checker = _Checker(schema.defs, subject, patterns=patterns)
    checker.visit(value, schema, "", 0)
    return tuple(checker.problems)


class _Checker:
    """One walk over one value: where it looks up references and gathers problems."""

    def __init__(self, defs: Mapping[str, Schema], subject: str, *, patterns: bool) -> None:
        self.defs = defs
        self.location = Location(subject)
        self.patterns = patterns
        self.problems: list[Problem] = []
        self.steps = 0

    def visit(self, value: Any, schema: Schema | bool, path: str, depth: int) -> None:
        """Check ``value`` against ``schema``, and what is inside it."""
        self.steps += 1
        if schema is True or len(self.problems) >= MOST_PROBLEMS:
            return
        if schema is False:
            self.add("unexpected", path, "No value is allowed here.")
        elif self.steps > MOST_STEPS or depth > DEEPEST:
            self.add("too-complex", path, "The value is too large or too deep to check.")
            self.steps = MOST_STEPS
        elif schema.ref:
            self.visit(value, self.resolve(schema.ref), path, depth + 1)
        else:
            self.visit_plain(value, schema, path, depth)

    def visit_plain(self, value: Any, schema: Schema, path: str, depth: int) -> None:
        """Check ``value`` against a schema that is not a reference."""
        kinds = (schema.type,) if isinstance(schema.type, str) else schema.type
        if kinds and not any(_TYPES.get(kind, _any)(value) for kind in kinds):
            self.add("wrong-type", path, f"This is {_kind(value)}.", " or ".join(kinds))
            return
        for rule in _RULES:
            for code, message, expected in rule(value, schema):
                self.add(code, path, message, expected)
        if self.patterns and schema.pattern is not None and isinstance(value, str):
            self.visit_pattern(value, schema.pattern, path)
        if schema.any_of or schema.one_of:
            self.visit_choice(value, schema.any_of or schema.one_of, path, depth)
        if isinstance(value, dict):
            self.visit_object(value, schema, path, depth)
        elif isinstance(value, list | tuple):
            self.visit_array(value, schema, path, depth)

    def visit_pattern(self, value: str, pattern: str, path: str) -> None:
        """Check a string against a regular expression."""
        if not re.search(pattern, value):
            self.add("no-match", path, f"{printable(value)!r} does not match.", f"/{pattern}/")

    def visit_choice(self, value: Any, options: Iterable[Schema], path: str, depth: int) -> None:
        """One of several schemas must fit; if none does, the closest one speaks."""
        closest: list[Problem] | None = None
        before, kinds = self.problems, []
        for option in options:
            self.problems = []
            self.visit(value, option, path, depth + 1)
            found, self.problems = self.problems, before
            if not found:
                return
            if found[0].code == "wrong-type" and found[0].path == path:
                kinds.append(found[0].expected)
            elif closest is None or len(found) < len(closest):
                closest = found
        if closest is not None:
            before.extend(closest)
        else:
            self.add("wrong-type", path, f"This is {_kind(value)}.", " or ".join(kinds))

    def visit_object(self, value: dict[Any, Any], schema: Schema, path: str, depth: int) -> None:
        """Required and unknown keys, then each value."""
        for key in schema.required:
            if key not in value:
                self.add("missing", _join(path, key), "It is missing.")
        for key, inner in value.items():
            where = _join(path, str(key))
            if key in schema.properties:
                self.visit(inner, schema.properties[key], where, depth + 1)
            elif schema.additional_properties is False:
                near = _nearest(str(key), schema.properties)
                self.add("unknown-key", where, "There is no such key.", suggestion=near)
            else:
                self.visit(inner, schema.additional_properties, where, depth + 1)

    def visit_array(self, value: Iterable[Any], schema: Schema, path: str, depth: int) -> None:
        """Each item, the first ones against ``prefixItems``."""
        for number, item in enumerate(value):
            fixed = number < len(schema.prefix_items)
            inner = schema.prefix_items[number] if fixed else schema.items
            if inner is not True:
                self.visit(item, inner, f"{path}[{number}]", depth + 1)

    def resolve(self, reference: str) -> Schema | bool:
        """The schema behind ``#/$defs/NAME``; one that leads nowhere allows nothing."""
        return self.defs.get(reference.removeprefix("#/$defs/"), False)

    def add(
        self, code: str, path: str, message: str, expected: str = "", suggestion: str = ""
    ) -> None:
        """Note a problem, unless there are enough."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(
                Problem(
                    code,
                    message,
                    self.location,
                    path=printable(path),
                    expected=printable(expected),
                    suggestion=printable(suggestion),
                )
            )


Wrong = tuple[str, str, str]


def _check_choice(value: Any, schema: Schema) -> Iterable[Wrong]:
    """``enum`` and ``const``; 1 and True are different, as in JSON."""
    allowed = schema.enum if schema.const is msgspec.UNSET else (schema.const,)
    if allowed is not None and not any(
        value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed
    ):
        shown = ", ".join(repr(one) for one in allowed[:12])
        yield "not-allowed", f"{printable(repr(value))} is not one of the allowed values.", shown


def _check_number(value: Any, schema: Schema) -> Iterable[Wrong]:
    """``minimum``, ``maximum`` and their exclusive forms."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if schema.minimum is not None and not value >= schema.minimum:
        yield "too-small", f"{value} is too small.", f"at least {schema.minimum:g}"
    if schema.maximum is not None and not value <= schema.maximum:
        yield "too-large", f"{value} is too large.", f"at most {schema.maximum:g}"
    if schema.exclusive_minimum is not None and not value > schema.exclusive_minimum:
        yield "too-small", f"{value} is too small.", f"more than {schema.exclusive_minimum:g}"
    if schema.exclusive_maximum is not None and not value < schema.exclusive_maximum:
        yield "too-large", f"{value} is too large.", f"less than {schema.exclusive_maximum:g}"


def _check_size(value: Any, schema: Schema) -> Iterable[Wrong]:
    """The length of strings and arrays."""
    if isinstance(value, str):
        least, most, unit = schema.min_length, schema.max_length, "characters"
    elif isinstance(value, list | tuple):
        least, most, unit = schema.min_items, schema.max_items, "items"
    else:
        return
    if least is not None and len(value) < least:
        yield "too-short", f"It has {len(value)} {unit}.", f"at least {least}"
    if most is not None and len(value) > most:
        yield "too-long", f"It has {len(value)} {unit}.", f"at most {most}"


_RULES: tuple[Callable[[Any, Schema], Iterable[Wrong]], ...] = (
    _check_choice,
    _check_number,
    _check_size,
)


def _is_integer(value: Any) -> bool:
    """An int, or a float without a fraction; never a bool."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _any(_value: Any) -> bool:
    """What an unknown type name allows: anything."""
    return True


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, dict),
}


def _kind(value: Any) -> str:
    """What ``value`` is, in JSON's words."""
    names = ("null", "boolean", "integer", "number", "string", "array", "object")
    return next((name for name in names if _TYPES[name](value)), type(value).__name__)


def _join(path: str, key: str) -> str:
    """``path.key``."""
    return f"{path}.{key}" if path else key


def _nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or nothing."""
    import difflib  # only needed when something is wrong

    return next(iter(difflib.get_close_matches(word[:80], list(known)[:200], n=1)), "")
