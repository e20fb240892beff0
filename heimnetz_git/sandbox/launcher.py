"""Starting a command inside a profile, and ending everything that came of it."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from heimnetz_git.errors import SandboxUnavailable
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox import bubblewrap
from heimnetz_git.sandbox.profile import (
    SYSTEM_LIBRARIES,
    Folders,
    Machine,
    Profile,
    profile_of,
)
from heimnetz_git.sandbox.users import give, is_root, mapped_users, plugin_user, reachable

__all__ = ["Launcher", "Mode", "end_tree", "find_sandbox", "interpreter"]

Mode = Literal["auto", "required", "off"]

GONE_WITHIN = 2.0
"""Seconds that a killed process tree is given to vanish."""


class Launcher:
    """How this machine starts plugins: inside bubblewrap, or as plain processes.

    ``mode`` ``required`` raises SandboxUnavailable where bubblewrap does not work; ``auto`` takes a
    plain process then, and says so once through ``on_warning``; ``off`` never isolates.
    """

    def __init__(
        self,
        mode: Mode = "auto",
        *,
        on_warning: Callable[[str], None] = lambda _text: None,
        find: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        if sys.platform == "win32":
            raise SandboxUnavailable("This version runs plugins on Linux and macOS only.", hint="")
        look = find or find_sandbox
        self.program, reason = ("", "it is switched off") if mode == "off" else look()
        self.isolated = bool(self.program)
        if self.isolated:
            return
        if mode == "required":
            raise SandboxUnavailable(f"This machine has no working sandbox: {reason}.")
        on_warning(
            f"Plugins run without a sandbox ({reason}): they can read and write what"
            f" {'root can: everything' if is_root() else 'you can'}."
        )

    def profile(
        self, name: str, permissions: Permissions, limits: Limits, folders: Folders
    ) -> Profile:
        """The profile of one plugin on this machine."""
        machine = facts(f"{name}\0{folders.data}")
        if not self.isolated and machine.uid and not reachable(_needed(folders, machine)):
            machine = Machine(machine.system, machine.processor, machine.python, machine.links)
        return profile_of(permissions, limits, folders, machine, isolated=self.isolated)

    def start(
        self, profile: Profile, command: Sequence[str], *, data: Path, inherit: int, output: int
    ) -> subprocess.Popen[bytes]:
        """Start ``command``; it inherits the descriptor ``inherit`` and writes to ``output``.

        It dies with the thread that calls this. The data folder is made if it is missing.
        """
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if profile.confinement.uid:
            give(data, profile.confinement.uid)
        if not profile.isolated:
            return _spawn(command, (inherit,), output)
        options = _as_file(bubblewrap.arguments(profile))
        try:
            wrapped = [self.program, "--args", str(options), "--", *command]
            return _spawn(wrapped, (inherit, options), output)
        finally:
            os.close(options)


def find_sandbox() -> tuple[str, str]:
    """The working ``bwrap`` and no reason, or none and why."""
    if sys.platform != "linux":
        return "", "there is none for this system yet"
    if is_root() and not plugin_user("any", mapped_users()):
        return "", "root has no other user here to let a plugin be"
    return bubblewrap.find()


def facts(owner: str) -> Machine:
    """What a profile has to know about this machine; ``owner`` tells whose data it is for."""
    links = {
        path: str(Path(path).readlink())
        for path in SYSTEM_LIBRARIES
        if Path(path).is_symlink() and Path(path).parent == Path("/")
    }
    return Machine(
        system=sys.platform,
        processor=platform.machine(),
        python=interpreter_files(),
        links=links,
        uid=plugin_user(owner, mapped_users()) if is_root() else 0,
    )


def interpreter() -> str:
    """The real path of the interpreter, outside of any virtual environment."""
    base = getattr(sys, "_base_executable", "") or sys.executable
    return os.path.realpath(base)


def interpreter_files() -> tuple[str, ...]:
    """What the interpreter needs to start: itself, its library, its standard library."""
    own = {sys.base_prefix, os.path.realpath(sys.base_prefix)} - {"/", "/usr", "/usr/local"}
    places = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    parts = {sysconfig.get_path(name, vars=places) for name in ("stdlib", "platstdlib")}
    outside = {
        path
        for path in {interpreter(), *parts}
        if not any(Path(path).is_relative_to(prefix) for prefix in own)
    }
    return tuple(sorted(own | outside))


def _needed(folders: Folders, machine: Machine) -> tuple[str, ...]:
    """Every path that the plugin's user must be able to come to without mounts."""
    return (*folders.code, *folders.sdk, folders.data, *machine.python)


def _as_file(words: Sequence[str]) -> int:
    """A descriptor of a file in memory with NUL-ended ``words``, as ``bwrap --args`` reads them.

    So that the paths are in no command line, neither for other users nor for the plugin.
    """
    descriptor = os.memfd_create("options")
    os.write(descriptor, b"".join(os.fsencode(word) + b"\0" for word in words))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _spawn(
    command: Sequence[str], inherit: tuple[int, ...], output: int
) -> subprocess.Popen[bytes]:
    """A process with an empty environment, no descriptors but those, in a session of its own."""
    return subprocess.Popen(
        command,
        env={"MALLOC_ARENA_MAX": "1"},  # else each thread's heap eats the limit on memory
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=inherit,
        cwd="/",
        start_new_session=True,
    )


class Process(Protocol):
    """What ``end_tree`` needs of a process: ``subprocess.Popen`` has it."""

    @property
    def pid(self) -> int:
        """Its number, still its own."""

    def kill(self) -> None:
        """Kill it, if it still runs."""

    def wait(self) -> int:
        """Wait until it has ended."""


def end_tree(process: Process) -> None:
    """Kill ``process`` and all that came of it; they are gone on return (or after GONE_WITHIN)."""
    family = _descendants(process.pid)
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


def _descendants(pid: int) -> list[int]:
    """The process ids of all children of ``pid`` and theirs (Linux; elsewhere none are known)."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for path in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(word) for word in path.read_text().split()]
                found += children
                waiting += children
    return found


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
