"""What a plugin prints and logs: cut into clean lines, remembered a little, bounded (no I/O)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from heimnetz_git.errors import PluginFailed, printable

__all__ = ["Output"]

LONGEST_LINE = 2000
LINES_KEPT = 20
WINDOW_SECONDS = 10.0
MOST_BYTES_PER_WINDOW = 8 << 20


class Output:
    """The lines of one plugin; the last LINES_KEPT stay for error messages.

    Raises PluginFailed from ``feed`` and ``line`` when more than MOST_BYTES_PER_WINDOW come within
    WINDOW_SECONDS.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.last: deque[str] = deque(maxlen=LINES_KEPT)
        self._name = name
        self._clock = clock
        self._rest = b""
        self._window = clock()
        self._bytes = 0

    def feed(self, data: bytes) -> Iterator[str]:
        """The clean lines that ``data`` completes; over-long ones are cut."""
        self._count(len(data))
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            whole.append(self._rest)
            self._rest = b""
        for raw in whole:
            yield self._keep(raw.decode(errors="replace"))

    def flush(self) -> Iterator[str]:
        """The last line, if it had no end."""
        if self._rest:
            yield self._keep(self._rest.decode(errors="replace"))
            self._rest = b""

    def line(self, text: str) -> str:
        """A line of the log, cleaned."""
        self._count(len(text))
        return self._keep(text)

    def _keep(self, text: str) -> str:
        """``text`` without control characters, remembered."""
        clean = printable(text.rstrip("\r").replace("\t", "    "), longest=LONGEST_LINE)
        if clean.strip():
            self.last.append(clean)
        return clean

    def _count(self, size: int) -> None:
        """Note ``size`` more bytes. Raises PluginFailed when it is a flood."""
        now = self._clock()
        if now - self._window > WINDOW_SECONDS:
            self._window, self._bytes = now, 0
        self._bytes += size
        if self._bytes > MOST_BYTES_PER_WINDOW:
            raise PluginFailed(
                f"{self._name} floods its output: more than {MOST_BYTES_PER_WINDOW >> 20} MiB in"
                f" {WINDOW_SECONDS:.0f} s.",
                plugin=self._name,
            )
