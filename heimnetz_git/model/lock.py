"""Locks, candidates and generations: what was chosen, from where, and what is active."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from heimnetz_git.model.release import Artifact, Release

__all__ = ["Candidate", "Environment", "Generation", "Lock", "LockedPlugin", "Receipt"]


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that a set of plugins is resolved for.

    ``host`` maps a host API to its version, ``python`` is ``3.11.7``, ``tags`` are the wheel tags
    that it takes, best first (PEP 425), ``platform`` is ``sys.platform``.
    """

    host: dict[str, str]
    python: str
    tags: Sequence[str]
    platform: str


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A release as an index offers it.

    ``registry`` is the registry's UUID, ``index`` the local name of it, ``oid`` the Git object id
    of the release file. ``yanked`` is the reason, None when it is not; ``merged`` is the registry's
    record of the time, or empty.
    """

    release: Release
    registry: str
    index: str
    oid: str
    yanked: str | None = None
    deprecated: str | None = None
    merged: str = ""


class LockedPlugin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One chosen release: its identity, where its files are, and what it needs.

    ``optional`` constrains plugins that may or may not be in the same lock.
    """

    name: str
    version: str
    registry: str
    release: str
    requires: dict[str, str] = {}
    optional: dict[str, str] = {}
    packages: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...]


class Lock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``heimnetz.lock``: a full answer to ``requested``; plugins are sorted by name.

    ``registries`` maps a registry's UUID to the name it gives itself.
    """

    format: Literal[1] = 1
    requested: dict[str, str]
    host: dict[str, str]
    python: str
    registries: dict[str, str] = {}
    plugins: tuple[LockedPlugin, ...] = ()


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was installed: enough to run the plugin without an index and without YAML (JSON).

    ``folder`` is relative to the home's store; ``code`` and ``packages`` are folders below it for
    ``sys.path``; ``granted`` is the digest of the permissions that the user agreed to.
    """

    format: Literal[1] = 1
    release: Release
    registry: str
    index: str
    oid: str
    folder: str
    entry_point: str
    artifact: str


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A set of active versions; never changed once written (JSON).

    ``active`` maps a plugin to its receipt's folder, ``order`` is the order to start them in.
    ``created`` is a UTC time as ``2026-01-31T12:00:00Z``; ``reason`` the command behind it.
    """

    format: Literal[1] = 1
    number: int
    parent: int | None
    created: str
    reason: str
    lock: Lock
    active: dict[str, str]
    order: tuple[str, ...]
