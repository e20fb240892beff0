"""Plugins that try what they were not granted: only files made here, and the loopback."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.errors import AccessDenied, HeimnetzError, OperationFailed
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.landlock import version as landlock_version
from tests.pluginkit import granted, needs_sandbox, plugin

pytestmark = [
    needs_sandbox,
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's"),
]

Attack = Callable[..., Any]

# Runs the text it is given, as the worst plugin would; `out` is what comes back.
BODY = """
    @operation
    def attack(self, code: str) -> Any:
        scope = {"context": self.context, "data": self.context.data, "out": None}
        exec("import ctypes, errno, os, socket, subprocess, sys, threading, time\\n" + code, scope)
        return scope["out"]
"""


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    """Runs code inside a plugin with the given permissions and limits; its result."""
    managers: dict[tuple[Permissions, Limits], PluginManager] = {}

    def run(code: str, permissions: Permissions | None = None, **limits: Any) -> Any:
        granting = permissions or Permissions()
        bounds = Limits(start="20s", call="20s", **limits)
        if (granting, bounds) not in managers:
            folder = tmp_path_factory.mktemp("attack")
            folder.chmod(0o755)
            spec = plugin(folder, BODY, permissions=granting, limits=bounds)
            environ = {"TZ": "Europe/Berlin", "HOME": "/nowhere", "TOKEN": "secret"}
            manager = PluginManager([spec], sandbox="required", environ=environ)
            managers[granting, bounds] = manager
        managers[granting, bounds].start()
        return managers[granting, bounds].call("probe", "attack", code=code)

    yield run
    for manager in managers.values():
        manager.stop()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that everybody on the machine may read."""
    path = tmp_path / "secret.txt"
    path.write_text("secret")
    path.chmod(0o644)
    return path


def test_a_file_outside_the_grant_is_not_there(attack: Attack, secret: Path) -> None:
    """The refusal names the path and the line to add."""
    with pytest.raises(AccessDenied, match=re.escape(str(secret))) as caught:
        attack(f"open({str(secret)!r})")
    assert f"files: {{read: [{secret}]}}" in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_granted_file_can_be_read_and_not_written(attack: Attack, secret: Path) -> None:
    """The grant is for reading; for writing it names another line."""
    grant = granted(read=(secret,))
    assert attack(f"out = open({str(secret)!r}).read()", grant) == "secret"
    with pytest.raises(AccessDenied, match=r"tried to write|grant reading it"):
        attack(f"open({str(secret)!r}, 'a')", grant)
    assert secret.read_text() == "secret"


def test_a_granted_folder_can_be_written(attack: Attack, tmp_path: Path) -> None:
    """As far as its mode lets the plugin's user."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    attack(f"open({str(folder / 'new')!r}, 'w').write('x')", granted(write=(folder,)))
    assert (folder / "new").read_text() == "x"


def test_its_data_folder_is_the_one_that_the_host_named(attack: Attack) -> None:
    """What it writes there stays, and the host finds it."""
    kept = attack("(data / 'kept').write_text('x'); out = str(data / 'kept')")
    assert Path(kept).read_text() == "x"


def test_a_missing_file_is_an_ordinary_error(attack: Attack) -> None:
    """No permission would make it appear."""
    with pytest.raises(OperationFailed, match="FileNotFoundError"):
        attack("open('/nonexistent/file')")


HIDDEN = [
    *("/etc/shadow", "/etc/passwd", "/root/.bashrc", "/home", "/var", "/run", "/sys", "/boot"),
    *("/usr/bin/env", "/bin/sh", "/sbin", "/opt", "/mnt", "/dev/mem", "/dev/kmsg"),
]


def test_the_machine_is_hidden(attack: Attack) -> None:
    """Neither secrets nor folders nor programs of the host are there to be seen."""
    assert attack(f"out = [path for path in {HIDDEN} if os.path.exists(path)]") == []


FILES = {
    "its own code": "open(__import__('probe').__file__, 'a')",
    "beside its code": "open(os.path.dirname(__import__('probe').__file__) + '/x', 'w')",
    "the sdk": "open(__import__('heimnetz_git').__file__, 'a')",
    "the interpreter": "open(os.__file__, 'a')",
    "the root": "open('/x', 'w')",
    "the devices": "open('/dev/x', 'w')",
    "the kernel's settings": "open('/proc/sys/kernel/hostname', 'w')",
    "out of memory through /proc": "open('/proc/1/mem', 'rb')",
    "its own limits": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "another user": "os.setuid(0)",
    "a device node": "os.mknod(str(data / 'disk'), 0o060600, os.makedev(8, 0))",
    "a new root": "os.chroot('/tmp')",
    "the rights of root": "os.chown(data, 0, 0) if os.getuid() else 1 / 0",
}


@pytest.mark.parametrize("what", FILES)
def test_it_cannot_write_or_take(attack: Attack, what: str) -> None:
    """Each is refused by the kernel."""
    if what == "the rights of root" and os.geteuid() != 0:
        pytest.skip("an ordinary user's files are the plugin's")
    with pytest.raises(HeimnetzError, match=r"PermissionError|OSError|tried to|Errno|limit"):
        attack(FILES[what])


def test_a_link_in_its_data_leads_nowhere(attack: Attack, secret: Path) -> None:
    """Links are followed inside the sandbox, where there is nothing to find."""
    code = f"(data / 'link').symlink_to({str(secret)!r})\nout = (data / 'link').exists()"
    assert attack(code) is False


def test_it_starts_with_an_empty_environment(attack: Attack) -> None:
    """Nothing of the host's is in it."""
    assert attack("out = dict(os.environ)") == {}


def test_granted_variables_and_no_others(attack: Attack) -> None:
    """By name; one that the host has not set stays unset."""
    grant = granted(env=("TZ", "UNSET"))
    assert attack("out = dict(os.environ)", grant) == {"TZ": "Europe/Berlin"}


def test_it_inherits_nothing_but_its_line_to_the_host(attack: Attack, secret: Path) -> None:
    """No descriptor of the host's: input, output, error, one socket."""
    with secret.open() as held:
        os.set_inheritable(held.fileno(), True)
        kinds = attack(
            "import stat\n"
            "out = sorted(stat.S_IFMT(os.fstat(n).st_mode) for n in range(200)"
            " if os.path.exists(f'/proc/self/fd/{n}'))"
        )
    pipe, device, line = 0o010000, 0o020000, 0o140000
    assert kinds == [pipe, pipe, device, line]


def test_other_processes_are_invisible(attack: Attack) -> None:
    """It sees itself at most, and can reach no other."""
    code = "out = [n for n in range(1, 300) if os.path.exists(f'/proc/{n}/status')]"
    assert set(attack(code)) <= {2, 3}
    code = f"""
try:
    os.kill({os.getpid()}, 0)
except OSError as error:
    out = error.errno
"""
    assert attack(code) in {1, 3}


def test_the_sandbox_itself_is_out_of_reach(attack: Attack) -> None:
    """Its process 1 has the plugin's user but no filter: nothing in its /proc folder is there."""
    for path in ("/proc/1/environ", "/proc/1/mem", "/proc/1/task/1/mem", "/proc/1/root"):
        with pytest.raises(HeimnetzError, match=r"Errno|refused|which its permissions"):
            attack(f"open({path!r}, 'rb').read()")


def test_landlock_closes_the_memory_of_other_processes_even_without_a_sandbox(
    tmp_path: Path,
) -> None:
    """A plain process has the host's user, and still can neither look into it nor end it."""
    if landlock_version() < 6:
        pytest.skip("this kernel's Landlock is too old")
    code = """
        @operation
        def look(self, path: str) -> int:
            return len(open(path, "rb").read(0))

        @operation
        def end(self, pid: int) -> None:
            os.kill(pid, 0)
    """
    spec = plugin(tmp_path, code)
    with PluginManager([spec], sandbox="off", on_warning=lambda _text: None) as plugins:
        plugins.start()
        with pytest.raises(HeimnetzError, match="/proc/"):
            plugins.call("probe", "look", path=f"/proc/{os.getpid()}/mem")
        with pytest.raises(OperationFailed, match="PermissionError"):
            plugins.call("probe", "end", pid=os.getpid())


def test_moving_files_between_folders_still_works(attack: Attack) -> None:
    """Landlock's first version forbade it; what is used of it here does not."""
    code = """
(data / 'a').mkdir(); (data / 'b').mkdir(); (data / 'a' / 'x').write_text('x')
out = str((data / 'a' / 'x').rename(data / 'b' / 'x'))
"""
    assert attack(code).endswith("/b/x")


@pytest.fixture
def server() -> Iterator[int]:
    """A listening socket on the loopback; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


NETWORK = {
    "a connection": "socket.create_connection(('127.0.0.1', {port}))",
    "a datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "a local socket": "socket.socket(socket.AF_UNIX)",
    "netlink": "socket.socket(16, socket.SOCK_RAW)",
    "multipath": "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)",
    "packets": "socket.socket(17, socket.SOCK_RAW)",
    "http": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}', timeout=3)",
}


@pytest.mark.parametrize("what", NETWORK)
def test_without_a_grant_there_is_no_network(attack: Attack, server: int, what: str) -> None:
    """The kernel refuses, and the host says which line is missing."""
    with pytest.raises(AccessDenied, match="tried to use the network") as caught:
        attack(NETWORK[what].format(port=server))
    assert "network: {connect:" in caught.value.hint


def test_names_are_not_looked_up_either(attack: Attack) -> None:
    """A query is a message to the outside."""
    with pytest.raises(AccessDenied, match="tried to use the network"):
        attack("socket.getaddrinfo('heimnetz.invalid', 80)")


def test_with_a_grant_the_network_is_there(attack: Attack, server: int) -> None:
    """For connections; accepting them takes another grant, local sockets are never there."""
    grant = granted(connect=(f"127.0.0.1:{server}",))
    assert attack(f"socket.create_connection(('127.0.0.1', {server})).close(); out = 1", grant)
    for code in ("socket.create_server(('', 0))", "socket.socket(socket.AF_UNIX)"):
        with pytest.raises(HeimnetzError, match="PermissionError"):
            attack(code, grant)


def test_with_a_grant_it_may_listen(attack: Attack) -> None:
    """On any port: which one is not enforced, and that is said."""
    grant = granted(listen=("8000-9000",))
    assert attack("socket.create_server(('127.0.0.1', 0)).close(); out = 1", grant) == 1


PROGRAMS = {
    "a program": "subprocess.run(['/bin/true'])",
    "the interpreter": "subprocess.run([sys.executable, '-c', '1'])",
    "a shell": "assert os.system('true') == 0",
    "a fork": "os.fork()",
    "itself anew": f"os.execv({sys.executable!r}, ['x'])",
    "a program of its own": (
        "(data / 'x').write_text('#!/bin/sh')\n(data / 'x').chmod(0o755)\n"
        "os.execv(data / 'x', ['x'])"
    ),
    "a process of multiprocessing": (
        "import multiprocessing as m\nm.get_context('fork').Process(target=print).start()"
    ),
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_without_a_grant_nothing_can_be_started(attack: Attack, what: str) -> None:
    """Neither programs nor processes."""
    with pytest.raises(HeimnetzError):
        attack(PROGRAMS[what])
    assert attack("out = 'still here'") == "still here"


TRUE = next((path for path in ("/usr/bin/true", "/bin/true") if Path(path).exists()), "")


@pytest.mark.skipif(not TRUE, reason="no program 'true'")
def test_a_granted_program_runs_inside_the_same_sandbox(attack: Attack) -> None:
    """It and no other; and it dies with the plugin."""
    grant = granted(run=(TRUE,))
    assert attack(f"out = subprocess.run([{TRUE!r}]).returncode", grant) == 0
    with pytest.raises(AccessDenied, match="tried to run /usr/bin/env"):
        attack("subprocess.run(['/usr/bin/env'])", grant)


@pytest.mark.skipif(not TRUE, reason="no program 'true'")
def test_a_fork_bomb_is_bounded(attack: Attack) -> None:
    """Even where programs are granted, only so many processes exist at once."""
    code = """
out = 0
try:
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        out += 1
except BlockingIOError:
    pass
"""
    assert attack(code, granted(run=(TRUE,)), processes=8) <= 10


def test_threads_are_bounded(attack: Attack) -> None:
    """By the same count."""
    code = """
out = 0
try:
    for _ in range(200):
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        out += 1
except RuntimeError:
    pass
"""
    assert 0 < attack(code, processes=8) <= 10


def test_memory_is_bounded(attack: Attack) -> None:
    """Beyond the limit there is none; within it there is."""
    assert attack("out = len(bytearray(60 << 20))", memory="100M") == 60 << 20
    with pytest.raises(OperationFailed, match="MemoryError"):
        attack("out = len(bytearray(101 << 20))", memory="100M")


MEMORY = {
    "a file in memory": "os.memfd_create('x')",
    "shared memory": (
        "c = ctypes.CDLL(None, use_errno=True)\n"
        "if c.shmget(0, 1 << 20, 0o1600) < 0: raise OSError(ctypes.get_errno(), 'shmget')"
    ),
    "a large file": "open(data / 'x', 'wb').write(bytes(3 << 20))",
    "many files at once": "[open('/dev/null') for _ in range(200)]",
    "a full /tmp": "[open(f'/tmp/{n}', 'wb').write(bytes(1 << 20)) for n in range(5)]",
    "a full /dev/shm": "[open(f'/dev/shm/{n}', 'wb').write(bytes(1 << 20)) for n in range(40)]",
}


@pytest.mark.parametrize("what", MEMORY)
def test_no_other_way_leads_to_more(attack: Attack, what: str) -> None:
    """Files and memory that the limit on memory does not count have limits of their own."""
    with pytest.raises(HeimnetzError, match=r"OSError|PermissionError|Errno"):
        attack(MEMORY[what], disk="2M")


KERNEL = {
    "another process's memory": ("ptrace", (0, 0, 0, 0)),
    "a namespace": ("unshare", (0x10000000,)),
    "a mount": ("mount", (b"none", b"/tmp", b"tmpfs", 0, 0)),
    "a key": ("syscall", (250, 0, 0, 0, 0, 0)),
    "bpf": ("syscall", (321, 0, 0, 0)),
    "io_uring": ("syscall", (425, 1, 0)),
    "page faults": ("syscall", (323, 0)),
    "performance counters": ("syscall", (298, 0, 0, 0, 0, 0)),
    "another's limits": ("prlimit", (1, 7, 0, 0)),
}


@pytest.mark.parametrize("what", KERNEL)
def test_parts_of_the_kernel_are_out_of_reach(attack: Attack, what: str) -> None:
    """Refused by the filter: not permitted, or not there."""
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    name, arguments = KERNEL[what]
    code = (
        f"c = ctypes.CDLL(None, use_errno=True)\nout = [c.{name}(*{arguments}), ctypes.get_errno()]"
    )
    assert attack(code) in ([-1, 1], [-1, 38])


CONTROLS = {
    "threads": "t = threading.Thread(target=lambda: 1); t.start(); t.join(); out = True",
    "asyncio": "import asyncio; out = asyncio.run(asyncio.sleep(0, True))",
    "temporary files": "import tempfile; out = tempfile.TemporaryFile().write(b'x') == 1",
    "random": "import secrets; out = len(secrets.token_bytes(8)) == 8",
    "time zones": "import zoneinfo; out = bool(zoneinfo.ZoneInfo('Europe/Berlin'))",
    "sqlite": "import sqlite3 as s; out = s.connect(data / 'x.db').execute('select 1').fetchone()",
    "tls": "import ssl; out = bool(ssl.create_default_context())",
    "ctypes": "out = ctypes.CDLL(None).getpid() == os.getpid()",
    "msgspec": "import msgspec; out = msgspec.json.decode(b'true')",
    "host name": "out = bool(socket.gethostname())",
}


@pytest.mark.parametrize("what", CONTROLS)
def test_what_an_honest_plugin_needs_works(attack: Attack, what: str) -> None:
    """The sandbox is no use if nothing runs in it."""
    assert attack(CONTROLS[what])
