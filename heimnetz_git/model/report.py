"""How long work tells of its progress, without knowing who listens."""

from __future__ import annotations

from typing import Protocol

__all__ = ["SILENT", "Reporter", "Silent"]


class Reporter(Protocol):
    """Hears of progress: a task starts, advances, ends. Tasks do not nest."""

    def start(self, what: str, total: int | None = None) -> None:
        """Work named ``what`` begins; ``total`` in the unit of ``advance``, None when unknown."""

    def advance(self, amount: int = 1) -> None:
        """Some of it is done."""

    def done(self) -> None:
        """It has ended, well or not."""


class Silent:
    """Hears and says nothing: the default."""

    def start(self, what: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, amount: int = 1) -> None:
        """Do nothing."""

    def done(self) -> None:
        """Do nothing."""


SILENT: Reporter = Silent()
