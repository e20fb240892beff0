"""What every file must keep beyond its types: one table of rules per kind of value.

``check`` is behind every reading of a file; a new rule is one more line in a table here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from heimnetz_git.model import check_rules as rules
from heimnetz_git.model.check_rules import Fault, Rule, each, mapped, optional
from heimnetz_git.model.config import IndexSettings, Project, Settings
from heimnetz_git.model.export import PublishedEntry, PublishedRelease, Root
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.lock import Generation, Lock, LockedPlugin, Receipt
from heimnetz_git.model.machinepolicy import MachinePolicy
from heimnetz_git.model.manifest import Compiled, Exemption, Manifest
from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.model.registry import (
    Advisory,
    Collection,
    Deprecation,
    Owner,
    PluginEntry,
    Policy,
    Record,
    RegistryInfo,
    Review,
    Waiting,
)
from heimnetz_git.model.release import Artifact, Author, Change, Need, Release, Source

__all__ = ["Fault", "check", "check_field", "check_whole"]

_LINE = rules.line(200)
_MAYBE_LINE = rules.line(200, empty=True)
_RANGES = mapped(rules.name, rules.version_range)
_APIS = mapped(rules.api_name, rules.version_range)
_NAMED_SCHEMAS = mapped(rules.word, rules.schema)
_WORDS = each(rules.word)
_NAMES = each(rules.name)
_LINKS = mapped(_LINE, rules.url)


def _operations(value: dict[str, dict[str, Any]]) -> Iterator[Fault]:
    for title, operation in value.items():
        for fault in rules.operation_name(title):
            yield fault._replace(path=f".{title}")
        for part in ("parameters", "result"):
            for fault in rules.schema(operation.get(part, {})):
                yield fault._replace(path=f".{title}.{part}{fault.path}")


_NEEDS: dict[str, Rule] = {
    "host": _APIS,
    "requires": _RANGES,
    "optional": _RANGES,
    "features": each(rules.api_name),
}
_SHELF: dict[str, Rule] = {"title": _MAYBE_LINE, "categories": _WORDS, "tags": _WORDS}
_RULES: dict[type, dict[str, Rule]] = {
    Author: {"name": _LINE, "email": optional(rules.email)},
    Need: {"name": rules.word},
    Source: {
        "repository": rules.url, "commit": optional(rules.object_id), "tag": _MAYBE_LINE,
    },
    Artifact: {
        "path": optional(rules.path_in_index), "url": optional(rules.url),
        "size": rules.at_least(1, 1 << 40), "sha256": rules.digest,
    },
    Change: {"text": rules.line(1000)},
    Limits: {
        "memory": rules.size, "cpu": rules.at_least(0, 1024, above=True), "start": rules.time_span,
        "call": rules.time_span, "processes": rules.at_least(1, 1 << 16),
        "files": rules.at_least(1, 1 << 20), "disk": rules.size,
    },
    NetworkPermissions: {
        "connect": each(rules.connect), "listen": each(rules.listen),
        "multicast": each(rules.multicast),
    },
    FilePermissions: {"read": each(rules.path), "write": each(rules.path)},
    Permissions: {
        "run": each(rules.path), "env": each(rules.variable), "secrets": each(rules.variable),
        "host": each(rules.api_name),
    },
    Release: {
        **_NEEDS, "name": rules.name, "version": rules.version, "summary": _LINE,
        "license": rules.license_expression, "python": rules.version_range,
        "packages": each(rules.requirement), "operations": _operations, "config": rules.schema,
        "artifacts": rules.filled,
    },
    Exemption: {"rule": rules.word, "reason": _LINE, "file": _MAYBE_LINE},
    Manifest: {**_NEEDS, **_SHELF},
    Compiled: {"name": rules.name, "operations": _operations, "config": rules.schema},
    RegistryInfo: {
        "id": rules.uuid, "name": rules.name, "title": _MAYBE_LINE, "host": each(rules.api_name),
        "upstreams": each(rules.url), "reserved": each(rules.name_pattern),
    },
    Policy: {
        "maintainers": each(_LINE), "largest_artifact": rules.size,
        "allow_licenses": each(rules.license_expression),
        "rules": mapped(rules.word, rules.anything),
        "override": mapped(rules.word, each(_LINE)),
    },
    Waiting: {"new_name": rules.period, "version": rules.period},
    Owner: {"name": _LINE, "id": _MAYBE_LINE},
    Deprecation: {"reason": _LINE, "successor": optional(rules.name)},
    PluginEntry: {
        **_SHELF, "name": rules.name, "links": _LINKS, "yanked": mapped(rules.version, _LINE),
    },
    Record: {
        "name": rules.name, "version": rules.version, "release": rules.object_id,
        "merged": rules.time, "verdict": _MAYBE_LINE, "score": rules.at_least(0, 100),
        "capabilities": each(_LINE), "rules": _MAYBE_LINE,
    },
    Review: {
        "plugin": rules.name, "version": rules.version, "reviewer": _LINE,
        "text": rules.text(10_000),
    },
    Collection: {
        "slug": rules.name, "title": _LINE, "summary": rules.line(1000, empty=True),
        "plugins": _NAMES,
    },
    Advisory: {
        "id": rules.word, "modified": rules.time, "withdrawn": optional(rules.time),
        "summary": rules.line(1000, empty=True), "details": rules.text(50_000),
        "aliases": each(rules.word),
    },
    LockedPlugin: {
        "name": rules.name, "version": rules.version, "registry": rules.uuid,
        "release": rules.object_id, "requires": _RANGES, "optional": _RANGES,
        "packages": each(rules.requirement), "artifacts": rules.filled,
    },
    Lock: {
        "requested": _RANGES, "host": mapped(rules.api_name, rules.any_version),
        "python": rules.any_version, "registries": mapped(rules.uuid, _LINE),
    },
    Receipt: {"registry": rules.uuid, "oid": rules.object_id, "folder": rules.path_in_index},
    Generation: {"number": rules.at_least(1, 1 << 40), "created": rules.time},
    IndexSettings: {"url": _LINE, "patterns": each(rules.name_pattern)},
    Settings: {
        "timeout": rules.at_least(0, 86_400, above=True),
        "indexes": mapped(rules.name, rules.anything),
        "host": mapped(rules.api_name, rules.any_version),
    },
    Project: {
        "plugins": _RANGES, "constraints": _RANGES, "overrides": _RANGES,
        "exclude_newer": optional(rules.moment),
    },
    Root: {
        "serial": rules.at_least(1, 1 << 53), "commit": rules.object_id, "tree": rules.object_id,
        "created": rules.time, "expires": rules.time,
    },
    PublishedEntry: {"oid": rules.object_id},
    PublishedRelease: {"oid": rules.object_id},
    MachinePolicy: {
        "allow": each(rules.name_pattern), "deny": each(rules.name_pattern),
        "registries": each(rules.uuid), "licenses": each(rules.license_expression),
    },
}  # fmt: skip


def _needs_once(value: Release | Manifest) -> Iterator[Fault]:
    for name in value.requires.keys() & value.optional.keys():
        message = f"{name} is required and optional at once."
        yield Fault(f"optional.{name}", "contradiction", message, "one of both")


def _not_itself(value: Release) -> Iterator[Fault]:
    yield from _needs_once(value)
    for field in ("requires", "optional"):
        if value.name in getattr(value, field):
            message = "A plugin cannot need itself."
            yield Fault(f"{field}.{value.name}", "contradiction", message, "another plugin")
    files = [artifact.file for artifact in value.artifacts]
    for number, file in enumerate(files):
        if file in files[:number]:
            yield Fault(
                f"artifacts[{number}]", "repeated", "This wheel is named twice.", "each once"
            )


def _one_place(value: Artifact) -> Iterator[Fault]:
    if bool(value.path) == bool(value.url):
        message = "A wheel has one place: in the index or at an address."
        yield Fault("", "contradiction", message, "either path or url")
    elif not value.file.endswith(".whl"):
        field = "path" if value.path else "url"
        yield Fault(field, "not-a-wheel", "This does not name a wheel.", "a name that ends in .whl")


def _successor_differs(value: PluginEntry) -> Iterator[Fault]:
    if value.deprecated and value.deprecated.successor == value.name:
        message = "A plugin cannot succeed itself."
        yield Fault("deprecated.successor", "contradiction", message, "another plugin")


def _locked_once(value: Lock) -> Iterator[Fault]:
    names = [plugin.name for plugin in value.plugins]
    if names != sorted(set(names)):
        message = "Plugins stand twice or out of order."
        yield Fault("plugins", "unsorted", message, "each plugin once, sorted by name")
    for number, plugin in enumerate(value.plugins):
        if plugin.registry not in value.registries:
            message = f"The registry {plugin.registry} is not under 'registries'."
            yield Fault(
                f"plugins[{number}].registry", "contradiction", message, "a listed registry"
            )


_WHOLE: dict[type, Callable[[Any], Iterator[Fault]]] = {
    Release: _not_itself,
    Manifest: _needs_once,
    Artifact: _one_place,
    PluginEntry: _successor_differs,
    Lock: _locked_once,
}


def check(value: msgspec.Struct) -> Iterator[Fault]:
    """Everything wrong with a typed value: ``(path, code, message, expected)`` each.

    Paths are as ``permissions.network.connect[0]``, from the value. A value of a kind without rules
    is fine as its type is.
    """
    for step in _steps(type(value)):
        found = getattr(value, step.field)
        if found == step.default:
            continue
        if step.rule:
            for fault in step.rule(found):
                yield fault._replace(path=step.field + fault.path)
        if step.inside:
            yield from _inside(found, step.field)
    yield from check_whole(value)


def check_field(kind: type, field: str, value: Any) -> Iterator[Fault]:
    """What is wrong with one field, its Structs not looked into; paths are from the field."""
    rule = _RULES.get(kind, {}).get(field)
    return rule(value) if rule else iter(())


def check_whole(value: msgspec.Struct) -> Iterator[Fault]:
    """What is wrong between the fields of a value."""
    rule = _WHOLE.get(type(value))
    return rule(value) if rule else iter(())


class _Step(NamedTuple):
    """One field to look at: its rule, whether Structs are inside, its default, which is fine."""

    field: str
    rule: Rule | None
    inside: bool
    default: Any


@lru_cache(maxsize=256)
def _steps(kind: type) -> tuple[_Step, ...]:
    """The fields of a kind that have rules or hold Structs."""
    own = _RULES.get(kind, {})
    found = []
    for field in msgspec.structs.fields(kind):
        rule = own.get(field.name)
        inside = _holds_structs(msgspec.inspect.type_info(field.type))
        if rule or inside:
            found.append(_Step(field.name, rule, inside, field.default))
    return tuple(found)


def _holds_structs(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.StructType):
        return True
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(map(_holds_structs, kind.types))
    if isinstance(kind, msgspec.inspect.DictType):
        return _holds_structs(kind.value_type)
    return isinstance(kind, msgspec.inspect.VarTupleType) and _holds_structs(kind.item_type)


def _inside(value: Any, path: str) -> Iterator[Fault]:
    if isinstance(value, msgspec.Struct):
        for fault in check(value):
            below = f"{path}.{fault.path}" if fault.path else path
            yield fault._replace(path=below)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _inside(item, f"{path}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _inside(item, f"{path}.{key}")
