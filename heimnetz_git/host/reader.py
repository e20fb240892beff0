"""Who may read a plugin's connection for a while instead of the hub: an event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Reader"]


class Reader(Protocol):
    """An event loop that reads one connection while calls of its tasks are open."""

    def here(self) -> bool:
        """Is this code run by that event loop's thread?"""

    def gone(self) -> bool:
        """Has the loop been closed, so that it reads no more?"""

    def let_go(self, then: Callable[[], None]) -> None:
        """Stop reading for good, then call ``then``; in its own time, from any thread."""
