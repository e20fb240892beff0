"""Small plugins for tests, written into a folder of the test and ready to be launched."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.sandbox.launcher import find_sandbox
from heimnetz_git.sandbox.watch import children

__all__ = ["alive", "family", "granted", "needs_sandbox", "plugin"]

HEAD = """\
import os, socket, subprocess, sys, threading, time
from typing import Any
import msgspec
from heimnetz_git import BasePlugin, Context, operation

class Plugin(BasePlugin):
"""

needs_sandbox = pytest.mark.skipif(
    not find_sandbox()[0], reason=f"no working bubblewrap: {find_sandbox()[1]}"
)


def plugin(
    folder: Path,
    body: str,
    *,
    name: str = "probe",
    permissions: Permissions | None = None,
    limits: Limits | None = None,
    config: dict[str, Any] | None = None,
    requires: tuple[str, ...] = (),
    head: str = HEAD,
) -> LaunchSpec:
    """A plugin whose class body is ``body``, as a module in ``folder/NAME/code``."""
    code = folder / name / "code"
    code.mkdir(parents=True)
    module = name.replace("-", "_")
    text = head + textwrap.indent(textwrap.dedent(body), "    ")
    (code / f"{module}.py").write_text(text)
    return LaunchSpec(
        name=name,
        version="1.0.0",
        entry_point=f"{module}:Plugin",
        paths=(str(code),),
        data=str(folder / name / "data"),
        permissions=permissions or Permissions(),
        limits=limits or Limits(start="20s", call="20s"),
        config=config or {},
        requires=requires,
    )


def granted(
    *,
    read: tuple[Path | str, ...] = (),
    write: tuple[Path | str, ...] = (),
    connect: tuple[str, ...] = (),
    listen: tuple[str, ...] = (),
    run: tuple[str, ...] = (),
    env: tuple[str, ...] = (),
) -> Permissions:
    """Permissions in few words."""
    return Permissions(
        network=NetworkPermissions(connect=connect, listen=listen),
        files=FilePermissions(
            read=tuple(str(path) for path in read), write=tuple(str(path) for path in write)
        ),
        run=run,
        env=env,
    )


def family(pid: int) -> list[int]:
    """A process and all that came of it."""
    found = [pid]
    for one in found:
        _born[one] = _state(one)[1]
        found += children(one)
    return found


def alive(pids: list[int]) -> list[int]:
    """Those of ``pids`` that still run, and are not new processes of the same number."""

    def runs(pid: int) -> bool:
        state, born = _state(pid)
        return state not in {"", "Z", "X"} and born == _born.get(pid, born)

    return [pid for pid in pids if runs(pid)]


_born: dict[int, str] = {}
"""When the processes that were looked at began: numbers are used again, on a busy machine soon."""


def _state(pid: int) -> tuple[str, str]:
    """A process's state and when it began (proc(5)), empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
