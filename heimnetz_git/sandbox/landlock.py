"""A Landlock domain of its own for a plugin's process.

Whoever is in a domain cannot look into the memory of a process outside of it (``/proc/PID/mem``
included), whatever user it is; from Linux 6.12 on it cannot signal one either, nor connect to its
abstract sockets. With ``Files`` it can use those files and no others, and from Linux 6.7 on neither
bind nor connect TCP sockets. Format: ``linux/landlock.h``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterator

from heimnetz_git.sandbox import kernel
from heimnetz_git.sandbox.view import Files

__all__ = ["enter_domain", "version"]

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every processor
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK = 1 << 6, 1 << 7, 1 << 8, 1 << 9
MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = 1 << 10, 1 << 11, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = READ_FILE | READ_DIR
WRITE = (
    READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM
    | REFER | TRUNCATE
)  # fmt: skip
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
KNOWN = ((1, (1 << 13) - 1), (2, REFER), (3, TRUNCATE), (5, IOCTL_DEV))  # since which version
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1 << 0, 1 << 1
PR_SET_NO_NEW_PRIVS = 38


def version() -> int:
    """The version of Landlock's interface that this kernel has, 0 for none."""
    try:
        return kernel.syscall(CREATE_RULESET, "Landlock", None, 0, CREATE_RULESET_VERSION)
    except OSError:
        return 0


def enter_domain(files: Files | None = None) -> bool:
    """Put this process into a domain of its own; False where the kernel has no way to.

    Without ``files`` only device nodes cannot be made in it, and any other use of files is as
    before; version 1 of the interface would then forbid moving files between folders, so it is not
    used. Raises OSError.
    """
    known = version()
    if known < (1 if files else 2):
        return False
    handled = _handled(known) if files else MAKE_CHAR | MAKE_BLOCK | REFER
    ruleset = _ruleset(known, handled, closed=files is not None)
    try:
        for path, rights in _rules(files):
            _allow(ruleset, path, rights & handled)
        kernel.prctl(PR_SET_NO_NEW_PRIVS, 1)
        kernel.syscall(RESTRICT_SELF, "Landlock", ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _handled(known: int) -> int:
    """Every right to files that a version knows."""
    return sum(rights for since, rights in KNOWN if since <= known)


def _ruleset(known: int, handled: int, *, closed: bool) -> int:
    """A new ruleset; ``closed`` refuses TCP too where it can."""
    network = BIND_TCP | CONNECT_TCP if closed and known >= 4 else 0
    scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS if known >= 6 else 0
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    attribute = struct.pack("=QQQ", handled, network, scoped)[:size]
    return kernel.syscall(CREATE_RULESET, "Landlock", attribute, size, 0)


def _rules(files: Files | None) -> Iterator[tuple[str, int]]:
    """What is allowed where."""
    if files is None:
        yield "/", REFER
        return
    for path in files.read:
        yield path, READ
    for path in files.write:
        yield path, WRITE
    for path in files.run:
        yield path, READ_FILE | EXECUTE
    for path in files.devices:
        yield path, READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Allow ``rights`` at and below ``path``; what does not exist needs no rule."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EACCES}:
            return
        raise
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= OF_FILES
        if rights:
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, descriptor))
            kernel.syscall(ADD_RULE, "Landlock", ruleset, RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
