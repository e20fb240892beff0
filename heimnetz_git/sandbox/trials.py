"""Attacks on the sandbox as data: what a hostile plugin would try, and the level that must stop it.

Each is a few lines that set ``escaped`` if they got what they wanted; an error means that they did
not. They are inert: what they aim at is made for the purpose (``Targets``), or they undo what they
did. ``render`` makes one script of many, which reports as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from heimnetz_git.sandbox.levels import LEVELS, Level
from heimnetz_git.sandbox.syscalls import MACHINES, NUMBERS

__all__ = ["Targets", "Trial", "must_stop", "parse", "render", "results"]


class Trial(NamedTuple):
    """One attack: its group, a name, the least level that must stop it, its lines."""

    group: str
    name: str
    least: Level
    code: str


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """What the attacks aim at on the host: made for them, and of no worth.

    ``secret`` a file that everybody may read, ``writable`` one and ``folder`` a folder that
    everybody may write; ``pid`` a process of the same user; ``tcp``, ``udp`` ports on the
    loopback; ``unix`` and ``abstract`` names of local sockets; ``shared`` a System V key of shared
    memory; ``variable`` the name of a variable in the host's environment.
    """

    secret: str
    writable: str
    folder: str
    pid: int
    tcp: int
    udp: int
    unix: str
    abstract: str
    shared: int
    variable: str
    code: str
    data: str


PRELUDE = """\
import array, ctypes, errno, fcntl, json, mmap, os, pathlib, resource, select, signal, socket
import stat, struct, subprocess, sys, tempfile, threading, time
T = json.loads({targets!r})
N = json.loads({numbers!r})
TRIALS = json.loads({trials!r})
libc = ctypes.CDLL(None, use_errno=True)

def checked(result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

def call(name, *arguments):
    if N[name] < 0:
        raise OSError(errno.ENOSYS, 'not on this machine')
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return checked(libc.syscall(ctypes.c_long(N[name]), *words))

found = {{}}
for name, code in TRIALS:
    scope = {{**globals(), 'escaped': False}}
    try:
        exec(code, scope)
        found[name] = ['escaped' if scope['escaped'] else 'stopped', '']
    except BaseException as error:
        found[name] = ['stopped', f'{{type(error).__name__}}: {{error}}'[:200]]
print({mark!r} + json.dumps(found), flush=True)
os._exit(0)
"""
MARK = "trials:"


def parse(group: str, text: str) -> tuple[Trial, ...]:
    """Trials of a group from text: ``== LEVEL NAME`` before the lines of each."""
    trials = []
    for part in text.split("\n== ")[1:]:
        head, _, code = part.partition("\n")
        level, _, name = head.partition(" ")
        known = next((one for one in LEVELS if one == level), None)
        if known is None:
            raise ValueError(f"{group}: {level!r} is no level")
        trials.append(Trial(group, name.strip(), known, code.strip("\n")))
    return tuple(trials)


def must_stop(trial: Trial, level: Level) -> bool:
    """Does a level promise to stop this?"""
    return LEVELS.index(level) >= LEVELS.index(trial.least)


def render(trials: Iterable[Trial], targets: Targets, machine: str) -> str:
    """A script that tries all of them, one after the other, and reports."""
    column = MACHINES[machine]
    numbers = {name: both[column] for name, both in NUMBERS.items()}
    return PRELUDE.format(
        targets=json.dumps(msgspec.to_builtins(targets)),
        numbers=json.dumps(numbers),
        trials=json.dumps([(trial.name, trial.code) for trial in trials]),
        mark=MARK,
    )


def results(output: str) -> dict[str, tuple[str, str]]:
    """What the script reported: by name, ``escaped`` or ``stopped``, and why.

    Empty if it did not come to its end. Raises ValueError for what is no report.
    """
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    if not lines:
        return {}
    found = json.loads(lines[-1].removeprefix(MARK))
    return {str(name): (str(one[0]), str(one[1])) for name, one in found.items()}
