"""Progress keeps quiet for a second, then writes one line over itself, and wipes it."""

from __future__ import annotations

import io

from heimnetz_git.cli.output import Output
from heimnetz_git.cli.progress import PlainReporter, reporter_for
from heimnetz_git.model.report import SILENT


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_short_task_says_nothing() -> None:
    """What takes less than a second is not worth a line."""
    stream, clock = Terminal(), Clock()
    reporter = PlainReporter(stream, clock)
    reporter.start("Fetching", 100)
    clock.now += 0.9
    reporter.advance(90)
    reporter.done()
    assert stream.getvalue() == ""


def test_a_long_task_shows_how_far_it_is_and_leaves_no_trace() -> None:
    """The line is written over itself and wiped at the end."""
    stream, clock = Terminal(), Clock()
    reporter = PlainReporter(stream, clock)
    reporter.start("Fetching \x1b[31mwake", 200)
    clock.now += 1.5
    reporter.advance(50)
    clock.now += 0.01
    reporter.advance(50)
    reporter.done()
    said = stream.getvalue()
    assert "25 %" in said
    assert "50 %" not in said, "ten times a second at most"
    assert "\x1b[31m" not in said
    assert said.endswith("\r\x1b[K")


def test_a_task_of_unknown_length_counts() -> None:
    """Without a total there is no per cent."""
    stream, clock = Terminal(), Clock()
    reporter = PlainReporter(stream, clock)
    reporter.start("Reading")
    clock.now += 2
    reporter.advance(12_345)
    assert "12,345" in stream.getvalue()


def test_progress_is_for_terminals_and_people() -> None:
    """A pipe, --json and -q get none."""
    assert reporter_for(Output(), io.StringIO()) is SILENT
    assert reporter_for(Output(as_json=True), Terminal()) is SILENT
    assert reporter_for(Output(quiet=True), Terminal()) is SILENT
    assert reporter_for(Output(), Terminal()) is not SILENT
