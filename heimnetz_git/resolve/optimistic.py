"""The first attempt: the newest of everything, looking only at what it touches.

Most requests are answered so, with some dozen plugins read. It takes nothing back but the release
in hand, so a set that it finds is the one that the full search would choose, and where it gives up
nothing is proven.
"""

from __future__ import annotations

from collections.abc import Mapping

from heimnetz_git.resolve.graph import find_cycle
from heimnetz_git.resolve.pool import Needs, Pool
from heimnetz_git.resolve.preference import next_open, preferred

__all__ = ["attempt"]

_DEAD_ENDS = 8


def attempt(pool: Pool, roots: Mapping[str, str]) -> dict[str, int] | None:
    """A plan (plugin to its release's place), or None if there is no easy one."""
    return _Attempt(pool, roots).run()


class _Attempt:
    def __init__(self, pool: Pool, roots: Mapping[str, str]) -> None:
        self._pool = pool
        self._roots = roots
        self._wanted = {
            name: pool.table(name).usable & pool.allowed(name, wanted)
            for name, wanted in roots.items()
        }
        self._optional: dict[str, int] = {}
        self._chosen: dict[str, int] = {}
        self._hard: dict[str, list[str]] = {}
        self._left = _DEAD_ENDS

    def run(self) -> dict[str, int] | None:
        """Decide one plugin after the other."""
        while self._wanted.keys() != self._chosen.keys():
            names = self._wanted.keys() - self._chosen.keys()
            name = next_open(self._pool, self._roots, names, self._wanted)
            if name is None or not self._choose(name):
                return None
        return None if find_cycle(self._hard) else dict(sorted(self._chosen.items()))

    def _choose(self, name: str) -> bool:
        """Take the best release whose own words fit what is known so far."""
        mask = self._wanted[name]
        while mask and self._left >= 0:
            bit = preferred(self._pool, name, mask)
            place = bit.bit_length() - 1
            needs = self._pool.needs_at(name, place)
            self._wanted[name] = bit  # its own words may be about itself, too
            if self._fits(needs):
                self._chosen[name] = place
                self._take(name, needs)
                return True
            mask ^= bit
            self._left -= 1
        return False

    def _fits(self, needs: Needs) -> bool:
        return all(
            mask & self._open(target)
            for target, (mask, hard) in needs.items()
            if hard or target in self._wanted
        )

    def _open(self, name: str) -> int:
        found = self._wanted.get(name)
        if found is None:
            return self._pool.table(name).usable & self._optional.get(name, -1)
        return found

    def _take(self, name: str, needs: Needs) -> None:
        for target, (mask, hard) in needs.items():
            if hard or target in self._wanted:
                self._wanted[target] = self._open(target) & mask
            else:
                self._optional[target] = self._optional.get(target, -1) & mask
        self._hard[name] = [target for target, (_, hard) in needs.items() if hard]
