"""What a plugin sees of the file system: folders, facts about the machine, mounts (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

import msgspec

from heimnetz_git.model.limits import Limits, size_in_bytes
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.levels import Engine
from heimnetz_git.sandbox.view import Mount

__all__ = [
    "DEVICES",
    "SHARED_MEMORY",
    "SYSTEM_DATA",
    "SYSTEM_LIBRARIES",
    "Folders",
    "Machine",
    "mounts_of",
]

SYSTEM_LIBRARIES = ("/lib", "/lib32", "/lib64", "/libx32", "/usr/lib", "/usr/lib32", "/usr/lib64")
SYSTEM_DATA = (
    *("/usr/local/lib", "/usr/libx32", "/usr/share/zoneinfo"),
    *(
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/timezone",
        "/etc/ssl/certs",
        "/etc/pki/tls/certs",
    ),
    *("/etc/ssl/openssl.cnf", "/usr/share/ca-certificates", "/etc/mime.types"),
)
NETWORK_DATA = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"),
    *("/etc/services", "/etc/protocols"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
KERNEL_FOLDERS = frozenset({"/dev", "/proc", "/sys"})
SHARED_MEMORY = 16 << 20
MOST_FILES = 4096
"""How many files each folder in memory holds."""

SHARED, TEMPORARY = "/dev/shm", "/tmp"  # noqa: S108  # in the sandbox, where they are its own


class Folders(msgspec.Struct, frozen=True):
    """Absolute paths: the plugin's code (read-only), its data (writable), our own packages.

    ``stand_ins`` are what is shown in the place of code that the plugin's user could not read.
    """

    code: tuple[str, ...]
    data: str
    sdk: tuple[str, ...]
    stand_ins: dict[str, str] = {}


class Machine(msgspec.Struct, frozen=True):
    """Facts about where the plugin will run.

    ``system`` as ``sys.platform``; ``processor`` as ``platform.machine()``; ``python`` what the
    interpreter needs of the file system; ``links`` the symbolic links among SYSTEM_LIBRARIES;
    ``uid`` the user that a host running as root lets the plugin be, else 0; ``landlock`` the
    version of its interface, 0 for none; ``loaders`` what starting a granted program takes beside
    it: the system's loader, the interpreters of scripts.
    """

    system: str
    processor: str
    python: tuple[str, ...]
    links: dict[str, str]
    uid: int = 0
    landlock: int = 0
    seccomp: bool = True
    loaders: tuple[str, ...] = ()


def mounts_of(
    permissions: Permissions,
    limits: Limits,
    folders: Folders,
    machine: Machine,
    *,
    engine: Engine,
    noexec: bool = False,
) -> tuple[Mount, ...]:
    """Everything that is to be visible, parents before what lies in them; the first word counts.

    ``noexec`` keeps code from being run out of whatever can be written to.
    """
    disk = size_in_bytes(limits.disk)
    own = [
        *(
            Mount("ro", path, folders.stand_ins.get(path, path))
            for path in (*folders.code, *folders.sdk)
        ),
        Mount("rw", folders.data, folders.data, noexec=noexec),
        Mount("proc", "/proc"),
        Mount("dev", "/dev"),
        Mount(
            "tmpfs",
            SHARED,
            size=SHARED_MEMORY,
            noexec=noexec,
            inodes=MOST_FILES,
        ),
    ]
    if engine == "bubblewrap":
        own.append(Mount("hidden", "/proc/1"))  # its own: it has the same user, and no filter
    system = [
        *(Mount("link", path, target) for path, target in machine.links.items()),
        *(_shown(path) for path in SYSTEM_LIBRARIES if path not in machine.links),
        *(_shown(path) for path in (*SYSTEM_DATA, *_network_data(permissions))),
        *(_shown(path) for path in (*machine.python, *machine.loaders)),
        Mount("tmpfs", TEMPORARY, size=disk, noexec=noexec, inodes=MOST_FILES),
    ]
    granted = tuple(_granted(permissions, folders, noexec=noexec))
    if any(mount.target == "/" for mount in granted):
        system = []  # all of it is there already
    chosen: dict[str, Mount] = {}
    for mount in (*own, *granted, *system):
        chosen.setdefault(mount.target, mount)
    _without_links(chosen, machine.links)
    for folder in _between(chosen):
        chosen[folder] = Mount("dir", folder)
    return tuple(chosen[target] for target in sorted(chosen, key=_parts))


def _without_links(chosen: dict[str, Mount], links: Mapping[str, str]) -> None:
    """Leave out what lies behind a link of the system: it is there under its real name."""
    for target in [one for one in chosen if one not in links and _inside(one, links)]:
        del chosen[target]


def _network_data(permissions: Permissions) -> tuple[str, ...]:
    """The files that programs ask for names and ports, where there is a network to ask for."""
    network = permissions.network
    granted = network.connect or network.listen or network.multicast or network.raw
    return NETWORK_DATA if granted else ()


def _between(mounts: Mapping[str, Mount]) -> set[str]:
    """The folders on the way to the targets of ``mounts`` that no mount brings along.

    They are made on purpose because bubblewrap's own are closed to all users but its own.
    """
    shown = [mount.target for mount in mounts.values() if mount.kind in {"ro", "rw"}]
    parents = {str(parent) for target in mounts for parent in PurePosixPath(target).parents}
    return {one for one in parents - {"/", *mounts} if not _inside(one, shown)}


def _granted(permissions: Permissions, folders: Folders, *, noexec: bool) -> Iterator[Mount]:
    """The granted files and programs.

    A grant inside a folder that the plugin can write to is left out: it is writable with that
    folder, and as a mount of its own the plugin could turn it into a link to anything.
    """
    writable = [folders.data]
    for path in sorted(map(_clean, permissions.files.write), key=_parts):
        if not _inside(path, writable) and path not in KERNEL_FOLDERS:
            writable.append(path)
            yield Mount("rw", path, path, optional=True, noexec=noexec)
    for path in map(_clean, (*permissions.files.read, *permissions.run)):
        if not _inside(path, writable) and path not in KERNEL_FOLDERS:
            yield Mount("ro", path, path, optional=True)


def _shown(path: str) -> Mount:
    """Something of the system, read-only, where it exists."""
    return Mount("ro", path, path, optional=True)


def _clean(path: str) -> str:
    """``path`` without doubled or final slashes."""
    return str(PurePosixPath("/", path.lstrip("/")))


@lru_cache(maxsize=4096)  # taking paths apart was most of the time that a profile takes
def _parts(path: str) -> tuple[str, ...]:
    """A sort key by which a folder comes before what is in it."""
    return PurePosixPath(path).parts


def _inside(path: str, folders: Iterable[str]) -> bool:
    """Is ``path`` one of ``folders``, or below one?"""
    own = _parts(path)
    return any(own[: len(folder)] == folder for folder in map(_parts, folders))
