"""What an author writes: ``plugin.yaml`` of a project, and what the build compiles."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.model.release import Change, Need, PluginType

__all__ = ["ENTRY_POINT_GROUP", "Compiled", "Exemption", "Manifest"]

ENTRY_POINT_GROUP = "heimnetz.plugins"


class Exemption(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule of the validator that the author answers for, and why.

    ``file`` narrows it to findings in that file; a registry's rules know no exemptions.
    """

    rule: str
    reason: str
    file: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An author's ``plugin.yaml``: all that ``pyproject.toml`` has no word for.

    Name, version, summary, licence, authors, Python range, Python packages and links are
    ``pyproject.toml``'s and never repeated here.
    """

    format: Literal[1]
    type: PluginType
    title: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    host: dict[str, str]
    requires: dict[str, str] = {}
    optional: dict[str, str] = {}
    binaries: tuple[Need, ...] = ()
    services: tuple[Need, ...] = ()
    features: tuple[str, ...] = ()
    permissions: Permissions = Permissions()
    limits: Limits = Limits()
    changes: tuple[Change, ...] = ()
    exceptions: tuple[Exemption, ...] = ()


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """``plugin.json`` in a wheel: what the build learnt by asking the plugin, in the sandbox.

    ``operations`` maps a name to ``{summary, parameters, result}`` with JSON Schemas; ``config`` is
    the JSON Schema of the configuration.
    """

    format: Literal[1] = 1
    name: str
    operations: dict[str, dict[str, Any]]
    config: dict[str, Any]
