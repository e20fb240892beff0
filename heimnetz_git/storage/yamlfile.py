"""Where YAML becomes a value and a value becomes YAML: parse, read, dump, edit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from heimnetz_git.errors import FileMissing, FormatTooNew, InvalidFile, printable
from heimnetz_git.model.check import check
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.storage import canonical_reader
from heimnetz_git.storage.canonical import dump
from heimnetz_git.storage.explain import explain
from heimnetz_git.storage.yamlfile_edit import edit
from heimnetz_git.storage.yamlfile_nodes import Node, nodes
from heimnetz_git.storage.yamlfile_parse import Bounds, Doubt, values

__all__ = ["Bounds", "canonical", "dump", "edit", "parse", "read", "read_file"]

T = TypeVar("T", bound=msgspec.Struct)
_BOUNDS = Bounds()
FORMAT = 1
# Lines of comment or of nothing. No value of the canonical form spans lines, so these are in none.
_ASIDE = re.compile(rb"^ *(?:#(?:[ -~]|[\xc3-\xdf][\x80-\xbf])*+)?\n", re.MULTILINE)


def canonical(data: bytes, kind: type[T]) -> T | None:
    """The value of a file in canonical form, blank lines and lines of comment aside; else None.

    No YAML library is loaded, and None says nothing about the file.
    """
    found = canonical_reader.read(data, kind)
    if found is None and (b"#" in data or b"\n\n" in data):
        found = canonical_reader.read(_ASIDE.sub(b"", data), kind)
    return found


def parse(data: bytes, source: str, *, limits: Bounds = _BOUNDS) -> object:
    """The plain value of a YAML document: dicts with text keys, lists, text, numbers, None.

    ``source`` names the file in problems. Raises InvalidFile with every structural problem; nothing
    is built from aliases, tags or beyond ``limits``.
    """
    try:
        return values(data, limits)
    except Doubt:
        tree, problems = nodes(data, printable(source), limits)
    if problems or tree is None:
        raise _invalid(source, problems)
    return tree.data()


def read(
    data: bytes, kind: type[T], source: str, *, authoring: bool = False, limits: Bounds = _BOUNDS
) -> T:
    """A YAML document as a value of ``kind`` that passed every check of model/check.

    ``authoring`` refuses unknown keys; otherwise they are passed over. Raises InvalidFile with all
    problems of the file, each with its place, or FormatTooNew for a later ``format``.
    """
    if limits is _BOUNDS:  # the canonical form keeps those bounds, and has no unknown keys
        written = canonical(data, kind)
        if written is not None:
            return written
    try:
        value = msgspec.convert(values(data, limits), kind)
    except (Doubt, msgspec.ValidationError):
        pass
    else:
        if not authoring and next(check(value), None) is None:
            return value
    return _read_slowly(data, kind, source, authoring, limits)


def _read_slowly(data: bytes, kind: type[T], source: str, authoring: bool, limits: Bounds) -> T:
    source = printable(source)
    tree, problems = nodes(data, source, limits)
    if tree is None:
        raise _invalid(source, problems)
    _refuse_later_format(tree, source)
    problems += explain(tree, kind, source, authoring=authoring)
    if problems:
        raise _invalid(source, problems)
    try:
        return msgspec.convert(tree.data(), kind)
    except msgspec.ValidationError as error:  # what explain has no words for
        problem = Problem("wrong-type", f"{printable(str(error))}.", Location(source))
        raise _invalid(source, [problem]) from error


def _refuse_later_format(tree: Node, source: str) -> None:
    found = tree.value.get("format") if isinstance(tree.value, dict) else None
    if found is None or not isinstance(found.value, int) or found.value <= FORMAT:
        return
    message = f"{source} has format {found.value}; this heimnetz-git knows format {FORMAT}."
    place = Location(source, found.line, found.column)
    problem = Problem(FormatTooNew.code, message, place, "format", f"format {FORMAT}")
    raise FormatTooNew(message, problems=[problem], file=source, format=found.value)


def read_file(path: Path, kind: type[T], *, authoring: bool = False) -> T:
    """A YAML file as a value of ``kind``: as ``read``; FileMissing when there is no such file."""
    try:
        with path.open("rb") as file:
            data = file.read(_BOUNDS.size + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise FileMissing(f"There is no file {printable(str(path))}.", path=str(path)) from error
    return read(data, kind, str(path), authoring=authoring)


def _invalid(source: str, problems: list[Problem]) -> InvalidFile:
    ordered = sorted(problems, key=lambda found: (found.location.line, found.location.column))
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    return InvalidFile(
        f"{printable(source)} is not as it should be: {count}.", problems=ordered, file=source
    )
