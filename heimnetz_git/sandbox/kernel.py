"""The C library's calls that Python has no names for: prctl, mounts, namespaces, capabilities.

Linux only; each raises OSError with what was refused. Sources: ``linux/prctl.h``,
``linux/mount.h``, ``linux/sched.h``, ``linux/capability.h``.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from functools import cache
from typing import Any

__all__ = [
    "attributes",
    "become",
    "drop_capabilities",
    "mount",
    "pivot",
    "prctl",
    "syscall",
    "unmount",
    "unshare",
]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
LAST_CAPABILITY = 63
CAPABILITY_VERSION_3 = 0x20080522
CAPSET = {"x86_64": 126, "aarch64": 91}
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
MOUNT_SETATTR = 442
AT_FDCWD, AT_RECURSIVE = -100, 0x8000


@cache
def _library() -> Any:
    """The C library."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    """``result``. Raises OSError if it is a failure."""
    import ctypes

    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return int(result)


def syscall(number: int, what: str, *arguments: Any) -> int:
    """A system call by number."""
    import ctypes

    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return _checked(_library().syscall(ctypes.c_long(number), *words), what)


def prctl(option: int, *arguments: Any) -> int:
    """The C library's ``prctl``; missing arguments are 0."""
    import ctypes

    full = (*arguments, 0, 0, 0, 0)[:4]
    words = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in full]
    return _checked(_library().prctl(option, *words), f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    _checked(_library().unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount something."""
    import ctypes

    words = [os.fsencode(word) if word else None for word in (source, target, kind)]
    options = data.encode() if data else None
    result = _library().mount(*words, ctypes.c_ulong(flags), options)
    _checked(result, f"mount {target}")


def unmount(target: str, flags: int) -> None:
    """Unmount something."""
    _checked(_library().umount2(os.fsencode(target), flags), f"unmount {target}")


def attributes(path: str, flags: int, *, recursive: bool) -> None:
    """Add attributes (``MOUNT_ATTR_*``) to the mount at ``path``, and to those below it."""
    wanted = struct.pack("=QQQQ", flags, 0, 0, 0)
    deep = AT_RECURSIVE if recursive else 0
    syscall(MOUNT_SETATTR, f"attributes of {path}", AT_FDCWD, os.fsencode(path), deep, wanted, 32)


def pivot(root: str, old: str) -> None:
    """Make ``root`` the root of this mount namespace, the former one visible at ``old``."""
    number = PIVOT_ROOT[os.uname().machine]
    syscall(number, "pivot_root", os.fsencode(root), os.fsencode(old))


def become(uid: int) -> None:
    """Become an unprivileged user and group for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def drop_capabilities() -> None:
    """Give up every capability, also those that a program could bring along."""
    for number in range(LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError:
            break  # the kernel knows no more, or this process never had any
    with suppress(OSError):  # Linux before 4.3 has none
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    syscall(CAPSET[os.uname().machine], "capset", header, bytes(24))
