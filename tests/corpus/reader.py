"""Reads the scanner's corpus: inert samples as data, with technique and true capabilities.

A sample begins with ``=== NAME | TECHNIQUE | CAPABILITIES`` and is one module, or several files
after ``--- PATH`` lines (``(base64)`` for bytes). Targets are under example.invalid, example.org or
loopback, or are words that a rule must know; nothing here is ever run. A third of the names, by
their hash, is held out: rules are written while looking at the others alone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["FOLDER", "Sample", "samples"]

FOLDER = Path(__file__).resolve().parent
_BENIGN = "benign"


class Sample(NamedTuple):
    """One case: its files, whether it means harm, and what it can really do."""

    name: str
    group: str
    technique: str
    capabilities: frozenset[str]
    files: Mapping[str, bytes]

    @property
    def is_bad(self) -> bool:
        """Whether it means harm or hides."""
        return self.group != _BENIGN

    @property
    def is_held_out(self) -> bool:
        """Whether nobody looks at it while rules are written."""
        name = f"{self.group}/{self.name}".encode()
        return int(hashlib.sha256(name).hexdigest(), 16) % 3 == 0


def samples(folder: Path = FOLDER) -> Iterator[Sample]:
    """Every sample, in the order of files and lines."""
    for path in sorted(folder.glob("*.txt")):
        for block in path.read_text(encoding="utf-8").split("\n=== "):
            if block.strip():
                yield _sample(path.stem, block.removeprefix("=== "))


def _sample(group: str, block: str) -> Sample:
    head, _, body = block.partition("\n")
    name, technique, capabilities = (part.strip() for part in head.split("|"))
    files: dict[str, bytes] = {}
    if body.startswith("--- "):
        for part in ("\n" + body).split("\n--- ")[1:]:
            path, _, text = part.partition("\n")
            where, _, form = path.partition(" ")
            files[where] = base64.b64decode(text) if form else (text + "\n").encode()
    else:
        files["sample/__init__.py"] = (body + "\n").encode()
    return Sample(name, group, technique, frozenset(capabilities.split()), files)
