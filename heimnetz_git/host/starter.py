"""Where plugins' processes come from: executed anew by the launcher."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.start import command_for, profile_for
from heimnetz_git.host.started import Started
from heimnetz_git.sandbox.launcher import Launcher
from heimnetz_git.sandbox.profile import Profile

__all__ = ["Starter"]


class Starter:
    """Starts the processes of plugins; called by the hub's thread."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher

    def profile(self, spec: LaunchSpec) -> Profile:
        """The sandbox that a plugin gets on this machine."""
        return profile_for(spec, self.launcher)

    def start(self, spec: LaunchSpec, profile: Profile, connection: int, output: int) -> Started:
        """A process that serves ``connection`` and prints to ``output`` (both stay yours)."""
        child = self.launcher.start(
            profile,
            command_for(connection),
            data=Path(spec.data),
            inherit=connection,
            output=output,
        )
        return Started(child)
