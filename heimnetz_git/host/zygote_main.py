"""The zygote's program: a clean interpreter with the SDK loaded, which forks a plugin's process."""

from __future__ import annotations

import fcntl
import gc
import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from typing import NoReturn

import msgspec

from heimnetz_git.host import worker
from heimnetz_git.host.hooks import served_by
from heimnetz_git.host.plugin import BasePlugin, Context, operation
from heimnetz_git.host.values import schema_of
from heimnetz_git.host.zygote_messages import (
    LONGEST,
    MOST_DESCRIPTORS,
    Exited,
    Fork,
    Forked,
    FromHost,
    Reap,
)
from heimnetz_git.sandbox.kernel import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, prctl

__all__ = ["main"]

PR_SET_CHILD_SUBREAPER = 36
PRELOADED = (
    *("ctypes", "datetime", "fcntl", "json", "logging", "pathlib", "re", "resource", "time"),
    *("heimnetz_git.host.logs", "collections.abc", "enum", "functools", "typing"),
)
"""What most plugins import: loaded once here, and shared by all."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FromHost).decode


def main(descriptor: int, own_paths: list[str]) -> None:
    """Serve the host at the socket ``descriptor`` until it hangs up; children die with this."""
    _tie_to_host()
    for name in PRELOADED:
        __import__(name)
    _load_face()
    control = socket.socket(fileno=descriptor)
    gc.collect()
    gc.freeze()  # else collecting garbage would copy every page in every child
    _serve(control, own_paths)
    os._exit(0)


def _tie_to_host() -> None:
    """Die with the host, let no process of the same user look inside, inherit orphans.

    So that what a plugin's process leaves behind is found below this one, and ends with it.
    """
    for option, value in (
        (PR_SET_PDEATHSIG, SIGKILL),
        (PR_SET_DUMPABLE, 0),
        (PR_SET_CHILD_SUBREAPER, 1),
    ):
        prctl(option, value)


def _load_face() -> None:
    """All that a plugin's author imports from us."""
    import heimnetz_git

    for name in ("BasePlugin", "Context", "HeimnetzError", "every", "health", "on", "operation"):
        getattr(heimnetz_git, name)
    warm_up()


class _Example(BasePlugin):
    """A plugin that nobody runs."""

    @operation
    def echo(self, value: dict[str, list[int]], *, times: int = 1) -> dict[str, list[int]]:
        """What is done once here need not be done in each child: lazy imports, caches."""
        return value if times else {}


def warm_up() -> None:
    """Go once through what every plugin does when it starts and serves a call."""
    served = served_by(_Example)
    found = served.operation("echo")
    found.describe()
    schema_of(_Example.Config, closed=True)
    plugin = Context(config={}).start(_Example)
    found.run(plugin, {"value": {"a": [1]}})


def _serve(control: socket.socket, own_paths: list[str]) -> None:
    """Fork when asked, tell of ends, reap when the host has done with a child."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    watched: dict[int, int] = {}
    forked: set[int] = set()
    while True:
        for descriptor, _events in poll.poll():
            if descriptor != control.fileno():
                poll.unregister(descriptor)
                _tell(control, watched.pop(descriptor), descriptor)
                continue
            data, handed, _flags, _address = socket.recv_fds(control, LONGEST, MOST_DESCRIPTORS)
            if not data:
                return
            message = _decode(data)
            if isinstance(message, Reap):
                with suppress(ChildProcessError):
                    os.waitpid(message.pid, 0)
                forked.discard(message.pid)
                _bury(forked)
                continue
            pid = _fork(control, message, handed, own_paths)
            watch = os.pidfd_open(pid)
            forked.add(pid)
            watched[watch] = pid
            poll.register(watch, select.POLLIN)
            socket.send_fds(control, [_encode(Forked(pid))], [watch])


def _tell(control: socket.socket, pid: int, watch: int) -> None:
    """A child has ended; it stays a zombie, so that its number stays its own."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.close(watch)
    if found is None:
        return
    status = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
    with suppress(BrokenPipeError):
        control.send(_encode(Exited(pid, status)))


def _bury(forked: set[int]) -> None:
    """Reap inherited orphans that have ended."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    for pid in {int(word) for word in children.read_text().split()} - forked:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _fork(control: socket.socket, message: Fork, handed: list[int], own_paths: list[str]) -> int:
    """The number of a new child; the child never returns."""
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        _die_with(zygote)
        _become_plugin(control, message, handed, own_paths)
    for descriptor in handed:
        os.close(descriptor)
    return pid


def _die_with(zygote: int) -> None:
    """Be killed when the zygote ends, even if it has ended since it forked this process."""
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != zygote:
        os._exit(1)


def _become_plugin(
    control: socket.socket, message: Fork, handed: list[int], own_paths: list[str]
) -> NoReturn:
    """Take the descriptors that were handed over under the host's numbers, and serve."""
    try:
        os.setsid()
        control.close()
        high = max((*message.numbers, *handed, 2)) + 1
        moved = [_move(descriptor, high) for descriptor in handed]
        os.closerange(3, high)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        for source, number in zip(moved, (1, 2, *message.numbers), strict=True):
            os.dup2(source, number)
            os.set_inheritable(number, number > 2)  # standard ones are so already
        os.closerange(high, high + 1024)
        os.environ.update(message.environ)
        gc.enable()
        worker.main(message.numbers[0], own_paths)
    except BaseException as error:  # nothing of the zygote may go on in a child
        os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    os._exit(1)


def _move(descriptor: int, least: int) -> int:
    """The same, under a number of at least ``least``."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, least)
