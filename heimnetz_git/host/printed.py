"""What a plugin's process prints: read from its pipe by the hub, and passed on line by line."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from heimnetz_git.errors import PluginFailed
from heimnetz_git.host.hub import Hub
from heimnetz_git.host.output import Output

__all__ = ["Printed"]

CHUNK = 1 << 16


class Printed:
    """A pipe for the standard output and error of one process.

    ``heard`` gets each line, ``flooded`` the error when there is too much of it; lines that the
    plugin logs count too (``output``).
    """

    def __init__(
        self,
        output: Output,
        hub: Hub,
        *,
        heard: Callable[[str], None],
        flooded: Callable[[PluginFailed], None],
    ) -> None:
        self.output = output
        self._hub = hub
        self._heard = heard
        self._flooded = flooded
        self._end = -1

    def open(self) -> int:
        """The writing end of a new pipe, to be given to the process and closed."""
        self._end, write_end = os.pipe()
        os.set_blocking(self._end, False)
        self._hub.watch(self._end, lambda _events: self._readable())
        return write_end

    def finish(self) -> None:
        """Read what is left after the process has ended, and close the pipe."""
        if self._end < 0:
            return
        self._hub.unwatch(self._end)
        self._hub.wait_for_turn()  # it may be reading just now
        with suppress(OSError):
            while self._read():
                pass
        for line in self.output.flush():
            self._heard(line)
        end, self._end = self._end, -1
        os.close(end)

    def last_words(self) -> str:
        """The last line, for an error message."""
        last = self.output.last
        return f" Its last words: {last[-1][:300]}" if last else ""

    def _readable(self) -> None:
        """The hub sees output, or its end."""
        self._read()

    def _read(self) -> bool:
        """Pass on what is there; False at the end, or when there is nothing."""
        if self._end < 0:
            return False
        try:
            data = os.read(self._end, CHUNK)
            for line in self.output.feed(data):
                self._heard(line)
        except BlockingIOError:
            return False
        except PluginFailed as error:
            self._flooded(error)
            return False
        if not data:
            self._hub.unwatch(self._end)
        return bool(data)
