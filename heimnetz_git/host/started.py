"""A process that was started for a plugin: noticing its end, its status, and ending all of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress

from heimnetz_git.host.hub import Hub
from heimnetz_git.host.start import describe_status
from heimnetz_git.host.zygote import ZygoteChild
from heimnetz_git.sandbox.launcher import Process, end_tree

__all__ = ["Started"]


class Started:
    """One process, from its start on."""

    def __init__(self, child: Process) -> None:
        self.pid = child.pid
        self._child = child
        self._hub: Hub | None = None
        self._descriptor = -1

    def watch(self, hub: Hub, ended: Callable[[], None]) -> None:
        """Have ``ended`` called when the process has ended (Linux; elsewhere never)."""
        if not hasattr(os, "pidfd_open"):
            return
        with suppress(OSError):
            known = self._child.descriptor if isinstance(self._child, ZygoteChild) else -1
            self._descriptor = os.dup(known) if known >= 0 else os.pidfd_open(self.pid)
            self._hub = hub
            hub.watch(self._descriptor, lambda _events: self._noticed(ended))

    def _noticed(self, ended: Callable[[], None]) -> None:
        self._unwatch()
        ended()

    def _unwatch(self) -> None:
        if self._hub is not None and self._descriptor >= 0:
            self._hub.unwatch(self._descriptor)

    def status(self, within: float) -> str:
        """How it ended, in words; ``killed`` if it has not so far."""
        with suppress(subprocess.TimeoutExpired):
            return describe_status(self._child.wait(within))
        return "killed"

    def end(self) -> None:
        """Kill it and all that came of it; they are gone on return."""
        end_tree(self._child)
        self._unwatch()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if isinstance(self._child, ZygoteChild):
            self._child.release()
