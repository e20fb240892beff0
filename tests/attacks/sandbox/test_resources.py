"""Attacks on what a plugin may use up: each ends within its bound, and leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heimnetz_git.model.limits import Limits
from tests.pluginkit import granted
from tests.sandboxkit import execute, needs_levels

pytestmark = needs_levels

SMALL = Limits(memory="96M", disk="4M", processes=8, files=64)
HEAD = "import os, sys, time, threading, mmap, resource, socket\nD = os.environ['HEIMNETZ_DATA']\n"

# Each prints 'escaped' at its end if nobody stopped it.
EXHAUSTING = {
    "memory at once": "x = bytearray(1 << 30)",
    "memory bit by bit": "x = [bytes(1 << 20) for _ in range(600)]",
    "mapped memory": "x = mmap.mmap(-1, 1 << 30)",
    "mapped memory, written": "x = [mmap.mmap(-1, 64 << 20) for _ in range(8)]",
    "memory in threads' stacks": (
        "threading.stack_size(256 << 20)\n"
        "for _ in range(4): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    ),
    "threads": (
        "for _ in range(100): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    ),
    "open files": "x = [open('/dev/null') for _ in range(500)]",
    "pipes": "x = [os.pipe() for _ in range(500)]",
    "socket pairs": "x = [socket.socketpair() for _ in range(500)]",
    "one large file": "open(D + '/f', 'wb').write(bytes(32 << 20))",
    "a large file by its size": "os.truncate(os.open(D + '/f', os.O_CREAT | os.O_RDWR), 1 << 40)",
    "a large file by allocation": (
        "os.posix_fallocate(os.open(D + '/f', os.O_CREAT | os.O_RDWR), 0, 1 << 30)"
    ),
    "many large files": (
        "for n in range(400):\n    open(f'{D}/{n}', 'wb').write(bytes(1 << 20)); time.sleep(0.005)"
    ),
    "many small files": (
        "for n in range(200000):\n    open(f'{D}/{n}', 'wb').close()\n"
        "    n % 500 or time.sleep(0.01)"
    ),
    "many folders": (
        "for n in range(100000):\n    os.mkdir(f'{D}/{n}')\n    n % 500 or time.sleep(0.01)"
    ),
    "temporary files": "for n in range(64): open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))",
    "many temporary files": "for n in range(20000): open(f'/tmp/{n}', 'wb').close()",
    "shared memory": "for n in range(64): open(f'/dev/shm/{n}', 'wb').write(bytes(1 << 20))",
    "pending signals": (
        "import ctypes\nc = ctypes.CDLL(None)\nfor _ in range(2000):\n"
        "    t = ctypes.c_void_p()\n"
        "    if c.timer_create(0, None, ctypes.byref(t)): raise OSError('no more timers')"
    ),
    "time by waiting": "time.sleep(60)",
    "time by counting": "while True: pass",
    "time by ignoring": (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    ),
    "time in C": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    "the output": "while True: sys.stdout.write('x' * 65536)",
    "the error output": "while True: os.write(2, b'x' * 65536)",
    "the stack": "sys.setrecursionlimit(1 << 30)\ndef f(): [f()]\nimport pickle\nx = []\n"
    "for _ in range(1 << 20): x = [x]\nrepr(x)",
}


@pytest.mark.parametrize("what", EXHAUSTING)
def test_nothing_can_be_exhausted(tmp_path: Path, what: str) -> None:
    """The kernel refuses, or the supervisor ends it; the host is none the wiser."""
    tmp_path.chmod(0o755)
    code = f"{HEAD}{EXHAUSTING[what]}\nprint('escaped', flush=True)\nos._exit(0)\n"
    wall = 1.0 if what.startswith("time") else 8.0
    ran = execute(code, tmp_path, limits=SMALL, wall=wall, output=1 << 18)
    assert "escaped" not in ran.out
    assert ran.outcome.status != 0
    assert len(ran.out) + len(ran.err) <= 1 << 18


TRUE = next((path for path in ("/usr/bin/true", "/bin/true") if Path(path).exists()), "")


@pytest.mark.skipif(not TRUE, reason="no program 'true'")
@pytest.mark.parametrize(
    "code",
    [
        "while True: os.fork()",
        "for _ in range(200):\n    if os.fork() == 0: time.sleep(60)",
        "x = [os.fork() for _ in range(3)]\ny = bytearray(60 << 20)\ntime.sleep(3)",
    ],
    ids=["bomb", "many children", "memory of several processes together"],
)
def test_processes_are_bounded_where_programs_are_granted(tmp_path: Path, code: str) -> None:
    """Their number, and their memory together."""
    tmp_path.chmod(0o755)
    source = f"{HEAD}{code}\nprint('escaped', flush=True)\n"
    ran = execute(source, tmp_path, limits=SMALL, wall=4.0, permissions=granted(run=(TRUE,)))
    assert "escaped" not in ran.out


@pytest.mark.skipif(not TRUE, reason="no program 'true'")
def test_nothing_outlives_the_end(tmp_path: Path) -> None:
    """Children in sessions of their own go with the script that left them behind."""
    tmp_path.chmod(0o755)
    code = (
        f"{HEAD}\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        while True:\n            open(D + '/alive', 'w').write(str(time.time()))\n"
        f"            time.sleep(0.02)\n    os._exit(0)\ntime.sleep(0.3)\n"
    )
    ran = execute(code, tmp_path, permissions=granted(run=(TRUE,)))
    assert ran.outcome.status == 0, ran.err
    alive = tmp_path / "data" / "alive"
    before = alive.read_text()
    os.sync()
    assert alive.read_text() == before
