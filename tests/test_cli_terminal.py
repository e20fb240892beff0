"""Tables line up whatever is in them, fit the terminal, and colour follows the wishes."""

from __future__ import annotations

import io
from collections.abc import Mapping

import click
import pytest

from heimnetz_git.cli.terminal import display_width, fit, table, wants_color

WIDTHS = [
    ("wake", 4),
    ("", 0),
    ("配置", 4),
    ("e\u0301", 1),
    ("\uff21", 2),
    ("zero\u200bwidth", 9),
]


@pytest.mark.parametrize(("text", "columns"), WIDTHS)
def test_the_width_of_text_is_what_a_terminal_shows(text: str, columns: int) -> None:
    """Wide characters take two columns, marks none."""
    assert display_width(text) == columns


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("wake", 6, "wake  "),
        ("wake-on-lan", 6, "wake-…"),
        ("配置文件", 6, "配置… "),
        ("配置文", 6, "配置文"),
    ],
)
def test_text_is_padded_or_cut_to_its_columns(text: str, width: int, expected: str) -> None:
    """A wide character is never cut in half."""
    assert fit(text, width) == expected
    assert display_width(fit(text, width)) == width


def plain_table(rows: list[list[object]], columns: int | None = None) -> list[str]:
    """A table with two columns, without its style."""
    return [click.unstyle(line) for line in table(("NAME", "TEXT"), rows, columns=columns)]


def test_columns_line_up() -> None:
    """Each column is as wide as its widest cell; no line ends in blanks."""
    lines = plain_table([["a", "one"], ["配置", None], ["long-name", 3]])
    assert lines == ["NAME       TEXT", "a          one", "配置", "long-name  3"]


def test_a_table_gives_way_to_a_narrow_terminal() -> None:
    """The widest column is cut, the others stay whole."""
    lines = plain_table([["wake-on-lan", "x" * 100]], columns=30)
    assert lines[1].startswith("wake-on-lan  xxx")
    assert lines[1].endswith("…")
    assert max(map(display_width, lines)) <= 30


def test_a_cell_cannot_speak_to_the_terminal() -> None:
    """Escape sequences and line breaks of foreign text are shown, not obeyed."""
    lines = plain_table([["\x1b[2Jevil\n", "\u202eabc"]])
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
    assert len(lines) == 2


def test_an_empty_table_is_its_head() -> None:
    """No rows are no reason to fail."""
    assert plain_table([]) == ["NAME  TEXT"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


COLORS: list[tuple[str, Mapping[str, str], bool, bool]] = [
    ("auto", {}, True, True),
    ("auto", {}, False, False),
    ("auto", {"NO_COLOR": "1"}, True, False),
    ("auto", {"NO_COLOR": ""}, True, True),
    ("auto", {"FORCE_COLOR": "1"}, False, True),
    ("auto", {"TERM": "dumb"}, True, False),
    ("always", {"NO_COLOR": "1"}, False, True),
    ("never", {"FORCE_COLOR": "1"}, True, False),
]


@pytest.mark.parametrize(("choice", "environ", "terminal", "expected"), COLORS)
def test_colour_follows_choice_then_environment_then_terminal(
    choice: str, environ: Mapping[str, str], terminal: bool, expected: bool
) -> None:
    """--color wins over NO_COLOR, that over FORCE_COLOR, that over what the stream is."""
    stream = Terminal() if terminal else io.StringIO()
    assert wants_color(choice, environ, stream) is expected
