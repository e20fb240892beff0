"""A plugin's logger: the standard library's, with its lines sent to the host."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from heimnetz_git.errors import HeimnetzError

__all__ = ["logger_for"]


class _ToHost(logging.Handler):
    """Sends each record to the host as one message."""

    def __init__(self, send: Callable[[int, str], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Format and send; a line that cannot be sent is lost, the plugin goes on."""
        with suppress(OSError, HeimnetzError):
            self._send(record.levelno, self.format(record))


def logger_for(name: str, send: Callable[[int, str], None] | None) -> logging.Logger:
    """The logger ``name``; with ``send``, all loggers of this process write through it."""
    root = logging.getLogger()
    if send is not None and not any(isinstance(one, _ToHost) for one in root.handlers):
        root.addHandler(_ToHost(send))
        root.setLevel(logging.INFO)
    return logging.getLogger(name)
