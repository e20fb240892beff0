"""The JSON Schema subset: what it finds, and that foreign schemas cannot harm it."""

from __future__ import annotations

import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.host.schema import MOST_PROBLEMS, check, parse

NESTED: dict[str, Any] = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 5},
                "kind": {"enum": ["a", "b", 1]},
                "size": {"type": "number", "minimum": 0, "exclusiveMaximum": 10},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
                "pair": {
                    "type": "array",
                    "prefixItems": [{"type": "integer"}, {"type": "boolean"}],
                    "items": False,
                },
                "on": {"const": True},
            },
            "required": ["name"],
            "additionalProperties": False,
        }
    },
}

CASES = {
    "missing": ({}, {("name", "missing")}),
    "all at once": (
        {"name": "", "size": -1, "extra": 1},
        {("name", "too-short"), ("size", "too-small"), ("extra", "unknown-key")},
    ),
    "not one of": ({"name": "x", "kind": True}, {("kind", "not-allowed")}),
    "nested": ({"name": "x", "next": {"name": 3}}, {("next.name", "wrong-type")}),
    "neither": ({"name": "x", "next": 3}, {("next", "wrong-type")}),
    "item": ({"name": "x", "tags": ["a", 2]}, {("tags[1]", "wrong-type")}),
    "tuple": ({"name": "x", "pair": [1, True, 3]}, {("pair[2]", "unexpected")}),
    "boolean is no integer": ({"name": "x", "pair": [True, True]}, {("pair[0]", "wrong-type")}),
    "limit": ({"name": "x", "size": 10}, {("size", "too-large")}),
    "constant": ({"name": "x", "on": 1}, {("on", "not-allowed")}),
    "fine": ({"name": "x", "kind": 1, "next": None, "size": 0, "on": True}, set()),
}


@pytest.mark.parametrize(("value", "expected"), CASES.values(), ids=CASES.keys())
def test_everything_wrong_is_found(value: Any, expected: set[tuple[str, str]]) -> None:
    """Each problem with its path and its code."""
    found = check(value, parse(NESTED), "test")
    assert {(problem.path, problem.code) for problem in found} == expected


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats(-1, 11) | st.sampled_from("abxyz"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(list(NESTED["$defs"]["Node"]["properties"])), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(plain)
def test_it_agrees_with_the_standard(value: Any) -> None:
    """A value has problems here just when jsonschema finds it invalid."""
    validator = jsonschema.Draft202012Validator(NESTED)
    assert bool(check(value, parse(NESTED), "test")) == (not validator.is_valid(value))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {
            "anyOf": [{"$ref": "#/$defs/a"}] * 9,
            "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 9}},
        },
        {"items": {"anyOf": [{"type": "null"}] * 500}},
    ],
)
def test_a_hostile_schema_costs_little(schema: dict[str, Any]) -> None:
    """Circles and explosions end after a bounded number of steps, with a problem."""
    begin = time.perf_counter()
    assert check([1] * 2000, parse(schema), "test")
    assert time.perf_counter() - begin < 5


def test_regular_expressions_are_only_run_on_request() -> None:
    """A foreign expression can be made to run for ever, so the host skips it."""
    schema = parse({"type": "string", "pattern": "^(a+)+$"})
    assert check("a" * 60 + "b", schema, "test") == ()
    assert check("b", schema, "test", patterns=True)[0].code == "no-match"


@pytest.mark.parametrize("schema", [{"type": 3}, {"properties": []}, {"$defs": {"a": 1}}])
def test_what_is_not_a_schema_is_refused(schema: dict[str, Any]) -> None:
    """A plugin may send anything."""
    with pytest.raises(ValueError, match="not a JSON Schema"):
        parse(schema)


def test_problems_are_bounded() -> None:
    """A thousand mistakes make one readable report."""
    found = check([1] * 1000, parse({"items": {"type": "string"}}), "test")
    assert len(found) == MOST_PROBLEMS
