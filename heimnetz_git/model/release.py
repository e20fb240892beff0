"""A release: one immutable version of a plugin, as its file in an index says it (format 1)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions

__all__ = [
    "PLUGIN_TYPES",
    "Artifact",
    "Author",
    "Change",
    "Need",
    "PluginType",
    "Release",
    "Source",
]

PluginType = Literal[
    "system", "network", "security", "analysis", "integration", "utility", "extension"
]
PLUGIN_TYPES: tuple[str, ...] = PluginType.__args__  # type: ignore[attr-defined] # Literal has it
ChangeKind = Literal["added", "changed", "deprecated", "removed", "fixed", "security"]


class Author(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who wrote it."""

    name: str
    email: str = ""


class Need(msgspec.Struct, frozen=True, omit_defaults=True):
    """A program that must be on the machine, or a service that must be reachable."""

    name: str
    optional: bool = False


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a release was built from."""

    repository: str
    commit: str = ""
    tag: str = ""


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A wheel: in the index (``path``) or anywhere (``url``), always pinned by size and SHA-256."""

    path: str = ""
    url: str = ""
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """The wheel's file name."""
        return (self.path or self.url).rpartition("/")[2]


class Change(msgspec.Struct, frozen=True):
    """One line of a release's notes (kinds of Keep a Changelog 1.1.0)."""

    kind: ChangeKind
    text: str


class Release(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One release of a plugin; a pure function of its wheels and the source reference.

    ``version`` is PEP 440 with three numbers; ``host`` maps a host API to a PEP 440 specifier,
    ``requires`` and ``optional`` a plugin to one; ``packages`` are PEP 508 requirements for a
    Python package index; ``operations`` maps a name to ``{summary, parameters, result}`` with JSON
    Schemas, ``config`` is a JSON Schema. One wheel per platform, one for most.
    """

    format: Literal[1]
    name: str
    version: str
    type: PluginType
    summary: str
    license: str
    authors: tuple[Author, ...] = ()
    host: dict[str, str]
    python: str
    requires: dict[str, str] = {}
    optional: dict[str, str] = {}
    packages: tuple[str, ...] = ()
    binaries: tuple[Need, ...] = ()
    services: tuple[Need, ...] = ()
    features: tuple[str, ...] = ()
    operations: dict[str, dict[str, Any]] = {}
    config: dict[str, Any] = {}
    permissions: Permissions = Permissions()
    limits: Limits = Limits()
    source: Source | None = None
    artifacts: tuple[Artifact, ...]
    changes: tuple[Change, ...] = ()
