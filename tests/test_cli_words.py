"""What people read: results as tables and lines, findings with their places."""

from __future__ import annotations

from pathlib import Path
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


@pytest.mark.parametrize(
    ("source", "column", "shown"),
    [
        ("    go(now)\n", 5, ["  1 | go(now)", "    | ^"]),
        ("    go(now)\n", 8, ["  1 | go(now)", "    |    ^"]),
        ("\tgo(now)\n", 2, ["  1 | go(now)", "    | ^"]),
        ("x = 1 \x1b[2J\n", 1, ["  1 | x = 1 \\x1b[2J"]),
        ("go()\n", 0, ["  1 | go()"]),
        ("", 1, []),
    ],
)
def test_a_finding_shows_its_line(
    tmp_path: Path, source: str, column: int, shown: list[str]
) -> None:
    """And a mark below the column; nothing that a terminal would obey."""
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    found = Finding("risky", Severity.LOW, "It goes.", Location("a.py", 1, column))
    lines = [click.unstyle(line) for line in finding_lines([found], tmp_path)]
    assert lines == [f"{found.location}: low: It goes. [risky]", *shown]


def test_a_finding_shows_no_file_from_elsewhere(tmp_path: Path) -> None:
    """A name that leads out of the folder, or a link, shows nothing."""
    (tmp_path / "secret").write_text("precious\n", encoding="utf-8")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    for file in ("../secret", str(tmp_path / "secret"), "link"):
        found = Finding("risky", Severity.LOW, "It goes.", Location(file, 1, 1))
        assert "precious" not in "\n".join(finding_lines([found], root))
