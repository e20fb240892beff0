"""Namespaces of a plugin's own (Linux): it sees its own files and processes, and no network.

``enter`` leaves three processes where there was one: a keeper that waits, the first process of the
new namespace, which adopts orphans, and the plugin's. When one of the first two goes, all do.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from heimnetz_git.sandbox import kernel
from heimnetz_git.sandbox.view import Mount, View

__all__ = ["close_all_but", "enter"]

NEW_CGROUP, NEW_UTS, NEW_IPC, NEW_USER = 0x02000000, 0x04000000, 0x08000000, 0x10000000
NEW_PID, NEW_NET, NEW_NS = 0x20000000, 0x40000000, 0x00020000
ALL_BUT_USER = NEW_CGROUP | NEW_UTS | NEW_IPC | NEW_PID | NEW_NET | NEW_NS

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
RDONLY, NOSUID, NODEV, NOEXEC = 1, 2, 4, 8  # MOUNT_ATTR_*

WORKPLACES = ("/tmp", "/var/tmp", "/mnt", "/run", "/dev")  # noqa: S108  # any folder will do
DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
HOST_NAME = "plugin"


def enter(view: View, uid: int) -> None:
    """Continue as the plugin's process, in namespaces of its own; the caller never returns.

    A caller that is root makes the mounts as root, and its helpers become ``uid``; this process
    still has to. Any other user gets a user namespace. Raises OSError where the system refuses;
    then nothing that was begun goes on.
    """
    root, user, group = os.geteuid() == 0, os.geteuid(), os.getegid()
    kernel.unshare(ALL_BUT_USER | (0 if root else NEW_USER))
    if not root:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    child = os.fork()
    if child:
        _keep(child, 0)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _name()
    _mount_all(view)
    child = os.fork()
    if child:
        _keep(child, uid if root else 0)


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor but the standard ones and ``keep``."""
    wanted = sorted({0, 1, 2, *keep})
    for number in map(int, os.listdir("/proc/self/fd")):
        if number not in wanted:
            with suppress(OSError):
                os.close(number)


def _keep(child: int, uid: int) -> None:
    """Wait for the child, whatever else ends meanwhile, and end as it did. Never returns."""
    status = 1
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if uid:
            kernel.become(uid)
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user clears it
        kernel.drop_capabilities()
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        os.closerange(0, os.sysconf("SC_OPEN_MAX"))
        while True:
            ended, found = os.wait()
            if ended == child:
                status = os.waitstatus_to_exitcode(found)
                break
    finally:
        os._exit(status if status >= 0 else 128 - status)


def _name() -> None:
    """The host's name is nobody's business."""
    import socket

    with suppress(OSError):
        socket.sethostname(HOST_NAME)


def _mount_all(view: View) -> None:
    """Make the view this namespace's root, and nothing else visible."""
    kernel.mount("", "/", "", MS_REC | MS_PRIVATE)
    mounts = [found for mount in view.mounts if (found := _resolved(mount))]
    base = next(path for path in WORKPLACES if os.path.isdir(path))
    kernel.mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    for name in ("old", "new"):
        os.mkdir(f"{base}/{name}", 0o755)
    kernel.pivot(base, f"{base}/old")
    os.chdir("/")
    kernel.mount("tmpfs", "/new", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    for mount in mounts:
        _mount(mount, pids_only=view.pids_only)
    kernel.attributes("/new", RDONLY | NOSUID | NODEV, recursive=False)
    kernel.unmount("/old", MNT_DETACH)
    os.chdir("/new")
    kernel.pivot(".", ".")
    kernel.unmount(".", MNT_DETACH)
    os.chdir("/")


def _resolved(mount: Mount) -> Mount | None:
    """The mount with its source's real path, None if there is nothing to show."""
    if mount.kind not in {"ro", "rw"}:
        return mount
    source = os.path.realpath(mount.source)
    if not os.path.exists(source):
        if mount.optional:
            return None
        raise FileNotFoundError(f"{mount.source} is not there")
    return Mount(mount.kind, mount.target, source, noexec=mount.noexec)


def _mount(mount: Mount, *, pids_only: bool) -> None:
    """Make one mount below /new from what is below /old."""
    target = "/new" if mount.target == "/" else f"/new{mount.target}"
    match mount.kind:
        case "dir":
            os.makedirs(target, 0o755, exist_ok=True)
        case "link":
            _parent(target)
            os.symlink(mount.source, target)
        case "proc":
            _processes(target, pids_only=pids_only)
        case "dev":
            _devices(target)
        case "tmpfs" | "hidden":
            _memory(mount, target)
        case _:
            source = "/old" if mount.source == "/" else f"/old{mount.source}"
            _place(source, target)
            kernel.mount(source, target, "", MS_BIND | MS_REC)
            closed = (RDONLY if mount.kind == "ro" else 0) | (NOEXEC if mount.noexec else 0)
            kernel.attributes(target, closed | NOSUID | NODEV, recursive=True)


def _parent(target: str) -> None:
    """The folder that ``target`` will be in."""
    os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)


def _place(source: str, target: str) -> None:
    """Something of the kind of ``source`` to mount it over."""
    if os.path.isdir(source):
        os.makedirs(target, 0o755, exist_ok=True)
    elif not os.path.exists(target):
        _parent(target)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o444))


def _memory(mount: Mount, target: str) -> None:
    """A folder in memory; one that hides something stays empty."""
    os.makedirs(target, 0o755, exist_ok=True)
    hidden = mount.kind == "hidden"
    options = f"mode={'0555' if hidden else '1777'},size={mount.size or 4096}"
    options += f",nr_inodes={mount.inodes}" if mount.inodes else ""
    flags = MS_NOSUID | MS_NODEV | (MS_NOEXEC if mount.noexec else 0)
    kernel.mount("tmpfs", target, "tmpfs", flags, options)
    if hidden:
        kernel.attributes(target, RDONLY, recursive=False)


def _processes(target: str, *, pids_only: bool) -> None:
    """``/proc`` of this namespace; left empty where the machine's own is partly hidden."""
    os.makedirs(target, 0o555, exist_ok=True)
    options = "hidepid=2,subset=pid" if pids_only else "hidepid=2"
    with suppress(PermissionError):
        kernel.mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)


def _devices(target: str) -> None:
    """``/dev`` with the nodes that every program expects, and no others."""
    os.makedirs(target, 0o755, exist_ok=True)
    kernel.mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k")
    for name in DEVICES:
        place = f"{target}/{name}"
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o444))
        kernel.mount(f"/old/dev/{name}", place, "", MS_BIND)
        kernel.attributes(place, NOSUID | NOEXEC, recursive=False)
    for name, source in LINKS.items():
        os.symlink(source, f"{target}/{name}")
    os.mkdir(f"{target}/shm", 0o755)
    kernel.attributes(target, RDONLY, recursive=False)
