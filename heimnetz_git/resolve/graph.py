"""Who needs whom: the order to start plugins in, circles, and the ways from one to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush

import msgspec

from heimnetz_git.errors import PluginNotFound, printable
from heimnetz_git.model.lock import Lock
from heimnetz_git.resolve.request import Edge, Resolution

__all__ = ["Branch", "Link", "find_cycle", "lock_edges", "start_order", "tree", "why"]

MOST_CHAINS = 100


class Link(msgspec.Struct, frozen=True):
    """A step of a chain: a plugin, its version, and the range that the step before asks for."""

    name: str
    version: str
    specifier: str


class Branch(msgspec.Struct, frozen=True):
    """A plugin in a tree, with the range its parent asks for.

    ``repeated``: its own branches stand where it is shown first.
    """

    name: str
    version: str
    specifier: str
    optional: bool = False
    repeated: bool = False
    branches: tuple[Branch, ...] = ()


def find_cycle(links: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The names of one circle, its first name repeated at the end; empty if there is none.

    The same circle for the same links, whatever their order.
    """
    done: set[str] = set()
    for start in sorted(links):
        found = _cycle_from(start, links, done)
        if found:
            return found
    return ()


def _cycle_from(start: str, links: Mapping[str, Iterable[str]], done: set[str]) -> tuple[str, ...]:
    """A circle that can be reached from ``start`` past what is ``done``, which grows."""
    if start in done:
        return ()
    path = [start]
    waiting = [iter(sorted(links[start]))]
    while path:
        target = next(waiting[-1], None)
        if target is None:
            done.add(path.pop())
            waiting.pop()
        elif target in path:
            return (*path[path.index(target) :], target)
        elif target not in done:
            path.append(target)
            waiting.append(iter(sorted(links.get(target, ()))))
    return ()


def start_order(names: Iterable[str], edges: Iterable[Edge]) -> tuple[str, ...]:
    """``names`` with everything before what needs it; equals stand in alphabetical order.

    An optional edge is heeded unless it would close a circle. There must be no circle of others.
    """
    wanted = sorted(names)
    needs: dict[str, set[str]] = {name: set() for name in wanted}
    for edge in sorted(edges, key=lambda one: (one.optional, one)):
        if not (edge.optional and _reaches(edge.target, edge.source, needs)):
            needs[edge.source].add(edge.target)
    users: dict[str, list[str]] = {name: [] for name in wanted}
    for name, targets in needs.items():
        for target in targets:
            users[target].append(name)
    waiting = {name: len(targets) for name, targets in needs.items()}
    ready = [name for name, count in waiting.items() if not count]
    heapify(ready)
    order: list[str] = []
    while ready:
        name = heappop(ready)
        order.append(name)
        for user in users[name]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(ready, user)
    return tuple(order)


def _reaches(start: str, goal: str, links: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    queue = [start]
    while queue:
        name = queue.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            queue.extend(links[name])
    return False


def lock_edges(lock: Lock) -> tuple[Edge, ...]:
    """Who needs whom in a lock, sorted; optional plugins only where they are locked too."""
    locked = {plugin.name for plugin in lock.plugins}
    return tuple(
        sorted(
            Edge(plugin.name, target, specifier, optional)
            for plugin in lock.plugins
            for optional, wanted in ((False, plugin.requires), (True, plugin.optional))
            for target, specifier in wanted.items()
            if target in locked
        )
    )


def why(answer: Lock | Resolution, name: str) -> tuple[tuple[Link, ...], ...]:
    """The chains from requested plugins to ``name``, shorter ones first, at most 100.

    Raises PluginNotFound if ``name`` is not part of the answer.
    """
    view = _View(answer)
    if name not in view.versions:
        raise PluginNotFound(
            f"{printable(name)} is not among the plugins that were chosen.", name=name
        )
    useful = view.ancestors(name)
    roots = [(root, wanted) for root, wanted in sorted(view.requested.items()) if root in useful]
    chains: list[tuple[Link, ...]] = []
    stack: list[tuple[Link, ...]] = [(view.link(root, wanted),) for root, wanted in reversed(roots)]
    while stack and len(chains) < MOST_CHAINS:
        chain = stack.pop()
        if chain[-1].name == name:
            chains.append(chain)
            continue
        passed = {link.name for link in chain}
        stack += [
            (*chain, view.link(edge.target, edge.specifier))
            for edge in reversed(view.targets.get(chain[-1].name, ()))
            if edge.target in useful - passed
        ]
    return tuple(sorted(chains, key=len))


def tree(answer: Lock | Resolution) -> tuple[Branch, ...]:
    """The requested plugins, each with what it needs below it; nothing is spelt out twice."""
    view = _View(answer)
    shown: set[str] = set()

    def branch(name: str, specifier: str, *, optional: bool) -> Branch:
        repeated = name in shown and name in view.targets
        shown.add(name)
        below = () if repeated else view.targets.get(name, ())
        return Branch(
            name=name,
            version=view.versions[name],
            specifier=specifier,
            optional=optional,
            repeated=repeated,
            branches=tuple(
                branch(edge.target, edge.specifier, optional=edge.optional) for edge in below
            ),
        )

    return tuple(
        branch(name, wanted, optional=False) for name, wanted in sorted(view.requested.items())
    )


class _View:
    """A lock or a resolution as a graph."""

    def __init__(self, answer: Lock | Resolution) -> None:
        if isinstance(answer, Lock):
            self.versions = {plugin.name: plugin.version for plugin in answer.plugins}
            edges = lock_edges(answer)
        else:
            self.versions = answer.versions
            edges = answer.edges
        self.requested = {
            name: wanted for name, wanted in answer.requested.items() if name in self.versions
        }
        self.targets: dict[str, list[Edge]] = {}
        for edge in edges:
            self.targets.setdefault(edge.source, []).append(edge)

    def link(self, name: str, specifier: str) -> Link:
        return Link(name, self.versions[name], specifier)

    def ancestors(self, name: str) -> set[str]:
        """``name`` and everything from which it can be reached."""
        sources: dict[str, list[str]] = {}
        for edges in self.targets.values():
            for edge in edges:
                sources.setdefault(edge.target, []).append(edge.source)
        found = {name}
        queue = [name]
        while queue:
            fresh = [one for one in sources.get(queue.pop(), ()) if one not in found]
            found.update(fresh)
            queue.extend(fresh)
        return found
