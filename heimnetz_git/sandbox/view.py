"""A plugin's own view of the machine, as a value: what is mounted where, and what is allowed."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Files", "Mount", "View"]


class Mount(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing in the plugin's view of the file system.

    ``ro`` and ``rw`` show ``source`` at ``target``; ``tmpfs`` is an empty folder in memory of at
    most ``size`` bytes and ``inodes`` files, ``dir`` and ``hidden`` one that stays empty (the
    second over something that is there), ``link`` a symbolic link to ``source``. What is
    ``optional`` is left out if it does not exist. From ``noexec`` ones no code can be mapped.
    """

    kind: Literal["ro", "rw", "tmpfs", "hidden", "dir", "link", "proc", "dev"]
    target: str
    source: str = ""
    size: int = 0
    optional: bool = False
    noexec: bool = False
    inodes: int = 0


class View(msgspec.Struct, frozen=True):
    """Namespaces of the plugin's own, and what is mounted in them, in that order.

    ``pids_only`` shows of ``/proc`` its own processes and nothing else.
    """

    mounts: tuple[Mount, ...]
    pids_only: bool = False


class Files(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a Landlock domain lets a plugin do with files; everything else is refused.

    ``read`` and ``write`` are files and folders with all below them, ``run`` programs that may be
    started, ``devices`` nodes to read and write.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
