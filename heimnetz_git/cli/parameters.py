"""``--param name=value``: text as the values that an operation's JSON Schema asks for (pure)."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from heimnetz_git.errors import InvalidParameters, UsageError, printable

__all__ = ["parse_parameters", "parse_value"]

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})
DEEPEST = 8


def parse_parameters(
    pairs: Iterable[str], schema: Mapping[str, Any], operation: str
) -> dict[str, Any]:
    """Each ``name=value`` by the property of that name; a name given twice makes a list.

    Raises UsageError for text that is no pair, InvalidParameters for a name or a value that the
    schema has no place for. Whether the whole fits the schema is for whoever calls the operation.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageError(
                f"{printable(pair)!r} is not a parameter.", hint="Write --param name=value."
            )
        if name not in properties and schema.get("additionalProperties") is False:
            raise InvalidParameters(_unknown(name, properties, operation), name=name)
        wanted = properties.get(name, {})
        if name in found:
            found[name] = [*_as_list(found[name]), *_as_list(_repeated(text, wanted, schema, name))]
        else:
            found[name] = parse_value(text, wanted, schema, name)
    return found


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _repeated(text: str, wanted: Mapping[str, Any], root: Mapping[str, Any], name: str) -> Any:
    if "array" in _types(_followed(wanted, root), root):
        return parse_value(text, wanted, root, name)
    raise InvalidParameters(f"The parameter '{printable(name)}' is given twice.", name=name)


def parse_value(text: str, wanted: Mapping[str, Any], root: Mapping[str, Any], name: str) -> Any:
    """``text`` as the first type of ``wanted`` that it can be; text itself comes last.

    A list or an object is JSON; a list may also be one of its items.
    """
    schema = _followed(wanted, root)
    types = _types(schema, root)
    for kind, parse in PARSERS.items():
        if kind in types:
            try:
                return parse(text)
            except ValueError:
                continue
    if "array" in types and isinstance(schema.get("items"), Mapping):
        return [parse_value(text, schema["items"], root, name)]
    if not types or "string" in types:
        return text if types else _any(text)
    expected = " or ".join(sorted(types))
    raise InvalidParameters(
        f"The parameter '{printable(name)}' is {printable(text)!r}; expected {expected}.",
        name=name,
        value=text,
        expected=expected,
    )


def _followed(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind ``$ref`` into ``$defs``; a reference that leads nowhere allows all."""
    for _ in range(DEEPEST):
        if not isinstance(schema, Mapping):
            return {}
        target = schema.get("$ref")
        if not isinstance(target, str):
            return schema
        schema = root.get("$defs", {}).get(target.removeprefix("#/$defs/"), {})
    return {}


def _types(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int = 0) -> set[str]:
    """Every type that the schema allows; empty when it does not say."""
    kind = schema.get("type", ())
    found = {kind} if isinstance(kind, str) else set(kind)
    for value in schema.get("enum", ()):
        found.add(_kind_of(value))
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if depth < DEEPEST:
            found |= _types(_followed(choice, root), root, depth + 1)
    return found


def _kind_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names.get(type(value), "object")


def _null(text: str) -> None:
    if text != "null":
        raise ValueError(text)


def _boolean(text: str) -> bool:
    word = text.lower()
    if word not in TRUE | FALSE:
        raise ValueError(text)
    return word in TRUE


def _json_of(kind: type) -> Any:
    def parse(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return parse


PARSERS: dict[str, Any] = {
    "null": _null,
    "integer": int,
    "number": float,
    "boolean": _boolean,
    "array": _json_of(list),
    "object": _json_of(dict),
}


def _any(text: str) -> Any:
    """Where the schema says nothing: JSON if it is JSON, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _unknown(name: str, properties: Mapping[str, Any], operation: str) -> str:
    close = difflib.get_close_matches(name, list(properties), n=1)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    known = ", ".join(sorted(map(printable, properties))) or "none"
    return (
        f"'{printable(operation)}' has no parameter '{printable(name)}'.{guess} It takes: {known}."
    )
