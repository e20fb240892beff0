"""Sets of TCP ports as people write them, and the ones that a home should know about."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["USUAL", "ports", "spelled"]

LAST = 65535

USUAL: tuple[int, ...] = (
    21, 22, 23, 25, 53, 80, 81, 110, 111, 135, 139, 143, 389, 443, 445, 515, 548, 554, 587, 631,
    873, 993, 1080, 1433, 1723, 1883, 1900, 2049, 2222, 2323, 2375, 2376, 3000, 3128, 3306, 3389,
    3689,
    4443, 5000, 5001, 5357, 5432, 5555, 5601, 5672, 5683, 5900, 5985, 6379, 6443, 7000, 7547, 8000,
    8006, 8008, 8009, 8080, 8081, 8086, 8123, 8443, 8883, 8888, 9000, 9001, 9090, 9091, 9100, 9200,
    9443, 10000, 11211, 27017, 32400, 37777, 49152, 51827, 62078,
)  # fmt: skip
"""Services that devices at home open, or that botnets look for: IANA names and vendors' papers."""


def ports(text: str) -> frozenset[int]:
    """``22,80,8000-8010`` as a set; ``usual`` stands for USUAL. Raises ValueError."""
    found: set[int] = set()
    for part in filter(None, (one.strip() for one in text.split(","))):
        found |= set(USUAL) if part == "usual" else set(_span(part))
    return frozenset(found)


def _span(part: str) -> range:
    first, dash, last = part.partition("-")
    if not (first.isascii() and first.isdigit() and (not dash or last.isdigit())):
        raise ValueError(f"{part[:40]!r} is not a port or a range such as 8000-8010")
    low, high = int(first), int(last or first)
    if not 1 <= low <= high <= LAST:
        raise ValueError(f"{part[:40]!r} is not between 1 and {LAST}, low to high")
    return range(low, high + 1)


def spelled(found: Iterable[int]) -> str:
    """The shortest spelling: ``22,8000-8010``; the inverse of ``ports``."""
    spans: list[list[int]] = []
    for port in sorted(set(found)):
        if spans and port == spans[-1][1] + 1:
            spans[-1][1] = port
        else:
            spans.append([port, port])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)
