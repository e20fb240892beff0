"""The system-call filter of a plugin, as a classic BPF program (pure: facts in, bytes out).

Format: ``struct sock_filter`` of ``linux/filter.h`` over ``struct seccomp_data`` of
``linux/seccomp.h``; both filters and kernels are little-endian here.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable

import msgspec

from heimnetz_git.sandbox.syscalls import ABSENT, MACHINES, NUMBERS, PROCESSES, REFUSED

__all__ = ["Sockets", "program", "supported"]

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000

LOAD, JUMP_EQ, JUMP_GE, JUMP_SET, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER, ARCHITECTURE = 0, 4  # offsets in seccomp_data; argument n is at 16 + 8 * n

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000

CLONE_THREAD = 0x00010000
CLONE_NEW = 0x7E020080  # NEWTIME NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET

AF_INET, AF_INET6, AF_NETLINK = 2, 10, 16
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 1, 2, 3
SOCK_TYPE_MASK = 0xF
PROTOCOLS = (0, 1, 6, 17, 58)  # default, ICMP, TCP, UDP, ICMPv6; not 262 (multipath TCP)
TIOCSTI, TIOCLINUX = 0x5412, 0x541C

Instruction = tuple[int, int, int, int]


class Sockets(msgspec.Struct, frozen=True):
    """Which sockets may be made: none; or internet ones, listening ones, raw ones."""

    internet: bool = False
    listen: bool = False
    raw: bool = False


def supported(machine: str) -> bool:
    """Is there a filter for this kind of machine (as ``platform.machine()`` names it)?"""
    return machine in MACHINES


def program(machine: str, *, sockets: Sockets, processes: bool) -> bytes:
    """The filter for a machine, or no bytes where there is none.

    ``processes`` allows starting programs; without it neither fork nor exec work, threads do.
    """
    if not supported(machine):
        return b""
    refused = [*REFUSED, *(() if processes else PROCESSES)]
    code = [
        *_right_machine(machine),
        *_each(machine, ABSENT, errno.ENOSYS),
        *_each(machine, refused, errno.EPERM),
        *_clone(machine, processes=processes),
        *_prlimit(machine),
        *_ioctl(machine),
        *_socket(machine, sockets),
        *([] if sockets.listen else _each(machine, ("listen",), errno.EACCES)),
        _return(ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *one) for one in code)


def _return(value: int) -> Instruction:
    """End with a verdict."""
    return (RETURN, 0, 0, value)


def _refuse(code: int) -> Instruction:
    """End with an errno."""
    return _return(ERRNO | code)


def _argument(number: int) -> Instruction:
    """Load the low half of an argument."""
    return (LOAD, 0, 0, 16 + 8 * number)


def _number(machine: str, name: str) -> int:
    """The number of a system call on a machine, or -1."""
    return NUMBERS[name][MACHINES[machine]]


def _right_machine(machine: str) -> list[Instruction]:
    """Kill on 32-bit calls (``int 0x80``), refuse x32 ones, leave the call's number loaded."""
    start: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_EQ, 1, 0, AUDIT_ARCH[machine]),
        _return(KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
    ]
    if machine == "x86_64":
        start += [(JUMP_GE, 0, 1, X32_BIT), _refuse(errno.ENOSYS)]
    return start


def _each(machine: str, names: Iterable[str], code: int) -> list[Instruction]:
    """Refuse each of ``names`` with an errno."""
    numbers = sorted(_number(machine, name) for name in names)
    return [
        one for number in numbers if number >= 0 for one in ((JUMP_EQ, 0, 1, number), _refuse(code))
    ]


def _only(machine: str, name: str, body: list[Instruction]) -> list[Instruction]:
    """Run ``body`` for one system call; it must end in a verdict on every path."""
    return [(JUMP_EQ, 0, len(body), _number(machine, name)), *body]


def _clone(machine: str, *, processes: bool) -> list[Instruction]:
    """Never a new namespace; a new process only where programs may be run; threads always."""
    body = [_argument(0), (JUMP_SET, 0, 1, CLONE_NEW), _refuse(errno.EPERM)]
    if not processes:
        body += [(JUMP_SET, 1, 0, CLONE_THREAD), _refuse(errno.EPERM)]
    return _only(machine, "clone", [*body, _return(ALLOW)])


def _prlimit(machine: str) -> list[Instruction]:
    """Only one's own limits."""
    body = [_argument(0), (JUMP_EQ, 1, 0, 0), _refuse(errno.EPERM), _return(ALLOW)]
    return _only(machine, "prlimit64", body)


def _ioctl(machine: str) -> list[Instruction]:
    """No typing on somebody else's terminal."""
    body: list[Instruction] = [
        _argument(1),
        (JUMP_EQ, 1, 0, TIOCSTI),
        (JUMP_EQ, 0, 1, TIOCLINUX),
        _refuse(errno.EPERM),
        _return(ALLOW),
    ]
    return _only(machine, "ioctl", body)


def _one_of(values: Iterable[int]) -> list[Instruction]:
    """Go on if the loaded value is one of ``values``, else refuse with EACCES."""
    listed = list(values)
    tests: list[Instruction] = [
        (JUMP_EQ, len(listed) - place, 0, value) for place, value in enumerate(listed)
    ]
    return [*tests, _refuse(errno.EACCES)]


def _socket(machine: str, sockets: Sockets) -> list[Instruction]:
    """None at all; or internet sockets of the granted types. Never unix, packet, bluetooth, ..."""
    if not sockets.internet:
        return _only(machine, "socket", [_refuse(errno.EACCES)])
    types = [SOCK_STREAM, SOCK_DGRAM, *([SOCK_RAW] if sockets.raw else [])]
    body = [
        _argument(0),
        (JUMP_EQ, 0, 1, AF_NETLINK),  # glibc asks it for the addresses of this machine
        _return(ALLOW),
        *_one_of((AF_INET, AF_INET6)),
        _argument(1),
        (AND, 0, 0, SOCK_TYPE_MASK),
        *_one_of(types),
        *([] if sockets.raw else [_argument(2), *_one_of(PROTOCOLS)]),
        _return(ALLOW),
    ]
    return _only(machine, "socket", body)
