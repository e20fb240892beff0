"""What this machine can do for a sandbox, found out by making one and looking at it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import msgspec

from heimnetz_git.sandbox import bubblewrap, cgroup, landlock, seccomp
from heimnetz_git.sandbox.interpreter import FLAGS, interpreter, own_packages
from heimnetz_git.sandbox.levels import Abilities
from heimnetz_git.sandbox.users import is_root, mapped_users, plugin_user, reachable

__all__ = ["abilities", "forget", "probe"]

PROBE = (
    "import sys; sys.path += sys.argv[2:]; from heimnetz_git.sandbox.probe import main;"
    " main(sys.argv[1])"
)
PROBE_SECONDS = 20.0
SETTINGS = (
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    "/proc/sys/kernel/unprivileged_userns_clone",
    "/proc/sys/user/max_user_namespaces",
    "/sys/kernel/security/lsm",
)


class _Found(msgspec.Struct, frozen=True):
    """What was found out, and about which kernel and settings."""

    key: str
    abilities: Abilities


_memory: dict[str, Abilities] = {}


def abilities(folder: Path | None = None) -> Abilities:
    """What this machine can do, found out once and remembered, also in ``folder`` if given.

    Another kernel, user, interpreter or setting makes it look again.
    """
    key = _key()
    if key not in _memory:
        _memory[key] = _remembered(folder, key) or _look_and_keep(folder, key)
    return _memory[key]


def forget(folder: Path | None = None) -> None:
    """Look again the next time."""
    _memory.clear()
    if folder is not None:
        _file(folder).unlink(missing_ok=True)


def probe() -> Abilities:
    """Look now: make a sandbox of each kind, and see whether it holds."""
    processor = platform.machine()
    if sys.platform != "linux":
        return Abilities(system=sys.platform, processor=processor)
    root = is_root()
    reasons: dict[str, str] = {}
    users = not root or bool(plugin_user("any", mapped_users()))
    if not users:
        reasons["users"] = "root has no other user here to let a plugin be"
    filters = seccomp.supported(processor)
    if not filters:
        reasons["seccomp"] = f"there is no system-call filter for {processor} yet"
    version = landlock.version()
    if not version:
        reasons["landlock"] = "the kernel has no Landlock, or it is switched off"
    reason = _try_namespaces() if users else reasons["users"]
    program = ""
    if reason:
        reasons["namespaces"] = reason
    program, why = bubblewrap.find()
    if why:
        reasons["bubblewrap"] = why
    return Abilities(
        system=sys.platform,
        processor=processor,
        landlock=version,
        seccomp=filters,
        namespaces=not reason,
        bubblewrap=program,
        root=root,
        users=users,
        cgroup=cgroup.controllers(),
        reasons=reasons,
    )


def _try_namespaces() -> str:
    """Nothing if a process can make namespaces and a view of its own here, else why not."""
    parents = [str(path.parent) for path in own_packages()]
    with tempfile.TemporaryDirectory(prefix="heimnetz-probe-") as folder:
        Path(folder).chmod(0o755)
        try:
            done = subprocess.run(
                [interpreter(), *FLAGS, "-c", PROBE, folder, *parents],
                env={},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"a sandbox could not be tried: {error}"
    if done.returncode == 0 and done.stdout == b"confined\n":
        return ""
    words = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
    return f"namespaces are refused: {words[-1][:200]}"


@cache
def _key() -> str:
    """What the answers hang on: kernel, user, interpreter, and the settings about namespaces."""
    said = [platform.release(), platform.machine(), str(getattr(os, "geteuid", int)())]
    said += [interpreter(), str(reachable([interpreter()]))]
    for path in SETTINGS:
        try:
            said.append(Path(path).read_text().strip())
        except OSError:
            said.append("-")
    return " ".join(said)


def _file(folder: Path) -> Path:
    return folder / "sandbox.json"


def _remembered(folder: Path | None, key: str) -> Abilities | None:
    """What an earlier process found out, if it is about this machine as it is now."""
    if folder is None:
        return None
    try:
        found = msgspec.json.decode(_file(folder).read_bytes(), type=_Found)
    except (OSError, msgspec.DecodeError):
        return None
    return found.abilities if found.key == key else None


def _look_and_keep(folder: Path | None, key: str) -> Abilities:
    """Look, and write it down where that is possible."""
    found = probe()
    if folder is not None:
        beside = folder / f".sandbox-{os.getpid()}.json"
        try:
            beside.write_bytes(msgspec.json.encode(_Found(key, found)))
            beside.replace(_file(folder))
        except OSError:
            beside.unlink(missing_ok=True)
    return found
