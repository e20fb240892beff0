"""What a cache is written from: an index at one state, whatever carries it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from heimnetz_git.model.layout import PLUGINS, RECORDS, classify
from heimnetz_git.model.registry import RegistryInfo
from heimnetz_git.registry import index
from heimnetz_git.storage.repo import Repository

__all__ = ["Feed", "RepositoryFeed", "State", "Taken"]


class State(NamedTuple):
    """What a cache mirrors: a tree, the commit that it is of, that commit's unix time."""

    tree: str
    commit: str
    committed: int


class Taken(NamedTuple):
    """A plugin's file that differs between two states.

    ``known`` is whether the old state has it, ``reading`` what it says in the new one, None where
    it is gone.
    """

    path: str
    known: bool
    reading: index.Reading | None


class Feed(Protocol):
    """An index at one state, whatever carries it: what a cache is written from."""

    def state(self) -> State:
        """Which state that is."""

    def info(self) -> RegistryInfo:
        """Who the registry is."""

    def since(self, base: str | None) -> Iterator[Taken]:
        """The files of plugins that differ from the tree ``base``; all of them when it is None.

        When it is None, those of a plugin come in one row, but for records, which may come before
        everything else. Raises Unusable or CorruptRepository when that tree is not known here.
        """


class RepositoryFeed(NamedTuple):
    """A commit of a repository as a feed."""

    repo: Repository
    commit: str

    def state(self) -> State:
        """Which state that is."""
        return State(self.repo.tree(self.commit), self.commit, self.repo.commit_time(self.commit))

    def info(self) -> RegistryInfo:
        """Who the registry is."""
        return index.registry_info(self.repo, self.repo.tree(self.commit))

    def since(self, base: str | None) -> Iterator[Taken]:
        """The files of plugins that differ from the tree ``base``."""
        if base is None:
            yield from self._all()
            return
        for change in self.repo.diff(base, self.repo.tree(self.commit)):
            kind = classify(change.path)
            if kind.kind in index.KINDS:
                reading = index.read_file(self.repo, change.new, kind) if change.new else None
                yield Taken(change.path, change.old is not None, reading)

    def _all(self) -> Iterator[Taken]:
        """Every file, in the order of the tree: those of a plugin repeat each other's words."""
        repo, tree = self.repo, self.repo.tree(self.commit)
        for folder in (RECORDS, PLUGINS):
            for entry, data in repo.read_all(repo.entries(tree, folder)):
                kind = classify(entry.path)
                if kind.kind in index.KINDS:
                    yield Taken(entry.path, False, index.reading(kind, entry, data))
