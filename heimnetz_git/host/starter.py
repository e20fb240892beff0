"""Where plugins' processes come from: forked from the zygote where that will do, else executed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from heimnetz_git.host.hub import Hub
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.start import command_for, profile_for
from heimnetz_git.host.started import Started
from heimnetz_git.host.zygote import Zygote
from heimnetz_git.sandbox.launcher import Launcher
from heimnetz_git.sandbox.profile import Profile

__all__ = ["Starter"]


class Starter:
    """Starts the processes of plugins; called by the hub's thread.

    With ``preload`` those that confine themselves are forked from a zygote (Linux): it costs as
    much as one of them, so it pays from the second on. What bubblewrap confines is executed.
    """

    def __init__(self, launcher: Launcher, hub: Hub, *, preload: bool) -> None:
        self.launcher = launcher
        able = sys.platform == "linux" and hasattr(os, "pidfd_open")
        self.zygote = Zygote(hub) if preload and able else None

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
            fork=self.zygote.spawn if self.zygote is not None else None,
        )
        return Started(child)

    def close(self) -> None:
        """End the zygote, when no plugin runs any more."""
        if self.zygote is not None:
            self.zygote.close()
