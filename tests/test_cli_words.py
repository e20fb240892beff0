"""What people read: results as tables and lines, findings with their places."""

from __future__ import annotations

from typing import Any

import click
import pytest

from heimnetz_git.cli.words import finding_lines, result_lines, time_of
from heimnetz_git.model.finding import Finding, Location, Severity

RESULTS: list[tuple[Any, list[str]]] = [
    (None, []),
    ("two\nlines", ["two", "lines"]),
    (3, ["3"]),
    (True, ["true"]),
    ([], ["(nothing)"]),
    (["a", "b"], ["a", "b"]),
    (
        [{"mac": "aa", "up": True, "names": ["x", "y"]}, {"mac": "bb", "port": None}],
        ["MAC  UP   NAMES  PORT", "aa   yes  x, y", "bb"],
    ),
    ({"added": 2, "note": None}, ["added  2", "note   -"]),
    ({"a": {"b": 1}}, ["{", '  "a": {', '    "b": 1', "  }", "}"]),
]


@pytest.mark.parametrize(("result", "expected"), RESULTS)
def test_a_result_is_shown_by_its_shape(result: Any, expected: list[str]) -> None:
    """Objects as a table, a plain mapping as fields, text as it is, the rest as JSON."""
    assert [click.unstyle(line) for line in result_lines(result)] == expected


@pytest.mark.parametrize(
    "result",
    [
        "\x1b[2J",
        ["\x1b[2J"],
        {"\x1b[2J": "\x1b[2J"},
        [{"\x1b[2J": "\x1b[2J"}],
        {"a": {"\x1b[2J": 1}},
    ],
)
def test_a_plugin_cannot_speak_to_the_terminal(result: Any) -> None:
    """Whatever shape an escape sequence comes in, it is shown and not obeyed."""
    assert "\x1b[2J" not in "\n".join(result_lines(result))


def test_a_finding_says_where_how_bad_what_and_the_way_out() -> None:
    """As compilers do, so that editors can jump."""
    found = Finding(
        "dynamic-code", Severity.HIGH, "eval is called.", Location("a.py", 3, 1), "Don't."
    )
    said = [click.unstyle(line) for line in finding_lines([found])]
    assert said == ["a.py:3:1: high: eval is called. [dynamic-code]", "  Don't."]


def test_times_are_in_utc() -> None:
    """The same everywhere."""
    assert time_of(0) == "1970-01-01 00:00 UTC"
