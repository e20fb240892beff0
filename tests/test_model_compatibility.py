"""Releases side by side: what breaks callers, what adds, and the version that says so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from heimnetz_git.model.compatibility import Level, compare, is_enough, least_version, level_of
from heimnetz_git.model.permission import NetworkPermissions, Permissions
from heimnetz_git.model.release import Release
from heimnetz_git.model.schemadiff import narrowings
from tests.valuekit import RELEASE

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}
NULLABLE = {"anyOf": [TEXT, {"type": "null"}]}


def closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object with these properties and no others."""
    return {**opened(required, **properties), "additionalProperties": False}


def opened(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object with these properties, and perhaps others."""
    return {"type": "object", "properties": properties, "required": list(required)}


def release(*, parameters: Any = None, result: Any = None, **fields: Any) -> Release:
    """A release with one operation ``wake``, and other fields changed."""
    operation = {"summary": "", "parameters": parameters or {}, "result": result or {}}
    return msgspec.structs.replace(RELEASE, operations={"wake": operation}, **fields)


# parameters before, parameters now, the level, where
TAKEN = [
    (closed(mac=TEXT), closed(mac=TEXT), Level.PATCH, ""),
    (closed(mac=TEXT), closed(mac=TEXT, port=WHOLE), Level.MINOR, ""),
    (closed(mac=TEXT), closed(("port",), mac=TEXT, port=WHOLE), Level.MAJOR, ".port"),
    (closed(mac=TEXT, port=WHOLE), closed(mac=TEXT), Level.MAJOR, ".port"),
    (closed(port=WHOLE), closed(port=NUMBER), Level.MINOR, ""),
    (closed(port=NUMBER), closed(port=WHOLE), Level.MAJOR, ".port"),
    (closed(mac=TEXT), closed(mac=NULLABLE), Level.MINOR, ""),
    (closed(mac=NULLABLE), closed(mac=TEXT), Level.MAJOR, ".mac"),
    (closed(kind={"enum": ["a"]}), closed(kind={"enum": ["a", "b"]}), Level.MINOR, ""),
    (closed(kind={"enum": ["a", "b"]}), closed(kind={"enum": ["a"]}), Level.MAJOR, ".kind"),
    (closed(kind={"enum": ["a"]}), closed(kind=TEXT), Level.MINOR, ""),
    (closed(kind=TEXT), closed(kind={"enum": ["a"]}), Level.MAJOR, ".kind"),
    (closed(n={**WHOLE, "minimum": 1}), closed(n={**WHOLE, "minimum": 0}), Level.MINOR, ""),
    (closed(n=WHOLE), closed(n={**WHOLE, "maximum": 9}), Level.MAJOR, ".n"),
    (
        closed(all={"type": "array", "items": TEXT}),
        closed(all={"type": "array", "items": WHOLE}),
        Level.MAJOR,
        ".all[]",
    ),
    (closed(mac={**TEXT, "title": "A"}), closed(mac={**TEXT, "title": "B"}), Level.PATCH, ""),
]


@pytest.mark.parametrize(("before", "now", "level", "where"), TAKEN)
def test_parameters_may_accept_more_and_never_less(
    before: Any, now: Any, level: Level, where: str
) -> None:
    """What callers hand in: wider is an addition, narrower breaks them."""
    found = compare(release(parameters=before), release(parameters=now))
    assert level_of(found) is level
    if where:
        assert f"operations.wake.parameters{where}" in {item.path for item in found}


# result before, result now, the level
GIVEN = [
    (opened(("mac",), mac=TEXT), opened(("mac", "name"), mac=TEXT, name=TEXT), Level.MINOR),
    (opened(("mac",), mac=TEXT), opened((), mac=TEXT), Level.MAJOR),
    (opened((), mac=TEXT, name=TEXT), opened((), mac=TEXT), Level.MAJOR),
    (NUMBER, WHOLE, Level.MINOR),
    (WHOLE, NUMBER, Level.MAJOR),
    (NULLABLE, TEXT, Level.MINOR),
    (TEXT, NULLABLE, Level.MAJOR),
    ({"$ref": "#/$defs/A", "$defs": {"A": TEXT}}, TEXT, Level.PATCH),
]


@pytest.mark.parametrize(("before", "now", "level"), GIVEN)
def test_results_may_promise_more_and_never_less(before: Any, now: Any, level: Level) -> None:
    """What callers get: narrower is an addition, wider breaks them."""
    assert level_of(compare(release(result=before), release(result=now))) is level


def test_an_operation_that_goes_breaks_and_one_that_comes_adds() -> None:
    """Operations are the interface itself."""
    none = msgspec.structs.replace(RELEASE, operations={})
    one = release()
    assert level_of(compare(one, none)) is Level.MAJOR
    assert level_of(compare(none, one)) is Level.MINOR


def test_a_permission_more_is_a_minor_version_and_one_less_a_patch() -> None:
    """A family is asked before a plugin may do more; doing less asks nobody."""
    more = release(permissions=Permissions(network=NetworkPermissions(connect=("lan:9/udp",))))
    less = release(permissions=Permissions())
    assert level_of(compare(less, more)) is Level.MINOR
    assert level_of(compare(more, less)) is Level.PATCH


def test_a_schema_that_speaks_of_itself_is_compared() -> None:
    """A tree of nodes refers to itself; the walk ends, and still sees a difference inside."""

    def tree(value: Any) -> dict[str, Any]:
        node = opened(("value",), value=value, next={"anyOf": [{"$ref": "#/$defs/N"}, TEXT]})
        return {"$ref": "#/$defs/N", "$defs": {"N": node}}

    assert narrowings(tree(WHOLE), tree(WHOLE)) == ()
    assert narrowings(tree(NUMBER), tree(WHOLE))


def test_a_hostile_schema_costs_little() -> None:
    """Branches upon branches, and depth upon depth: both end, and ending counts as a difference."""
    wide: Any = TEXT
    deep: Any = TEXT
    for _ in range(60):
        wide = {"anyOf": [wide, wide, {"type": "integer"}]}
    for _ in range(2000):
        deep = {"type": "array", "items": deep}
    assert narrowings(opened(a=wide), opened(a=wide))
    assert narrowings(deep, deep)


VERSIONS = [
    ("1.2.3", Level.PATCH, "1.2.4"),
    ("1.2.3", Level.MINOR, "1.3.0"),
    ("1.2.3", Level.MAJOR, "2.0.0"),
    ("0.2.3", Level.MAJOR, "0.3.0"),
    ("0.2.3", Level.MINOR, "0.2.4"),
    ("2.0.0rc1", Level.MAJOR, "2.0.0"),
]


@pytest.mark.parametrize(("old", "level", "least"), VERSIONS)
def test_the_least_version_follows_semantic_versioning(old: str, level: Level, least: str) -> None:
    """Below 1.0.0 the minor number speaks for the major one."""
    assert least_version(old, level) == least
    assert is_enough(old, least, level)


def test_a_pre_release_speaks_for_the_release_it_leads_to() -> None:
    """2.0.0a1 says that things break; 1.3.0a1 does not."""
    assert is_enough("1.2.3", "2.0.0a1", Level.MAJOR)
    assert not is_enough("1.2.3", "1.3.0a1", Level.MAJOR)
