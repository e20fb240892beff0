"""The law about the form of a tree: plain files with safe names, published files unchanged.

Each rule is a pure function of one changed path; only names that collide need a look around. A
client applies all of them to every update, so they are cheap.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import classify
from heimnetz_git.registry.law_case import finding
from heimnetz_git.storage.repo import Change, Repository

__all__ = [
    "CHANGE_RULES",
    "file_mode",
    "folders_of",
    "path_characters",
    "path_collision",
    "path_length",
    "release_changed",
]

REGULAR = 0o100644
LONGEST_PATH = 240
_MODES = {0o120000: "a symbolic link", 0o160000: "a submodule", 0o100755: "marked as a program"}
_IMMUTABLE = {"release": "release", "signature": "signature", "artifact": "wheel"}
_DEVICE = r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])"
_SAFE = re.compile(
    rf"(?!(?:.*/)?(?i:{_DEVICE})(?:[./]|$))"
    r"(?:[a-z0-9_][A-Za-z0-9._+!-]*/)*[A-Za-z0-9_][A-Za-z0-9._+!-]*[A-Za-z0-9_]"
)
_FORBIDDEN = re.compile(r'[\\:*?"<>|]')
_RESERVED = re.compile(rf"{_DEVICE}(?:\..*)?", re.IGNORECASE)
_GIT = re.compile(r"\.git|git~[0-9]+", re.IGNORECASE)


def release_changed(change: Change) -> Iterator[Finding]:
    """A release, its signature and its wheel are written once: no edit, no removal, ever.

    Clients and locks name a release by the id of its file; a release that turned out bad is yanked.
    """
    if change.old is None or (
        change.new
        and change.new.mode == change.old.mode == REGULAR
        and change.new.oid == change.old.oid
    ):
        return
    kind = classify(change.path).kind
    if kind in _IMMUTABLE:
        done = "removed" if change.new is None else "changed"
        yield finding(
            "release-changed",
            change.path,
            f"This published {_IMMUTABLE[kind]} was {done}.",
            severity=Severity.CRITICAL,
            hint="Published files stay as they are: yank the release, publish a new version.",
        )


def file_mode(change: Change) -> Iterator[Finding]:
    """An index holds plain files: no symbolic links, submodules or programs."""
    if change.new and change.new.mode != REGULAR:
        what = _MODES.get(change.new.mode, f"of mode {change.new.mode:o}")
        yield finding(
            "file-mode",
            change.path,
            f"It is {what}; an index holds plain files.",
            severity=Severity.CRITICAL,
        )


def path_characters(change: Change) -> Iterator[Finding]:
    """Names are Unicode in normal form C and can be a file's name on every system.

    No control or invisible characters, nothing that Windows reserves, nothing that Git takes for
    its own folder.
    """
    if change.new is None or _SAFE.fullmatch(change.path):
        return
    if any("\ud800" <= char <= "\udfff" for char in change.path):
        wrong = "is not UTF-8"
    elif unicodedata.normalize("NFC", change.path) != change.path:
        wrong = "is not in Unicode normal form C"
    elif not change.path.isprintable() or _invisible(change.path):
        wrong = "has characters that cannot be seen"
    elif not all(map(_portable, change.path.split("/"))):
        wrong = "cannot be a file's name on every system"
    else:
        return
    yield finding("path-characters", change.path, f"The path {wrong}.", severity=Severity.CRITICAL)


def _invisible(path: str) -> bool:
    return any(unicodedata.category(char) in {"Cf", "Cc", "Co", "Cn", "Zl", "Zp"} for char in path)


def _portable(name: str) -> bool:
    return not (
        _FORBIDDEN.search(name)
        or name != name.strip()
        or name.endswith(".")
        or _RESERVED.fullmatch(name)
        or _GIT.fullmatch(name)
    )


def path_length(change: Change) -> Iterator[Finding]:
    """A path is at most 240 bytes long, so that every system can hold it."""
    if change.new and len(change.path) > LONGEST_PATH // 4:
        length = len(change.path.encode("utf-8", "surrogateescape"))
        if length > LONGEST_PATH:
            yield finding("path-length", change.path, f"The path is {length} bytes long.")


def path_collision(repo: Repository, head: str, folder: str) -> Iterator[Finding]:
    """No two names of a folder are the same but for case or Unicode form.

    On many systems they are one file, and which of both it is depends on chance. Looks into each
    folder that has a change in or below it.
    """
    names = repo.names(head, folder)
    whole = "".join(names)
    if whole.isascii() and whole == whole.lower():
        return  # what a tree tells apart, every system does
    folded: dict[str, str] = {}
    for name in names:
        twin = folded.setdefault(_folded(name), name)
        if twin != name:
            path = f"{folder}/{name}" if folder else name
            yield finding(
                "path-collision",
                path,
                f"{printable(name)!r} and {printable(twin)!r} are one name on many systems.",
                severity=Severity.CRITICAL,
            )


def _folded(name: str) -> str:
    return name if name.isascii() and name.islower() else _fold(name)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def folders_of(path: str) -> Iterator[str]:
    """Every folder above a path, the innermost first, the top as empty text last."""
    while path:
        path = path.rpartition("/")[0]
        yield path


CHANGE_RULES = (release_changed, file_mode, path_characters, path_length)
