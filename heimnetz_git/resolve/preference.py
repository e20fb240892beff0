"""Which plugin is decided next, and which of its releases is tried first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heimnetz_git.resolve.pool import Pool

__all__ = ["next_open", "preferred"]


def preferred(pool: Pool, name: str, mask: int) -> int:
    """The bit to try first: the locked release, else the newest, or the oldest on request."""
    locked = mask & pool.table(name).locked
    if locked:
        return locked
    return mask & -mask if pool.request.takes_lowest(name) else 1 << (mask.bit_length() - 1)


def next_open(
    pool: Pool, roots: Mapping[str, str], names: Iterable[str], alive: Mapping[str, int]
) -> str | None:
    """Of ``names`` the one to decide: requested before others, locked before others, then what has
    fewest releases left; None if there are no names."""

    def order(name: str) -> tuple[bool, bool, int, str]:
        locked = bool(alive[name] & pool.table(name).locked)
        return name not in roots, not locked, alive[name].bit_count(), name

    return min(names, key=order, default=None)
