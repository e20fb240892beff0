"""What a plugin's process does to itself before any of the plugin's code is loaded.

Descriptors, namespaces, the step down from root, capabilities, limits, a Landlock domain and the
system-call filter, in this order: once applied, none of it can be undone by the process or by
anything that it starts. Elsewhere than on Linux only what exists is applied.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from heimnetz_git.sandbox import kernel, landlock, namespaces
from heimnetz_git.sandbox.view import Files, View

__all__ = ["Confinement", "apply"]

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP = {"x86_64": 317, "aarch64": 277}
SECCOMP_SET_MODE_FILTER, FILTER_FLAG_TSYNC = 1, 1
SIGKILL = 9
THREAD_STACK = 2 << 20  # else a handful of threads eats the limit on memory


class Confinement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What to apply.

    ``rlimits`` maps names of resource limits without ``RLIMIT_`` to bytes or counts; ``memory`` is
    what the plugin may add to the memory that the interpreter already uses, in bytes, 0 for no
    limit; ``uid`` is the user and group to become, 0 to stay; ``filter`` a BPF program, empty
    for none; ``view`` namespaces to enter, None where somebody else made them or there are none;
    ``files`` what a Landlock domain leaves, None for all; ``landlock`` promises a domain;
    ``capabilities`` gives all of them up.
    """

    rlimits: dict[str, int] = {}
    memory: int = 0
    uid: int = 0
    filter: bytes = b""
    view: View | None = None
    files: Files | None = None
    landlock: bool = False
    capabilities: bool = False

    def promised(self) -> tuple[str, ...]:
        """The names of what ``apply`` must have applied, on Linux."""
        layers = {
            "namespaces": self.view is not None,
            "uid": self.uid,
            "capabilities": self.capabilities,
            "rlimits": self.rlimits or self.memory,
            "landlock": self.landlock,
            "seccomp": self.filter,
        }
        return tuple(name for name, wanted in layers.items() if wanted)


def apply(confinement: Confinement, keep: Iterable[int] = ()) -> tuple[str, ...]:
    """Confine this process; what was applied, by name.

    ``keep`` are the descriptors that stay open beside the standard ones. With namespaces the
    process that returns is another one than the caller. Raises OSError if the system refuses, and
    if less was applied than was promised: then nothing of the plugin may be run.
    """
    applied: list[str] = []
    if sys.platform == "linux":
        namespaces.close_all_but(keep)
        _apply_on_linux(confinement, applied)
    elif sys.platform != "win32":
        if confinement.uid:
            kernel.become(confinement.uid)
            applied.append("uid")
        if confinement.rlimits or confinement.memory:
            _limit(confinement)
            applied.append("rlimits")
    missing = set(confinement.promised()) - set(applied)
    if missing and sys.platform == "linux":
        raise OSError(f"the sandbox is not complete: {', '.join(sorted(missing))} not applied")
    return tuple(applied)


def _apply_on_linux(confinement: Confinement, applied: list[str]) -> None:
    """Layer by layer; each is noted in ``applied`` once it holds."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, SIGKILL)
    if confinement.view is not None:
        namespaces.enter(confinement.view, confinement.uid)
        applied.append("namespaces")
    if confinement.uid:
        _drop_bounding()
        kernel.become(confinement.uid)
        applied.append("uid")
    if confinement.capabilities:
        kernel.drop_capabilities()
        applied.append("capabilities")
    kernel.prctl(kernel.PR_SET_PDEATHSIG, SIGKILL)  # a change of user clears it
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else its own /proc/self belongs to root
    if confinement.rlimits or confinement.memory:
        _limit(confinement)
        applied.append("rlimits")
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if landlock.enter_domain(confinement.files):
        applied.append("landlock")
    if confinement.filter:
        _filter(confinement.filter)
        applied.append("seccomp")


def _drop_bounding() -> None:
    """No capability can come back with a program; only root can give this up."""
    for number in range(kernel.LAST_CAPABILITY + 1):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, number)
        except OSError:
            return


def _limit(confinement: Confinement) -> None:
    """Set each limit as hard and as soft one; a lower one that is already set stays."""
    if sys.platform == "win32":
        return
    import resource
    import threading

    limits = dict(confinement.rlimits)
    if confinement.memory:
        limits |= _memory_limits(confinement.memory)
        threading.stack_size(THREAD_STACK)
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is None:
            continue
        hard = resource.getrlimit(number)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (least, least))


def _memory_limits(memory: int) -> dict[str, int]:
    """``memory`` bytes beyond what the interpreter has; mapping files takes address space too.

    Linux counts memory of one's own (RLIMIT_DATA, since 4.7) apart from the address space, of
    which code of extensions and mapped files take as much again.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        words = Path("/proc/self/statm").read_text().split()
    except OSError:
        return {"AS": memory + (256 << 20)}
    total, own = int(words[0]) * page, int(words[5]) * page
    return {"AS": 2 * memory + total, "DATA": memory + own}


def _filter(code: bytes) -> None:
    """Load a BPF program as the system-call filter of all threads (``struct sock_fprog``)."""
    import ctypes

    body = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(body))
    program = ctypes.create_string_buffer(header, len(header))
    number = SECCOMP[os.uname().machine]
    flags = (SECCOMP_SET_MODE_FILTER, FILTER_FLAG_TSYNC)
    if kernel.syscall(number, "seccomp", *flags, ctypes.byref(program)):
        raise OSError("the system-call filter does not hold for every thread")
