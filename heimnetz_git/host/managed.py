"""One plugin in a manager's care: its specification, its state, and the process that serves it."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.errors import HeimnetzError, PluginCrashed
from heimnetz_git.host.contract import Contract
from heimnetz_git.host.denial import explain
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.hub import Timer
from heimnetz_git.host.lifecycle import Lifecycle, State
from heimnetz_git.host.process import PluginProcess
from heimnetz_git.host.spec import LaunchSpec

__all__ = ["Managed"]


class Managed:
    """A plugin, whether it runs or not. ``generation`` counts the processes that served it."""

    def __init__(self, spec: LaunchSpec, lifecycle: Lifecycle) -> None:
        self.spec = spec
        self.lifecycle = lifecycle
        self.process: PluginProcess | None = None
        self.contract: Contract | None = None
        self.generation = 0
        self.retry: Timer | None = None
        self.timers: list[Timer] = []

    @property
    def running(self) -> bool:
        """Does it answer calls?"""
        return self.process is not None and self.process.running and self.contract is not None

    def serving(self) -> tuple[PluginProcess, Contract]:
        """The process that answers its calls. Raises PluginCrashed with the reason if none does."""
        process, contract = self.process, self.contract
        if process is None or contract is None or not process.running:
            raise PluginCrashed(
                f"{self.spec.key} is not running{self._why()}",
                hint="Start it first.",
                plugin=self.spec.key,
            )
        return process, contract

    def _why(self) -> str:
        """What is known about why it does not run."""
        if self.lifecycle.disabled_by:
            return f": it is disabled by {', '.join(sorted(self.lifecycle.disabled_by))}."
        return f": {self.lifecycle.reason}" if self.lifecycle.reason else "."

    def check(self) -> str:
        """What is wrong with its files, without running any of its code; empty if nothing is."""
        missing = [path for path in self.spec.paths if not Path(path).exists()]
        if missing:
            return f"{self.spec.key} cannot be loaded: there is no {missing[0]}."
        return ""

    def settle(self, process: PluginProcess) -> Contract:
        """Wait until ``process`` is ready; what it offers. Raises the error of a start."""
        try:
            return Contract(self.spec.key, process.wait_ready())
        except Raised as raised:
            raise explain(raised.failure, self.spec) from None
        except HeimnetzError:
            process.stop()
            raise

    def serve_from(self, process: PluginProcess, contract: Contract) -> PluginProcess | None:
        """Route calls to ``process`` from now on; the one that they went to before, if any."""
        before, self.process, self.contract = self.process, process, contract
        self.generation += 1
        return before

    def quiet(self) -> None:
        """Let none of its timers go off."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None

    def at_rest(self) -> bool:
        """Is it in none of the states that pass?"""
        return self.lifecycle.state not in {State.INITIALIZING, State.STOPPING, State.LOADING}
