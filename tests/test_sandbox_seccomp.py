"""The system-call filter, run by a small interpreter of its own machine language."""

from __future__ import annotations

import errno
import struct

import pytest

from heimnetz_git.sandbox.seccomp import AUDIT_ARCH, Calls, Sockets, program
from heimnetz_git.sandbox.syscalls import (
    ABSENT,
    ALLOWED,
    HARDENED,
    MACHINES,
    NETWORK,
    NEWEST,
    NUMBERS,
    PROCESSES,
    REFUSED,
)

ALLOW, KILL = "allow", "kill"
NONE = Sockets()
INTERNET = Sockets(internet=True)
CLONE_VM, CLONE_THREAD, CLONE_NEWUSER, SIGCHLD = 0x100, 0x10000, 0x10000000, 17


def verdict(code: bytes, architecture: int, number: int, *arguments: int) -> str | int:
    """What a filter says to a system call: allow, kill, or an errno."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("<HBBI", code))
    value = at = 0
    while True:
        operation, yes, no, constant = steps[at]
        at += 1
        match operation:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, constant)
            case 0x54:
                value &= constant
            case 0x15:
                at += yes if value == constant else no
            case 0x35:
                at += yes if value >= constant else no
            case 0x45:
                at += yes if value & constant else no
            case 0x06:
                if constant == 0x80000000:
                    return KILL
                return ALLOW if constant == 0x7FFF0000 else constant & 0xFFFF
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")


def ask(
    machine: str,
    name: str,
    *arguments: int,
    sockets: Sockets | None = NONE,
    processes: bool = False,
    closed: bool = False,
) -> str | int:
    """What the filter of a machine says to a call by name."""
    hardened = sockets is None
    code = program(
        machine, Calls(sockets=sockets, processes=processes, hardened=hardened, closed=closed)
    )
    number = NUMBERS[name][MACHINES[machine]]
    return verdict(code, AUDIT_ARCH[machine], number, *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_on_the_lists_is_refused(machine: str) -> None:
    """With anything granted; some as if the kernel did not know them."""
    for names, code in ((REFUSED, errno.EPERM), (ABSENT, errno.ENOSYS)):
        for name in names:
            if NUMBERS[name][MACHINES[machine]] >= 0:
                everything = Sockets(internet=True, listen=True, raw=True)
                assert ask(machine, name, sockets=everything, processes=True) == code, name


@pytest.mark.parametrize("machine", MACHINES)
def test_ordinary_calls_pass(machine: str) -> None:
    """Reading, writing, memory, time: whatever is not listed."""
    listed = {numbers[MACHINES[machine]] for numbers in NUMBERS.values()}
    code = program(machine, Calls(sockets=NONE, hardened=False))
    for number in set(range(NEWEST)) - listed:
        assert verdict(code, AUDIT_ARCH[machine], number) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_programs_and_processes_only_where_they_are_granted(machine: str) -> None:
    """Threads always; new namespaces never."""
    for name in PROCESSES:
        if NUMBERS[name][MACHINES[machine]] >= 0:
            assert ask(machine, name) == errno.EPERM
            assert ask(machine, name, processes=True) == ALLOW
    assert ask(machine, "clone", CLONE_VM | CLONE_THREAD) == ALLOW
    assert ask(machine, "clone", SIGCHLD) == errno.EPERM
    assert ask(machine, "clone", SIGCHLD, processes=True) == ALLOW
    for flags in (CLONE_NEWUSER | SIGCHLD, CLONE_NEWUSER | CLONE_THREAD):
        assert ask(machine, "clone", flags, processes=True) == errno.EPERM


SOCKETS = {
    "tcp": ((2, 1, 0), INTERNET, ALLOW),
    "tcp over ipv6": ((10, 1, 6), INTERNET, ALLOW),
    "udp, non-blocking": ((2, 2 | 0o4000, 17), INTERNET, ALLOW),
    "ping": ((2, 2, 1), INTERNET, ALLOW),
    "addresses of this machine": ((16, 3, 0), INTERNET, ALLOW),
    "nothing granted": ((2, 1, 0), NONE, errno.EACCES),
    "a local socket": ((1, 1, 0), INTERNET, errno.EACCES),
    "a packet socket": ((17, 3, 3), INTERNET, errno.EACCES),
    "a raw socket": ((2, 3, 1), INTERNET, errno.EACCES),
    "a raw socket, granted": ((2, 3, 1), Sockets(internet=True, raw=True), ALLOW),
    "multipath tcp": ((2, 1, 262), INTERNET, errno.EACCES),
    "virtual machine sockets": ((40, 1, 0), INTERNET, errno.EACCES),
}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("arguments", "sockets", "expected"), SOCKETS.values(), ids=SOCKETS.keys())
def test_sockets(
    machine: str, arguments: tuple[int, int, int], sockets: Sockets, expected: str | int
) -> None:
    """Internet sockets where there is a grant, other families never."""
    assert ask(machine, "socket", *arguments, sockets=sockets) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_listening_takes_a_grant_of_its_own(machine: str) -> None:
    """Who may connect may not therefore accept."""
    assert ask(machine, "listen", 3, 5, sockets=INTERNET) == errno.EACCES
    assert ask(machine, "listen", 3, 5, sockets=Sockets(internet=True, listen=True)) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_one_may_lower_ones_own_limits_only(machine: str) -> None:
    """And type on nobody's terminal."""
    assert ask(machine, "prlimit64", 0) == ALLOW
    assert ask(machine, "prlimit64", 1) == errno.EPERM
    assert ask(machine, "ioctl", 0, 0x5412) == errno.EPERM
    assert ask(machine, "ioctl", 0, 0x5413) == ALLOW


def test_another_architecture_is_killed() -> None:
    """32-bit calls have other numbers; x32 ones a bit that is refused."""
    code = program("x86_64", Calls(processes=True))
    assert verdict(code, 0x40000003, 1) == KILL
    assert verdict(code, AUDIT_ARCH["x86_64"], 0x40000000 | 1) == errno.ENOSYS


def test_an_unknown_machine_has_no_filter() -> None:
    """No numbers, no filter: the profile says so."""
    assert program("riscv64", Calls()) == b""


@pytest.mark.parametrize("machine", MACHINES)
def test_from_standard_on_sockets_come_ready_made(machine: str) -> None:
    """Nothing can be connected or bound, not even by sending; pairs of local sockets work."""
    for name in NETWORK:
        assert ask(machine, name, 3, sockets=None) == errno.EACCES
    assert ask(machine, "socket", 2, 1, 0, sockets=None) == errno.EACCES
    assert ask(machine, "sendto", 3, 0, 0, 0x20000000, sockets=None) == errno.EPERM
    assert ask(machine, "sendto", 3, 0, 0, 0, sockets=None) == ALLOW
    assert ask(machine, "sendmsg", 3, 0, 0x20000000, sockets=None) == errno.EPERM
    assert ask(machine, "socketpair", 1, 1, 0, sockets=None) == ALLOW
    assert ask(machine, "socketpair", 2, 1, 0, sockets=None) == errno.EACCES


@pytest.mark.parametrize("machine", MACHINES)
def test_from_standard_on_what_no_plugin_needs_is_refused(machine: str) -> None:
    """Other users, owners of files, watching files; and files that lend their owner's rights."""
    for name in HARDENED:
        if NUMBERS[name][MACHINES[machine]] >= 0:
            assert ask(machine, name, sockets=None) == errno.EPERM, name
    assert ask(machine, "fchmod", 3, 0o4755, sockets=None) == errno.EPERM
    assert ask(machine, "fchmod", 3, 0o755, sockets=None) == ALLOW
    assert ask(machine, "openat", 0, 0, 0o101, 0o4755, sockets=None) == errno.EPERM
    assert ask(machine, "openat", 0, 0, 0, 0o4755, sockets=None) == ALLOW
    assert ask(machine, "fcntl", 3, 1031, sockets=None) == errno.EPERM
    assert ask(machine, "prctl", 1, 0, sockets=None) == errno.EPERM
    assert ask(machine, "prctl", 15, 0, sockets=None) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_at_maximum_only_calls_on_the_list_pass(machine: str) -> None:
    """All others are refused, known or not."""
    code = program(machine, Calls(closed=True))
    column = MACHINES[machine]
    listed = {NUMBERS[name][column] for name in ALLOWED}
    for number in set(range(NEWEST + 100)) - listed:
        assert verdict(code, AUDIT_ARCH[machine], number) != ALLOW
    assert ask(machine, "read", 3, sockets=None, closed=True) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_at_maximum_no_code_is_made_in_memory(machine: str) -> None:
    """Code comes from files, and is never writable."""
    read, write, run, shared, private = 1, 2, 4, 0x20, 0x2
    kinds = {
        (read | write, private | shared): ALLOW,
        (read | run, private): ALLOW,
        (read | run, private | shared): errno.EPERM,
        (read | write | run, private): errno.EPERM,
    }
    for (protection, flags), expected in kinds.items():
        found = ask(machine, "mmap", 0, 4096, protection, flags, sockets=None, closed=True)
        assert found == expected
    assert ask(machine, "mprotect", 0, 4096, read | run, sockets=None, closed=True) == errno.EPERM
    assert ask(machine, "mprotect", 0, 4096, read, sockets=None, closed=True) == ALLOW
