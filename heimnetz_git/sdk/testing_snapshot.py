"""The face of a plugin in an author's tests: what others rely on, kept beside the tests."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import msgspec

from heimnetz_git.model.release import Release

__all__ = ["SNAPSHOT", "Snapshot", "face"]

SNAPSHOT = "manifest.snapshot.json"
OPTION = "--manifest-snapshot-update"
SHOWN = (
    "type", "host", "python", "requires", "optional", "packages", "permissions", "limits",
    "config", "operations",
)  # fmt: skip


def face(release: Release) -> str:
    """What others rely on, as JSON with sorted keys: the built manifest without name and version.

    Type, ranges, permissions, limits, the schema of the configuration, and the operations with
    their schemas; an edit of the text in between changes nothing.
    """
    said = {key: getattr(release, key) for key in SHOWN}
    plain = msgspec.json.encode(said, order="sorted")
    return msgspec.json.format(plain, indent=2).decode() + "\n"


class Snapshot:
    """Compares a plugin's face with the file ``manifest.snapshot.json`` beside the test."""

    def __init__(self, file: Path, *, update: bool) -> None:
        self.file = file
        self._update = update

    def check(self, release: Release) -> None:
        """Raise AssertionError with the difference; with the option that updates, write it."""
        now = face(release)
        if self._update:
            self.file.write_text(now, encoding="utf-8")
            return
        if not self.file.is_file():
            raise AssertionError(f"There is no {self.file.name} yet; write it: pytest {OPTION}")
        before = self.file.read_text(encoding="utf-8")
        if now != before:
            difference = "\n".join(_lines(before, now))
            raise AssertionError(
                f"The manifest is another one than in {self.file.name}. If that is meant, and the"
                f" version number says so, write it anew: pytest {OPTION}\n{difference}"
            )


def _lines(before: str, now: str) -> Iterator[str]:
    yield from unified_diff(
        before.splitlines(), now.splitlines(), "before", "now", lineterm="", n=2
    )
