"""Limits that fit what was measured, for an author to put into plugin.yaml (pure)."""

from __future__ import annotations

import math

import msgspec

from heimnetz_git.host.stats import PluginStats
from heimnetz_git.model.limits import Limits, seconds, size_in_bytes

__all__ = ["propose"]

ROOM = 2.0
"""How many times what was seen is allowed."""
LEAST_MEMORY, LEAST_CALL, LEAST_START = 32 << 20, 1.0, 2.0
ENOUGH_CALLS = 20


def propose(stats: PluginStats, limits: Limits) -> dict[str, str]:
    """Limits that should be other than they are, by name, in the words of plugin.yaml.

    Twice the most that was seen, rounded up; nothing where too little was seen (fewer than
    ENOUGH_CALLS calls) or what is declared fits within a factor of two.
    """
    calls = sum(one.calls for one in stats.operations.values())
    if calls < ENOUGH_CALLS:
        return {}
    slowest = max((one.p99 for one in stats.operations.values()), default=0.0)
    found = {
        "memory": _size(stats.memory * ROOM) if stats.memory else limits.memory,
        "call": _time(max(LEAST_CALL, slowest * ROOM)),
        "start": _time(max(LEAST_START, stats.start * ROOM)) if stats.start else limits.start,
    }
    have = msgspec.structs.asdict(limits)
    return {
        name: text
        for name, text in found.items()
        if not 0.5 <= _number(name, text) / _number(name, have[name]) <= 1
    }


def _number(name: str, text: str) -> float:
    return float(size_in_bytes(text)) if name == "memory" else seconds(text)


def _size(value: float) -> str:
    """A power of two in megabytes."""
    megabytes = max(LEAST_MEMORY, value) / (1 << 20)
    return f"{1 << math.ceil(math.log2(megabytes))}M"


def _time(value: float) -> str:
    """Whole seconds."""
    return f"{math.ceil(value)}s"
