"""From a tree of a registry to the page of one plugin, and from a page back to readings of files.

Both ways lose nothing that a cache keeps: a client that reads pages ends with the rows of one that
reads Git.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from heimnetz_git.storage.canonical import dump
from heimnetz_git.storage.repo import Entry, Repository
from heimnetz_git.storage.repo_objects import object_id

__all__ = ["is_empty", "original", "page_bytes", "page_of", "readings"]

LARGEST_SIGNATURE = 64 << 10


def page_bytes(page: PluginPage) -> bytes:
    """A page as one line of JSON: equal pages give equal bytes."""
    return msgspec.json.encode(page, order="sorted") + b"\n"


def is_empty(page: PluginPage) -> bool:
    """Whether the registry has nothing of that plugin any more."""
    return not (page.entry or page.releases or page.records or page.skipped)


def page_of(repo: Repository, tree: str, name: str) -> PluginPage:
    """All that a tree says of a plugin; empty when it has nothing of that name."""
    files = {entry.path: entry for entry in repo.entries(tree, plugin_folder(name))}
    records = f"records/{shard(name)}/{name}"
    files |= {entry.path: entry for entry in repo.entries(tree, records)}
    found: dict[str, Any] = {"entry": None, "releases": [], "records": [], "skipped": []}
    for path, entry in sorted(files.items()):
        kind = classify(path)
        if kind.kind not in index.KINDS:
            continue
        reading = index.read_file(repo, entry)
        if reading.problems:
            found["skipped"].append(
                UnusableFile(path=path, oid=entry.oid, problems=reading.problems)
            )
        if kind.kind == "plugin":
            value = reading.value if isinstance(reading.value, PluginEntry) else None
            found["entry"] = PublishedEntry(oid=entry.oid, value=value)
        elif isinstance(reading.value, Release):
            signature = files.get(signature_path(name, kind.version))
            found["releases"].append(_published(repo, entry, reading.value, signature))
        elif isinstance(reading.value, Record):
            found["records"].append(reading.value)
    lists = {field: tuple(found[field]) for field in ("releases", "records", "skipped")}
    return PluginPage(name=name, entry=found["entry"], **lists)


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


def _published(
    repo: Repository, entry: Entry, value: Release, signature: Entry | None
) -> PublishedRelease:
    canonical = object_id("blob", _canonical(value)) == entry.oid
    return PublishedRelease(
        oid=entry.oid,
        value=value,
        text="" if canonical else repo.read(entry.oid).decode("utf-8"),
        signature=_signature(repo, signature) if signature else "",
    )


def _canonical(value: Release) -> bytes:
    try:
        return dump(value)
    except ValueError:
        return b""


def _signature(repo: Repository, entry: Entry) -> str:
    """The signature's text; empty when it is none that anything could check."""
    try:
        data = repo.read(entry.oid, max_bytes=LARGEST_SIGNATURE)
    except CorruptRepository:
        return ""
    return data.decode("ascii") if data.isascii() else ""
