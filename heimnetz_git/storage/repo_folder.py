"""The folder of a bare repository: making and recognising it, and the small files in it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from heimnetz_git.errors import CorruptRepository, FileMissing, UsageError, printable
from heimnetz_git.storage.repo_objects import writing

if TYPE_CHECKING:
    from dulwich.config import ConfigFile

__all__ = [
    "check",
    "create",
    "has_hooks",
    "identity",
    "read_shallow",
    "write_ref",
    "write_shallow",
]

_CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
_HOOKS = ("pre-receive", "update", "proc-receive", "post-receive", "reference-transaction")
_EXTENSIONS = {b"objectformat", b"worktreeconfig", b"relativeworktrees", b"noop"}
_IDENTITY = re.compile(r"(?P<name>[^<>\n\0]*?)\s*(?:<(?P<address>[^<>\n\0]*)>)?\s*")


def create(path: Path) -> None:
    """An empty bare repository, made aside and put in place in one step."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is there already and not empty.", path=str(path))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            _fill(aside)
            aside.chmod(0o755)
            if path.exists():
                path.rmdir()
            aside.rename(path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _fill(folder: Path) -> None:
    for inner in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "hooks", "info"):
        (folder / inner).mkdir(parents=True)
    (folder / "description").write_bytes(b"An index of plugins\n")
    (folder / "info" / "exclude").write_bytes(b"")
    (folder / "config").write_bytes(_CONFIG)
    (folder / "HEAD").write_bytes(b"ref: refs/heads/main\n")


def check(path: Path) -> Path:
    """The folder that holds the repository at ``path``: itself, or ``.git`` in a work tree.

    Raises FileMissing when there is none, CorruptRepository when it is of a kind not known here.
    """
    if not path.exists():
        raise FileMissing(f"There is no folder {path}.", path=str(path))
    for folder in (path, path / ".git"):
        if (folder / "objects").is_dir() and (folder / "HEAD").is_file():
            _check_format(folder)
            return folder
    raise FileMissing(f"{path} is not a Git repository.", path=str(path))


def _check_format(folder: Path) -> None:
    try:
        if (folder / "config").read_bytes() == _CONFIG:
            return
        config = _config(folder)
        names = {name.lower() for name, _ in config.items((b"extensions",))}
        version = int(_setting(config, b"core", b"repositoryformatversion") or b"0")
        sha1 = _setting(config, b"extensions", b"objectformat") in {None, b"sha1"}
    except FileNotFoundError:
        return
    except (ValueError, OSError) as error:
        raise CorruptRepository(f"The configuration of {folder} cannot be read.") from error
    if version > 1 or not sha1 or (version == 1 and names - _EXTENSIONS):
        what = printable(", ".join(sorted(name.decode("utf-8", "replace") for name in names)))
        raise CorruptRepository(
            f"{folder} is a repository of a kind that is not supported ({what or version}).",
            hint="Clone it with plain 'git clone --bare' and use that.",
        )


def _config(folder: Path) -> ConfigFile:
    from dulwich.config import ConfigFile

    return ConfigFile.from_path(folder / "config")


def _setting(config: ConfigFile, section: bytes, name: bytes) -> bytes | None:
    try:
        return config.get((section,), name)
    except KeyError:
        return None


def has_hooks(folder: Path) -> bool:
    """Does somebody want to be asked before a branch of this repository changes?"""
    with contextlib.suppress(FileNotFoundError):
        if _setting(_config(folder), b"core", b"hookspath"):
            return True
    return any(os.access(folder / "hooks" / name, os.X_OK) for name in _HOOKS)


def identity(author: str) -> str:
    """``author`` as Git writes it, ``Name <address>``. Raises UsageError."""
    match = _IDENTITY.fullmatch(author)
    if not match or not match["name"].strip():
        raise UsageError(f"{printable(author)!r} is not a name such as 'Ada <ada@example.org>'.")
    return f"{match['name'].strip()} <{(match['address'] or '').strip()}>"


def write_ref(folder: Path, name: str, oid: str) -> None:
    """Set a ref that nobody else writes: aside, then in one step; no lock file can stay behind."""
    _replace(folder / name, oid.encode() + b"\n")


def read_shallow(folder: Path) -> frozenset[str]:
    """The commits whose parents are left out."""
    try:
        return frozenset((folder / "shallow").read_text("ascii").split())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        raise CorruptRepository(f"{folder / 'shallow'} cannot be read.") from error


def write_shallow(folder: Path, oids: frozenset[str]) -> None:
    """Replace that set; no file at all means none."""
    if oids:
        _replace(folder / "shallow", "".join(f"{oid}\n" for oid in sorted(oids)).encode())
    else:
        (folder / "shallow").unlink(missing_ok=True)


def _replace(path: Path, data: bytes) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(aside).chmod(0o644)
            Path(aside).replace(path)
        finally:
            Path(aside).unlink(missing_ok=True)
