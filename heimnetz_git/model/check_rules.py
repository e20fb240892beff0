"""Rules for single values that a type cannot say: names, versions, licences, digests, addresses.

A rule is a function from a value to the Faults in it; a Fault's path is relative to that value.
Rules of collections are made from rules of their entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from heimnetz_git.errors import InvalidName, printable
from heimnetz_git.model import grant
from heimnetz_git.model.limits import period as as_period
from heimnetz_git.model.limits import seconds, size_in_bytes
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.ranges import check_range
from heimnetz_git.model.versionkey import check_version, sort_key

__all__ = [
    "Fault",
    "Rule",
    "any_version",
    "anything",
    "api_name",
    "at_least",
    "connect",
    "digest",
    "each",
    "email",
    "filled",
    "license_expression",
    "line",
    "listen",
    "mapped",
    "moment",
    "multicast",
    "name",
    "name_pattern",
    "object_id",
    "operation_name",
    "optional",
    "parsed",
    "path",
    "path_in_index",
    "period",
    "requirement",
    "schema",
    "size",
    "text",
    "time",
    "time_span",
    "url",
    "uuid",
    "variable",
    "version",
    "version_range",
    "word",
]

MOST_ENTRIES = 1000
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_TYPES = {"null", "boolean", "object", "array", "number", "string", "integer"}


class Fault(NamedTuple):
    """One thing wrong: where in the value, a stable code, a sentence, what would be right."""

    path: str
    code: str
    message: str
    expected: str


Rule = Callable[[Any], Iterator[Fault]]


def parsed(parse: Callable[[str], object], code: str, expected: str) -> Rule:
    """A rule that holds when ``parse`` raises no ValueError, whose words are the message."""

    def rule(value: str) -> Iterator[Fault]:
        try:
            parse(value)
        except ValueError as error:
            said = printable(str(error), longest=300)
            yield Fault("", code, f"{said[:1].upper()}{said[1:]}.", expected)

    return rule


def matching(pattern: str, code: str, expected: str) -> Rule:
    """A rule that holds for text that a regular expression matches whole."""
    compiled = re.compile(pattern)

    def rule(value: str) -> Iterator[Fault]:
        if not compiled.fullmatch(value):
            yield Fault("", code, f"{printable(value, longest=80)!r} cannot stand here.", expected)

    return rule


def each(rule: Rule, *, unique: bool = True) -> Rule:
    """A rule for lists: every entry keeps ``rule``, none stands twice, they are not too many."""

    def entries(values: tuple[Any, ...]) -> Iterator[Fault]:
        if len(values) > MOST_ENTRIES:
            yield Fault(
                "", "too-many", f"There are {len(values)} entries.", f"at most {MOST_ENTRIES}"
            )
            return
        for number, value in enumerate(values):
            for fault in rule(value):
                yield fault._replace(path=f"[{number}]{fault.path}")
            if unique and value in values[:number]:
                message = f"{printable(str(value), longest=80)!r} stands here twice."
                yield Fault(f"[{number}]", "repeated", message, "each entry once")

    return entries


def mapped(key_rule: Rule, value_rule: Rule) -> Rule:
    """A rule for mappings: every key and every value keeps its rule."""

    def items(values: dict[str, Any]) -> Iterator[Fault]:
        if len(values) > MOST_ENTRIES:
            yield Fault(
                "", "too-many", f"There are {len(values)} entries.", f"at most {MOST_ENTRIES}"
            )
            return
        for key, value in values.items():
            for fault in key_rule(key):
                yield fault._replace(path=f".{key}")
            for fault in value_rule(value):
                yield fault._replace(path=f".{key}{fault.path}")

    return items


def optional(rule: Rule) -> Rule:
    """A rule that empty text, zero and None keep as well."""
    return lambda value: rule(value) if value else iter(())


def filled(value: Any) -> Iterator[Fault]:
    """The list or mapping has an entry."""
    if not value:
        yield Fault("", "empty", "There is no entry.", "at least one entry")


def anything(_: Any) -> Iterator[Fault]:
    """No rule at all."""
    return iter(())


def at_least(lowest: float, highest: float, *, above: bool = False) -> Rule:
    """A number from ``lowest`` (or above it) to ``highest``."""
    words = f"a number {'above' if above else 'from'} {lowest} {'up ' if above else ''}to {highest}"

    def rule(value: float | None) -> Iterator[Fault]:
        if value is not None and not (
            lowest <= value <= highest and not (above and value == lowest)
        ):
            yield Fault("", "out-of-range", f"{value} is out of range.", words)

    return rule


def line(longest: int, *, empty: bool = False) -> Rule:
    """Text on one line without control characters, at most ``longest`` characters."""

    def rule(value: str) -> Iterator[Fault]:
        if not value.strip() and (value or not empty):
            yield Fault("", "empty-text", "The text is empty.", "text on one line")
        if len(value) > longest:
            message = f"The text has {len(value)} characters."
            yield Fault("", "text-too-long", message, f"at most {longest}")
        if _CONTROL.search(value):
            message = "The text has line breaks or control characters."
            yield Fault("", "text-not-plain", message, "text on one line")

    return rule


def text(longest: int) -> Rule:
    """Text of several lines without other control characters, at most ``longest`` characters."""
    one_line = line(longest, empty=True)
    return lambda value: one_line(value.replace("\n", " ").replace("\t", " ").strip())


def name(value: str) -> Iterator[Fault]:
    """A plugin's name in normal form."""
    expected = "lower case letters, digits and single hyphens"
    try:
        normal = plugin_name(value)
    except InvalidName as error:
        yield Fault("", "invalid-name", str(error), expected)
        return
    if normal != value:
        message = f"{printable(value)!r} is not in its normal form {normal!r}."
        yield Fault("", "invalid-name", message, expected)


@lru_cache(maxsize=4096)
def _license(value: str) -> None:
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        normal = canonicalize_license_expression(value)
    except InvalidLicenseExpression:
        raise ValueError(f"{value!r} is not an SPDX licence expression") from None
    if normal != value:
        raise ValueError(f"{value!r} is spelt {str(normal)!r} by SPDX")


@lru_cache(maxsize=4096)
def _requirement(value: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        found = Requirement(value)
    except InvalidRequirement:
        raise ValueError(f"{value!r} is not a requirement such as 'zeroconf>=0.130'") from None
    if found.url:
        raise ValueError(f"{value!r} names an address; packages come from a package index")


def _time(value: str) -> None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", value):
        raise ValueError(f"{value!r} is not a UTC time such as 2026-01-31T12:00:00Z")
    datetime.fromisoformat(value[:19])


def _url(value: str) -> None:
    if len(value) > 2000 or _CONTROL.search(value) or " " in value:
        raise ValueError("an address has no blanks or control characters and is not this long")
    parts = urlsplit(value)
    if parts.scheme not in {"https", "http", "ssh", "git", "file"}:
        raise ValueError(f"{value!r} is not an address such as https://example.org/")
    if parts.scheme != "file" and not parts.hostname:
        raise ValueError(f"{value!r} names no host")
    if parts.password:
        raise ValueError("an address in a file must not have a password")


def _index_path(value: str) -> None:
    if value.startswith("/") or any(part in {"", ".", ".."} for part in value.split("/")):
        raise ValueError(f"{value!r} is not a path within the index")
    if _CONTROL.search(value) or "\\" in value or len(value) > 500:
        raise ValueError("a path within the index has no control characters or backslashes")


def schema(value: Any, depth: int = 0) -> Iterator[Fault]:
    """A JSON Schema, looked at shallowly: types, properties and items; references stay inside."""
    if isinstance(value, bool):
        return
    if not isinstance(value, dict):
        yield Fault("", "not-a-schema", "This is not a JSON Schema.", "a mapping, true or false")
        return
    kinds = value.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if not all(isinstance(kind, str) and kind in _TYPES for kind in kinds):
        expected = "one of " + ", ".join(sorted(_TYPES))
        yield Fault(".type", "not-a-schema", "JSON Schema knows no such type.", expected)
    reference = value.get("$ref", "#")
    if not (isinstance(reference, str) and reference.startswith("#")):
        message = "A reference must stay within the schema."
        yield Fault(".$ref", "not-a-schema", message, "a reference that begins with '#'")
    yield from _inner_schemas(value, depth)


def _inner_schemas(value: dict[str, Any], depth: int) -> Iterator[Fault]:
    for key in ("properties", "$defs"):
        inner = value.get(key, {})
        if not isinstance(inner, dict):
            yield Fault(f".{key}", "not-a-schema", "This is not a mapping.", "a mapping of schemas")
            continue
        for title, below in inner.items():
            for fault in schema(below, depth + 1):
                yield fault._replace(path=f".{key}.{title}{fault.path}")
    if "items" in value:
        for fault in schema(value["items"], depth + 1):
            yield fault._replace(path=f".items{fault.path}")


version = parsed(sort_key, "invalid-version", "MAJOR.MINOR.PATCH, such as 1.2.0")
any_version = parsed(check_version, "invalid-version", "a version such as 3.11.7")
version_range = parsed(check_range, "invalid-range", "a range such as '>=1.2,<2'")
license_expression = parsed(_license, "invalid-license", "an SPDX expression such as MIT")
requirement = parsed(_requirement, "invalid-requirement", "a requirement such as zeroconf>=0.130")
size = parsed(size_in_bytes, "invalid-size", "a size such as 64M")
time_span = parsed(seconds, "invalid-time-span", "a time such as 10s, 500ms or 2m")
period = parsed(as_period, "invalid-period", "a period such as 10m or 3d")
moment = matching(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?",
    "invalid-time",
    "a UTC date or time such as 2026-01-31 or 2026-01-31T12:00:00Z",
)
time = parsed(_time, "invalid-time", "a UTC time such as 2026-01-31T12:00:00Z")
url = parsed(_url, "invalid-url", "an address such as https://example.org/")
path_in_index = parsed(_index_path, "invalid-path", "a relative path with '/'")
connect = parsed(grant.parse_connect, "invalid-grant", "HOST[:PORTS][/PROTOCOL]")
listen = parsed(grant.parse_listen, "invalid-grant", "PORTS[/PROTOCOL]")
multicast = parsed(grant.parse_multicast, "invalid-grant", "GROUP:PORT")
path = parsed(grant.parse_path, "invalid-path", "an absolute path such as /usr/sbin/ip")
digest = matching(r"[0-9a-f]{64}", "invalid-digest", "a SHA-256 of 64 lower case hex digits")
object_id = matching(r"[0-9a-f]{40}|[0-9a-f]{64}", "invalid-object-id", "40 lower case hex digits")
uuid = matching(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "invalid-uuid", "a UUID in lower case"
)
word = matching(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", "invalid-word", "a word without blanks")
api_name = matching(
    r"[a-z][a-z0-9_-]{0,63}(?:\.[a-z][a-z0-9_-]{0,63}){0,5}", "invalid-api-name",
    "a name such as devices.read",
)  # fmt: skip
variable = matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "invalid-variable", "a name such as TZ")
operation_name = matching(
    r"[A-Za-z_][A-Za-z0-9_-]{0,63}", "invalid-operation", "a name such as wake"
)
name_pattern = matching(
    r"(?=.{1,64}\Z)[a-z0-9*?]+(?:-[a-z0-9*?]+)*", "invalid-pattern", "a pattern such as acme-*"
)
email = matching(
    r"[^@\s\x00-\x1f\x7f-\x9f]{1,128}@[^@\s\x00-\x1f\x7f-\x9f]{1,200}",
    "invalid-email",
    "an address such as ada@example.org",
)
