"""YARA over what is no Python: programs, libraries, scripts and data of a submission.

The engine is yara-x, in the extra ``yara``; without it this rule finds nothing, and other rules
still say that there is a binary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.apis import Kind
from heimnetz_git.scan.submission import Submission, found

__all__ = ["known_pattern"]

_READ_OTHERWISE = frozenset(
    {".py", ".pyi", ".pyw", ".pth", ".md", ".rst", ".txt", ".yaml", ".yml", ".toml", ".json",
     ".cfg", ".ini", ".typed", ".css", ".po", ".mo", ".csv"}
)  # fmt: skip
_PROSE = frozenset({"METADATA", "RECORD", "WHEEL", "LICENSE", "PKG-INFO"})
# Neither an installation nor a run reads them: what they fetch, a developer fetches.
_FOR_DEVELOPERS = re.compile(
    r"(?i)(gnu)?makefile|.+\.mk|(docker|container|vagrant|jenkins|just)file"
)
LARGEST = 32 << 20
SECONDS = 10


def known_pattern(submission: Submission) -> Iterator[Finding]:
    """A file has the marks of a known tool of attackers (ATT&CK T1027, CWE-506).

    YARA rules look into what is not Python: miners, packed or bundled programs, programs inside of
    other files, remote control, web shells, scripts that fetch programs and start them. Needs the
    extra ``yara``. Remove the file; a program that is needed is built by its users or named under
    'binaries'.
    """
    engine = None
    for file, data in submission.files.items():
        path = PurePosixPath(file)
        if path.suffix.lower() in _READ_OTHERWISE or path.name in _PROSE or len(data) > LARGEST:
            continue
        engine = engine or _engine()
        if engine is None:
            return
        for tell in _tells(engine, data):
            aside = _FOR_DEVELOPERS.fullmatch(path.name)
            yield found(
                known_pattern,
                Severity.LOW if aside else Severity(tell["severity"]),
                Location(file),
                f"{printable(path.name)} {tell['message']} ({tell['tags']}).",
                hint="Remove the file.",
                capability=Kind.NATIVE,
            )


def _tells(engine: Any, data: bytes) -> Iterator[dict[str, str]]:
    """What each rule that matches says of itself; a scan that takes too long is one, too."""
    import yara_x

    scanner = yara_x.Scanner(engine)
    scanner.set_timeout(SECONDS)
    try:
        results = scanner.scan(data)
    except yara_x.TimeoutError:
        yield {"severity": "medium", "message": "takes too long to search", "tags": "not analysed"}
        return
    for rule in results.matching_rules:
        yield dict(rule.metadata)


@cache
def _engine() -> Any:
    """The compiled rules; None where the extra is not installed."""
    try:
        import yara_x
    except ImportError:
        return None
    folder = files("heimnetz_git.scan") / "yara"
    rules = sorted(it.name for it in folder.iterdir() if it.name.endswith(".yar"))
    return yara_x.compile("\n".join((folder / name).read_text("utf-8") for name in rules))
