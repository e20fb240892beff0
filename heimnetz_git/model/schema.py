"""The published JSON Schema of each kind of file, made from the types: for editors and other tools.

A schema says less than ``model.check``, never more: what it refuses, reading refuses too.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from heimnetz_git.model.config import IndexSettings, Project, Settings
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.lock import Generation, Lock, LockedPlugin, Receipt
from heimnetz_git.model.machinepolicy import MachinePolicy
from heimnetz_git.model.manifest import Compiled, Exemption, Manifest
from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.model.registry import (
    Advisory,
    Collection,
    Deprecation,
    PluginEntry,
    Policy,
    Record,
    RegistryInfo,
    Review,
)
from heimnetz_git.model.release import Artifact, Release, Source

__all__ = ["AUTHORED", "KINDS", "json_schema"]

KINDS: dict[str, type[msgspec.Struct]] = {
    "advisory": Advisory,
    "collection": Collection,
    "compiled": Compiled,
    "config": Settings,
    "generation": Generation,
    "lock": Lock,
    "machine-policy": MachinePolicy,
    "manifest": Manifest,
    "plugin": PluginEntry,
    "policy": Policy,
    "project": Project,
    "receipt": Receipt,
    "record": Record,
    "registry": RegistryInfo,
    "release": Release,
    "review": Review,
}
# What people write: an unknown key there is a typing error, so these schemas refuse it. The others
# are written by programs, and one of a newer minor version may know more keys.
AUTHORED = frozenset(
    {"collection", "config", "machine-policy", "manifest", "plugin", "policy", "project",
     "registry", "review"}
)  # fmt: skip

Fragment = dict[str, Any]


def _text(pattern: str, description: str, example: str) -> Fragment:
    return {"pattern": f"^(?:{pattern})$", "description": description, "examples": [example]}


def _each(fragment: Fragment) -> Fragment:
    return {"items": fragment, "uniqueItems": True}


def _mapped(keys: Fragment, values: Fragment) -> Fragment:
    return {"propertyNames": keys, "additionalProperties": values}


_NAME = _text("[a-z0-9]+(?:-[a-z0-9]+)*", "A plugin's name in normal form.", "wake-on-lan") | {
    "maxLength": 64
}
_VERSION = _text(
    r"[0-9]+\.[0-9]+\.[0-9]+(?:(?:a|b|rc)[0-9]+)?(?:\.post[0-9]+)?(?:\.dev[0-9]+)?",
    "MAJOR.MINOR.PATCH, with a PEP 440 pre-, post- or development part or none.",
    "1.2.0",
)
_RANGE = {
    "maxLength": 200,
    "description": "A PEP 440 version specifier; empty text allows every version.",
    "examples": [">=1.2,<2"],
}
_API = _text(r"[a-z][a-z0-9_.-]*", "The name of a host API or host feature.", "devices.read")
_WORD = _text(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", "A word without blanks.", "network")
_UUID = _text(
    "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "The UUID of a registry.",
    "4b4f5c4e-6d1c-4f5b-9f0e-2f6a5f1f4b1a",
)
_OID = _text("[0-9a-f]{40}|[0-9a-f]{64}", "A Git object id.", "0" * 40)
_SIZE = _text("[0-9]{1,9}[KMG]?", "A size in bytes; K, M and G are powers of 1024.", "64M")
_SPAN = _text(r"[0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|s|m)", "A time.", "10s")
_TIME = _text(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z",
    "A UTC time.",
    "2026-01-31T12:00:00Z",
)
_MOMENT = _text(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?",
    "A UTC date, which counts whole, or a UTC time.",
    "2026-01-31",
)
_PATTERN = _text("[a-z0-9*?-]+", "A plugin name or a pattern of names.", "acme-*")
_PATH = _text("/.*", "An absolute path; a folder means all below it.", "/etc/hosts")
_VARIABLE = _text("[A-Za-z_][A-Za-z0-9_]*", "A name.", "TZ")
_LICENSE = {"description": "An SPDX licence expression.", "examples": ["MIT"]}
_PACKAGE = {"description": "A PEP 508 requirement.", "examples": ["zeroconf>=0.130"]}
_CONNECT = {
    "description": "HOST[:PORTS][/PROTOCOL]; HOST is a name, *.name, an address, a range, lan,"
    " localhost or *.",
    "examples": ["lan:9/udp", "api.example.org:443"],
}
_PORTS = r"(?:[0-9]{1,5}(?:-[0-9]{1,5})?|\*)"
_LISTEN = _text(f"{_PORTS}(?:/(?:tcp|udp))?", "PORTS[/PROTOCOL].", "5353/udp")
_MULTICAST = _text(
    r"(?:\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}", "GROUP:PORT.", "239.255.255.250:1900"
)
_NEEDS: Fragment = {
    "host": _mapped(_API, _RANGE),
    "requires": _mapped(_NAME, _RANGE),
    "optional": _mapped(_NAME, _RANGE),
    "features": _each(_API),
}
_SHELF: Fragment = {"categories": _each(_WORD), "tags": _each(_WORD)}
_LOCK: Fragment = {"packages": _each(_PACKAGE), "artifacts": {"minItems": 1}}

_FRAGMENTS: dict[type, Fragment] = {
    Advisory: {"modified": _TIME},
    Artifact: {
        "size": {"minimum": 1, "description": "Bytes."},
        "sha256": _text("[0-9a-f]{64}", "The SHA-256 of the wheel.", "0" * 64),
    },
    Collection: {"slug": _NAME, "plugins": _each(_NAME)},
    Compiled: {"name": _NAME},
    Deprecation: {"successor": {"description": "The plugin to choose instead."}},
    Exemption: {"rule": _WORD},
    FilePermissions: {"read": _each(_PATH), "write": _each(_PATH)},
    Generation: {"number": {"minimum": 1}, "created": _TIME},
    IndexSettings: {"patterns": _each(_PATTERN)},
    Limits: {
        "memory": _SIZE, "disk": _SIZE, "start": _SPAN, "call": _SPAN,
        "cpu": {"exclusiveMinimum": 0, "description": "Cores."},
        "processes": {"minimum": 1}, "files": {"minimum": 1},
    },
    Lock: {"requested": _mapped(_NAME, _RANGE), "registries": {"propertyNames": _UUID}},
    LockedPlugin: {
        **_LOCK, "name": _NAME, "version": _VERSION, "registry": _UUID, "release": _OID,
        "requires": _mapped(_NAME, _RANGE),
    },
    MachinePolicy: {
        "allow": _each(_PATTERN), "deny": _each(_PATTERN), "registries": _each(_UUID),
        "licenses": _each(_LICENSE),
    },
    Manifest: {**_NEEDS, **_SHELF},
    NetworkPermissions: {
        "connect": _each(_CONNECT), "listen": _each(_LISTEN), "multicast": _each(_MULTICAST),
    },
    Permissions: {
        "run": _each(_PATH), "env": _each(_VARIABLE), "secrets": _each(_VARIABLE),
        "host": _each(_API),
    },
    PluginEntry: {
        **_SHELF, "name": _NAME,
        "yanked": _mapped(_VERSION, {"minLength": 1, "description": "The reason."}),
    },
    Policy: {"largest_artifact": _SIZE, "allow_licenses": _each(_LICENSE)},
    Project: {
        "plugins": _mapped(_NAME, _RANGE), "constraints": _mapped(_NAME, _RANGE),
        "overrides": _mapped(_NAME, _RANGE), "exclude_newer": _MOMENT,
    },
    Receipt: {"registry": _UUID, "oid": _OID},
    Record: {
        "name": _NAME, "version": _VERSION, "release": _OID, "merged": _TIME,
    },
    RegistryInfo: {
        "id": _UUID, "name": _NAME, "host": _each(_API), "reserved": _each(_PATTERN),
    },
    Release: {
        **_NEEDS, **_LOCK, "name": _NAME, "version": _VERSION, "license": _LICENSE,
        "python": _RANGE, "summary": {"minLength": 1, "maxLength": 200},
    },
    Review: {"plugin": _NAME, "version": _VERSION},
    Settings: {
        "timeout": {"exclusiveMinimum": 0, "description": "Seconds."},
        "indexes": {"propertyNames": _NAME},
    },
    Source: {"repository": {"format": "uri", "description": "Where the source is."}},
}  # fmt: skip


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a kind of file, one of KINDS. Raises KeyError for another."""
    (top,), parts = msgspec.json.schema_components([KINDS[kind]], ref_template="#/$defs/{name}")
    for struct in _structs(KINDS[kind]):
        _refine(parts[struct.__name__], struct, closed=kind in AUTHORED)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:heimnetz-git:format-1:{kind}",
        "title": f"heimnetz-git {kind}",
        **top,
        "$defs": dict(sorted(parts.items())),
    }


def _refine(part: dict[str, Any], struct: type, *, closed: bool) -> None:
    """Add what the types do not say, and give the description the same text on every Python."""
    part["description"] = inspect.cleandoc(part["description"])
    if closed:
        part["additionalProperties"] = False
    for field, fragment in _FRAGMENTS.get(struct, {}).items():
        _merge(part["properties"][field], fragment)


def _merge(into: dict[str, Any], fragment: Fragment) -> None:
    for key, value in fragment.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _structs(kind: type[msgspec.Struct]) -> set[type[msgspec.Struct]]:
    """A kind and every Struct within it."""
    found: set[type[msgspec.Struct]] = set()
    waiting: list[Any] = [msgspec.inspect.type_info(kind)]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType) and info.cls not in found:
            found.add(info.cls)
            waiting.extend(field.type for field in info.fields)
        for name in ("item_type", "value_type"):
            waiting.extend([getattr(info, name)] if hasattr(info, name) else [])
        waiting.extend(getattr(info, "types", ()))
    return found
