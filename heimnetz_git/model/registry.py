"""The files of an index beside its releases (format 1): registry, policy, plugin and more."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "Advisory",
    "Collection",
    "Deprecation",
    "Outcome",
    "Owner",
    "PluginEntry",
    "Policy",
    "Record",
    "RegistryInfo",
    "Review",
    "Status",
    "Waiting",
]

Outcome = Literal["refuse", "hold", "note"]
Status = Literal["active", "deprecated", "archived", "removed"]


class RegistryInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``registry.yaml``: who this registry is.

    ``id`` is a UUID; locks name a registry by it, never by an address. ``store`` says where wheels
    live: in the tree (``embedded``) or at addresses (``url``).
    """

    format: Literal[1]
    id: str
    name: str
    title: str = ""
    host: tuple[str, ...] = ("heimnetz",)
    upstreams: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()
    store: Literal["embedded", "url", "either"] = "either"


class Waiting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long a submission waits before it merges by itself, as ``3d``, ``10m`` or ``0s``.

    Counted from when the registry first saw the commit that it asks for: for a plugin of a new
    name, and for all else.
    """

    new_name: str = "3d"
    version: str = "10m"


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``policy.yaml``: what a submission must pass, and what merges by itself.

    ``maintainers`` are principals, as owners are. ``rules`` says what a rule of the law does where
    it may be chosen; ``override`` who may take in what a rule holds, all maintainers by default.
    With ``signatures: required`` a submission is signed by a key of ``trust/allowed_signers``.
    """

    format: Literal[1]
    maintainers: tuple[str, ...] = ()
    largest_artifact: str = "16M"
    allow_licenses: tuple[str, ...] = ()
    rules: dict[str, Outcome] = {}
    override: dict[str, tuple[str, ...]] = {}
    waiting: Waiting = Waiting()
    signatures: Literal["optional", "required"] = "optional"


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who may change a plugin: a name, and the account id that a forge gave it."""

    name: str
    id: str = ""


class Deprecation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a plugin should no longer be chosen, and what to choose instead."""

    reason: str
    successor: str = ""


class PluginEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``plugins/<sh>/<name>/plugin.yaml``: the mutable facts of a plugin.

    ``yanked`` maps a version to the reason; a yanked release stays for those who locked it.
    """

    format: Literal[1]
    name: str
    owners: tuple[Owner, ...]
    status: Status = "active"
    title: str = ""
    links: dict[str, str] = {}
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    yanked: dict[str, str] = {}
    deprecated: Deprecation | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``records/<sh>/<name>/<version>.yaml``: the registry's own word on a release.

    ``merged`` is a UTC time as ``2026-01-31T12:00:00Z``; ``verdict`` and ``rules`` say what the
    scanner of that rule-set version thought.
    """

    format: Literal[1]
    name: str
    version: str
    release: str
    merged: str
    verdict: str = ""
    score: int | None = None
    capabilities: tuple[str, ...] = ()
    reproduced: Literal["yes", "no", "not tried"] = "not tried"
    rules: str = ""


class Review(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``reviews/<sh>/<name>/<reviewer>.yaml``: one reviewer's rating, one to five stars."""

    format: Literal[1]
    plugin: str
    version: str
    reviewer: str
    rating: Literal[1, 2, 3, 4, 5]
    text: str = ""


class Collection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``collections/<slug>.yaml``: a curated list of plugins."""

    format: Literal[1]
    slug: str
    title: str
    summary: str = ""
    plugins: tuple[str, ...]
    featured: bool = False


class Advisory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``advisories/<id>.yaml``: an OSV record (schema 1.6), the fields that a match needs."""

    id: str
    modified: str
    schema_version: str = "1.6.0"
    summary: str = ""
    details: str = ""
    aliases: tuple[str, ...] = ()
    withdrawn: str = ""
    affected: tuple[dict[str, Any], ...] = ()
    references: tuple[dict[str, str], ...] = ()
