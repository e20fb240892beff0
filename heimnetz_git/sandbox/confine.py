"""What a plugin's process does to itself before any of the plugin's code is loaded (Linux).

Limits, the step down from root, and the system-call filter: once applied, none of it can be undone
by the process or by anything that it starts. Elsewhere than on Linux only what exists is applied.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import msgspec

from heimnetz_git.sandbox import landlock

__all__ = ["Confinement", "apply"]

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
SIGKILL = 9


class Confinement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What to apply.

    ``rlimits`` maps names of resource limits without ``RLIMIT_`` to bytes or counts; ``memory`` is
    what the plugin may add to the address space that the interpreter already uses, in bytes, 0 for
    no limit; ``uid`` is the user and group to become, 0 to stay; ``filter`` a BPF program, empty
    for none.
    """

    rlimits: dict[str, int] = {}
    memory: int = 0
    uid: int = 0
    filter: bytes = b""

    def promised(self) -> tuple[str, ...]:
        """The names of what ``apply`` must have applied, on Linux."""
        return (
            *(("uid",) if self.uid else ()),
            *(("rlimits",) if self.rlimits or self.memory else ()),
            *(("seccomp",) if self.filter else ()),
        )


def apply(confinement: Confinement) -> tuple[str, ...]:
    """Confine this process; what was applied, by name. Raises OSError if the system refuses."""
    applied = []
    if confinement.uid:
        _become(confinement.uid)
        applied.append("uid")
    if (confinement.rlimits or confinement.memory) and sys.platform != "win32":
        _limit(confinement)
        applied.append("rlimits")
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, SIGKILL)
        if confinement.uid:
            _prctl(PR_SET_DUMPABLE, 1)  # else its own /proc/self belongs to root
        if landlock.enter_domain():
            applied.append("landlock")
        if confinement.filter:
            _filter(confinement.filter)
            applied.append("seccomp")
    return tuple(applied)


def _become(uid: int) -> None:
    """Become an unprivileged user for good."""
    if sys.platform == "win32":
        raise OSError("there are no user ids to change to")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _limit(confinement: Confinement) -> None:
    """Set each limit as hard and as soft one; a lower one that is already set stays."""
    if sys.platform == "win32":
        return
    import resource

    limits = dict(confinement.rlimits)
    if confinement.memory:
        limits["AS"] = confinement.memory + _address_space()
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is None:
            continue
        hard = resource.getrlimit(number)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (least, least))


def _address_space() -> int:
    """How many bytes of address space this process has mapped."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 256 << 20
    return pages * os.sysconf("SC_PAGE_SIZE")


def _prctl(option: int, value: int, pointer: object = None) -> None:
    """The C library's ``prctl``. Raises OSError."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    rest = (ctypes.c_ulong(0), ctypes.c_ulong(0))
    if library.prctl(option, ctypes.c_ulong(value), pointer, *rest):
        raise OSError(ctypes.get_errno(), f"prctl {option} was refused")


def _filter(code: bytes) -> None:
    """Load a BPF program as this process's system-call filter (``struct sock_fprog``)."""
    import ctypes

    body = ctypes.create_string_buffer(code, len(code))
    count = len(code) // 8
    header = struct.pack("@HP", count, ctypes.addressof(body))
    program = ctypes.create_string_buffer(header, len(header))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))
