"""Running scripts in the sandbox, and running a script of ours as an ordinary user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.abilities import abilities
from heimnetz_git.sandbox.launcher import Launcher, find_sandbox
from heimnetz_git.sandbox.levels import Level
from heimnetz_git.sandbox.script import Bounds, Outcome, Script, run_script

__all__ = ["NOBODY", "REPOSITORY", "Ran", "as_nobody", "execute", "interpreter", "needs_levels"]

NOBODY = 65_534
REPOSITORY = Path(__file__).parent.parent

needs_levels = pytest.mark.skipif(
    sys.platform != "linux" or not find_sandbox()[0], reason=f"no sandbox: {find_sandbox()[1]}"
)


class Ran(NamedTuple):
    """How a script ended, and what it printed."""

    outcome: Outcome
    out: str
    err: str


def execute(
    source: str,
    folder: Path,
    *,
    level: Level = "standard",
    permissions: Permissions | None = None,
    limits: Limits | None = None,
    code: tuple[Path, ...] = (),
    wall: float = 30.0,
    output: int = 1 << 20,
    engine: str = "",
) -> Ran:
    """Run the text of a script; its data folder is ``folder/data``.

    ``engine`` ``bubblewrap`` or ``landlock`` leaves the launcher nothing better.
    """
    data = folder / "data"
    data.mkdir(exist_ok=True)
    found = abilities()
    if engine:
        found = msgspec.structs.replace(found, namespaces=False)
    if engine == "landlock":
        found = msgspec.structs.replace(found, bubblewrap="")
    launcher = Launcher("required", level=level, abilities=lambda: found)
    printed: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
    outcome = run_script(
        Script(source.encode(), "/script.py", (), tuple(map(str, code)), str(data)),
        launcher,
        permissions or Permissions(),
        limits or Limits(),
        Bounds(wall, output),
        on_output=lambda number, found: printed[number].extend(found),
    )
    out, err = (printed[number].decode(errors="replace") for number in (1, 2))
    return Ran(outcome, out, err)


def as_nobody(command: list[str], scratch: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as an ordinary user without any rights."""
    libraries = Path(pytest.__file__).parent.parent
    return subprocess.run(
        command,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=scratch,
        env={
            "PYTHONPATH": f"{REPOSITORY}:{libraries}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(scratch),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def interpreter(scratch: Path) -> str:
    """An interpreter of our version that an ordinary user can start, with our libraries."""
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    code = "import sys, msgspec, pytest; print('%d.%d' % sys.version_info[:2])"
    for program in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        try:
            done = as_nobody([program, "-c", code], scratch)
        except OSError:
            continue
        if done.stdout.strip() == wanted:
            return program
    pytest.skip("no interpreter that an ordinary user may start has our libraries")


def is_root() -> bool:
    """Do the tests run as root?"""
    return hasattr(os, "geteuid") and os.geteuid() == 0
