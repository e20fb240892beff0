"""The refs of a bare repository: names that point to commits, changed by compare and swap.

Formats and locks are Git's: a file for each ref, ``packed-refs`` for those without one, and a
``.lock`` beside a ref while it changes (https://git-scm.com/docs/gitrepository-layout).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from heimnetz_git.errors import CorruptRepository, InvalidName, StorageError, printable
from heimnetz_git.storage.repo_objects import writing

__all__ = [
    "HEADS",
    "branches_of",
    "checked",
    "is_ref",
    "named",
    "read",
    "read_all",
    "remove",
    "swap",
    "whole",
]

HEADS = "refs/heads/"
ABANDONED = 10.0
"""Seconds after which a lock file is taken to be left over: a ref is locked for milliseconds."""
_OID = re.compile(r"[0-9a-f]{40}")
_PART = r"(?!\.)(?:(?!\.\.|@\{)[^\x00-\x20\x7f~^:?*\[\\/])+(?<!\.lock)"
_REF = re.compile(rf"{_PART}(?:/{_PART})+(?<!\.)")
_DEEPEST = 5
"""Refs that point to refs, as Git follows them."""


def is_ref(name: str) -> bool:
    """May a ref be called so? (https://git-scm.com/docs/git-check-ref-format)"""
    return _REF.fullmatch(name) is not None


def branches_of(refs: Mapping[bytes, bytes], prefix: str = "") -> dict[str, str]:
    """Branch -> commit of what a server says, by name; a name or id that is none is left out."""
    found = {}
    for raw, oid in sorted(refs.items()):
        try:
            name, value = raw.decode(), oid.decode()
        except UnicodeDecodeError:
            continue
        if name.startswith(HEADS + prefix) and is_ref(name) and _OID.fullmatch(value):
            found[name.removeprefix(HEADS)] = value
    return found


def whole(name: str) -> str:
    """A branch's name as a ref; one that is a ref already stays."""
    return name if name.startswith("refs/") else HEADS + name


def checked(name: str) -> str:
    """The same of a name that may be one. Raises InvalidName."""
    ref = whole(name)
    if not is_ref(ref):
        raise InvalidName(f"{printable(name)!r} is not a name for a branch.", name=printable(name))
    return ref


def named(refs: Mapping[bytes, bytes], names: Iterable[str]) -> dict[str, str]:
    """Those of ``names``, branches or whole refs, that a server has -> commit."""
    found = {}
    for name in names:
        oid = refs.get(whole(name).encode())
        if oid is not None and is_ref(whole(name)) and _OID.fullmatch(oid.decode("latin-1")):
            found[name] = oid.decode()
    return found


def read(folder: Path, name: str) -> str | None:
    """What a ref points to, None when there is no such ref. Raises CorruptRepository."""
    at = name
    for _ in range(_DEEPEST):
        text = _file(folder / at)
        if text is None:
            return _packed(folder).get(at)
        if not text.startswith("ref:"):
            if not _OID.fullmatch(text):
                raise CorruptRepository(f"The ref {printable(name)} of {folder} is damaged.")
            return text
        at = text.removeprefix("ref:").strip()
        if not is_ref(at):
            break
    raise CorruptRepository(f"The ref {printable(name)} of {folder} is damaged.")


def read_all(folder: Path, prefix: str = "refs/") -> dict[str, str]:
    """Every ref that begins with ``prefix`` -> what it points to, sorted; damaged ones left out."""
    found = {name: oid for name, oid in _packed(folder).items() if name.startswith(prefix)}
    for name in _files(folder, prefix):
        try:
            oid = read(folder, name)
        except CorruptRepository:
            found.pop(name, None)
            continue
        if oid is not None:
            found[name] = oid
    return dict(sorted(found.items()))


def swap(folder: Path, name: str, new: str, *, expect: str | None) -> bool:
    """Point a ref to ``new`` if it points to ``expect`` (None: is not there); else False.

    Raises StorageError when another program holds it.
    """
    path = folder / name
    lock = path.with_name(f"{path.name}.lock")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(lock)
        try:
            with os.fdopen(handle, "wb") as file:
                if read(folder, name) != expect:
                    return False
                file.write(new.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            lock.replace(path)
        finally:
            lock.unlink(missing_ok=True)
    return True


def remove(folder: Path, name: str, *, expect: str | None) -> bool:
    """Remove a ref, if it points to ``expect`` when that is given; else False."""
    from dulwich.file import FileLocked
    from dulwich.objects import ObjectID
    from dulwich.refs import DiskRefsContainer, Ref

    old = ObjectID(expect.encode()) if expect else None
    refs, ref = DiskRefsContainer(os.fspath(folder)), Ref(name.encode("utf-8", "surrogateescape"))
    end = time.monotonic() + 2 * ABANDONED
    with writing(folder):
        while True:
            try:
                return refs.remove_if_equals(ref, old)
            except FileLocked as error:
                _wait_for(Path(os.fsdecode(error.lockfilename)), end)


def _locked(lock: Path) -> int:
    """A handle of the lock file, made when no other program has it."""
    end = time.monotonic() + 2 * ABANDONED
    while True:
        try:
            return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            _wait_for(lock, end)


def _wait_for(lock: Path, end: float) -> None:
    """Wait for others a little, and clear what a dead one left. Raises StorageError in the end."""
    try:
        left_over = time.time() - lock.stat().st_mtime > ABANDONED
    except FileNotFoundError:
        return
    if left_over:
        lock.unlink(missing_ok=True)
    elif time.monotonic() > end:
        raise StorageError(f"{lock} is held by another program.", path=str(lock))
    else:
        time.sleep(0.05)


def _file(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(1 << 12).decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise CorruptRepository(f"{path} cannot be read.", path=str(path)) from error


def _files(folder: Path, prefix: str) -> Iterator[str]:
    start = folder / prefix.rpartition("/")[0]
    for place, _, names in os.walk(start):
        inner = Path(place).relative_to(folder).as_posix()
        for file in names:
            name = f"{inner}/{file}"
            if name.startswith(prefix) and is_ref(name):
                yield name


def _packed(folder: Path) -> dict[str, str]:
    try:
        text = (folder / "packed-refs").read_text("utf-8", "surrogateescape")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CorruptRepository(f"The packed refs of {folder} cannot be read.") from error
    found = {}
    for line in text.splitlines():
        oid, _, name = line.partition(" ")
        if _OID.fullmatch(oid) and is_ref(name):
            found[name] = oid
    return found
