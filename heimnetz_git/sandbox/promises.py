"""What is enforced for a plugin and what is not, in sentences for the person who decides (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.confine import Confinement
from heimnetz_git.sandbox.levels import Level

__all__ = ["sentences"]


def sentences(
    *,
    level: Level,
    isolated: bool,
    confinement: Confinement,
    granted: Permissions,
    brokered: bool,
) -> tuple[str, ...]:
    """Each as a sentence that begins with ``Enforced`` or ``NOT enforced``."""
    return (
        *_files(isolated=isolated, confinement=confinement),
        *_processes(isolated=isolated, confinement=confinement, granted=granted),
        *_network(confinement=confinement, granted=granted, brokered=brokered),
        *_programs(confinement=confinement, granted=granted),
        *_resources(confinement),
        *_code(level, confinement),
    )


def _files(*, isolated: bool, confinement: Confinement) -> Iterator[str]:
    if isolated:
        yield "Enforced by the kernel: of all files it sees its own, granted and system ones."
    elif confinement.files is not None and confinement.landlock:
        yield "Enforced by the kernel: it opens its own, granted and system files only."
        yield "NOT enforced: it can see the names, sizes and times of other files."
    else:
        yield "NOT enforced: it can read and write whatever the user who started it can."


def _processes(*, isolated: bool, confinement: Confinement, granted: Permissions) -> Iterator[str]:
    if isolated:
        yield "Enforced by the kernel: it cannot see or signal other processes."
        return
    yield "NOT enforced: it can see the other processes of this machine."
    if granted.run or not confinement.filter:
        yield "NOT enforced: programs that it starts may outlive it."


def _network(*, confinement: Confinement, granted: Permissions, brokered: bool) -> Iterator[str]:
    network = granted.network
    if not (network.connect or network.listen or network.multicast or network.raw):
        enforced = bool(confinement.filter)
        yield "Enforced by the kernel: no network." if enforced else "NOT enforced: no network."
        return
    if brokered and confinement.filter:
        yield (
            "Enforced by the host: it makes every connection itself, checks name, address, port"
            " and protocol against the grants, and hands it over; the kernel allows no other."
        )
        return
    yield (
        "NOT enforced: which hosts and ports it talks to. With any network grant it shares this"
        " machine's network as a whole; the grants are what you agreed to, not what is checked."
    )
    if confinement.filter:
        yield "Enforced by the kernel: internet sockets only (TCP, UDP, ICMP), no local ones."
        if not any(not grant.endswith("/udp") for grant in network.listen):
            yield "Enforced by the kernel: it cannot accept TCP connections."
    if network.raw:
        yield "Not available: raw sockets need a right that no plugin is given."


def _programs(*, confinement: Confinement, granted: Permissions) -> Iterator[str]:
    if not confinement.filter:
        yield "NOT enforced: which programs it starts, which system calls it makes."
    elif not granted.run:
        yield "Enforced by the kernel: it cannot start any program."
    elif confinement.files is not None and confinement.landlock:
        yield "Enforced by the kernel: it starts the granted programs only, confined as it is."
    else:
        yield "Enforced by the kernel: programs that it starts are confined as it is."


def _resources(confinement: Confinement) -> Iterator[str]:
    if confinement.rlimits:
        yield "Enforced by the kernel: open files, size of each file" + (
            ", processes and threads." if "NPROC" in confinement.rlimits else "."
        )
    if confinement.memory:
        yield "Enforced by the kernel: memory of each process (not the sum over its processes)."
    yield "NOT enforced: the share of processor time."


def _code(level: Level, confinement: Confinement) -> Iterator[str]:
    if level == "maximum" and confinement.filter:
        yield "Enforced by the kernel: only system calls on a list, and no code made in memory."
