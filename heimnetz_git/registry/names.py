"""The names that a registry has given out, ready to be asked which of them another is like."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from heimnetz_git.model.lookalike import NameIndex
from heimnetz_git.storage.repo import Repository

__all__ = ["names_of", "taken_names"]

FOLDER = "plugins"
KEPT = 4


def names_of(repo: Repository, tree: str | None) -> tuple[str, ...]:
    """Every plugin of a tree, by shard and name."""
    if tree is None:
        return ()
    shards = repo.names(tree, FOLDER)
    return tuple(name for shard in shards for name in repo.names(tree, f"{FOLDER}/{shard}"))


def taken_names(repo: Repository, tree: str | None) -> NameIndex:
    """The names of a tree as an index. The last few are kept; do not change the value.

    Names are given out for good, so an index grows with its tree: the first is made of all names,
    later ones of what is new.
    """
    entry = repo.entry(tree, FOLDER) if tree else None
    return _MEMORY.index(repo, tree, entry.oid) if tree and entry else NameIndex()


class _Shard(NamedTuple):
    """One folder of plugins: its tree's id and its names."""

    oid: str
    names: frozenset[str]


Shards = dict[str, _Shard]


class _Memory:
    """The last few indexes, by the id of the tree that they are of."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Shards, NameIndex]] = OrderedDict()
        self._lock = threading.Lock()

    def index(self, repo: Repository, tree: str, oid: str) -> NameIndex:
        """The index of the tree ``oid``, which is the folder of plugins of ``tree``."""
        with self._lock:
            if oid not in self._kept:
                self._kept[oid] = self._grown(repo, tree)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(oid)
            return self._kept[oid][1]

    def _grown(self, repo: Repository, tree: str) -> tuple[Shards, NameIndex]:
        """The last index with what is new, or one made anew where it has names that are gone."""
        last, (before, index) = next(reversed(self._kept.items()), ("", ({}, NameIndex())))
        shards = _shards(repo, tree, before)
        if all(name in shards and old.names <= shards[name].names for name, old in before.items()):
            self._kept.pop(last, None)
        else:
            before, index = {}, NameIndex()
        for name, shard in shards.items():
            if shard != before.get(name):
                for one in sorted(shard.names):
                    index.add(one)
        return shards, index


def _shards(repo: Repository, tree: str, before: Shards) -> Shards:
    found = {}
    for name in repo.names(tree, FOLDER):
        entry = repo.entry(tree, f"{FOLDER}/{name}")
        old = before.get(name)
        if entry is not None and old is not None and old.oid == entry.oid:
            found[name] = old
        elif entry is not None:
            found[name] = _Shard(entry.oid, frozenset(repo.names(tree, f"{FOLDER}/{name}")))
    return found


_MEMORY = _Memory()
