"""What an audit looks at: what is installed, and what lock files and lists of requirements name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement, Requirement

from heimnetz_git.errors import IndexNotFound, InvalidFile, UsageError, printable
from heimnetz_git.install.generations import PACKAGES
from heimnetz_git.market.audit import Subject
from heimnetz_git.model.lock import Lock, Receipt
from heimnetz_git.model.osv import PLUGINS, PYPI, Record
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.home import Home

__all__ = ["in_file", "installed", "own_records"]

ADVISORIES = "advisories"
LARGEST_LIST = 64 << 20
_DIST_INFO = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)\.dist-info")
_PIN = re.compile(r"==\s*([^*,;\s]+)")


def installed(home: Home, receipts: Iterable[Receipt]) -> Iterator[Subject]:
    """Every active plugin, and each Python package in its folder in the version that lies there."""
    for receipt in receipts:
        release = receipt.release
        yield Subject(PLUGINS, release.name, release.version)
        folder = home.store / receipt.folder / PACKAGES
        for found in sorted(folder.glob("*.dist-info")) if folder.is_dir() else ():
            match = _DIST_INFO.fullmatch(found.name)
            if match:
                yield Subject(PYPI, match["name"], match["version"], plugin=release.name)


def in_file(path: Path) -> Iterator[Subject]:
    """What a heimnetz.lock, a pylock.toml (PEP 751) or a requirements.txt names.

    Raises InvalidFile for a broken one, UsageError for a file of another kind.
    """
    if path.stat().st_size > LARGEST_LIST:
        raise InvalidFile(f"{printable(path.name)} is too large for a list of packages.")
    if path.suffix == ".lock":
        yield from _of_lock(yamlfile.read_file(path, Lock))
    elif path.suffix == ".toml":
        yield from _of_pylock(path)
    elif path.suffix in (".txt", ".in"):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            text = re.split(r"\s(?:#|--hash|\\$)", f" {line}", maxsplit=1)[0].strip(" \\")
            if text and not text.startswith(("#", "-")):
                yield _of_requirement(text, "", path.name)
    else:
        raise UsageError(
            f"{printable(path.name)} is no list of packages.",
            hint="Name a heimnetz.lock, a pylock.toml or a requirements.txt.",
        )


def own_records(catalog: Catalog) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The advisories in the registries themselves, and the indexes that have no way to tell.

    Raises InvalidFile for one that cannot be read: it is no reason to be silent.
    """
    records: list[Record] = []
    unasked: list[str] = []
    for index in catalog.indexes:
        try:
            repository = catalog.repository(index)
        except IndexNotFound:
            unasked.append(index)
            continue
        tip = catalog.cache(index).tree
        records += [
            _record(repository.read(entry.oid), entry.path)
            for entry in (repository.entries(tip, ADVISORIES) if tip else ())
            if entry.path.endswith(".yaml")
        ]
    return tuple(records), tuple(unasked)


def _record(data: bytes, path: str) -> Record:
    try:
        return msgspec.convert(yamlfile.parse(data, path), Record, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidFile(f"{printable(path)} is no OSV record: {printable(str(error))}.") from None


def _of_lock(lock: Lock) -> Iterator[Subject]:
    for plugin in lock.plugins:
        yield Subject(PLUGINS, plugin.name, plugin.version)
        for text in plugin.packages:
            yield _of_requirement(text.partition(" --hash")[0], plugin.name, "the lock")


def _of_pylock(path: Path) -> Iterator[Subject]:
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        said = printable(str(error))
        raise InvalidFile(f"{printable(path.name)} is no TOML file: {said}.") from None
    packages = found.get("packages")
    if "lock-version" not in found or not isinstance(packages, list):
        raise InvalidFile(f"{printable(path.name)} is no pylock.toml (PEP 751).")
    for package in packages:
        if isinstance(package, dict) and isinstance(package.get("name"), str):
            own = "heimnetz-git" in (package.get("tool") or {})
            version = package.get("version")
            known = version if isinstance(version, str) else ""
            yield Subject(PLUGINS if own else PYPI, package["name"], known)


def _of_requirement(text: str, plugin: str, where: str) -> Subject:
    try:
        wanted = Requirement(text)
    except InvalidRequirement as error:
        said = printable(str(error).partition("\n")[0])
        raise InvalidFile(f"{printable(where)}: {printable(text)!r}: {said}.") from None
    pin = _PIN.search(str(wanted.specifier))
    return Subject(
        PYPI, wanted.name, pin[1] if pin else "", plugin=plugin, wanted=str(wanted.specifier)
    )
