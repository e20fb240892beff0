"""Starting a command inside a profile, and ending everything that came of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol
from weakref import WeakKeyDictionary

from heimnetz_git.errors import SandboxUnavailable
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox import bubblewrap
from heimnetz_git.sandbox.abilities import abilities as look
from heimnetz_git.sandbox.broker import Broker, Secrets
from heimnetz_git.sandbox.interpreter import interpreter, machine
from heimnetz_git.sandbox.layout import Folders, Machine
from heimnetz_git.sandbox.levels import LEVELS, Abilities, Level, engine_for, missing
from heimnetz_git.sandbox.netpolicy import Lookup, system_lookup
from heimnetz_git.sandbox.online import VARIABLE
from heimnetz_git.sandbox.profile import Profile, profile_of
from heimnetz_git.sandbox.users import give, is_root, reachable
from heimnetz_git.sandbox.warden import warden
from heimnetz_git.sandbox.watch import descendants

__all__ = ["Fork", "Launcher", "Mode", "Process", "end_tree", "find_sandbox", "interpreter"]

Mode = Literal["auto", "required", "off"]

MOST_REMEMBERED = 4
"""Of how many processes of a plugin it is remembered what they asked their broker for."""

GONE_WITHIN = 2.0
"""Seconds that a killed process tree is given to vanish."""


ENVIRONMENT: Mapping[str, str] = {
    "MALLOC_ARENA_MAX": "1",  # else each thread's heap eats the limit on memory
    "OPENBLAS_NUM_THREADS": "1",  # likewise, and there is one plugin's share of the processors
}


class Process(Protocol):
    """What is needed of a process, whoever made it: ``subprocess.Popen`` is one."""

    @property
    def pid(self) -> int:
        """Its number, still its own."""

    def kill(self) -> None:
        """Kill it, if it still runs."""

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired."""


Fork = Callable[[tuple[int, ...], tuple[int, int], Mapping[str, str]], Process]
"""From descriptors to inherit, those for output and errors, and variables, to a process."""


class Launcher:
    """How this machine starts plugins: confined at a level, or as plain processes.

    ``mode`` ``required`` raises SandboxUnavailable where the level's promise cannot be kept;
    ``auto`` takes the next level that can be, and says so once through ``on_warning``; ``off``
    takes the lowest. ``abilities`` are this machine's unless given. ``secrets`` gives the values of
    granted secrets, ``lookup`` the addresses of granted names. ``level`` is the one in force.
    """

    def __init__(
        self,
        mode: Mode = "auto",
        *,
        level: Level = "standard",
        on_warning: Callable[[str], None] = lambda _text: None,
        abilities: Callable[[], Abilities] = look,
        secrets: Secrets = lambda _name: None,
        lookup: Lookup = system_lookup,
    ) -> None:
        if sys.platform == "win32":
            raise SandboxUnavailable("This version runs plugins on Linux and macOS only.", hint="")
        self.level: Level = "minimal"
        self._secrets = secrets
        self._lookup = lookup
        self._served: dict[str, deque[Broker]] = {}
        self._brokers: WeakKeyDictionary[Process, Broker] = WeakKeyDictionary()
        self._abilities = _NOTHING if mode == "off" else abilities()
        reason = "it is switched off" if mode == "off" else missing(level, self._abilities)
        if not reason:
            self.level = level
        elif mode == "required":
            raise SandboxUnavailable(
                f"This machine has no working sandbox for the level '{level}': {reason}."
            )
        else:
            self.level = _next_best(level, self._abilities)
            on_warning(_warning(level, self.level, reason))
        self.engine = engine_for(self.level, self._abilities)
        self.isolated = bool(self.engine)

    def profile(
        self, name: str, permissions: Permissions, limits: Limits, folders: Folders
    ) -> Profile:
        """The profile of one plugin on this machine."""
        facts = machine(f"{name}\0{folders.data}", permissions.run)
        engine = self.engine
        if not engine and facts.uid and not reachable(_needed(folders, facts)):
            if self._abilities.namespaces:
                engine = "namespaces"  # more than the level promises, and less than root
            elif self.level == "minimal":
                facts = _as_ourselves(facts)
            else:
                raise SandboxUnavailable(
                    f"{name} cannot be a user of its own here: that user could not reach the"
                    " interpreter or the plugin's files.",
                    hint="Install Python and heimnetz-git where every user can read them.",
                )
        return profile_of(permissions, limits, folders, facts, engine=engine, level=self.level)

    def start(
        self,
        profile: Profile,
        command: Sequence[str],
        *,
        data: Path,
        inherit: int | Sequence[int],
        output: int,
        errors: int | None = None,
        fork: Fork | None = None,
    ) -> Process:
        """Start ``command``; it inherits the descriptors ``inherit`` and writes to ``output``.

        What goes to its standard error goes to ``errors`` if given, else to ``output`` too. It
        dies with the thread that calls this. The data folder is made if it is missing. With the
        engine ``namespaces`` the command confines itself (``confine.apply``).

        ``fork`` makes a process that does the same without executing anything: it is used where the
        process confines itself.
        """
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if profile.confinement.uid:
            give(data, profile.confinement.uid)
        handed = (inherit,) if isinstance(inherit, int) else tuple(inherit)
        outputs = (output, output if errors is None else errors)
        process = self._begin(profile, command, handed, outputs, fork)
        warden().watch(process.pid, profile.data, profile.limits, outputs[1])
        return process

    def _begin(
        self,
        profile: Profile,
        command: Sequence[str],
        handed: tuple[int, ...],
        outputs: tuple[int, int],
        fork: Fork | None,
    ) -> Process:
        """The process, with a broker if it was granted what takes one."""
        if not profile.brokered:
            return self._spawn(profile, command, handed, outputs, {}, fork)
        broker = Broker(profile.granted, lookup=self._lookup, secrets=self._secrets)
        number = broker.child.fileno()
        try:
            process = self._spawn(
                profile, command, (*handed, number), outputs, {VARIABLE: str(number)}, fork
            )
        except OSError:
            broker.close()
            raise
        finally:
            broker.child.close()
        self._brokers[process] = broker
        served = self._served.setdefault(profile.data, deque(maxlen=MOST_REMEMBERED))
        served.append(broker)
        return process

    def brokered(self, data: str) -> tuple[Broker, ...]:
        """The brokers of the processes that have their data in this folder, oldest first."""
        return tuple(self._served.get(data, ()))

    def broker_of(self, process: Process) -> Broker | None:
        """The broker of a process that was started here, if it was given one."""
        return self._brokers.get(process)

    def _spawn(  # noqa: PLR0917  # what start has gathered
        self,
        profile: Profile,
        command: Sequence[str],
        handed: tuple[int, ...],
        outputs: tuple[int, int],
        environ: Mapping[str, str],
        fork: Fork | None,
    ) -> Process:
        """Start the command, by bubblewrap where that is the engine."""
        if profile.engine != "bubblewrap" and fork is not None:
            return fork(handed, outputs, environ)
        if profile.engine != "bubblewrap":
            return _spawn(command, handed, outputs, environ)
        options = _as_file(bubblewrap.arguments(profile))
        try:
            program = self._abilities.bubblewrap
            wrapped = [program, "--args", str(options), "--", *command]
            return _spawn(wrapped, (*handed, options), outputs, environ)
        finally:
            os.close(options)


_NOTHING = Abilities(system=sys.platform, processor="")


def _next_best(level: Level, abilities: Abilities) -> Level:
    """The closest level below ``level`` that this machine can keep."""
    below = LEVELS[: LEVELS.index(level)]
    return next((one for one in reversed(below) if not missing(one, abilities)), "minimal")


def _warning(wanted: Level, found: Level, reason: str) -> str:
    """What it means that a level cannot be had, for the person who decides."""
    if found != "minimal":
        return f"Plugins run at the level '{found}', not '{wanted}' ({reason})."
    return (
        f"Plugins run without a sandbox ({reason}): they can read and write what"
        f" {'root can: everything' if is_root() else 'you can'}."
    )


def _as_ourselves(facts: Machine) -> Machine:
    """A plugin that cannot be a user of its own, because that user could not reach its files."""
    import msgspec

    return msgspec.structs.replace(facts, uid=0)


def find_sandbox() -> tuple[str, str]:
    """What makes a sandbox here and no reason, or nothing and why."""
    found = look()
    reason = missing("strict", found)
    return ("", reason) if reason else (engine_for("strict", found), "")


def _needed(folders: Folders, facts: Machine) -> tuple[str, ...]:
    """Every path that the plugin's user must be able to come to without mounts."""
    return (*folders.code, *folders.sdk, folders.data, *facts.python)


def _as_file(words: Sequence[str]) -> int:
    """A descriptor of a file in memory with NUL-ended ``words``, as ``bwrap --args`` reads them.

    So that the paths are in no command line, neither for other users nor for the plugin.
    """
    descriptor = os.memfd_create("options")
    os.write(descriptor, b"".join(os.fsencode(word) + b"\0" for word in words))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _spawn(
    command: Sequence[str],
    inherit: tuple[int, ...],
    outputs: tuple[int, int],
    environ: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    """A process with an empty environment, no descriptors but those, in a session of its own."""
    return subprocess.Popen(
        command,
        env={**ENVIRONMENT, **environ},
        stdin=subprocess.DEVNULL,
        stdout=outputs[0],
        stderr=outputs[1],
        pass_fds=inherit,
        cwd="/",
        start_new_session=True,
    )


def end_tree(process: Process) -> None:
    """Kill ``process`` and all that came of it; they are gone on return (or after GONE_WITHIN)."""
    family = descendants(process.pid)
    watched = [_watch(pid) for pid in family]
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in family:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.kill()
    process.wait()
    deadline = time.monotonic() + GONE_WITHIN
    for descriptor in filter(None, watched):
        _wait_gone(descriptor, deadline)


def _watch(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends, or None."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _wait_gone(descriptor: int, deadline: float) -> None:
    """Wait until the watched process has ended, or until ``deadline``; closes the descriptor."""
    import select

    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
    finally:
        os.close(descriptor)
