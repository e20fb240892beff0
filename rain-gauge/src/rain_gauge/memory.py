"""Memory as Linux tells it in /proc/meminfo (proc(5)), as a value."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Memory", "parse"]

_LINE = re.compile(r"(\w+):\s+(\d+) kB")


@dataclass(frozen=True)
class Memory:
    """Bytes of memory, and what is used of them in percent."""

    total: int
    available: int
    used: float


def parse(text: str) -> Memory:
    """The content of /proc/meminfo. Raises ValueError when it is none."""
    found = {match[1]: int(match[2]) << 10 for match in _LINE.finditer(text)}
    total, available = found.get("MemTotal", 0), found.get("MemAvailable", 0)
    if not total or available > total:
        raise ValueError("this is not what Linux writes into /proc/meminfo")
    return Memory(total, available, round(100 * (1 - available / total), 1))
