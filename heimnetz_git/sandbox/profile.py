"""What one plugin's sandbox is to be: a value made from permissions, limits and facts (pure)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from heimnetz_git.model.limits import Limits, size_in_bytes
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox import seccomp
from heimnetz_git.sandbox.confine import Confinement
from heimnetz_git.sandbox.layout import (
    DEVICES,
    SHARED_MEMORY,
    SYSTEM_DATA,
    SYSTEM_LIBRARIES,
    Folders,
    Machine,
    mounts_of,
)
from heimnetz_git.sandbox.levels import Engine, Level
from heimnetz_git.sandbox.promises import sentences
from heimnetz_git.sandbox.view import Files, Mount, View

__all__ = [
    "SHARED_MEMORY", "SYSTEM_LIBRARIES", "Folders", "Machine", "Mount", "Profile", "profile_of",
]  # fmt: skip

CLOSE = frozenset({"strict", "maximum"})
OWN_STATE = tuple(
    f"/proc/self/{name}" for name in ("fd", "limits", "maps", "stat", "statm", "status")
)
"""What a plugin that shares the machine's processes may read of itself: not the network's state."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin's sandbox: what it sees, and what it does to itself before it begins.

    ``mounts`` are in the order in which they are made; ``engine`` makes them; ``brokered`` gets
    its connections from the host, which checks each; ``direct`` shares the host's network (only
    at minimal); ``calls`` are what its system-call filter leaves; ``variables`` are set in its
    environment, beside those of ``environment``, which are the granted names.
    """

    level: Level
    engine: Engine
    mounts: tuple[Mount, ...]
    brokered: bool
    direct: bool
    environment: tuple[str, ...]
    confinement: Confinement
    granted: Permissions
    limits: Limits
    data: str
    calls: seccomp.Calls
    variables: dict[str, str] = {}

    @property
    def isolated(self) -> bool:
        """Does it have its own view of files, processes and network?"""
        return bool(self.engine)

    def promises(self) -> tuple[str, ...]:
        """What is enforced for this plugin, and what is not, each as a sentence."""
        return sentences(
            level=self.level,
            isolated=self.isolated,
            confinement=self.confinement,
            granted=self.granted,
            brokered=self.brokered,
        )


def profile_of(
    permissions: Permissions,
    limits: Limits,
    folders: Folders,
    machine: Machine,
    *,
    engine: Engine,
    level: Level = "standard",
) -> Profile:
    """The sandbox of a plugin with these permissions and limits on this machine, at a level."""
    mounts = (
        mounts_of(permissions, limits, folders, machine, engine=engine, noexec=level in CLOSE)
        if engine
        else ()
    )
    wanted = _wants_network(permissions)
    shares = level == "minimal" and not engine
    view = View(mounts, pids_only=level in CLOSE) if engine == "namespaces" else None
    return Profile(
        level=level,
        engine=engine,
        mounts=mounts,
        brokered=(wanted or bool(permissions.secrets)) and not shares,
        direct=wanted and shares,
        environment=permissions.env,
        confinement=_confinement(
            permissions, limits, folders, machine, level=level, view=view, mounts=mounts
        ),
        granted=permissions,
        limits=limits,
        data=folders.data,
        calls=_calls(permissions, machine, level, isolated=bool(mounts)),
        variables={} if engine or level == "minimal" else {"TMPDIR": folders.data},
    )


def _wants_network(permissions: Permissions) -> bool:
    """Is any use of the network granted?"""
    network = permissions.network
    return bool(network.connect or network.listen or network.multicast or network.raw)


def _confinement(
    permissions: Permissions,
    limits: Limits,
    folders: Folders,
    machine: Machine,
    *,
    level: Level,
    view: View | None,
    mounts: tuple[Mount, ...],
) -> Confinement:
    """Limits, user, view, files and system-call filter, as far as this machine has them."""
    if machine.system == "win32":
        return Confinement()
    rlimits = {"CORE": 0, "NOFILE": limits.files, "FSIZE": size_in_bytes(limits.disk)}
    if mounts or machine.uid:  # else it would count everything that this user runs
        rlimits["NPROC"] = limits.processes + 2  # the helpers of its namespace
    if machine.system != "linux":
        return Confinement(rlimits=rlimits)
    minimal = level == "minimal"
    calls = _calls(permissions, machine, level, isolated=bool(mounts))
    filter_ = seccomp.program(machine.processor, calls)
    return Confinement(
        rlimits=rlimits | {"MEMLOCK": 0, "MSGQUEUE": 0, "SIGPENDING": 256, "RTPRIO": 0, "NICE": 0},
        memory=size_in_bytes(limits.memory),
        uid=machine.uid,
        filter=filter_ if machine.seccomp else b"",
        view=view,
        files=None if minimal else _files(permissions, folders, machine, mounts),
        landlock=bool(machine.landlock) and not minimal,
        capabilities=not minimal,
    )


def _calls(
    permissions: Permissions, machine: Machine, level: Level, *, isolated: bool
) -> seccomp.Calls:
    """Which system calls the level and the grants leave."""
    network = permissions.network
    sockets = seccomp.Sockets(
        internet=_wants_network(permissions),
        listen=any(not grant.endswith("/udp") for grant in network.listen),
        raw=network.raw,
    )
    minimal = level == "minimal"
    return seccomp.Calls(
        processes=bool(permissions.run),
        sockets=sockets if minimal and not isolated else None,
        hardened=not minimal,
        signals=minimal or isolated or machine.landlock >= 6,
        metadata=minimal or (isolated and level != "maximum"),
        closed=level == "maximum",
    )


def _files(
    permissions: Permissions, folders: Folders, machine: Machine, mounts: Iterable[Mount]
) -> Files:
    """What of the file system it may use: what the view shows, or the same without a view."""
    shown = tuple(mounts)
    grants = permissions.files
    programs = (*permissions.run, *machine.loaders) if permissions.run else ()
    if shown:
        own = {"rw": folders.data}
        return Files(
            read=(*(m.target for m in shown if m.kind == "ro"), "/proc/self", "/dev/fd"),
            write=(
                *(m.target for m in shown if m.kind == "rw"),
                *(m.target for m in shown if m.kind == "tmpfs"),
                *own.values(),
            ),
            run=programs,
            devices=DEVICES,
        )
    return Files(
        read=(
            *(*folders.code, *folders.sdk, *machine.python, *grants.read, *permissions.run),
            *(*SYSTEM_LIBRARIES, *SYSTEM_DATA),
            *OWN_STATE,
        ),
        write=(folders.data, *grants.write),
        run=programs,
        devices=DEVICES,
    )
