"""Running a script as a plugin would be run, and ending it when it takes too much."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from heimnetz_git.errors import SandboxUnavailable, printable
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.interpreter import FLAGS, interpreter, own_packages
from heimnetz_git.sandbox.launcher import Launcher, Process, end_tree
from heimnetz_git.sandbox.layout import Folders
from heimnetz_git.sandbox.profile import Profile
from heimnetz_git.sandbox.runner import GO, Plan, Report, receive, send
from heimnetz_git.sandbox.watch import Watch

__all__ = ["Bounds", "Outcome", "Script", "run_script"]

BOOTSTRAP = (
    "import sys; sys.path += sys.argv[2:]; from heimnetz_git.sandbox.runner import main;"
    " main(int(sys.argv[1]), sys.argv[2:])"
)
CHUNK = 1 << 16
LOOK_EVERY = 0.05
BOOTSTRAP_SECONDS = 20.0
REST_WITHIN = 0.2


class Script(NamedTuple):
    """A script: its text, path and arguments; absolute folders of its code, and of its data.

    ``stand_ins`` are shown in the place of what the plugin's user could not read.
    """

    source: bytes
    path: str
    arguments: tuple[str, ...]
    code: tuple[str, ...]
    data: str
    stand_ins: Mapping[str, str] = MappingProxyType({})


class Bounds(NamedTuple):
    """Seconds that it may run, bytes that it may print."""

    wall: float
    output: int


class Outcome(NamedTuple):
    """How it ended.

    ``status`` is its exit code, 128 + N for signal N; ``stopped`` why it was ended, empty if it
    ended by itself; ``applied`` the layers that confined it.
    """

    status: int
    stopped: str
    applied: tuple[str, ...]
    seconds: float


def run_script(
    script: Script,
    launcher: Launcher,
    permissions: Permissions,
    limits: Limits,
    bounds: Bounds,
    *,
    on_output: Callable[[int, bytes], None],
) -> Outcome:
    """Run a script confined; ``on_output`` gets 1 or 2 and what it wrote there.

    Nothing of it is left on return. Raises SandboxUnavailable if less was applied than the level
    promises.
    """
    path = Path(script.path)
    alone = path.is_file() and not any(path.is_relative_to(one) for one in script.code)
    shown = (*script.code, script.path) if alone else script.code
    folders = Folders(shown, script.data, tuple(map(str, own_packages())), dict(script.stand_ins))
    profile = launcher.profile("script", permissions, limits, folders)
    return _Run(script, launcher, profile, bounds, on_output).run()


class _Run:
    """One run, from start to end."""

    def __init__(
        self,
        script: Script,
        launcher: Launcher,
        profile: Profile,
        bounds: Bounds,
        on_output: Callable[[int, bytes], None],
    ) -> None:
        self._script = script
        self._launcher = launcher
        self._profile = profile
        self._bounds = bounds
        self._on_output = on_output
        self._printed = 0
        self._begin = time.monotonic()

    def run(self) -> Outcome:
        """See run_script."""
        host, child = socket.socketpair()
        out, child_out = os.pipe()
        err, child_err = os.pipe()
        process = None
        try:
            process = self._start(child, child_out, child_err)
            for end in (child_out, child_err):
                os.close(end)
            child.close()
            applied = self._let_go(host, err)
            stopped = self._serve(process, {out: 1, err: 2})
            status = process.wait() if not stopped else 1
            return Outcome(
                status if status >= 0 else 128 - status,
                stopped,
                applied,
                time.monotonic() - self._begin,
            )
        finally:
            if process is not None:
                end_tree(process)
            self._rest({out: 1, err: 2})
            host.close()
            child.close()
            for end in (out, err):
                os.close(end)

    def _start(self, child: socket.socket, child_out: int, child_err: int) -> Process:
        """The process, which waits for its plan."""
        parents = dict.fromkeys(str(path.parent) for path in own_packages())
        command = [interpreter(), *FLAGS, "-c", BOOTSTRAP, str(child.fileno()), *parents]
        return self._launcher.start(
            self._profile,
            command,
            data=Path(self._script.data),
            inherit=child.fileno(),
            output=child_out,
            errors=child_err,
        )

    def _let_go(self, host: socket.socket, err: int) -> tuple[str, ...]:
        """Hand over the plan, compare what was applied with what was promised, and let it run."""
        host.settimeout(BOOTSTRAP_SECONDS)
        try:
            send(host, self._plan())
            found = receive(host)
        except OSError as error:
            raise SandboxUnavailable(f"The sandbox did not start: {error}.") from error
        if not found:
            os.set_blocking(err, False)
            said = os.read(err, CHUNK).decode(errors="replace").strip().splitlines() or [""]
            raise SandboxUnavailable(f"The sandbox did not start: {printable(said[-1])}")
        report = msgspec.msgpack.decode(found, type=Report)
        promised = self._profile.confinement.promised()
        if report.error or not set(promised) <= set(report.applied):
            raise SandboxUnavailable(
                f"The script could not be confined: {printable(report.error) or 'a layer failed'}"
                f" ({', '.join(promised)} were to be applied,"
                f" {', '.join(map(printable, report.applied)) or 'nothing'} was)."
            )
        host.sendall(GO)
        return report.applied

    def _plan(self) -> Plan:
        """What the process has to know."""
        script, profile = self._script, self._profile
        return Plan(
            confinement=profile.confinement,
            source=script.source,
            path=script.path,
            arguments=script.arguments,
            paths=script.code,
            environment={
                **profile.variables,
                "HEIMNETZ_DATA": script.data,
                "HEIMNETZ_CODE": os.pathsep.join(script.code),
                "HOME": script.data,
            },
            folder=script.data,
        )

    def _serve(self, process: Process, ends: dict[int, int]) -> str:
        """Forward what it prints until it ends; why it was stopped, if it was."""
        watch = Watch(process.pid, self._script.data, self._profile.limits)
        looked = 0.0
        with selectors.DefaultSelector() as selector:
            for end in ends:
                selector.register(end, selectors.EVENT_READ)
            while process.poll() is None:
                self._read(selector, ends)
                now = time.monotonic()
                if now - self._begin > self._bounds.wall:
                    return f"it ran for more than {self._bounds.wall:g} s"
                if self._printed > self._bounds.output:
                    return f"it printed more than {self._bounds.output} bytes"
                if now - looked > LOOK_EVERY:
                    if why := watch.exceeded():
                        return f"it used {why}"
                    looked = time.monotonic() + 4 * (time.monotonic() - now)
        return ""

    def _read(self, selector: selectors.BaseSelector, ends: dict[int, int]) -> None:
        """Whatever there is to read within LOOK_EVERY."""
        if not selector.get_map():
            time.sleep(LOOK_EVERY / 10)
            return
        for key, _ in selector.select(LOOK_EVERY):
            data = os.read(key.fd, CHUNK)
            if data:
                self._forward(ends[key.fd], data)
            else:
                selector.unregister(key.fd)

    def _rest(self, ends: dict[int, int]) -> None:
        """What was printed last."""
        for end, number in ends.items():
            os.set_blocking(end, False)
            try:
                while data := os.read(end, CHUNK):
                    self._forward(number, data)
            except OSError:
                continue

    def _forward(self, number: int, data: bytes) -> None:
        """Pass on what is within the bound."""
        room = max(0, self._bounds.output - self._printed)
        self._printed += len(data)
        if data[:room]:
            self._on_output(number, data[:room])
