"""Which index a name is looked for in: patterns first, then priorities (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Protocol

__all__ = ["Route", "Routes"]


class Route(Protocol):
    """What the settings of an index say of its place among the others."""

    @property
    def priority(self) -> int:
        """The highest that has a name wins."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The names that are looked for here and nowhere else."""


class Routes:
    """The ways to a name. ``pins`` are names that come from one index whatever else is set."""

    def __init__(self, indexes: Mapping[str, Route]) -> None:
        self._indexes = indexes
        self.pins: dict[str, str] = {}

    @property
    def has_patterns(self) -> bool:
        """Whether any name is routed."""
        return any(settings.patterns for settings in self._indexes.values())

    def routed(self, name: str) -> tuple[str, ...]:
        """The indexes whose pattern for a name is the longest that matches; none without one."""
        matching = [
            (len(pattern), index)
            for index, settings in self._indexes.items()
            for pattern in settings.patterns
            if fnmatchcase(name, pattern)
        ]
        longest = max(matching, default=(0, ""))[0]
        return tuple(dict.fromkeys(index for length, index in matching if length == longest))

    def may_serve(self, index: str, name: str) -> bool:
        """Whether a name may come from that index."""
        return index in self.places(name)

    def places(self, name: str) -> list[str]:
        """Every index that may serve a name, pins aside."""
        return list(self.routed(name) or self._indexes)

    def groups(self, name: str) -> Iterator[list[str]]:
        """The indexes to ask for a name: equal priorities together, the highest first."""
        if name in self.pins:
            yield [self.pins[name]]
            return

        def rank(index: str) -> int:
            return -self._indexes[index].priority

        for _, group in groupby(sorted(self.places(name), key=rank), key=rank):
            yield list(group)
