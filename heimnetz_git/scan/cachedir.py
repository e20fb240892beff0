"""Reports that were made before, by the digest of what was scanned and the rules that did it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec

from heimnetz_git.scan.report import Report
from heimnetz_git.scan.ruleset import rule_set
from heimnetz_git.storage.home import write_atomic

__all__ = ["ReportCache"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
KEPT_SETS = 2


class ReportCache:
    """A folder of reports; one that is damaged or of other rules is as good as none."""

    def __init__(self, root: Path, rules: str = "") -> None:
        self._root = root
        self._folder = root / (rules or rule_set())

    def get(self, digest: str) -> Report | None:
        """The report on the artifact of this SHA-256, None when these rules have not seen it."""
        try:
            return msgspec.json.decode(self._file(digest).read_bytes(), type=Report)
        except (OSError, ValueError):
            return None

    def put(self, digest: str, report: Report) -> None:
        """Keep a report; those of rules before the last are dropped."""
        file = self._file(digest)
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._drop_old()
        file.parent.mkdir(exist_ok=True)
        write_atomic(file, msgspec.json.encode(report))

    def _file(self, digest: str) -> Path:
        if _DIGEST.fullmatch(digest) is None:
            raise ValueError(f"{digest!r} is no SHA-256.")
        return self._folder / digest[:2] / f"{digest}.json"

    def _drop_old(self) -> None:
        others = [it for it in self._root.iterdir() if it != self._folder and it.is_dir()]
        others.sort(key=lambda it: it.stat().st_mtime, reverse=True)
        for folder in others[KEPT_SETS - 1 :]:
            shutil.rmtree(folder, ignore_errors=True)
