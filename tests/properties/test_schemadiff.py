"""Where the comparison of two schemas is silent, every value of the one fits the other."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from heimnetz_git.model.schemadiff import narrowings

NAMES = st.sampled_from(["a", "b"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "x", "yy"])
    | st.just(0.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=6,
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "type": st.just("object"),
            "properties": st.dictionaries(NAMES, inner, max_size=2),
            "additionalProperties": st.just(value=False) | inner,
        },
        optional={"required": st.lists(NAMES, max_size=2, unique=True)},
    )


def _arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "maxItems": st.integers(0, 3),
            "minItems": st.integers(0, 2),
        },
    )


PLAIN = st.one_of(
    st.just({}),
    st.sampled_from(["null", "boolean", "integer", "number", "string"]).map(lambda k: {"type": k}),
    st.lists(st.sampled_from(["integer", "string", "null"]), min_size=1, unique=True).map(
        lambda kinds: {"type": kinds}
    ),
    st.lists(VALUES, min_size=1, max_size=3).map(lambda values: {"enum": values}),
    VALUES.map(lambda value: {"const": value}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={"minimum": st.integers(-2, 2), "exclusiveMaximum": st.integers(-2, 3)},
    ),
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={"minLength": st.integers(0, 2), "maxLength": st.integers(0, 2)},
    ),
)
SCHEMAS: st.SearchStrategy[Any] = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        _objects(inner),
        _arrays(inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(SCHEMAS, SCHEMAS, st.lists(VALUES, min_size=1, max_size=12))
def test_silence_is_a_promise(one: Any, other: Any, values: list[Any]) -> None:
    """If nothing is told, no value passes the first schema and fails the second."""
    if narrowings(one, other):
        return
    first, second = Draft202012Validator(one), Draft202012Validator(other)
    for value in values:
        assert not (first.is_valid(value) and not second.is_valid(value)), value


@settings(max_examples=200, deadline=None)
@given(SCHEMAS)
def test_a_schema_allows_what_it_allows(schema: Any) -> None:
    """Held against itself, a schema has nothing to tell."""
    assert narrowings(schema, schema) == ()
