"""Progress on a terminal's stderr: nothing in the first second, one line that changes after it."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from heimnetz_git.cli.output import Output
from heimnetz_git.cli.terminal import columns_of, display_width, fit
from heimnetz_git.errors import printable
from heimnetz_git.model.report import SILENT, Reporter

__all__ = ["PlainReporter", "RichReporter", "reporter_for"]

PATIENCE = 1.0
INTERVAL = 0.1


def reporter_for(output: Output, stream: IO[str] | None = None) -> Reporter:
    """The reporter that fits: silent with -q, --json or where no terminal is."""
    target = stream or sys.stderr
    if output.as_json or output.quiet or not target.isatty():
        return SILENT
    if importlib.util.find_spec("rich"):
        return RichReporter()
    return PlainReporter(target)


class PlainReporter:
    """One line, written over itself: ``what  45 %``."""

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._began = self._last = 0.0
        self._what, self._total, self._count, self._shown = "", None, 0, False

    _total: int | None

    def start(self, what: str, total: int | None = None) -> None:
        """Begin a task and say nothing yet."""
        self._what, self._total, self._count = printable(what), total, 0
        self._began = self._clock()
        self._last = 0.0

    def advance(self, amount: int = 1) -> None:
        """Count on; show it after the first second, ten times a second at most."""
        self._count += amount
        now = self._clock()
        if now - self._began >= PATIENCE and now - self._last >= INTERVAL:
            self._last, self._shown = now, True
            width = (columns_of(self._stream) or 80) - 1
            line = self._line()
            self._stream.write("\r" + (fit(line, width) if display_width(line) > width else line))
            self._stream.write("\x1b[K")
            self._stream.flush()

    def done(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False

    def _line(self) -> str:
        if self._total:
            return f"{self._what}  {min(100, 100 * self._count // self._total)} %"
        return f"{self._what}  {self._count:,}"


class RichReporter:
    """A bar by rich, which is imported once a task takes longer than a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bar: Any = None
        self._task: Any = None
        self._began, self._count, self._what = 0.0, 0, ""
        self._total: int | None = None

    def start(self, what: str, total: int | None = None) -> None:
        """Begin a task and say nothing yet."""
        self._what, self._total, self._count = printable(what), total, 0
        self._began = self._clock()

    def advance(self, amount: int = 1) -> None:
        """Count on; show the bar after the first second."""
        self._count += amount
        if self._bar is not None:
            self._bar.update(self._task, completed=self._count)
        elif self._clock() - self._began >= PATIENCE:
            self._open()

    def done(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._what.replace("[", "\\["), total=self._total)
        self._bar.start()
        self._bar.update(self._task, completed=self._count)
