"""One running plugin as its host sees it: a process, a connection, and the calls in flight."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from heimnetz_git.errors import (
    HeimnetzError,
    PluginCrashed,
    PluginFailed,
    PluginTimedOut,
    ProtocolViolation,
    SandboxUnavailable,
)
from heimnetz_git.host.calls import Calls, Chain, Pending
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.messages import (
    Error,
    Failure,
    FromPlugin,
    Greeting,
    HostCall,
    HostResult,
    Log,
    Ready,
)
from heimnetz_git.host.output import Output
from heimnetz_git.host.rpc import HostSide
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.start import command_for, describe_status, hello_for, profile_for
from heimnetz_git.model.limits import seconds
from heimnetz_git.sandbox.launcher import Launcher, end_tree

__all__ = ["PluginProcess", "Route"]

Route = Callable[[LaunchSpec, HostCall, Chain], Any]
LogLine = Callable[[str, int, str], None]

GRACE = 2.0
"""Seconds that a plugin has for cleaning up before it is killed."""
EXIT_STATUS_WITHIN = 0.5
CHUNK = 1 << 16


class PluginProcess:
    """A plugin's process, from its start to its end; used by any number of threads.

    One thread of its own starts the process, reads what comes and ends what is left; it lives as
    long as the process, because Linux kills a child whose parent's *thread* has gone. ``route``
    answers the plugin's calls to others, ``on_log`` gets (plugin, level, line).
    """

    def __init__(
        self,
        spec: LaunchSpec,
        launcher: Launcher,
        *,
        environ: Mapping[str, str],
        route: Route,
        on_log: LogLine,
        initialize: bool = True,
    ) -> None:
        self.spec = spec
        self.ready: Ready | None = None
        self.pid = 0
        self._launcher = launcher
        self._environ = environ
        self._route = route
        self._on_log = on_log
        self._initialize = initialize
        self._side = HostSide()
        self._calls = Calls(seconds(spec.limits.call), time.monotonic)
        self._output = Output(spec.name, time.monotonic)
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._started = threading.Event()
        self._ended: HeimnetzError | Raised | None = None
        self._stopping = False
        self._thread = threading.Thread(
            target=self._live, name=f"heimnetz-{spec.name}", daemon=True
        )

    @property
    def running(self) -> bool:
        """Has it started and not ended?"""
        return self.ready is not None and self._ended is None and not self._stopping

    def start(self) -> Ready:
        """Start it and wait until it is ready.

        Raises PluginTimedOut after ``limits.start``, Raised with what the plugin could not start
        for, SandboxUnavailable, PluginCrashed; then nothing of it is left.
        """
        self._host, self._child = socket.socketpair()
        self._wake, self._waker = socket.socketpair()
        self._out, self._child_out = os.pipe()
        self._thread.start()
        if not self._started.wait(seconds(self.spec.limits.start)):
            self._fail(
                PluginTimedOut(
                    f"{self.spec.name} was not ready within {self.spec.limits.start}."
                    f"{self._last_words()}",
                    plugin=self.spec.name,
                )
            )
        if self._ended is not None or self.ready is None:
            self._thread.join()
            raise self._ended or PluginCrashed(f"{self.spec.name} did not start.")
        return self.ready

    def call(self, operation: str, params: dict[str, Any], chain: Chain) -> Any:
        """The plain result of an operation.

        Raises Raised with what the plugin raised, PluginTimedOut after ``limits.call`` (and
        the process is gone), PluginCrashed if it ended, ProtocolViolation if it broke the rules.
        """
        with self._calls.turn(self.spec.name, chain):
            with self._lock:
                self._must_run()
                number, data = self._side.call(operation, params)
                pending = self._calls.open(number, chain)
                self._write(data)
            try:
                return self._await(pending, operation)
            finally:
                self._calls.forget(number)

    def stop(self) -> None:
        """Ask it to clean up and end; kill it after GRACE. Nothing of it is left on return."""
        with self._lock:
            running, self._stopping = self.running, True
            if running:
                self._write(self._side.stop())
        self._thread.join(GRACE if running else 0)
        if self._thread.is_alive():
            self._fail(PluginCrashed(f"{self.spec.name} was stopped.", plugin=self.spec.name))
            self._thread.join()

    # What follows up to _finish is called by other threads than the process's own.

    def _must_run(self) -> None:
        """Raise why it does not run, if it does not."""
        if self.running:
            return
        why = f": {self._ended}" if self._ended else ""
        raise PluginCrashed(f"{self.spec.name} is not running{why}", plugin=self.spec.name)

    def _await(self, pending: Pending, operation: str) -> Any:
        """The answer to an open call; kills the process when it takes too long."""
        while not pending.done.wait(pending.remaining()):
            if pending.remaining() > 0:
                continue
            self._fail(
                PluginTimedOut(
                    f"{self.spec.name}.{operation} did not answer within {self.spec.limits.call};"
                    " its process was ended.",
                    plugin=self.spec.name,
                    operation=operation,
                )
            )
            pending.done.wait()
        answer = pending.answer
        if isinstance(answer, HeimnetzError | Raised):
            raise answer
        if isinstance(answer, Error):
            raise Raised(answer.failure)
        return None if answer is None else answer.value

    def _fail(self, error: HeimnetzError | Raised) -> None:
        """End the process because of ``error``, unless it has ended already."""
        with self._lock:
            if self._ended is None:
                self._ended = error
        self._nudge()

    def _write(self, data: bytes) -> None:
        """Send now what the socket takes, leave the rest to the process's thread (lock held)."""
        if not self._unsent:
            with suppress(BlockingIOError, OSError):
                data = data[self._host.send(data) :]
        if data:
            self._unsent += data
            self._nudge()

    def _nudge(self) -> None:
        """Wake the process's thread."""
        with suppress(OSError):
            self._waker.send(b"!")

    def _answer(self, message: HostCall, chain: Chain) -> None:
        """Route a plugin's call to another plugin and send back what became of it."""
        try:
            value = self._route(self.spec, message, chain)
            failure = None
        except Raised as refused:
            value, failure = None, refused.failure
        except HeimnetzError as error:
            value, failure = None, Failure(type(error).__name__, str(error), error.code)
        with self._lock, suppress(OSError):
            self._calls.resume(message.parent)
            try:
                data = self._side.host_result(HostResult(message.id, value, failure))
            except ProtocolViolation as error:
                refusal = Failure("ProtocolViolation", str(error), error.code)
                data = self._side.host_result(HostResult(message.id, None, refusal))
            self._write(data)

    # The process's own thread.

    def _live(self) -> None:
        """Start, serve, clear up."""
        process = None
        try:
            process = self._launch()
            self._serve()
        except (HeimnetzError, Raised) as error:
            self._fail(error)
        except OSError as error:
            self._fail(SandboxUnavailable(f"{self.spec.name} cannot be started: {error}."))
        finally:
            self._finish(process)

    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the process and tell it who it is."""
        profile = profile_for(self.spec, self._launcher)
        process = self._launcher.start(
            profile,
            command_for(self._child.fileno()),
            data=Path(self.spec.data),
            inherit=self._child.fileno(),
            output=self._child_out,
        )
        self.pid = process.pid
        self._child.close()
        os.close(self._child_out)
        self._child_out = -1
        self._host.setblocking(False)
        self._promised = profile.confinement.promised() if sys.platform == "linux" else ()
        hello = hello_for(self.spec, profile, self._environ, initialize=self._initialize)
        with self._lock:
            self._write(self._side.hello(hello))
        return process

    def _serve(self) -> None:
        """Move bytes until the process ends or is to be ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._host, selectors.EVENT_READ, self._read)
            selector.register(self._out, selectors.EVENT_READ, self._read_output)
            selector.register(self._wake, selectors.EVENT_READ, lambda: self._wake.recv(CHUNK))
            while self._ended is None:
                wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
                selector.modify(self._host, wanted, self._read)
                for key, events in selector.select():
                    if events & selectors.EVENT_WRITE:
                        self._send_rest()
                    if events & selectors.EVENT_READ and key.data() == b"":
                        if key.fileobj is self._host:
                            return
                        selector.unregister(key.fileobj)

    def _send_rest(self) -> None:
        """Send what is left to send."""
        with self._lock, suppress(BlockingIOError, OSError):
            del self._unsent[: self._host.send(self._unsent)]

    def _read(self) -> bytes:
        """Read and act on messages; no bytes at the end."""
        try:
            data = self._host.recv(CHUNK)
        except BlockingIOError:
            return b"later"
        except ConnectionError:
            return b""
        with self._lock:
            messages = self._side.receive(data)
            chains = [self._calls.suspend(one) for one in messages if isinstance(one, HostCall)]
        for message in messages:
            self._act(message, chains)
        return data

    def _act(self, message: FromPlugin, chains: list[Chain]) -> None:
        """Do what a message asks for."""
        match message:
            case Log():
                self._on_log(self.spec.name, message.level, self._output.line(message.text))
            case Greeting() if not set(self._promised) <= set(message.applied):
                raise SandboxUnavailable(
                    f"{self.spec.name} could not be confined: {', '.join(self._promised)} were to"
                    f" be applied, {', '.join(message.applied) or 'nothing'} was."
                )
            case Ready():
                self.ready = message
                self._started.set()
            case Error(id=0):
                raise Raised(message.failure)
            case HostCall():
                arguments = (message, chains.pop(0))
                threading.Thread(target=self._answer, args=arguments, daemon=True).start()
            case Greeting():
                pass
            case _:
                self._calls.close(message)

    def _read_output(self) -> bytes:
        """Forward what it printed; no bytes at the end."""
        data = os.read(self._out, CHUNK)
        for line in self._output.feed(data):
            self._on_log(self.spec.name, 20, line)
        return data

    def _finish(self, process: subprocess.Popen[bytes] | None) -> None:
        """Leave nothing of the process, and tell everybody who waits."""
        status = self._end(process) if process else None
        with self._lock:
            if self._ended is None:
                said = "was stopped" if self._stopping else f"ended unexpectedly ({status})"
                self._ended = PluginCrashed(
                    f"{self.spec.name} {said}.{self._last_words()}", plugin=self.spec.name
                )
            for end in (self._host, self._child, self._wake, self._waker):
                end.close()
            for descriptor in (self._out, self._child_out):
                if descriptor >= 0:
                    os.close(descriptor)
        self._calls.fail(self._ended)
        self._started.set()

    def _end(self, process: subprocess.Popen[bytes]) -> str:
        """Kill what is left, read the last words; how it ended."""
        status = "killed"
        if self._ended is None:
            with suppress(subprocess.TimeoutExpired):
                status = describe_status(process.wait(EXIT_STATUS_WITHIN))
        end_tree(process)
        os.set_blocking(self._out, False)
        with suppress(BlockingIOError, OSError, PluginFailed):
            while self._read_output():
                pass
        for line in self._output.flush():
            self._on_log(self.spec.name, 20, line)
        return status

    def _last_words(self) -> str:
        """The last line that it printed, for an error message."""
        return f" Its last words: {self._output.last[-1][:300]}" if self._output.last else ""
