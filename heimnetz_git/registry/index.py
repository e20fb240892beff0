"""Reading an index: from a tree of its repository to values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import msgspec

from heimnetz_git.errors import InvalidFile, printable
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.layout import (
    POLICY,
    REGISTRY,
    PathKind,
    classify,
    plugin_folder,
    plugin_path,
    record_path,
    release_path,
)
from heimnetz_git.model.registry import PluginEntry, Policy, Record, RegistryInfo
from heimnetz_git.model.release import Release
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Entry, Repository

__all__ = [
    "KINDS",
    "Reading",
    "plugin_entry",
    "policy",
    "read_file",
    "reading",
    "record",
    "registry_info",
    "release",
    "releases",
]

REGULAR = 0o100644
KINDS: dict[str, type[PluginEntry] | type[Release] | type[Record]] = {
    "plugin": PluginEntry,
    "release": Release,
    "record": Record,
}
Value = TypeVar("Value", bound=msgspec.Struct)


class Reading(NamedTuple):
    """What one plugin file of an index says: a value, or the problems that keep it from one."""

    kind: PathKind
    oid: str
    value: PluginEntry | Release | Record | None
    problems: tuple[Problem, ...] = ()


def registry_info(repo: Repository, tree: str) -> RegistryInfo:
    """The ``registry.yaml`` of a tree. Raises InvalidFile when it has none, FormatTooNew."""
    found = _shared(repo, tree, REGISTRY, RegistryInfo)
    if found is None:
        raise InvalidFile(
            f"{printable(str(repo.path))} is not a registry: it has no {REGISTRY}.",
            hint="Check the address; 'heimnetz-git index init' makes a new registry.",
            file=REGISTRY,
        )
    return found


def policy(repo: Repository, tree: str) -> Policy:
    """The ``policy.yaml`` of a tree, the default policy when it has none. Raises InvalidFile."""
    return _shared(repo, tree, POLICY, Policy) or Policy(format=1)


def plugin_entry(repo: Repository, tree: str, name: str) -> PluginEntry | None:
    """The mutable facts of a plugin, None when it has none. Raises InvalidFile."""
    return _one(repo, tree, plugin_path(name), PluginEntry)


def release(repo: Repository, tree: str, name: str, version: str) -> Release | None:
    """One release, None when there is none of that version. Raises InvalidFile."""
    return _one(repo, tree, release_path(name, version), Release)


def record(repo: Repository, tree: str, name: str, version: str) -> Record | None:
    """The registry's word on a release, None when it has none. Raises InvalidFile."""
    return _one(repo, tree, record_path(name, version), Record)


def releases(repo: Repository, tree: str, name: str) -> Iterator[Reading]:
    """Every release file of a plugin, readable or not, sorted by path."""
    for entry in repo.entries(tree, plugin_folder(name)):
        if classify(entry.path).kind == "release":
            yield read_file(repo, entry)


def read_file(repo: Repository, entry: Entry, kind: PathKind | None = None) -> Reading:
    """The plugin file at ``entry``, whose kind is one of KINDS: its value, or what is wrong.

    A file that says another name or version than its place is wrong. ``kind`` is what ``classify``
    says of its path, for who has asked already.
    """
    kind = kind or classify(entry.path)
    return reading(kind, entry, repo.read(entry.oid) if entry.mode == REGULAR else b"")


def reading(kind: PathKind, entry: Entry, data: bytes) -> Reading:
    """The same of a file whose bytes are known."""
    try:
        _check_mode(entry)
        value = yamlfile.read(data, KINDS[kind.kind], entry.path)
    except InvalidFile as error:
        return Reading(kind, entry.oid, None, _problems(error, entry.path))
    if _is_in_place(kind, value):
        return Reading(kind, entry.oid, value)
    return Reading(kind, entry.oid, None, tuple(_misplaced(kind, value, entry.path)))


def _one(repo: Repository, tree: str, path: str, kind: type[Value]) -> Value | None:
    entry = repo.entry(tree, path)
    if entry is None:
        return None
    found = read_file(repo, entry)
    if isinstance(found.value, kind):
        return found.value
    raise InvalidFile(
        f"{printable(path)} cannot be used.", problems=found.problems, file=printable(path)
    )


def _shared(repo: Repository, tree: str, path: str, kind: type[Value]) -> Value | None:
    entry = repo.entry(tree, path)
    return None if entry is None else yamlfile.read(_bytes(repo, entry), kind, path)


def _bytes(repo: Repository, entry: Entry) -> bytes:
    """A regular file's bytes; yamlfile bounds them. Raises InvalidFile for a link or a program."""
    _check_mode(entry)
    return repo.read(entry.oid)


def _check_mode(entry: Entry) -> None:
    if entry.mode != REGULAR:
        raise _invalid(entry.path, "not-a-file", f"Its mode is {entry.mode:o}.", "a plain file")


def _is_in_place(kind: PathKind, value: PluginEntry | Release | Record) -> bool:
    if value.name != kind.name:
        return False
    return isinstance(value, PluginEntry) or value.version == kind.version


def _misplaced(
    kind: PathKind, value: PluginEntry | Release | Record, path: str
) -> Iterator[Problem]:
    said = [("name", value.name, kind.name)]
    if not isinstance(value, PluginEntry):
        said.append(("version", value.version, kind.version))
    for field, found, place in said:
        if found != place:
            message = f"It says {field} {printable(found)!r} at the place of {printable(place)!r}."
            yield Problem(
                code="misplaced",
                message=message,
                location=Location(printable(path)),
                path=field,
                expected=printable(place),
            )


def _invalid(path: str, code: str, message: str, expected: str) -> InvalidFile:
    problem = Problem(
        code=code, message=message, location=Location(printable(path)), expected=expected
    )
    return InvalidFile(f"{printable(path)} cannot be read.", problems=(problem,))


def _problems(error: InvalidFile, path: str) -> tuple[Problem, ...]:
    """The error's own problems, or the error itself as one (a format too new has none)."""
    return error.problems or (
        Problem(code=error.code, message=str(error), location=Location(printable(path))),
    )
