"""Newer templates for an older project: a three-way merge that loses no line of the author's.

A new project keeps what the templates made of it in RECORD. The update renders the templates of
today with the same answers; where the author changed nothing the new text comes in, where both
changed the lines are merged, and where they changed the same lines both stand in the file between
the markers that Git uses.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

from heimnetz_git.errors import FileMissing, InvalidFile, UsageError, printable
from heimnetz_git.sdk.scaffold import RECORD, SCHEMA_FILE, Made, render, rendered_record
from heimnetz_git.storage.home import storage_errors, write_atomic

__all__ = ["Fate", "Updated", "update_project"]

LARGEST_RECORD = 16 << 20
MINE, THEIRS = "yours", "template"
MARKS = (f"<<<<<<< {MINE}", f">>>>>>> {THEIRS}")
BESIDE = ".template"


class Fate(StrEnum):
    """What became of one file."""

    ADDED = "added"
    UPDATED = "updated"
    MERGED = "merged"
    CONFLICT = "conflict"
    BESIDE = "beside"
    DROPPED = "dropped"


class Updated(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the files that the templates changed, by path; others are not named.

    ``beside`` files are no text: the new one lies beside, ending in ``.template``. ``dropped`` ones
    are in the templates no more, and were left alone.
    """

    name: str
    files: dict[str, Fate]

    @property
    def conflicts(self) -> tuple[str, ...]:
        """The files that somebody must look at."""
        return tuple(path for path, fate in self.files.items() if fate is Fate.CONFLICT)


def update_project(root: Path, *, templates: Path | None = None) -> Updated:
    """Bring the project in ``root`` to today's templates; every file is replaced whole.

    Raises FileMissing for a project without RECORD, InvalidFile for a broken one or broken
    templates, UsageError while an earlier update has conflicts, StorageError.
    """
    made = _record(root)
    files = render(made.idea, templates)
    base = made.contents()
    fates: dict[str, Fate] = {}
    texts: dict[str, bytes] = {}
    for path in sorted({*base, *files}):
        if path == SCHEMA_FILE:  # ours alone: nobody edits it
            base[path] = _read(root / path) or b""
        found = _merged(base.get(path), _read(root / path), files.get(path), path)
        if found is not None:
            fates[path], data = found
            if data is not None:
                texts[path + BESIDE if fates[path] is Fate.BESIDE else path] = data
    with storage_errors(root):
        for path, data in texts.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(root / path, data)
        write_atomic(root / RECORD, rendered_record(made.idea, files))
    return Updated(name=made.idea.name, files=fates)


def _merged(
    base: bytes | None, mine: bytes | None, new: bytes | None, path: str
) -> tuple[Fate, bytes | None] | None:
    """What becomes of one file, and its new content if it has one; None if nothing happens."""
    if new in (base, mine):
        return None
    if new is None:
        return (Fate.DROPPED, None) if mine is not None else None
    if mine is None:
        return (Fate.ADDED, new) if base is None else None  # the author took it out
    if mine == base:
        return Fate.UPDATED, new
    texts = [_lines(data) for data in (base or b"", mine, new)]
    if texts[0] is None or texts[1] is None or texts[2] is None:
        return Fate.BESIDE, new
    if any(line.startswith(MARKS) for line in texts[1]):
        raise UsageError(
            f"{printable(path)} still has the conflicts of an earlier update.",
            hint="Choose between the marked lines first. Nothing was changed.",
        )
    return _three_way(texts[0], texts[1], texts[2])


def _three_way(base: list[str], mine: list[str], new: list[str]) -> tuple[Fate, bytes]:
    try:
        from merge3 import Merge3  # an extra, with the templates
    except ImportError:
        raise UsageError(
            "The library merge3, which joins two versions of a file, is not installed here.",
            hint="Install what authors need: 'pip install \"heimnetz-git[sdk]\"'.",
        ) from None
    merge = Merge3(base, mine, new)
    clash = any(group[0] == "conflict" for group in merge.merge_groups())
    lines = merge.merge_lines(name_a=MINE, name_b=THEIRS)
    return Fate.CONFLICT if clash else Fate.MERGED, "".join(lines).encode()


def _lines(data: bytes) -> list[str] | None:
    """The lines of a text with their ends; None for what is no text."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    if text and not text.endswith("\n"):
        text += "\n"  # so that a marker never joins the last line
    return text.splitlines(keepends=True)


def _read(file: Path) -> bytes | None:
    if file.is_symlink():
        raise UsageError(f"{printable(file.name)} is a link; the update writes to files alone.")
    return file.read_bytes() if file.is_file() else None


def _record(root: Path) -> Made:
    """What the project was made of."""
    data = _read(root / RECORD)
    if data is None:
        raise FileMissing(
            f"{printable(str(root), longest=400)} has no {RECORD}: it does not say what it was "
            f"made of.",
            hint="Only projects that 'heimnetz-git new' began can be updated.",
        )
    try:
        if len(data) > LARGEST_RECORD:
            raise msgspec.ValidationError("it is too large")
        return msgspec.json.decode(data, type=Made)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidFile(f"{RECORD} is broken: {printable(str(error))}.") from None
