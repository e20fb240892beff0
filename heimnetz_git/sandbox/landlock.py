"""A Landlock domain of its own for a plugin's process (Linux 5.19 and later).

Whoever is in a domain cannot look into the memory of a process outside of it (``/proc/PID/mem``
included), whatever user it is; from Linux 6.12 on it cannot signal one either, nor connect to its
abstract sockets. Format: ``linux/landlock.h``.
"""

from __future__ import annotations

import os
import struct
from typing import Any

__all__ = ["enter_domain", "version"]

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every processor
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
MAKE_CHAR, MAKE_BLOCK, REFER = 1 << 6, 1 << 11, 1 << 13
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1 << 0, 1 << 1
PR_SET_NO_NEW_PRIVS = 38


def version() -> int:
    """The version of Landlock's interface that this kernel has, 0 for none."""
    return max(0, int(_library().syscall(CREATE_RULESET, None, _word(0), CREATE_RULESET_VERSION)))


def enter_domain() -> bool:
    """Put this process into a domain of its own; False where the kernel has no way to.

    Device nodes cannot be made in it; any other use of files is as before. Version 1 of the
    interface would forbid moving files between folders, so it is not used. Raises OSError.
    """
    known = version()
    if known < 2:
        return False
    import ctypes

    library = _library()
    scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS
    handled = struct.pack("=QQQ", MAKE_CHAR | MAKE_BLOCK | REFER, 0, scoped if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    ruleset = _checked(library.syscall(CREATE_RULESET, handled[:size], _word(size), 0))
    root = os.open("/", os.O_PATH)
    try:
        rule = struct.pack("=Qi", REFER, root)
        _checked(library.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0))
        _checked(library.prctl(PR_SET_NO_NEW_PRIVS, *(ctypes.c_ulong(n) for n in (1, 0, 0, 0))))
        _checked(library.syscall(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(root)
        os.close(ruleset)
    return True


def _library() -> Any:
    """The C library."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _word(value: int) -> Any:
    """A ``size_t`` argument."""
    import ctypes

    return ctypes.c_size_t(value)


def _checked(result: int) -> int:
    """``result``. Raises OSError if it is a failure."""
    import ctypes

    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused")
    return result
