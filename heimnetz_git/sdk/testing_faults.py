"""Faults in an author's tests: what may happen to a plugin at its users', made to happen now."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from heimnetz_git.errors import SandboxUnavailable
from heimnetz_git.model.permission import NetworkPermissions

if TYPE_CHECKING:
    from heimnetz_git.sdk.testing_plugin import RunningPlugin

__all__ = ["Faults"]


class Faults:
    """What can go wrong for the plugin under test::

        faults.little_disk("16K")
        with pytest.raises(OperationFailed, match="too large"):
            plugin.call("keep", text="x" * 20_000)
        faults.mend()

    Each holds until ``mend`` or another one, and restarts the plugin on its data; ``kill`` and
    ``hang`` happen to the process that runs.
    """

    def __init__(self, plugin: RunningPlugin) -> None:
        self._plugin = plugin

    def kill(self) -> None:
        """End its process as a crash, or the kernel when the machine is out of memory, would."""
        self._plugin.kill()

    def hang(self) -> None:
        """Halt its process: it is there, and answers nothing until it is ended."""
        self._plugin.hang()

    def out_of_memory(self, memory: str = "8M") -> None:
        """Leave it this much memory beyond the interpreter's own; asking for more MemoryErrors.

        Raises what a start does when the plugin cannot even start with that.
        """
        self._confined("memory")
        self._plugin.alter(limits={"memory": memory})

    def little_disk(self, disk: str = "16K") -> None:
        """Leave it a disk of this size: a file that grows beyond it raises OSError (EFBIG).

        A data folder that does so with many files ends the plugin, as its limit ``disk`` would. A
        disk that says ENOSPC takes a mount, for which tests have no right.
        """
        self._confined("disk")
        self._plugin.alter(limits={"disk": disk})

    def no_network(self) -> None:
        """Take every network permission away: connecting raises OSError (here EACCES)."""
        if not self._plugin.isolated:
            raise SandboxUnavailable("Without a sandbox the network cannot be taken away.")
        self._plugin.alter(network=NetworkPermissions())

    def mend(self) -> None:
        """As if nothing had happened: the manifest's limits and permissions, a new process."""
        self._plugin.alter()

    def _confined(self, what: str) -> None:
        """Limits are the kernel's, which the process asks for itself before it loads the plugin."""
        if sys.platform == "win32":
            raise SandboxUnavailable(f"This system does not limit the {what} of a process.")
