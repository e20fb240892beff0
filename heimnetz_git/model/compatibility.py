"""What changed between two releases for those who use them, and the version number that says so.

Semantic Versioning 2.0.0: what breaks callers is a new major version, what adds is a new minor
one, all else a patch; below 1.0.0 the minor number speaks for the major one (as in Cargo's
resolver). Parameters and configuration may accept more and never less; results may promise more
and never less. More permissions, requirements or a newer Python are no break of the interface, but
a family that updates is asked: they are at least a minor version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from heimnetz_git.model.permission import difference
from heimnetz_git.model.release import Release
from heimnetz_git.model.schemadiff import Narrowing, narrowings

__all__ = ["Difference", "Level", "compare", "is_enough", "least_version", "level_of"]


class Level(IntEnum):
    """Which number of a version a change asks for."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2


class Difference(NamedTuple):
    """One change that users notice: ``path`` such as ``operations.wake.parameters.mac``."""

    level: Level
    path: str
    words: str


def compare(old: Release, new: Release) -> tuple[Difference, ...]:
    """What users of ``old`` notice of ``new``, the hardest first, then by path."""
    found = (
        *_operations(old.operations, new.operations),
        *_configuration(old.config, new.config),
        *_permissions(old, new),
        *_surroundings(old, new),
    )
    return tuple(sorted(found, key=lambda item: (-item.level, item.path, item.words)))


def level_of(differences: tuple[Difference, ...]) -> Level:
    """The level that all of them together ask for."""
    return max((item.level for item in differences), default=Level.PATCH)


def least_version(old: str, level: Level) -> str:
    """The smallest version after ``old`` that may carry changes of that level."""
    version = Version(old)
    major, minor, patch = (*version.release, 0, 0, 0)[:3]
    if version.is_prerelease:
        return f"{major}.{minor}.{patch}"  # what its own pre-release may still change
    if level is Level.MAJOR and major > 0:
        return f"{major + 1}.0.0"
    if level is Level.MAJOR or (level is Level.MINOR and major > 0):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def is_enough(old: str, new: str, level: Level) -> bool:
    """Whether the step from ``old`` to ``new`` says that changes of that level are in it.

    A pre-release says what the release it leads to says: 2.0.0a1 is a new major version.
    """
    after = Version(new)
    return Version(after.base_version) >= Version(least_version(old, level)) or (
        Version(old).is_prerelease and after > Version(old)
    )


def _operations(
    old: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]
) -> Iterator[Difference]:
    for name in sorted({*old, *new}):
        path = f"operations.{name}"
        if name not in new:
            yield Difference(Level.MAJOR, path, "The operation is gone.")
        elif name not in old:
            yield Difference(Level.MINOR, path, "The operation is new.")
        else:
            yield from _taken(
                f"{path}.parameters",
                _schema(old[name], "parameters"),
                _schema(new[name], "parameters"),
            )
            yield from _given(
                f"{path}.result", _schema(old[name], "result"), _schema(new[name], "result")
            )


def _configuration(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    """A configuration that was right stays right; a plugin without one takes any."""
    if old:
        yield from _taken("config", old, new or {"type": "object", "additionalProperties": False})
    elif new.get("required"):
        yield Difference(Level.MAJOR, "config", "A configuration is required now.")
    elif new.get("properties"):
        yield Difference(Level.MINOR, "config", "The plugin can be configured now.")


def _taken(path: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    """What callers hand in: all that was accepted is accepted still."""
    lost = narrowings(old, new)
    yield from (_broken(path, item) for item in lost)
    if not lost and narrowings(new, old):
        yield Difference(Level.MINOR, path, "More is accepted than before.")


def _given(path: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    """What callers get: all that was promised is promised still."""
    lost = narrowings(new, old, complete=True)
    yield from (_broken(path, item) for item in lost)
    if not lost and narrowings(old, new, complete=True):
        yield Difference(Level.MINOR, path, "More is promised than before.")


def _broken(path: str, item: Narrowing) -> Difference:
    where = f"{path}{'' if item.path.startswith('[') or not item.path else '.'}{item.path}"
    return Difference(Level.MAJOR, where, f"{item.words[0].upper()}{item.words[1:]}.")


def _schema(operation: Mapping[str, Any], key: str) -> dict[str, Any]:
    schema = operation.get(key)
    return schema if isinstance(schema, dict) else {}


def _permissions(old: Release, new: Release) -> Iterator[Difference]:
    for change in difference(old.permissions, new.permissions):
        if change.kind == "gained":
            yield Difference(Level.MINOR, f"permissions.{change.grant}", f"Gained: {change.words}")
        else:
            yield Difference(
                Level.PATCH, f"permissions.{change.grant}", f"Given up: {change.words}"
            )


def _surroundings(old: Release, new: Release) -> Iterator[Difference]:
    """Where the plugin runs, and with what: narrower ranges leave somebody behind."""
    pairs = [("python", old.python, new.python)]
    for key, was, now in (
        ("host", old.host, new.host),
        ("requires", old.requires, new.requires),
        ("optional", old.optional, new.optional),
    ):
        pairs += [(f"{key}.{name}", was.get(name, ""), now.get(name, "")) for name in {*was, *now}]
        for name in sorted(set(now) - set(was)):
            if key != "optional":
                yield Difference(Level.MINOR, f"{key}.{name}", "It is needed now.")
    for path, before, after in pairs:
        if before and after and SpecifierSet(before) != SpecifierSet(after):
            words = f"The range {before!r} became {after!r}."
            yield Difference(Level.MINOR, path, words)
    if old.type != new.type:
        yield Difference(Level.MINOR, "type", f"The type {old.type!r} became {new.type!r}.")
