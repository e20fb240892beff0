"""What one plugin's sandbox is to be: a value made from permissions, limits and facts (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Literal

import msgspec

from heimnetz_git.model.limits import Limits, size_in_bytes
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox import seccomp
from heimnetz_git.sandbox.confine import Confinement

__all__ = ["Folders", "Machine", "Mount", "Profile", "profile_of"]

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
KERNEL_FOLDERS = frozenset({"/dev", "/proc", "/sys"})
SHARED_MEMORY = 16 << 20


class Folders(msgspec.Struct, frozen=True):
    """Absolute paths: the plugin's code (read-only), its data (writable), our own packages."""

    code: tuple[str, ...]
    data: str
    sdk: tuple[str, ...]


class Machine(msgspec.Struct, frozen=True):
    """Facts about where the plugin will run.

    ``system`` as ``sys.platform``; ``processor`` as ``platform.machine()``; ``python`` what the
    interpreter needs of the file system; ``links`` the symbolic links among SYSTEM_LIBRARIES;
    ``uid`` the user that a host running as root lets the plugin be, else 0.
    """

    system: str
    processor: str
    python: tuple[str, ...]
    links: dict[str, str]
    uid: int = 0


class Mount(msgspec.Struct, frozen=True):
    """One thing in the plugin's view of the file system.

    ``ro`` and ``rw`` show ``source`` at ``target``; ``tmpfs`` is an empty folder in memory of at
    most ``size`` bytes, ``dir`` and ``hidden`` one that stays empty (the second over something that
    is there), ``link`` a symbolic link to ``source``. What is ``optional`` is left out if it does
    not exist.
    """

    kind: Literal["ro", "rw", "tmpfs", "hidden", "dir", "link", "proc", "dev"]
    target: str
    source: str = ""
    size: int = 0
    optional: bool = False


class Profile(msgspec.Struct, frozen=True):
    """One plugin's sandbox: what it sees, and what it does to itself before it begins.

    ``mounts`` are in the order in which they are made; ``network`` shares the host's network;
    ``isolated`` tells a profile with its own view of files, processes and network (bubblewrap)
    from a plain process, which only has its ``confinement``.
    """

    mounts: tuple[Mount, ...]
    network: bool
    environment: tuple[str, ...]
    confinement: Confinement
    isolated: bool
    granted: Permissions

    def promises(self) -> tuple[str, ...]:
        """What is enforced for this plugin, and what is not, each as a sentence."""
        return tuple(_promises(self))


def profile_of(
    permissions: Permissions,
    limits: Limits,
    folders: Folders,
    machine: Machine,
    *,
    isolated: bool,
) -> Profile:
    """The sandbox of a plugin with these permissions and limits on this machine."""
    network = permissions.network
    wants_network = bool(network.connect or network.listen or network.multicast or network.raw)
    mounts = _mounts(permissions, limits, folders, machine, network=wants_network)
    return Profile(
        mounts=mounts if isolated else (),
        network=wants_network,
        environment=permissions.env,
        confinement=_confinement(permissions, limits, machine, isolated=isolated),
        isolated=isolated,
        granted=permissions,
    )


def _mounts(
    permissions: Permissions, limits: Limits, folders: Folders, machine: Machine, *, network: bool
) -> tuple[Mount, ...]:
    """Everything that is to be visible, parents before what lies in them; the first word counts."""
    own = [
        *(Mount("ro", path, path) for path in (*folders.code, *folders.sdk)),
        Mount("rw", folders.data, folders.data),
        Mount("proc", "/proc"),
        Mount("hidden", "/proc/1"),  # bubblewrap's own: it has the same user, and no filter
        Mount("dev", "/dev"),
        Mount("tmpfs", "/dev/shm", size=SHARED_MEMORY),  # noqa: S108  # inside the sandbox
    ]
    system = [
        *(Mount("link", path, target) for path, target in machine.links.items()),
        *(_shown(path) for path in SYSTEM_LIBRARIES if path not in machine.links),
        *(_shown(path) for path in (*SYSTEM_DATA, *(NETWORK_DATA if network else ()))),
        *(_shown(path) for path in machine.python),
    ]
    system.append(Mount("tmpfs", "/tmp", size=size_in_bytes(limits.disk)))  # noqa: S108  # likewise
    granted = tuple(_granted(permissions, folders))
    if any(mount.target == "/" for mount in granted):
        system = []  # all of it is there already
    chosen: dict[str, Mount] = {}
    for mount in (*own, *granted, *system):
        chosen.setdefault(mount.target, mount)
    for folder in _between(chosen):
        chosen[folder] = Mount("dir", folder)
    return tuple(chosen[target] for target in sorted(chosen, key=_parts))


def _between(mounts: Mapping[str, Mount]) -> set[str]:
    """The folders on the way to the targets of ``mounts`` that no mount brings along.

    They are made on purpose because bubblewrap's own are closed to all users but its own.
    """
    shown = [mount.target for mount in mounts.values() if mount.kind in {"ro", "rw"}]
    parents = {str(parent) for target in mounts for parent in PurePosixPath(target).parents}
    return {one for one in parents - {"/", *mounts} if not _inside(one, shown)}


def _granted(permissions: Permissions, folders: Folders) -> Iterator[Mount]:
    """The granted files and programs.

    A grant inside a folder that the plugin can write to is left out: it is writable with that
    folder, and as a mount of its own the plugin could turn it into a link to anything.
    """
    writable = [folders.data]
    for path in sorted(map(_clean, permissions.files.write), key=_parts):
        if not _inside(path, writable) and path not in KERNEL_FOLDERS:
            writable.append(path)
            yield Mount("rw", path, path, optional=True)
    for path in map(_clean, (*permissions.files.read, *permissions.run)):
        if not _inside(path, writable) and path not in KERNEL_FOLDERS:
            yield Mount("ro", path, path, optional=True)


def _shown(path: str) -> Mount:
    """Something of the system, read-only, where it exists."""
    return Mount("ro", path, path, optional=True)


def _clean(path: str) -> str:
    """``path`` without doubled or final slashes."""
    return str(PurePosixPath("/", path.lstrip("/")))


def _parts(path: str) -> tuple[str, ...]:
    """A sort key by which a folder comes before what is in it."""
    return PurePosixPath(path).parts


def _inside(path: str, folders: Iterable[str]) -> bool:
    """Is ``path`` one of ``folders``, or below one?"""
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


def _confinement(
    permissions: Permissions, limits: Limits, machine: Machine, *, isolated: bool
) -> Confinement:
    """Limits, user and system-call filter, as far as this machine has them."""
    if machine.system == "win32":
        return Confinement()
    rlimits = {"CORE": 0, "NOFILE": limits.files, "FSIZE": size_in_bytes(limits.disk)}
    if isolated or machine.uid:  # else it would count everything that this user runs
        rlimits["NPROC"] = limits.processes + 2  # bubblewrap's own and the interpreter itself
    if machine.system != "linux":
        return Confinement(rlimits=rlimits)
    return Confinement(
        rlimits=rlimits | {"MEMLOCK": 0, "MSGQUEUE": 0},
        memory=size_in_bytes(limits.memory),
        uid=machine.uid,
        filter=seccomp.program(
            machine.processor, sockets=_sockets(permissions), processes=bool(permissions.run)
        ),
    )


def _sockets(permissions: Permissions) -> seccomp.Sockets:
    """Which sockets the network grants call for."""
    network = permissions.network
    return seccomp.Sockets(
        internet=bool(network.connect or network.listen or network.multicast or network.raw),
        listen=any(not grant.endswith("/udp") for grant in network.listen),
        raw=network.raw,
    )


def _promises(profile: Profile) -> Iterator[str]:
    """See Profile.promises."""
    confinement = profile.confinement
    if profile.isolated:
        yield "Enforced by the kernel: of all files it sees its own, granted and system ones."
        yield "Enforced by the kernel: it cannot see or signal other processes."
    else:
        yield "NOT enforced: it can read and write whatever the user who started it can."
        yield "NOT enforced: it can see the other processes of this machine."
        if profile.granted.run or not confinement.filter:
            yield "NOT enforced: programs that it starts may outlive it."
    yield from _promises_network(profile)
    if confinement.filter and not profile.granted.run:
        yield "Enforced by the kernel: it cannot start any program."
    elif confinement.filter:
        yield "Enforced by the kernel: programs that it starts are confined as it is."
    else:
        yield "NOT enforced: which programs it starts, which system calls it makes."
    if confinement.rlimits:
        yield "Enforced by the kernel: open files, size of each file" + (
            ", processes and threads." if "NPROC" in confinement.rlimits else "."
        )
    if confinement.memory:
        yield "Enforced by the kernel: memory of each process (not the sum over its processes)."
    yield "NOT enforced: the share of processor time, and the sum of the files in its data folder."


def _promises_network(profile: Profile) -> Iterator[str]:
    """What holds for the network."""
    if not profile.network:
        enforced = profile.isolated or profile.confinement.filter
        yield ("Enforced by the kernel: no network." if enforced else "NOT enforced: no network.")
        return
    yield (
        "NOT enforced: which hosts and ports it talks to. With any network grant it shares this"
        " machine's network as a whole; the grants are what you agreed to, not what is checked."
    )
    if profile.confinement.filter:
        yield "Enforced by the kernel: internet sockets only (TCP, UDP, ICMP), no local ones."
    if profile.confinement.filter and not any(
        not grant.endswith("/udp") for grant in profile.granted.network.listen
    ):
        yield "Enforced by the kernel: it cannot accept TCP connections."
    if profile.granted.network.raw:
        yield "Not available: raw sockets need a right that no plugin is given."
