"""In which order plugins start: after what they require, and side by side where they may (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from heimnetz_git.errors import PluginNotFound, printable
from heimnetz_git.host.spec import LaunchSpec

__all__ = ["levels", "start_order"]


def start_order(specs: Mapping[str, LaunchSpec], names: Iterable[str]) -> tuple[str, ...]:
    """``names`` and all that they require, each after its requirements; names break ties.

    Where plugins require each other in a circle, the one that comes up first starts last. Raises
    PluginNotFound for a requirement that is not there.
    """
    order: dict[str, None] = {}
    entered: set[str] = set()

    def visit(name: str, wanted_by: str) -> Iterator[tuple[str, str]]:
        if name not in specs:
            needs = f", which {wanted_by} requires" if wanted_by else ""
            raise PluginNotFound(f"No plugin {printable(name)!r} is installed{needs}.", plugin=name)
        entered.add(name)
        yield from ((one, name) for one in sorted(specs[name].requires) if one not in entered)

    for first in names:
        stack = [(first, iter(visit(first, "")))] if first not in entered else []
        while stack:
            name, waiting = stack[-1]
            following = next((one for one in waiting if one[0] not in entered), None)
            if following is None:
                order[name] = None
                stack.pop()
            else:
                stack.append((following[0], iter(visit(*following))))
    return tuple(order)


def levels(specs: Mapping[str, LaunchSpec], order: Iterable[str]) -> list[list[str]]:
    """A start order cut into groups that may start side by side: all they require comes before."""
    level: dict[str, int] = {}
    groups: list[list[str]] = []
    for name in order:
        before = [level[one] for one in specs[name].requires if one in level]
        level[name] = max(before, default=-1) + 1
        if level[name] == len(groups):
            groups.append([])
        groups[level[name]].append(name)
    return groups
