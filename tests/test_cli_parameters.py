"""Text on a command line becomes the value that an operation's schema asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimnetz_git.cli.parameters import parse_parameters
from heimnetz_git.errors import HeimnetzError, InvalidParameters, UsageError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "mac": {"type": "string"},
        "port": {"type": "integer"},
        "ratio": {"type": "number"},
        "deep": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}},
        "ports": {"type": "array", "items": {"type": "integer"}},
        "extra": {"type": "object"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "level": {"$ref": "#/$defs/Level"},
        "loop": {"$ref": "#/$defs/Loop"},
        "free": {},
    },
    "additionalProperties": False,
    "$defs": {"Level": {"enum": ["low", "high"]}, "Loop": {"$ref": "#/$defs/Loop"}},
}

VALUES: list[tuple[list[str], dict[str, Any]]] = [
    (["mac=00:11:22:33:44:55"], {"mac": "00:11:22:33:44:55"}),
    (["mac=a=b"], {"mac": "a=b"}),
    (["mac="], {"mac": ""}),
    (["mac=12"], {"mac": "12"}),
    (["port=9"], {"port": 9}),
    (["ratio=0.5"], {"ratio": 0.5}),
    (["deep=yes"], {"deep": True}),
    (["deep=False"], {"deep": False}),
    (['names=["a", "b"]'], {"names": ["a", "b"]}),
    (["names=a", "names=b"], {"names": ["a", "b"]}),
    (["ports=1", "ports=[2, 3]"], {"ports": [1, 2, 3]}),
    (['extra={"a": 1}'], {"extra": {"a": 1}}),
    (["maybe=null"], {"maybe": None}),
    (["maybe=3"], {"maybe": 3}),
    (["either=3"], {"either": 3}),
    (["either=three"], {"either": "three"}),
    (["level=high"], {"level": "high"}),
    (["loop=3"], {"loop": 3}),
    (["free=3", "port=1"], {"free": 3, "port": 1}),
    (["free=text"], {"free": "text"}),
]


@pytest.mark.parametrize(("pairs", "expected"), VALUES)
def test_text_becomes_what_the_schema_asks_for(pairs: list[str], expected: dict[str, Any]) -> None:
    """By type, through references and choices; text where text is meant."""
    assert parse_parameters(pairs, SCHEMA, "wake") == expected


WRONG: list[tuple[list[str], type[HeimnetzError], str]] = [
    (["port=many"], InvalidParameters, "expected integer"),
    (["deep=perhaps"], InvalidParameters, "expected boolean"),
    (["prt=9"], InvalidParameters, "Did you mean 'port'"),
    (["port=9", "port=10"], InvalidParameters, "twice"),
    (["port"], UsageError, "not a parameter"),
    (["=9"], UsageError, "not a parameter"),
    (["\x1b[2J=1"], InvalidParameters, "x1b"),
]


@pytest.mark.parametrize(("pairs", "kind", "said"), WRONG)
def test_what_does_not_fit_is_refused(
    pairs: list[str], kind: type[HeimnetzError], said: str
) -> None:
    """With the name, what it is and what was expected; never with a control character."""
    with pytest.raises(kind, match=said) as caught:
        parse_parameters(pairs, SCHEMA, "wake")
    assert str(caught.value).isprintable()


@given(st.text(), st.sampled_from([*SCHEMA["properties"], "other"]))
def test_no_text_is_a_fault(text: str, name: str) -> None:
    """Whatever is typed becomes a value or an error of ours."""
    try:
        found = parse_parameters([f"{name}={text}"], SCHEMA, "wake")
    except HeimnetzError:
        return
    assert list(found) == [name]
