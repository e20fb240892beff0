"""What honest plugins need works at every level: a sandbox in which nothing runs is no use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heimnetz_git.sandbox.levels import LEVELS, Level
from tests.pluginkit import granted
from tests.sandboxkit import Ran, execute, needs_levels

pytestmark = needs_levels

CONTROLS = {
    "threads": "t = threading.Thread(target=lambda: 1); t.start(); t.join()",
    "a pool of threads": (
        "from concurrent.futures import ThreadPoolExecutor as P\n"
        "with P(8) as p: assert sum(p.map(abs, range(-9, 0))) == 45"
    ),
    "asyncio": "import asyncio; assert asyncio.run(asyncio.sleep(0.01, 5)) == 5",
    "asyncio in threads": (
        "import asyncio\nasync def f(): return await asyncio.to_thread(len, 'abc')\n"
        "assert asyncio.run(f()) == 3"
    ),
    "temporary files": "assert tempfile.TemporaryFile().write(b'x') == 1",
    "temporary folders": (
        "with tempfile.TemporaryDirectory() as d: open(d + '/x', 'w').write('x')"
    ),
    "named temporary files": "tempfile.NamedTemporaryFile().write(b'x')",
    "tls": "import ssl; assert ssl.create_default_context().get_ca_certs() is not None",
    "time zones": "import zoneinfo; assert zoneinfo.ZoneInfo('Europe/Berlin')",
    "local time": "assert time.localtime().tm_year > 2000",
    "ctypes": "import ctypes; assert ctypes.CDLL(None).getpid() == os.getpid()",
    "msgspec": "import msgspec; assert msgspec.json.decode(b'[1]') == [1]",
    "a C extension of its own": "import fastmath; assert fastmath.json.decode(b'1') == 1",
    "sqlite": (
        "import sqlite3\nwith sqlite3.connect(D + '/x.db') as c:\n"
        "    c.execute('create table t (a)'); c.execute('insert into t values (1)')\n"
        "assert sqlite3.connect(D + '/x.db').execute('select a from t').fetchone() == (1,)"
    ),
    "sqlite with a log": (
        "import sqlite3\nc = sqlite3.connect(D + '/w.db'); c.execute('pragma journal_mode=wal')\n"
        "c.execute('create table t (a)'); c.commit()"
    ),
    "its own code": "import own; assert own.VALUE == 7 and 'VALUE' in open(own.__file__).read()",
    "its own resources": (
        "from importlib.resources import files\n"
        "import own_package; assert files(own_package).joinpath('data.txt').read_text() == 'x'"
    ),
    "writing to its data": "open(D + '/kept', 'w').write('x')",
    "folders in its data": "os.makedirs(D + '/a/b'); os.rename(D + '/a', D + '/c'); os.listdir(D)",
    "copying files": (
        "import shutil; open(D + '/1', 'w').write('x'); shutil.copyfile(D + '/1', D + '/2')"
    ),
    "archives": (
        "import zipfile\nwith zipfile.ZipFile(D + '/z.zip', 'w') as z: z.writestr('a', 'b')\n"
        "zipfile.ZipFile(D + '/z.zip').extractall(D + '/z')"
    ),
    "compression": "import bz2, gzip, lzma; lzma.compress(bz2.compress(b'x'))",
    "locks on files": (
        "import fcntl\nwith open(D + '/lock', 'w') as f: fcntl.flock(f, fcntl.LOCK_EX)"
    ),
    "mapping files": (
        "import mmap\nwith open(D + '/m', 'w+b') as f:\n"
        "    f.write(bytes(4096)); f.flush(); mmap.mmap(f.fileno(), 4096)[0] = 1"
    ),
    "random": "import secrets; assert len(secrets.token_bytes(8)) == 8",
    "hashes": "import hashlib; hashlib.scrypt(b'a', salt=b'b', n=16, r=1, p=1); hashlib.sha256()",
    "unique numbers": "import uuid; uuid.uuid4(); uuid.uuid1()",
    "alarms": (
        "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()"
    ),
    "waiting for sockets": (
        "import selectors, socket\na, b = socket.socketpair(); b.send(b'x')\n"
        "s = selectors.DefaultSelector(); s.register(a, 1); assert s.select(1)"
    ),
    "printing": "print('ä' * 10); print('x', file=sys.stderr)",
    "logging": "import logging; logging.basicConfig(); logging.warning('x')",
    "numbers": "import decimal, fractions, statistics; statistics.mean([decimal.Decimal(1)])",
    "its own state": "os.cpu_count(); os.getpid(); time.process_time(); os.times(); os.uname()",
    "its own limits": "import resource; resource.getrlimit(resource.RLIMIT_AS)",
    "a traceback": "import faulthandler; faulthandler.enable(); traceback.format_stack()",
    "measuring memory": "import tracemalloc; tracemalloc.start(); tracemalloc.take_snapshot()",
    "multiprocessing's locks": "import multiprocessing; multiprocessing.Lock()",
    "multiprocessing is refused clearly": (
        "import multiprocessing\ntry: multiprocessing.Process(target=print).start()\n"
        "except PermissionError: pass\nelse: raise SystemExit('started')"
    ),
    "a program is refused clearly": (
        "import subprocess\ntry: subprocess.run(['/bin/true'])\n"
        "except OSError as error: assert error.errno in (1, 2, 13), error\n"
        "else: raise SystemExit('started')"
    ),
    "a connection is refused clearly": (
        "import socket\ntry: socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except PermissionError: pass\nelse: raise SystemExit('connected')"
    ),
}
SCRIPT = """\
import json, os, sys, tempfile, threading, time, traceback
D = os.environ['HEIMNETZ_DATA']
found = {{}}
for name, code in json.loads({controls!r}).items():
    try:
        exec(code, dict(globals()))
        found[name] = ''
    except BaseException:
        found[name] = traceback.format_exc()[-600:]
print('\\ncontrols:' + json.dumps(found))
"""


@cache
def controls_at(level: Level, folder: Path) -> dict[str, str]:
    """All of them in one sandbox: why each failed, empty for those that work."""
    import json

    code = folder / "code"
    (code / "own_package").mkdir(parents=True)
    (code / "own.py").write_text("VALUE = 7\n")
    (code / "own_package" / "__init__.py").write_text("")
    (code / "own_package" / "data.txt").write_text("x")
    extension = Path(msgspec.__file__).parent
    import shutil

    shutil.copytree(extension, code / "msgspec")
    (code / "fastmath.py").write_text(
        "import sys\nfor name in [n for n in sys.modules if n.split('.')[0] == 'msgspec']:\n"
        "    del sys.modules[name]\nfrom msgspec import json\n"
    )
    ran = execute(SCRIPT.format(controls=json.dumps(CONTROLS)), folder, level=level, code=(code,))
    line = next((one for one in ran.out.splitlines() if one.startswith("controls:")), "")
    assert line, (ran.outcome, ran.out[-500:], ran.err[-1500:])
    found: dict[str, str] = json.loads(line.removeprefix("controls:"))
    return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One for each level, open to the plugin's user."""
    made: dict[str, Path] = {level: tmp_path_factory.mktemp(level) for level in LEVELS}
    for path in made.values():
        path.chmod(0o755)
    return made


@pytest.mark.parametrize("what", CONTROLS)
@pytest.mark.parametrize("level", LEVELS)
def test_what_an_honest_plugin_needs_works(
    folders: dict[str, Path], level: Level, what: str
) -> None:
    """At each level."""
    found = controls_at(level, folders[level])
    assert set(found) == set(CONTROLS)
    if level == "minimal" and what == "multiprocessing is refused clearly":
        return
    assert found[what] == ""


PROGRAM = {
    "the exit status": "assert subprocess.run(['/bin/sh', '-c', 'exit 3']).returncode == 3",
    "the output": "assert subprocess.run(['/bin/sh', '-c', 'echo x'], capture_output=True).stdout",
    "the input": (
        "assert subprocess.run(['/bin/sh', '-c', 'read x; echo $x'], input=b'y\\n',"
        " capture_output=True).stdout == b'y\\n'"
    ),
    "no other program": (
        "assert subprocess.run(['/bin/sh', '-c', '/usr/bin/env'],"
        " capture_output=True).returncode in (126, 127)"
    ),
    "confined as well": (
        "assert subprocess.run(['/bin/sh', '-c', 'read x < /etc/passwd'],"
        " capture_output=True).returncode"
    ),
}


@pytest.mark.parametrize("what", PROGRAM)
@pytest.mark.parametrize("level", ["standard", "strict"])
def test_a_granted_program_runs_as_confined_as_the_plugin(
    tmp_path: Path, level: Level, what: str
) -> None:
    """By its absolute path, and it can start no other."""
    tmp_path.chmod(0o755)
    code = f"import subprocess\n{PROGRAM[what]}\n"
    ran = execute(code, tmp_path, level=level, permissions=granted(run=("/bin/sh",)))
    assert ran.outcome.status == 0, ran.err


@pytest.mark.parametrize("status", [0, 1, 7, 255])
def test_the_exit_code_is_passed_on(tmp_path: Path, status: int) -> None:
    """Whatever it is."""
    assert execute(f"raise SystemExit({status})", tmp_path).outcome.status == status


def test_a_signal_is_told_as_shells_tell_it(tmp_path: Path) -> None:
    """128 and its number; an exception is 1."""
    assert execute("import os; os.abort()", tmp_path).outcome.status == 134
    ran: Any = execute("1 / 0", tmp_path)
    assert isinstance(ran, Ran)
    assert ran.outcome.status == 1
    assert "ZeroDivisionError" in ran.err
