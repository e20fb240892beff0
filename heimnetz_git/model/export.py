"""The values of a static export (format 1): what ``root.json`` and the objects behind it say."""

from __future__ import annotations

from typing import Literal

import msgspec

from heimnetz_git.model.finding import Problem
from heimnetz_git.model.registry import PluginEntry, Record, RegistryInfo
from heimnetz_git.model.release import Release

__all__ = [
    "NO_SHARD",
    "ROOT",
    "ROOT_SIGNATURE",
    "SHARDS",
    "SIGNATURE_NAMESPACE",
    "PluginPage",
    "PublishedEntry",
    "PublishedRelease",
    "Root",
    "Shard",
    "UnusableFile",
    "pack_path",
    "page_path",
    "shard_path",
    "signature_object",
]

ROOT = "root.json"
ROOT_SIGNATURE = "root.json.sig"
SHARDS = 256
NO_SHARD = ""
SIGNATURE_NAMESPACE = "heimnetz-git-export"

Shard = dict[str, str]
"""The object of a shard: a plugin's name -> SHA-256 of its page, both of that shard alone."""


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """``root.json``: which state of which registry this is; everything else hangs on it by digest.

    ``serial`` never goes down; it is the number of commits from the first one to ``commit`` along
    first parents. ``committed`` is that commit's Unix time; ``created`` and ``expires`` are UTC
    times as ``2026-01-31T12:00:00Z``. ``shards`` are 256 SHA-256 digests, NO_SHARD for an empty
    one; a plugin's place in them is the number that names its folder in the registry.
    """

    format: Literal[1] = 1
    registry: RegistryInfo
    serial: int
    commit: str
    tree: str
    committed: int
    created: str
    expires: str
    shards: tuple[str, ...]


class PublishedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin's mutable facts; ``value`` is None when its file cannot be used."""

    oid: str
    value: PluginEntry | None


class PublishedRelease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A release with the Git object id of its file, and the author's signature if there is one.

    The file is ``text``, or the canonical form of ``value`` when that is empty: so the id and the
    signature can be checked without Git.
    """

    oid: str
    value: Release
    text: str = ""
    signature: str = ""


class UnusableFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the registry that is no value: where it is, and every problem in it."""

    path: str
    oid: str
    problems: tuple[Problem, ...]


class PluginPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``plugins/<sha256>.json``: all that a registry says of one plugin. Lists are by version name.

    ``skipped`` are its files that cannot be used.
    """

    format: Literal[1]
    name: str
    entry: PublishedEntry | None = None
    releases: tuple[PublishedRelease, ...] = ()
    records: tuple[Record, ...] = ()
    skipped: tuple[UnusableFile, ...] = ()


def page_path(digest: str) -> str:
    """Where in an export the page of that SHA-256 is."""
    return f"plugins/{digest}.json"


def pack_path(number: int) -> str:
    """Where in an export the pack of a shard is: its pages by the line, to begin with."""
    return f"packs/{number:02x}.jsonl.gz"


def shard_path(digest: str) -> str:
    """Where in an export the shard of that SHA-256 is."""
    return f"shards/{digest}"


def signature_object(digest: str) -> str:
    """Where the signature over the ``root.json`` of that SHA-256 is.

    ``root.json.sig`` is a copy of the newest for people; a client takes this one, so that it never
    meets a root and the signature of another.
    """
    return f"signatures/{digest}.sig"
