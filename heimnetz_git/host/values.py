"""Type hints as JSON Schemas, and plain values as what the type hints say."""

from __future__ import annotations

from typing import Any

import msgspec

from heimnetz_git.errors import InvalidParameters
from heimnetz_git.host.schema import check, parse
from heimnetz_git.model.finding import Problem

__all__ = ["NoConfig", "refuse", "schema_of", "settle"]


class NoConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The configuration of a plugin that has none."""


def schema_of(kind: Any, *, closed: bool = False) -> dict[str, Any]:
    """The JSON Schema of a type; its outermost object is written in place, not as a reference.

    ``closed`` refuses unknown keys at the outermost level. Raises TypeError for a type that cannot
    cross a process.
    """
    schema = msgspec.json.schema(kind)
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    if name and not _refers_to(schema["$defs"], name):
        definitions = schema.pop("$defs")
        schema = definitions.pop(name) | ({"$defs": definitions} if definitions else {})
    if closed and schema.get("type") == "object":
        schema["additionalProperties"] = False
    _tidy(schema)
    return schema


def _tidy(schema: Any) -> None:
    """Write each description on one line: Python 3.13 began to strip docstrings' indentation.

    So that a schema, and the wheel that it is in, is the same from every Python.
    """
    for key, inner in schema.items() if isinstance(schema, dict) else ():
        if key == "description" and isinstance(inner, str):
            schema[key] = " ".join(inner.split())
        elif key in _NAMED and isinstance(inner, dict):
            for one in inner.values():
                _tidy(one)
        elif key not in _LITERAL:
            for one in inner if isinstance(inner, list) else [inner]:
                _tidy(one)


_NAMED = frozenset({"properties", "$defs", "patternProperties"})
_LITERAL = frozenset({"default", "const", "enum", "examples"})
"""Keywords of a schema whose values are schemas by name, and those whose values are data."""


def _refers_to(value: Any, name: str) -> bool:
    """Does anything inside ``value`` refer to the definition ``name``?"""
    if isinstance(value, dict):
        if value.get("$ref") == f"#/$defs/{name}":
            return True
        value = list(value.values())
    return isinstance(value, list) and any(_refers_to(inner, name) for inner in value)


def settle(kind: type, raw: Any) -> Any:
    """The configuration ``raw`` as a ``kind``; one that is a ``kind`` already is left as it is.

    Raises InvalidParameters naming every problem.
    """
    if isinstance(raw, kind):
        return raw
    schema = parse(schema_of(kind, closed=True))
    refuse("The configuration does not fit", check(raw, schema, "configuration", patterns=True))
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise InvalidParameters(f"The configuration does not fit: {error}.") from error


def refuse(what: str, problems: tuple[Problem, ...]) -> None:
    """Raise InvalidParameters, ``what`` and all ``problems``, if there are any."""
    if not problems:
        return
    first = "; ".join(f"{one.path or 'value'}: {describe(one)}" for one in problems[:3])
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    raise InvalidParameters(f"{what}: {first}{more}", problems=problems)


def describe(problem: Problem) -> str:
    """A problem's message and the way out, without its place."""
    said = problem.message
    if problem.expected:
        said += f" Expected {problem.expected}."
    if problem.suggestion:
        said += f" Did you mean {problem.suggestion!r}?"
    return said
