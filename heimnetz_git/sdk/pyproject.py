"""An author's ``pyproject.toml`` as typed facts, with every problem in it placed on its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from heimnetz_git.errors import InvalidName, printable
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.manifest import ENTRY_POINT_GROUP
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.release import Author

__all__ = ["FILE", "LARGEST", "ProjectTable", "line_of", "read_pyproject"]

FILE = "pyproject.toml"
LARGEST = 1 << 20
_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")
_HEADER = re.compile(r"\s*\[\[?\s*(.+?)\s*\]\]?\s*(?:#.*)?")
_ENTRY_POINTS = f"project.entry-points.{ENTRY_POINT_GROUP}"
_TARGET = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


class ProjectTable(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin takes from ``pyproject.toml``.

    ``python`` is ``requires-python``, ``packages`` the PEP 508 dependencies as written,
    ``entry_points`` group ``heimnetz.plugins``, ``license_files`` the glob patterns given.
    """

    name: str
    version: str
    summary: str
    license: str
    license_files: tuple[str, ...] = ()
    authors: tuple[Author, ...] = ()
    python: str
    packages: tuple[str, ...] = ()
    urls: dict[str, str] = {}
    readme: str = ""
    entry_points: dict[str, str] = {}


def line_of(text: str, table: str, key: str = "") -> int:
    """The line of ``key`` in ``[table]`` (of the header without one); 0 when it is not found.

    A guess by the text's lines, good for the layout that people write; tomllib keeps no positions.
    """
    inside, header = table == "", 0
    for number, line in enumerate(text.splitlines(), 1):
        match = _HEADER.fullmatch(line)
        if match:
            inside = re.sub(r"[\s\"']", "", match[1]) == table.replace('"', "")
            header = number if inside else header
        elif inside and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return number
    return header


class _Reader:
    """Collects problems while taking values out of the ``[project]`` table."""

    def __init__(self, table: Mapping[str, Any], text: str) -> None:
        self.table = table
        self.text = text
        self.problems: list[Problem] = []

    def problem(
        self, code: str, message: str, key: str = "", expected: str = "", table: str = "project"
    ) -> None:
        line = line_of(self.text, table, key) or line_of(self.text, "project", key)
        path = f"{table}.{key}" if key else table
        self.problems.append(Problem(code, message, Location(FILE, line), path, expected))

    def value(self, key: str, kind: type, words: str, *, needed: bool) -> Any:
        """``project.<key>`` if it is of ``kind``; None, with a problem, if not."""
        found = self.table.get(key)
        if found is None:
            if needed and key in self.table.get("dynamic", ()):
                said = f"'{key}' is dynamic, so it cannot be known without running the build."
                self.problem("dynamic-metadata", said, "dynamic", f"{words} in [project]")
            elif needed:
                self.problem(
                    "missing-metadata", f"'{key}' is missing.", "", f"{words} in [project]"
                )
            return None
        if not isinstance(found, kind):
            self.problem("wrong-type", f"'{key}' is not {words}.", key, words)
            return None
        return found

    def text_of(self, key: str, words: str, check: Callable[[str], object] = str) -> str:
        """A needed string that passes ``check``; empty, with a problem, if there is none."""
        found = self.value(key, str, words, needed=True)
        if found is None:
            return ""
        try:
            check(found)
        except (InvalidName, InvalidVersion, InvalidSpecifier) as error:
            self.problem(f"invalid-{key}", printable(str(error)), key, words)
            return ""
        return str(found)

    def strings(self, key: str, words: str) -> tuple[str, ...]:
        """A list of strings, or nothing."""
        found = self.value(key, list, words, needed=False) or []
        if all(isinstance(item, str) for item in found):
            return tuple(found)
        self.problem("wrong-type", f"'{key}' is not {words}.", key, words)
        return ()


def read_pyproject(data: bytes) -> tuple[ProjectTable | None, tuple[Problem, ...]]:
    """The facts in ``data``, and every problem; no facts when a needed one is missing or wrong."""
    parsed = _parse(data)
    if isinstance(parsed, Problem):
        return None, (parsed,)
    table, text = parsed
    reader = _Reader(table, text)
    project = _project(reader)
    return (None if reader.problems else project), tuple(reader.problems)


def _parse(data: bytes) -> tuple[Mapping[str, Any], str] | Problem:
    """The ``[project]`` table and the text, or why there is none."""
    if len(data) > LARGEST:
        return _broken(f"The file is larger than {LARGEST} bytes.")
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        said = _TOML_PLACE.sub("", str(error))
        line, column = (int(place[1]), int(place[2])) if place and place[1] else (0, 0)
        return _broken(f"This is not TOML: {printable(said)}.", line, column)
    except (UnicodeDecodeError, RecursionError) as error:
        return _broken(f"This is not TOML: {printable(str(error))}.")
    table = document.get("project")
    if not isinstance(table, dict):
        return _broken("There is no [project] table.")
    return table, text


def _broken(message: str, line: int = 0, column: int = 0) -> Problem:
    return Problem(code="not-toml", message=message, location=Location(FILE, line, column))


def _project(reader: _Reader) -> ProjectTable:
    return ProjectTable(
        name=reader.text_of("name", "a plugin name such as 'wake-on-lan'", plugin_name),
        version=reader.text_of("version", "a version such as '1.2.0'", Version),
        summary=reader.text_of("description", "one sentence on what the plugin does"),
        license=reader.text_of("license", "an SPDX expression such as 'MIT'"),
        license_files=reader.strings("license-files", "a list of file patterns"),
        authors=tuple(_authors(reader)),
        python=reader.text_of("requires-python", "a range such as '>=3.11'", SpecifierSet),
        packages=tuple(_packages(reader)),
        urls=dict(_urls(reader)),
        readme=_readme(reader.table.get("readme")),
        entry_points=dict(_entry_points(reader)),
    )


def _authors(reader: _Reader) -> Iterator[Author]:
    words = 'a list such as [{ name = "Ada Example", email = "ada@example.org" }]'
    for entry in reader.value("authors", list, words, needed=False) or []:
        said = entry if isinstance(entry, dict) else {}
        name, email = said.get("name", ""), said.get("email", "")
        if not isinstance(name, str) or not isinstance(email, str) or not (name or email):
            reader.problem("invalid-authors", "An author has no name.", "authors", words)
            return
        yield Author(name or email, email)


def _packages(reader: _Reader) -> Iterator[str]:
    for requirement in reader.strings("dependencies", "a list of PEP 508 requirements"):
        try:
            Requirement(requirement)
        except InvalidRequirement:
            reader.problem(
                "invalid-dependency",
                f"{printable(requirement)!r} is not a requirement.",
                "dependencies",
                "PEP 508 such as 'zeroconf>=0.130'",
            )
        else:
            yield requirement


def _urls(reader: _Reader) -> Iterator[tuple[str, str]]:
    for label, address in (reader.value("urls", dict, "a table", needed=False) or {}).items():
        if isinstance(address, str):
            yield label, address
        else:
            reader.problem("wrong-type", f"The link {printable(label)!r} is not a string.", "urls")


def _readme(found: object) -> str:
    if isinstance(found, dict):
        found = found.get("file", "")
    return found if isinstance(found, str) else ""


def _entry_points(reader: _Reader) -> Iterator[tuple[str, str]]:
    words = f'[project.entry-points."{ENTRY_POINT_GROUP}"] with name = "package:Class"'
    groups = reader.value("entry-points", dict, words, needed=False) or {}
    group = groups.get(ENTRY_POINT_GROUP)
    if not isinstance(group, dict) or not group:
        said = f"There is no entry point in group '{ENTRY_POINT_GROUP}'."
        reader.problem("missing-entry-point", said, "entry-points", words)
        return
    for name, target in group.items():
        if isinstance(target, str) and _TARGET.fullmatch(target):
            yield name, target
        else:
            said = f"The entry point {printable(name)!r} does not name a class."
            expected = "'package.module:Class'"
            reader.problem("invalid-entry-point", said, name, expected, _ENTRY_POINTS)
