"""How a plugin's process is started, and how it ended: its command, its sandbox, its status."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from heimnetz_git.host.messages import PROTOCOL, Hello
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.sandbox.interpreter import FLAGS, interpreter, own_packages
from heimnetz_git.sandbox.launcher import Launcher
from heimnetz_git.sandbox.profile import Folders, Profile

__all__ = ["FLAGS", "command_for", "describe_status", "hello_for", "own_packages", "profile_for"]

BOOTSTRAP = (
    "import sys; sys.path += sys.argv[2:]; from heimnetz_git.host.worker import main;"
    " main(int(sys.argv[1]), sys.argv[2:])"
)


def command_for(descriptor: int) -> list[str]:
    """The command of a plugin's process that serves the socket ``descriptor``."""
    parents = dict.fromkeys(str(path.parent) for path in own_packages())
    return [interpreter(), *FLAGS, "-c", BOOTSTRAP, str(descriptor), *parents]


def profile_for(spec: LaunchSpec, launcher: Launcher) -> Profile:
    """The sandbox that a plugin gets on this machine."""
    folders = Folders(spec.paths, spec.data, tuple(str(path) for path in own_packages()))
    return launcher.profile(spec.name, spec.permissions, spec.limits, folders)


def hello_for(
    spec: LaunchSpec, profile: Profile, environ: Mapping[str, str], *, initialize: bool
) -> Hello:
    """The first message to a plugin's process; of ``environ`` only what the profile names."""
    return Hello(
        PROTOCOL,
        spec.name,
        spec.version,
        spec.entry_point,
        spec.paths,
        spec.data,
        profile.confinement,
        {
            **profile.variables,
            **{name: environ[name] for name in profile.environment if name in environ},
        },
        spec.permissions,
        spec.config,
        initialize,
    )


def describe_status(status: int) -> str:
    """An exit status in words; bubblewrap reports a signal as 128 + its number."""
    number = -status if status < 0 else status - 128 if status > 128 else 0
    try:
        return f"by {signal.Signals(number).name}" if number else f"exit status {status}"
    except ValueError:
        return f"exit status {status}"
