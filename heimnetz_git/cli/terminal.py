"""What a terminal shows: the width of text, aligned tables, and whether colour is wanted."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Mapping, Sequence
from typing import IO

import click

from heimnetz_git.errors import printable

__all__ = ["columns_of", "display_width", "fit", "table", "wants_color"]

GAP = "  "
NARROWEST = 8
LONGEST_CELL = 4000


def display_width(text: str) -> int:
    """How many columns ``text`` takes (UAX #11: wide and full width take two, marks none)."""
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, width: int) -> str:
    """``text`` in exactly ``width`` columns: padded, or cut with an ellipsis."""
    wide = display_width(text)
    if wide <= width:
        return text + " " * (width - wide)
    kept, used = "", 0
    for char in text:
        if used + _columns(char) > width - 1:
            break
        kept, used = kept + char, used + _columns(char)
    return kept + "…" + " " * (width - 1 - used)


def table(
    head: Sequence[str], rows: Sequence[Sequence[object]], *, columns: int | None = None
) -> list[str]:
    """Aligned lines below a head; the widest column gives way when ``columns`` is not enough.

    Cells are foreign text: they are made printable here. None is shown as nothing.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(head, *cells, strict=True)]
    if columns is not None:
        _narrow(widths, columns - len(GAP) * (len(widths) - 1))
    lines = [_line(head, widths), *(_line(row, widths) for row in cells)]
    return [click.style(lines[0], bold=True), *lines[1:]]


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value), longest=LONGEST_CELL)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(fit(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _narrow(widths: list[int], room: int) -> None:
    """Take from the widest column until all fit, but leave each a few columns."""
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1


def columns_of(stream: IO[str]) -> int | None:
    """The width of the terminal behind ``stream``; None when it is a file or a pipe."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def wants_color(choice: str, environ: Mapping[str, str], stream: IO[str]) -> bool:
    """Whether to colour: by choice, else FORCE_COLOR, else NO_COLOR, else on a terminal.

    NO_COLOR and FORCE_COLOR count when not empty (no-color.org, force-color.org).
    """
    if choice in ("always", "never"):
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"
