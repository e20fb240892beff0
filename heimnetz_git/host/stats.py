"""What calls cost: counts, errors and a histogram of times per plugin and operation (no I/O)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = [
    "BOUNDS",
    "BUCKETS",
    "Histogram",
    "OperationStats",
    "PluginStats",
    "Tally",
    "summary",
    "together",
]

BUCKETS = 28
BOUNDS = tuple((1 << power) / 1e6 for power in range(BUCKETS))
"""Upper bounds of the buckets in seconds: 1 us, 2 us, 4 us ... 134 s."""


class Histogram(msgspec.Struct):
    """Times in buckets that double; ``counts[n]`` are those of at most ``BOUNDS[n]`` seconds."""

    counts: list[int]
    total: float = 0.0

    def quantile(self, share: float) -> float:
        """The upper bound in seconds of the bucket in which that share of all times is reached."""
        wanted = share * sum(self.counts)
        reached = 0
        for bound, count in zip(BOUNDS, self.counts, strict=False):
            reached += count
            if reached >= wanted and reached:
                return bound
        return BOUNDS[-1] if reached else 0.0


class Tally:
    """Counts one operation; a call costs it well under a microsecond."""

    __slots__ = ("buckets", "errors", "total")

    def __init__(self) -> None:
        self.buckets = [0] * BUCKETS
        self.errors = 0
        self.total = 0.0

    def count(self, seconds: float) -> None:
        """Note a call that took so long."""
        self.total += seconds
        number = int(seconds * 1e6).bit_length()
        self.buckets[number if number < BUCKETS else -1] += 1


class OperationStats(msgspec.Struct, frozen=True):
    """One operation: answered calls, those of them that failed, seconds by quantile."""

    calls: int
    errors: int
    seconds: float
    p50: float
    p90: float
    p99: float
    buckets: tuple[int, ...] = ()


class PluginStats(msgspec.Struct, frozen=True):
    """One plugin: its state, its operations, and what its process uses up.

    ``cpu`` in seconds and ``memory`` (proportional share, else resident) in bytes are of the
    process and all that came of it, 0 where the system does not tell; ``start`` is the seconds of
    the last start; ``denials`` counts what the sandbox refused; ``cached`` the calls answered from
    memory.
    """

    name: str
    version: str
    state: str
    health: str
    start: float = 0.0
    uptime: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    processes: int = 0
    generation: int = 0
    restarts: int = 0
    denials: int = 0
    cached: int = 0
    operations: dict[str, OperationStats] = {}


def summary(tally: Tally) -> OperationStats:
    """A tally as figures."""
    found = Histogram(list(tally.buckets), tally.total)
    return OperationStats(
        sum(found.counts),
        tally.errors,
        tally.total,
        found.quantile(0.5),
        found.quantile(0.9),
        found.quantile(0.99),
        tuple(found.counts),
    )


def together(operations: Iterable[OperationStats]) -> OperationStats:
    """Several operations, or several times the same, as one."""
    tally = Tally()
    for one in operations:
        tally.errors += one.errors
        tally.total += one.seconds
        for place, count in enumerate(one.buckets[:BUCKETS]):
            tally.buckets[place] += count
    return summary(tally)
