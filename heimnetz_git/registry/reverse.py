"""Who needs a plugin, and who could not be installed any more without some of its releases.

A plugin counts as installable when one of its releases that is not yanked requires only what has
such a release in range; that two requirements may exclude each other is the resolver's matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import msgspec

from heimnetz_git.errors import HeimnetzError, InvalidFile, StorageError
from heimnetz_git.model.layout import classify
from heimnetz_git.model.release import Release
from heimnetz_git.model.version import parse_range, parse_version
from heimnetz_git.registry import index
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.home import write_atomic
from heimnetz_git.storage.repo import Repository

__all__ = ["Installable", "Needs", "broken_by", "needs_of"]

MOST = 100
FILE = "heimnetz/needs"
Dependents = Callable[[str], frozenset[str]]


class Needs(msgspec.Struct, frozen=True):
    """Who requires whom in a tree: plugin -> the plugins of which some release requires it."""

    tree: str
    by: dict[str, frozenset[str]]

    def of(self, name: str) -> frozenset[str]:
        """The plugins of which some release requires this one."""
        return self.by.get(name, frozenset())


def needs_of(repo: Repository, tree: str, *, keep: bool = False) -> Needs:
    """Who requires whom in a tree of an index.

    With ``keep`` it is kept beside the repository, and the next time only what changed is read.
    """
    kept = _kept(repo.path / FILE)
    if kept is not None and kept.tree == tree:
        return kept
    known = kept if kept is not None and kept.tree in repo.objects else Needs("", {})
    by = {name: set(others) for name, others in known.by.items()}
    for change in repo.diff(known.tree or None, tree):
        if change.new is not None and classify(change.path).kind == "release":
            name = classify(change.path).name
            for other in _requires(repo, change.new.oid, change.path):
                by.setdefault(other, set()).add(name)
    made = Needs(tree, {name: frozenset(others) for name, others in sorted(by.items())})
    if keep:
        _keep(repo.path / FILE, made)
    return made


def _kept(path: Path) -> Needs | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Needs)
    except (OSError, msgspec.MsgspecError):
        return None


def _keep(path: Path, needs: Needs) -> None:
    """A cache: where it cannot be written, the next one reads everything again."""
    try:
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, msgspec.msgpack.encode(needs))
    except (OSError, StorageError):
        return


def _requires(repo: Repository, oid: str, path: str) -> tuple[str, ...]:
    data = repo.read(oid)
    if b"\nrequires:" not in data:
        return ()
    try:
        return tuple(yamlfile.read(data, Release, path).requires)
    except InvalidFile:
        return ()


def broken_by(
    repo: Repository, base: str, head: str, changed: str, dependents: Dependents
) -> Iterator[str]:
    """The plugins that can be installed from ``base`` and not from ``head``, but ``changed``.

    Sorted by how far they are from it; at most a hundred.
    """
    before, after = Installable(repo, base), Installable(repo, head)
    seen, waiting, found = {changed}, [changed], 0
    while waiting and found < MOST:
        for name in sorted(dependents(waiting.pop(0)) - seen):
            seen.add(name)
            if before.can(name) and not after.can(name):
                waiting.append(name)
                found += 1
                yield name


class Installable:
    """What can be installed from a tree; reads the plugins that it is asked about alone."""

    def __init__(self, repo: Repository, tree: str) -> None:
        """Of one tree."""
        self.repo, self.tree = repo, tree
        self._known: dict[tuple[str, str], bool] = {}
        self._releases = lru_cache(maxsize=4096)(self._read)

    def has(self, name: str) -> bool:
        """Is there a plugin of this name, with or without releases?"""
        return self._releases(name) is not None

    def fitting(self, name: str, specifier: str) -> list[Release]:
        """The releases in range that are not yanked."""
        wanted = parse_range(specifier)
        return [
            one
            for one in self._releases(name) or ()
            if wanted.contains(parse_version(one.version), prereleases=True)
        ]

    def can(self, name: str, specifier: str = "") -> bool:
        """Can some release in range be installed? One that is not here may come from elsewhere."""
        if not self.has(name):
            return True
        return any(self._alive(one) for one in self.fitting(name, specifier))

    def _alive(self, release: Release) -> bool:
        key = (release.name, release.version)
        if key not in self._known:
            self._known[key] = True  # plugins that require each other do not keep each other out
            needs = release.requires.items()
            self._known[key] = all(self.can(name, text) for name, text in needs)
        return self._known[key]

    def _read(self, name: str) -> tuple[Release, ...] | None:
        try:
            entry = index.plugin_entry(self.repo, self.tree, name)
        except HeimnetzError:
            return None
        if entry is None:
            return None
        readings = index.releases(self.repo, self.tree, name)
        found = (one.value for one in readings if isinstance(one.value, Release))
        return tuple(one for one in found if one.version not in entry.yanked)
