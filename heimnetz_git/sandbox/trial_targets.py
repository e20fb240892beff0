"""What the attacks aim at, made for them on this machine and taken away afterwards."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from heimnetz_git.sandbox.trials import Targets

__all__ = ["targets", "untouched"]

WORTHLESS = "a secret of no worth\n"


@contextlib.contextmanager
def targets() -> Iterator[Targets]:
    """Files, a process and sockets to attack; all gone afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="heimnetz-trials-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        for name in ("open", "code", "data"):
            (folder / name).mkdir()
        (folder / "open").chmod(0o777)
        for path, mode in (("secret", 0o644), ("open/writable", 0o666), ("open/old", 0o666)):
            (folder / path).write_text(WORTHLESS)
            (folder / path).chmod(mode)
        (folder / "code" / "module.py").write_text("x = 1\n")
        process = stack.enter_context(
            subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        )
        stack.callback(process.kill)
        name = f"heimnetz-{secrets.token_hex(6)}"
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        for family, where, kind in (
            (socket.AF_UNIX, str(folder / "open" / "unix"), socket.SOCK_STREAM),
            (socket.AF_UNIX, f"\0{name}", socket.SOCK_STREAM),
            (socket.AF_UNIX, f"\0{name}-d", socket.SOCK_DGRAM),
        ):
            made = stack.enter_context(socket.socket(family, kind))
            made.bind(where)
            if kind == socket.SOCK_STREAM:
                made.listen()
        (folder / "open" / "unix").chmod(0o777)
        variable = f"HEIMNETZ_TRIAL_{secrets.token_hex(4).upper()}"
        os.environ[variable] = "a secret of no worth"
        stack.callback(os.environ.pop, variable, None)
        yield Targets(
            secret=str(folder / "secret"),
            writable=str(folder / "open" / "writable"),
            folder=str(folder / "open"),
            pid=process.pid,
            tcp=tcp.getsockname()[1],
            udp=udp.getsockname()[1],
            unix=str(folder / "open" / "unix"),
            abstract=name,
            shared=0x48474D30,
            variable=variable,
            code=str(folder / "code"),
            data=str(folder / "data"),
        )


def untouched(found: Targets) -> bool:
    """Is all that was aimed at as it was, whatever an attack says of itself?"""
    folder = Path(found.folder)
    return (
        Path(found.writable).read_text() == WORTHLESS
        and (folder / "old").read_text() == WORTHLESS
        and {path.name for path in folder.iterdir()} == {"writable", "old", "unix"}
        and Path(found.writable).stat().st_mode & 0o777 == 0o666
        and (Path(found.code) / "module.py").read_text() == "x = 1\n"
        and [path.name for path in Path(found.code).iterdir()] == ["module.py"]
    )
