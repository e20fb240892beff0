"""The host's side of the zygote: processes in a few milliseconds, of a few megabytes."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from heimnetz_git.errors import SandboxUnavailable
from heimnetz_git.host.hub import Hub
from heimnetz_git.host.start import FLAGS, own_packages
from heimnetz_git.host.zygote_messages import (
    LONGEST,
    Exited,
    Fork,
    Forked,
    FromZygote,
    Reap,
)
from heimnetz_git.sandbox.launcher import end_tree, interpreter

__all__ = ["Zygote", "ZygoteChild"]

BOOTSTRAP = (
    "import sys; sys.path += sys.argv[2:]; from heimnetz_git.host.zygote_main import main;"
    " main(int(sys.argv[1]), sys.argv[2:])"
)
READY_WITHIN = 20.0

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FromZygote).decode


class ZygoteChild:
    """A process that the zygote forked; used as one would use ``subprocess.Popen``."""

    def __init__(self, zygote: Zygote, pid: int, watch: int) -> None:
        self.pid = pid
        self.descriptor = watch
        self.returncode: int | None = None
        self.exited = threading.Event()
        self._zygote = zygote

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired.

        If the zygote has died it cannot be known: -9, for then its children were killed.
        """
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        if not poll.poll(None if timeout is None else timeout * 1000):
            raise subprocess.TimeoutExpired(["plugin"], timeout or 0)
        self.exited.wait(1.0)
        return -signal.SIGKILL if self.returncode is None else self.returncode

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def kill(self) -> None:
        """Kill it, if it still runs."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)

    def release(self) -> None:
        """Let its number go; call this when it has ended and nothing more is asked of it."""
        self._zygote.reap(self)
        os.close(self.descriptor)


class Zygote:
    """One clean interpreter with the SDK loaded, exec'ed once, from which plugins are forked.

    Used by the hub's thread. When it dies, so do the plugins; the next ``spawn`` starts another.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._children: dict[int, ZygoteChild] = {}
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """Its process id, 0 if none runs."""
        return self._process.pid if self._process is not None else 0

    def spawn(
        self, handed: tuple[int, ...], outputs: tuple[int, int], environ: Mapping[str, str]
    ) -> ZygoteChild:
        """A new process with the descriptors ``handed``, the first being its connection.

        It writes to ``outputs`` and confines itself as its Hello says. Raises SandboxUnavailable.
        """
        for last in (False, True):
            control = self._control or self._begin()
            try:
                request = _encode(Fork(handed, dict(environ)))
                socket.send_fds(control, [request], [*outputs, *handed])
                return self._forked(control)
            except (OSError, EOFError) as error:
                self.close()
                if last:
                    raise SandboxUnavailable(f"The zygote does not answer: {error}.") from error
        raise SandboxUnavailable("The zygote does not answer.")

    def reap(self, child: ZygoteChild) -> None:
        """The host has done with a child that ended."""
        with self._lock, suppress(OSError):
            if self._children.get(child.pid) is child:
                del self._children[child.pid]
                if self._control is not None:
                    self._control.send(_encode(Reap(child.pid)))

    def close(self) -> None:
        """End the zygote; its children die with it."""
        with self._lock:
            process, self._process = self._process, None
            control, self._control = self._control, None
            left, self._children = list(self._children.values()), {}
        if control is not None:
            self._hub.unwatch(control.fileno())
            control.close()
        if process is not None:
            end_tree(process)
        for child in left:
            child.exited.set()

    def _begin(self) -> socket.socket:
        """Execute it."""
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parents = dict.fromkeys(str(path.parent) for path in own_packages())
        with other:
            self._process = subprocess.Popen(
                [interpreter(), *FLAGS, "-c", BOOTSTRAP, str(other.fileno()), *parents],
                env={"MALLOC_ARENA_MAX": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(other.fileno(),),
                cwd="/",
                start_new_session=True,
            )
        own.settimeout(READY_WITHIN)
        self._control = own
        self._hub.watch(own.fileno(), lambda _events: self._hear())
        return own

    def _forked(self, control: socket.socket) -> ZygoteChild:
        """The answer to a Fork; what comes before it is heard too."""
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            message, watch = _receive(control)
            if isinstance(message, Forked):
                child = ZygoteChild(self, message.pid, watch)
                with self._lock:
                    self._children[message.pid] = child
                return child
            self._note(message)
        raise TimeoutError("no child within its time")

    def _hear(self) -> None:
        """The hub sees a message, or the end of the zygote."""
        control = self._control
        if control is None:
            return
        try:
            self._note(_receive(control)[0])
        except (OSError, EOFError):
            self.close()

    def _note(self, message: FromZygote) -> None:
        """A child has ended."""
        child = self._children.get(message.pid)
        if isinstance(message, Exited) and child is not None:
            child.returncode = message.status
            child.exited.set()


def _receive(control: socket.socket) -> tuple[FromZygote, int]:
    """One message, and the descriptor that came with it (or -1). Raises EOFError at the end."""
    data, descriptors, _flags, _address = socket.recv_fds(control, LONGEST, 1)
    if not data:
        raise EOFError("it ended")
    return _decode(data), descriptors[0] if descriptors else -1
