"""Opening a file below a granted folder, wherever links and ``..`` would lead (Linux).

Source: ``openat2(2)`` with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import PurePosixPath

from heimnetz_git.sandbox import kernel

__all__ = ["NotBelowError", "open_below"]

OPENAT2 = 437
RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH = 2, 4, 8
RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
PASSED = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_EXCL | os.O_DIRECTORY
NEW_FILE = 0o600


class NotBelowError(Exception):
    """The path is in none of the folders."""


def open_below(path: str, folders: Iterable[str], flags: int) -> int:
    """A descriptor of a regular file or folder in one of ``folders`` (or one of them itself).

    Never waits (a pipe would) and never follows a link. Raises NotBelowError, and OSError.
    """
    pure = PurePosixPath(path)
    if not pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise NotBelowError(path)
    root = next((one for one in folders if pure.is_relative_to(one)), None)
    if root is None:
        raise NotBelowError(path)
    rest = str(pure.relative_to(root))
    wanted = (flags & PASSED) | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    itself = rest == "."
    descriptor = os.open(root, wanted & ~os.O_CREAT) if itself else _below(root, rest, wanted)
    if not stat.S_ISREG(mode := os.fstat(descriptor).st_mode) and not stat.S_ISDIR(mode):
        os.close(descriptor)
        raise OSError(errno.EACCES, "neither a file nor a folder")
    return descriptor


def _below(root: str, rest: str, flags: int) -> int:
    """``openat2`` of ``rest`` in ``root``."""
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    mode = NEW_FILE if flags & os.O_CREAT else 0
    try:
        how = struct.pack("=QQQ", flags, mode, RESOLVE)
        return kernel.syscall(OPENAT2, f"open {rest}", folder, os.fsencode(rest), how, len(how))
    finally:
        os.close(folder)
