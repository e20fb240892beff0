"""Looks after running plugins: what no limit of the kernel bounds is looked at again and again.

One thread for all of them. Where control groups can be used, they bound memory and processes of a
plugin's whole tree.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import threading
import time
from contextlib import suppress

from heimnetz_git.model.limits import Limits, size_in_bytes
from heimnetz_git.sandbox.cgroup import Group
from heimnetz_git.sandbox.watch import SLACK, Watch, descendants

__all__ = ["Warden", "warden"]

EVERY = 0.25
REST = 10
"""A look may take one tenth of the time."""
HELPERS = 4
THREADS = 16


class _Ward:
    """One plugin that is looked after."""

    def __init__(self, pid: int, data: str, limits: Limits, output: int) -> None:
        self.pid = pid
        self.handle = os.pidfd_open(pid)
        self.output = os.dup(output)
        self.watch = Watch(pid, data, limits)
        self.due = time.monotonic() + EVERY
        self.group = _group(pid, limits)

    def ended(self) -> bool:
        """Has its process gone?"""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Forget it."""
        for descriptor in (self.handle, self.output):
            os.close(descriptor)
        if self.group is not None:
            self.group.remove()


class Warden:
    """Ends plugins that use too much, and says why in their output; used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wards: list[_Ward] = []
        self._running = False

    def watch(self, pid: int, data: str, limits: Limits, output: int) -> None:
        """Look after a process until it ends; ``output`` stays the caller's."""
        if not hasattr(os, "pidfd_open"):
            return
        with suppress(OSError):  # it may have gone already
            ward = _Ward(pid, data, limits, output)
            with self._lock:
                self._wards.append(ward)
                if not self._running:
                    self._running = True
                    threading.Thread(target=self._live, name="heimnetz-warden", daemon=True).start()

    def release(self) -> None:
        """Take away the groups of those that have ended, before this process ends itself."""
        with self._lock:
            for ward in self._wards:
                if ward.group is not None and ward.ended():
                    ward.group.remove()

    def _live(self) -> None:
        """Look at each when it is due; ends when there is nobody left."""
        while True:
            time.sleep(EVERY)
            with self._lock:
                wards = list(self._wards)
                if not wards:
                    self._running = False
                    return
            for ward in wards:
                if ward.ended():
                    self._forget(ward)
                elif time.monotonic() >= ward.due:
                    _look(ward)

    def _forget(self, ward: _Ward) -> None:
        with self._lock:
            self._wards.remove(ward)
        ward.close()


def _look(ward: _Ward) -> None:
    """Look at one; the larger its data folder, the less often."""
    begin = time.monotonic()
    why = ward.watch.exceeded()
    ward.due = time.monotonic() + max(EVERY, REST * (time.monotonic() - begin))
    if why:
        with suppress(OSError):
            os.set_blocking(ward.output, False)
            os.write(ward.output, f"ended by the host: it used {why}\n".encode())
        for pid in (*descendants(ward.pid), ward.pid):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _group(pid: int, limits: Limits) -> Group | None:
    """A control group for the tree, where that is possible."""
    group = Group.make(
        f"{os.getpid()}-{pid}",
        memory=size_in_bytes(limits.memory) + SLACK,
        processes=limits.processes + HELPERS + THREADS,
    )
    if group is not None:
        with suppress(OSError):
            group.add(pid)
    return group


_warden = Warden()
atexit.register(_warden.release)


def warden() -> Warden:
    """The one of this process."""
    return _warden
