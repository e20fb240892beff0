"""The system-call filter of a plugin, as a classic BPF program (pure: facts in, bytes out).

Format: ``struct sock_filter`` of ``linux/filter.h`` over ``struct seccomp_data`` of
``linux/seccomp.h``; both filters and kernels are little-endian here.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable

import msgspec

from heimnetz_git.sandbox.syscalls import (
    ABSENT,
    ALLOWED,
    HARDENED,
    MACHINES,
    METADATA,
    NETWORK,
    NEWEST,
    NUMBERS,
    PROCESSES,
    REFUSED,
    SIGNALS,
)

__all__ = ["Calls", "Sockets", "program", "refused", "supported"]

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000

LOAD, JUMP_EQ, JUMP_GE, JUMP_SET, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER, ARCHITECTURE = 0, 4  # offsets in seccomp_data; argument n is at 16 + 8 * n

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32_BIT = 0x40000000

CLONE_THREAD = 0x00010000
CLONE_NEW = 0x7E020080  # NEWTIME NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 1, 2, 3
SOCK_TYPE_MASK = 0xF
PROTOCOLS = (0, 1, 6, 17, 58)  # default, ICMP, TCP, UDP, ICMPv6; not 262 (multipath TCP)
MSG_FASTOPEN = 0x20000000

TIOCSTI, TIOCLINUX = 0x5412, 0x541C
# Is it a terminal, close on exec, non-blocking, bytes to read, window size: what files need.
IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# Signals to others (F_SETOWN, F_SETOWN_EX), leases, folder watches, pipe and memory-file sizes.
FCNTLS = (8, 15, 1024, 1026, 1031, 1033)
# Names of threads, dumps, timers, no-new-privileges, reading of capabilities, names of memory.
PRCTLS = (2, 3, 4, 15, 16, 21, 23, 29, 30, 38, 39, 40, 0x53564D41)
SPECIAL_MODE = 0o6000  # set-user-id and set-group-id
O_CREATE = 0o100 | 0o20000000  # O_CREAT, __O_TMPFILE
PROT_WRITE, PROT_EXEC, MAP_ANONYMOUS = 2, 4, 0x20

Instruction = tuple[int, int, int, int]


class Sockets(msgspec.Struct, frozen=True):
    """Which sockets may be made: none; or internet ones, listening ones, raw ones."""

    internet: bool = False
    listen: bool = False
    raw: bool = False


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What of the kernel a plugin may call.

    ``processes`` allows starting programs; without it neither fork nor exec work, threads do.
    ``sockets`` are those that it may make itself, None for none but pairs, and no connecting
    either: then it gets them ready-made. ``hardened`` leaves out what an honest plugin never
    needs; ``signals`` and ``metadata`` (modes and times of files) are for those who share neither
    processes nor files with the machine; ``closed`` allows a list of calls and no others, and no
    code in memory that did not come from a file.
    """

    processes: bool = False
    sockets: Sockets | None = None
    hardened: bool = True
    signals: bool = True
    metadata: bool = True
    closed: bool = False


def supported(machine: str) -> bool:
    """Is there a filter for this kind of machine (as ``platform.machine()`` names it)?"""
    return machine in MACHINES


def refused(calls: Calls) -> tuple[str, ...]:
    """The names of the calls that are refused whatever their arguments, sorted."""
    return tuple(sorted({*ABSENT, *_refused(calls)}))


def program(machine: str, calls: Calls) -> bytes:
    """The filter for a machine, or no bytes where there is none."""
    if not supported(machine):
        return b""
    code = [
        *_right_machine(machine),
        *_each(machine, ABSENT, errno.ENOSYS),
        *_each(machine, _refused(calls), errno.EPERM),
        *_each(machine, NETWORK if calls.sockets is None else (), errno.EACCES),
        *_checked(machine, calls),
    ]
    if calls.closed:
        code += [*_each(machine, ALLOWED, None), _refuse(errno.EPERM)]
    else:
        code.append(_return(ALLOW))
    return b"".join(struct.pack("<HBBI", *one) for one in code)


def _refused(calls: Calls) -> list[str]:
    """What is refused with EPERM."""
    return [
        *REFUSED,
        *(() if calls.processes else PROCESSES),
        *(HARDENED if calls.hardened else ()),
        *(() if calls.signals else SIGNALS),
        *(() if calls.metadata else METADATA),
    ]


def _checked(machine: str, calls: Calls) -> list[Instruction]:
    """The calls whose arguments decide; each part ends in a verdict for its own call."""
    code = [
        *_clone(machine, processes=calls.processes),
        *_own_process(machine, "prlimit64"),
        *_ioctl(machine, closed=calls.closed),
        *_socket(machine, calls.sockets),
    ]
    if calls.sockets is not None and not calls.sockets.listen:
        code += _each(machine, ("listen",), errno.EACCES)
    if calls.hardened:
        code += [
            *_socketpair(machine),
            *_no_fast_open(machine),
            *_only(machine, "prctl", [_argument(0), *_one_of(PRCTLS), _return(ALLOW)]),
            *_only(machine, "fcntl", [_argument(1), *_none_of(FCNTLS), _return(ALLOW)]),
            *_modes(machine),
        ]
        for name in ("sched_setaffinity", "sched_setscheduler", "sched_setparam"):
            code += _own_process(machine, name)
    if calls.closed:
        code += _no_new_code(machine)
    return code


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
    """Kill on 32-bit calls (``int 0x80``), refuse x32 and new ones, leave the number loaded."""
    start: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_EQ, 1, 0, AUDIT_ARCH[machine]),
        _return(KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
    ]
    return [*start, (JUMP_GE, 0, 1, NEWEST), _refuse(errno.ENOSYS)]  # x32 numbers are above it too


def _each(machine: str, names: Iterable[str], code: int | None) -> list[Instruction]:
    """Refuse each of ``names`` with an errno, or allow it (None)."""
    verdict = _return(ALLOW) if code is None else _refuse(code)
    numbers = sorted({_number(machine, name) for name in names})
    return [one for number in numbers if number >= 0 for one in ((JUMP_EQ, 0, 1, number), verdict)]


def _only(machine: str, name: str, body: list[Instruction]) -> list[Instruction]:
    """Run ``body`` for one system call; it must end in a verdict on every path."""
    number = _number(machine, name)
    return [(JUMP_EQ, 0, len(body), number), *body] if number >= 0 else []


def _clone(machine: str, *, processes: bool) -> list[Instruction]:
    """Never a new namespace; a new process only where programs may be run; threads always."""
    body = [_argument(0), (JUMP_SET, 0, 1, CLONE_NEW), _refuse(errno.EPERM)]
    if not processes:
        body += [(JUMP_SET, 1, 0, CLONE_THREAD), _refuse(errno.EPERM)]
    return _only(machine, "clone", [*body, _return(ALLOW)])


def _own_process(machine: str, name: str) -> list[Instruction]:
    """Only for oneself: the first argument must be 0."""
    body = [_argument(0), (JUMP_EQ, 1, 0, 0), _refuse(errno.EPERM), _return(ALLOW)]
    return _only(machine, name, body)


def _ioctl(machine: str, *, closed: bool) -> list[Instruction]:
    """No typing on somebody else's terminal; or what ordinary files need and nothing else."""
    test = _one_of(IOCTLS) if closed else _none_of((TIOCSTI, TIOCLINUX))
    return _only(machine, "ioctl", [_argument(1), *test, _return(ALLOW)])


def _one_of(values: Iterable[int], code: int = errno.EPERM) -> list[Instruction]:
    """Go on if the loaded value is one of ``values``, else refuse."""
    listed = list(values)
    tests: list[Instruction] = [
        (JUMP_EQ, len(listed) - place, 0, value) for place, value in enumerate(listed)
    ]
    return [*tests, _refuse(code)]


def _none_of(values: Iterable[int]) -> list[Instruction]:
    """Refuse if the loaded value is one of ``values``, else go on."""
    return [one for value in values for one in ((JUMP_EQ, 0, 1, value), _refuse(errno.EPERM))]


def _socket(machine: str, sockets: Sockets | None) -> list[Instruction]:
    """None at all; or internet sockets of the granted types. Never unix, packet, bluetooth, ..."""
    if sockets is None or not sockets.internet:
        return _only(machine, "socket", [_refuse(errno.EACCES)])
    types = [SOCK_STREAM, SOCK_DGRAM, *([SOCK_RAW] if sockets.raw else [])]
    body = [
        _argument(0),
        (JUMP_EQ, 0, 1, AF_NETLINK),  # glibc asks it for the addresses of this machine
        _return(ALLOW),
        *_one_of((AF_INET, AF_INET6), errno.EACCES),
        _argument(1),
        (AND, 0, 0, SOCK_TYPE_MASK),
        *_one_of(types, errno.EACCES),
        *([] if sockets.raw else [_argument(2), *_one_of(PROTOCOLS, errno.EACCES)]),
        _return(ALLOW),
    ]
    return _only(machine, "socket", body)


def _socketpair(machine: str) -> list[Instruction]:
    """Pairs of local sockets reach nobody else; other families' would."""
    return _only(
        machine, "socketpair", [_argument(0), *_one_of((AF_UNIX,), errno.EACCES), _return(ALLOW)]
    )


def _no_fast_open(machine: str) -> list[Instruction]:
    """No connecting by sending (TCP Fast Open), which other checks do not see."""
    code: list[Instruction] = []
    for name, place in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        test: Instruction = (JUMP_SET, 0, 1, MSG_FASTOPEN)
        code += _only(machine, name, [_argument(place), test, _refuse(errno.EPERM), _return(ALLOW)])
    return code


def _modes(machine: str) -> list[Instruction]:
    """No file that lends its owner's rights: set-user-id and set-group-id."""
    code: list[Instruction] = []
    special: list[Instruction] = [
        (JUMP_SET, 0, 1, SPECIAL_MODE), _refuse(errno.EPERM), _return(ALLOW)
    ]  # fmt: skip
    for name, place in (
        *(("chmod", 1), ("fchmod", 1), ("fchmodat", 2)),
        *(("creat", 1), ("mkdir", 1), ("mkdirat", 2)),
    ):
        code += _only(machine, name, [_argument(place), *special])
    for name, place in (("open", 1), ("openat", 2)):
        flags: list[Instruction] = [_argument(place), (JUMP_SET, 1, 0, O_CREATE), _return(ALLOW)]
        code += _only(machine, name, [*flags, _argument(place + 1), *special])
    return code


def _no_new_code(machine: str) -> list[Instruction]:
    """Code is mapped from files as it is, never written and then run."""
    mapping: list[Instruction] = [
        _argument(2),
        (JUMP_SET, 1, 0, PROT_EXEC),
        _return(ALLOW),
        (JUMP_SET, 0, 1, PROT_WRITE),
        _refuse(errno.EPERM),
        _argument(3),
        (JUMP_SET, 0, 1, MAP_ANONYMOUS),
        _refuse(errno.EPERM),
        _return(ALLOW),
    ]
    changing: list[Instruction] = [
        _argument(2), (JUMP_SET, 0, 1, PROT_EXEC), _refuse(errno.EPERM), _return(ALLOW)
    ]  # fmt: skip
    return [*_only(machine, "mmap", mapping), *_only(machine, "mprotect", changing)]
