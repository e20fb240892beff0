"""A cache's rows from an export: what differs between two of its roots, and what may not differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from heimnetz_git.errors import DigestMismatch, FileMissing, InvalidFile, printable
from heimnetz_git.model.export import NO_SHARD, PluginPage, Root
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.layout import classify, release_path, signature_path
from heimnetz_git.model.registry import RegistryInfo
from heimnetz_git.registry.cachefeed import State, Taken
from heimnetz_git.registry.cachefile import Unusable
from heimnetz_git.registry.export_page import readings
from heimnetz_git.registry.exported_objects import Objects

__all__ = ["ExportFeed", "PageChange", "changed_pages", "judge_page", "published"]


class PageChange(NamedTuple):
    """A plugin whose page differs between two roots: its digests, None where it has no page."""

    number: int
    name: str
    old: str | None
    new: str | None


def changed_pages(objects: Objects, old: Root | None, new: Root) -> Iterator[PageChange]:
    """The plugins that differ, by shard and name; equal shards are not looked into."""
    before = old.shards if old else (NO_SHARD,) * len(new.shards)
    for number, (left, right) in enumerate(zip(before, new.shards, strict=True)):
        if left == right:
            continue
        had, has = objects.shard(number, left), objects.shard(number, right)
        for name in sorted(had.keys() | has.keys()):
            if had.get(name) != has.get(name):
                yield PageChange(number, name, had.get(name), has.get(name))


class ExportFeed(NamedTuple):
    """A root of an export as a feed; ``base`` is the root that was accepted before, if any."""

    objects: Objects
    root: Root
    base: Root | None

    def state(self) -> State:
        """Which state that is: the same as that of the commit in Git."""
        return State(self.root.tree, self.root.commit, self.root.committed)

    def info(self) -> RegistryInfo:
        """Who the registry is."""
        return self.root.registry

    def since(self, base: str | None) -> Iterator[Taken]:
        """The files of plugins that differ from the tree ``base``. Raises Unusable."""
        if base == self.root.tree:
            return
        old = None
        if base is not None:
            if self.base is None or self.base.tree != base:
                raise Unusable("it mirrors what no known root is of")
            old = self.base
        for change in changed_pages(self.objects, old, self.root):
            yield from self._files(change)

    def page(self, name: str, place: str | None) -> PluginPage:
        """The page of a plugin, an empty one when it has none."""
        return self.objects.page(name, place) if place else PluginPage(format=1, name=name)

    def _files(self, change: PageChange) -> Iterator[Taken]:
        try:
            old = readings(self.page(change.name, change.old))
        except (FileMissing, InvalidFile, DigestMismatch) as error:
            raise Unusable("what it mirrors is no longer here") from error
        new = readings(self.page(change.name, change.new))
        for path in sorted(old.keys() | new.keys()):
            if old.get(path) != new.get(path):
                yield Taken(path, path in old, new.get(path))


def published(page: PluginPage) -> dict[str, tuple[object, ...]]:
    """What may never change of a page: its release files and their signatures, by path."""
    found: dict[str, tuple[object, ...]] = {}
    for each in page.releases:
        version = each.value.version
        found[release_path(page.name, version)] = (each.oid, each.value)
        if each.signature:
            found[signature_path(page.name, version)] = (each.signature,)
    for file in page.skipped:
        if classify(file.path).kind == "release":
            found[file.path] = (file.oid, None)
    return found


def judge_page(known: Mapping[str, tuple[object, ...]], page: PluginPage) -> Iterator[Finding]:
    """What a client has against the new page of a plugin: files that changed or went away.

    ``known`` is what was ``published`` of the plugin when it was last accepted.
    """
    now = published(page)
    for path, file in sorted(known.items()):
        if now.get(path) != file:
            done = "changed" if path in now else "removed"
            yield Finding(
                "release-changed",
                Severity.CRITICAL,
                f"This published file was {done}.",
                Location(printable(path)),
            )
