"""The plugin: typed operations over the state of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from heimnetz_git import BasePlugin, operation

from rain_gauge.memory import Memory, parse

__all__ = ["RainGauge"]


class RainGauge(BasePlugin):
    """Tells how much memory this machine has left."""

    @dataclass(frozen=True)
    class Config:
        """``used_at_most`` is the share of memory, in percent, above which it is low."""

        used_at_most: float = 90.0

    @operation
    def memory(self) -> Memory:
        """How much memory there is, and how much of it is left."""
        return parse(Path("/proc/meminfo").read_text(encoding="ascii"))

    @operation
    def is_low(self) -> bool:
        """Whether more memory is used than the configuration allows."""
        limit: float = self.config.used_at_most
        return self.memory().used > limit
