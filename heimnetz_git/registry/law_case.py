"""What a rule of the law sees: two trees, what differs between them, and who the registry is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from heimnetz_git.errors import HeimnetzError, InvalidFile, printable
from heimnetz_git.model.finding import Finding, Location, Problem, Severity
from heimnetz_git.model.layout import PathKind, classify, plugin_path
from heimnetz_git.model.registry import PluginEntry, Policy, RegistryInfo
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Change, Entry, Repository
from heimnetz_git.storage.wheelfile import Wheel

__all__ = ["Actor", "Case", "Placed", "finding", "of_problem"]

REGULAR = 0o100644
LARGEST_FILE = 256 << 10
"""Bytes of the largest file of an index that is not an artifact."""

LATEST = 1 << 62
NONE_REBUILT: Mapping[str, bool] = MappingProxyType({})

WheelOf = Callable[[Artifact], bytes]


class Actor(NamedTuple):
    """Who asks for a change, by something that cannot be forged.

    ``name`` is a principal, ``account`` the id that a forge gave it, ``proof`` how it is known,
    such as ``signature``; ``also`` are further principals of the same key. What a commit says of
    its author is no proof.
    """

    name: str
    account: str = ""
    proof: str = ""
    also: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Every principal that it speaks for."""
        return frozenset({self.name, *self.also})

    def owns(self, entry: PluginEntry) -> bool:
        """Is it one of the plugin's owners? Where both have account ids, these decide alone."""
        return any(
            self.account == owner.id if self.account and owner.id else owner.name in self.names
            for owner in entry.owners
        )


@dataclass(frozen=True)
class Placed:
    """A changed path with what its place says that it is."""

    path: str
    kind: PathKind
    old: Entry | None
    new: Entry | None


@dataclass(frozen=True)
class Case:
    """One change of an index. ``registry`` and ``policy`` are those of the base tree.

    ``at`` is the Unix time to judge keys by: the end of time unless somebody knows better, when
    every key that expires has expired. ``rebuilt`` says of wheels, by SHA-256, whether their source
    makes the same bytes.
    """

    repo: Repository
    base: str | None
    head: str
    changes: tuple[Change, ...]
    registry: RegistryInfo | None
    policy: Policy
    wheel_of: WheelOf | None = None
    actor: Actor | None = None
    dependents: Callable[[str], frozenset[str]] | None = None
    at: int = LATEST
    rebuilt: Mapping[str, bool] = field(default_factory=lambda: NONE_REBUILT)

    @cached_property
    def wheels(self) -> dict[tuple[str, str], Wheel | HeimnetzError]:
        """Wheels that a rule has opened, by digest and file name, or why they cannot be."""
        return {}

    @cached_property
    def placed(self) -> tuple[Placed, ...]:
        """Every change with its kind, sorted by path."""
        return tuple(
            Placed(change.path, classify(change.path), change.old, change.new)
            for change in self.changes
        )

    def of(self, *kinds: str) -> Iterator[Placed]:
        """The changes of these kinds."""
        return (each for each in self.placed if each.kind.kind in kinds)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The plugins whose files changed."""
        return tuple(sorted({each.kind.name for each in self.placed if each.kind.name}))

    @cached_property
    def added(self) -> tuple[Placed, ...]:
        """The release files that are new."""
        return tuple(each for each in self.of("release") if each.old is None and each.new)

    @cached_property
    def reading(self) -> tuple[Release | None, bytes, tuple[Problem, ...]]:
        """The one new release, its bytes, and what is wrong with it."""
        if len(self.added) != 1 or self.added[0].new is None:
            return None, b"", ()
        path, entry = self.added[0].path, self.added[0].new
        data = self.repo.read(entry.oid)
        if len(data) > LARGEST_FILE:
            return None, b"", ()
        try:
            return yamlfile.read(data, Release, path, authoring=True), data, ()
        except InvalidFile as error:
            whole = Problem(error.code, str(error), Location(printable(path)))
            return None, data, error.problems or (whole,)

    @cached_property
    def facts(self) -> tuple[PluginEntry, PluginEntry] | None:
        """A plugin's facts before and after, when the change is of these and of no release."""
        changed = [each for each in self.of("plugin") if each.old and each.new]
        if len(changed) != 1 or any(self.of("release")):
            return None
        place = changed[0]
        old, new = self.entry_at(place.old, place.path), self.entry_at(place.new, place.path)
        return (old, new) if old and new else None

    @cached_property
    def owned(self) -> PluginEntry | None:
        """The facts of the one plugin in the base, whose owners may change it; None when new."""
        if len(self.names) != 1 or self.base is None or not self.names[0].isascii():
            return None
        path = plugin_path(self.names[0])
        return self.entry_at(self.repo.entry(self.base, path), path)

    def entry_at(self, entry: Entry | None, path: str) -> PluginEntry | None:
        """A plugin.yaml as a value; None when it is none, which another rule tells."""
        if entry is None or entry.mode != REGULAR:
            return None
        try:
            return yamlfile.read(self.repo.read(entry.oid), PluginEntry, path)
        except InvalidFile:
            return None

    @property
    def actor_decides(self) -> bool:
        """Is it a maintainer who asks?"""
        return self.actor is not None and bool(
            self.actor.names.intersection(self.policy.maintainers)
        )

    @property
    def release(self) -> Release | None:
        """The one new release, None when there is not exactly one that is valid."""
        return self.reading[0]


def finding(
    rule: str, path: str, message: str, *, severity: Severity = Severity.HIGH, hint: str = ""
) -> Finding:
    """A finding about a path of the index, fit to be printed."""
    return Finding(rule, severity, message, Location(printable(path)), hint)


def of_problem(rule: str, problem: Problem) -> Finding:
    """A problem of a file as a finding of the law."""
    said = f"{problem.path}: {problem.message}" if problem.path else problem.message
    hint = f"Expected {problem.expected}." if problem.expected else ""
    return Finding(rule, Severity.HIGH, said, problem.location, hint)
