"""From a tree of a registry to the page of one plugin, and from a page back to readings of files.

Both ways lose nothing that a cache keeps: a client that reads pages ends with the rows of one that
reads Git.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.model.export import PluginPage, PublishedEntry, PublishedRelease, UnusableFile
from heimnetz_git.model.layout import (
    classify,
    plugin_folder,
    plugin_path,
    record_path,
    release_path,
    signature_path,
)
from heimnetz_git.model.names import shard
from heimnetz_git.model.registry import PluginEntry, Record
from heimnetz_git.model.release import Release
from heimnetz_git.registry import index
from heimnetz_git.registry.index import Reading
from heimnetz_git.storage import canonical_reader
from heimnetz_git.storage.canonical import dump
from heimnetz_git.storage.repo import Entry, Repository

__all__ = ["is_empty", "original", "page_bytes", "page_of", "readings"]

LARGEST_SIGNATURE = 64 << 10


def page_bytes(page: PluginPage) -> bytes:
    """A page as one line of JSON: equal pages give equal bytes."""
    return msgspec.json.encode(page, order="sorted") + b"\n"


def is_empty(page: PluginPage) -> bool:
    """Whether the registry has nothing of that plugin any more."""
    return not (page.entry or page.releases or page.records or page.skipped)


def page_of(
    repo: Repository, tree: str, name: str, *, before: PluginPage | None = None
) -> PluginPage:
    """All that a tree says of a plugin; empty when it has nothing of that name.

    Releases that an earlier page ``before`` has of the same files are taken from there.
    """
    files = {entry.path: entry for entry in repo.entries(tree, plugin_folder(name))}
    records = f"records/{shard(name)}/{name}"
    files |= {entry.path: entry for entry in repo.entries(tree, records)}
    drawing = _Drawing(repo, name, files, before)
    for entry in files.values():
        drawing.take(entry)
    return drawing.page()


class _Drawing:
    """A page on its way, file by file."""

    def __init__(
        self, repo: Repository, name: str, files: Mapping[str, Entry], before: PluginPage | None
    ) -> None:
        self._repo, self._name, self._files = repo, name, files
        releases = before.releases if before else ()
        self._known = {(each.value.version, each.oid): each for each in releases}
        self._entry: PublishedEntry | None = None
        self._releases: dict[str, PublishedRelease] = {}
        self._records: dict[str, Record] = {}
        self._skipped: dict[str, UnusableFile] = {}

    def page(self) -> PluginPage:
        """What was taken, each kind in the order of the files' paths."""
        return PluginPage(
            format=1,
            name=self._name,
            entry=self._entry,
            releases=tuple(one for _, one in sorted(self._releases.items())),
            records=tuple(one for _, one in sorted(self._records.items())),
            skipped=tuple(one for _, one in sorted(self._skipped.items())),
        )

    def take(self, entry: Entry) -> None:
        """One file of the plugin, of any kind."""
        kind = classify(entry.path)
        if kind.kind == "release" and (release := self._release(entry, kind.version)):
            self._releases[entry.path] = release
        elif kind.kind in index.KINDS:
            self._read(entry)

    def _read(self, entry: Entry) -> None:
        reading = index.read_file(self._repo, entry)
        value, path = reading.value, entry.path
        if reading.problems:
            self._skipped[path] = UnusableFile(path=path, oid=entry.oid, problems=reading.problems)
        if reading.kind.kind == "plugin":
            facts = value if isinstance(value, PluginEntry) else None
            self._entry = PublishedEntry(oid=entry.oid, value=facts)
        elif isinstance(value, Release):
            self._releases[path] = self._published(entry, value, self._text(entry, value))
        elif isinstance(value, Record):
            self._records[path] = value

    def _release(self, entry: Entry, version: str) -> PublishedRelease | None:
        """A release that was read before, or is in canonical form; None for any other file."""
        if entry.mode != index.REGULAR:
            return None
        known = self._known.get((version, entry.oid))
        if known is not None:
            return self._published(entry, known.value, known.text)
        value = canonical_reader.read(self._repo.read(entry.oid), Release)
        if value is None or (value.name, value.version) != (self._name, version):
            return None
        return self._published(entry, value, "")

    def _published(self, entry: Entry, value: Release, text: str) -> PublishedRelease:
        return PublishedRelease(
            oid=entry.oid, value=value, text=text, signature=self._signature(value.version)
        )

    def _text(self, entry: Entry, value: Release) -> str:
        """The file as it is; empty when it is the canonical form of its value."""
        try:
            canonical = dump(value)
        except ValueError:
            canonical = b""
        data = self._repo.read(entry.oid)
        return "" if data == canonical else data.decode("utf-8")

    def _signature(self, version: str) -> str:
        """The signature's text; empty when there is none that anything could check."""
        entry = self._files.get(signature_path(self._name, version))
        if entry is None or entry.mode != index.REGULAR:
            return ""
        try:
            data = self._repo.read(entry.oid, max_bytes=LARGEST_SIGNATURE)
        except CorruptRepository:
            return ""
        return data.decode("ascii") if data.isascii() else ""


def readings(page: PluginPage) -> Mapping[str, Reading]:
    """The files that a page is made of, by path, as reading them from Git would give them.

    Records have no object id: nobody asks for it.
    """
    found: dict[str, Reading] = {}
    for release in page.releases:
        path = release_path(page.name, release.value.version)
        found[path] = Reading(classify(path), release.oid, release.value)
    for record in page.records:
        path = record_path(page.name, record.version)
        found[path] = Reading(classify(path), "", record)
    for unusable in page.skipped:
        kind = classify(unusable.path)
        found[unusable.path] = Reading(kind, unusable.oid, None, unusable.problems)
    if page.entry is not None and page.entry.value is not None:
        path = plugin_path(page.name)
        found[path] = Reading(classify(path), page.entry.oid, page.entry.value)
    return found


def original(release: PublishedRelease) -> bytes:
    """The release file's very bytes, which its object id and its author's signature are over."""
    return release.text.encode() if release.text else dump(release.value)
