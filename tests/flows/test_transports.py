"""A registry by every road: folders, HTTP, git://, ssh; and servers that hang, lie or refuse."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.flows.kit import Machine, Registry
from tests.gitkit import daemon, fsck, git, has_git_daemon, http_server, raw_server

SOON = 20.0  # seconds, far below what the default time-out and its retries would take
needs_daemon = pytest.mark.skipif(not has_git_daemon(), reason="git daemon is not installed")
needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="ssh is a shell script here")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A fresh machine that does not wait long."""
    return Machine(tmp_path / "machine", {"HEIMNETZ_GIT_TIMEOUT": "1"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with a clock, open to pushes, made once."""
    registry = Registry(tmp_path_factory.mktemp("made") / "lab.git")
    registry.publish("clock", "1.0.0")
    git(registry.path, "config", "http.receivepack", "true")
    git(registry.path, "config", "gc.auto", "0")
    return registry


@pytest.fixture
def registry(made: Registry, tmp_path: Path) -> Registry:
    """A copy, in a folder that servers serve."""
    return made.copy(tmp_path / "served")


@contextmanager
def by_path(root: Path) -> Iterator[str]:
    """The folder."""
    yield str(root)


@contextmanager
def by_file_url(root: Path) -> Iterator[str]:
    """The folder as an address."""
    yield root.as_uri()


@contextmanager
def by_ssh(root: Path) -> Iterator[str]:
    """What `fake_ssh` answers."""
    yield f"ssh://git@example.invalid{root}"


@contextmanager
def by_scp_address(root: Path) -> Iterator[str]:
    """As people write it."""
    yield f"git@example.invalid:{root}"


TRANSPORTS = [
    pytest.param(by_path, id="path"),
    pytest.param(by_file_url, id="file"),
    pytest.param(http_server, id="http"),
    pytest.param(daemon, id="git", marks=needs_daemon),
    pytest.param(by_ssh, id="ssh", marks=needs_shell),
    pytest.param(by_scp_address, id="scp", marks=needs_shell),
]


def fake_ssh(machine: Machine, script: str) -> None:
    """Put a program named ssh first on the machine's PATH."""
    program = machine.root / "bin" / "ssh"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    machine.environ["PATH"] = f"{program.parent}{os.pathsep}{machine.environ['PATH']}"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_whole_way_by_each_transport(
    machine: Machine, registry: Registry, transport: Callable[[Path], AbstractContextManager[str]]
) -> None:
    """Add, install, publish, see the submission, merge, update: the road makes no difference."""
    fake_ssh(machine, 'for last; do :; done\nexec sh -c "$last"')
    wheel = registry.wheel("clock", "1.1.0")
    with transport(registry.path.parent) as base:
        url = f"{base}/lab.git"
        machine.do("index", "add", "lab", url)
        machine.do("install", "clock", "--yes")
        machine.do("publish", wheel, "--to", "lab")
        waiting = machine.ask("submissions", "lab")["submissions"]
        assert [one["branch"] for one in waiting] == ["submit/clock/1.1.0"]
        machine.do("merge", registry.path, "--all")
        assert machine.ask("index", "update")["synced"][0]["added"] == 1
        assert machine.ask("submissions", url)["submissions"] == []
    machine.do("update", "--yes")
    assert machine.versions == {"clock": "1.1.0"}
    fsck(registry.path)
    fsck(machine.home / "indexes" / "lab.git")


@pytest.mark.parametrize("transport", [by_path, http_server])
def test_a_server_that_refuses_says_why(
    machine: Machine, registry: Registry, transport: Callable[[Path], AbstractContextManager[str]]
) -> None:
    """The words of its hook are shown, without what would steer a terminal."""
    hook = registry.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\nprintf 'Only on \\033[31mMondays\\033[0m, please.\\n' >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    before = git(registry.path, "for-each-ref")
    with transport(registry.path.parent) as base:
        words = ("publish", registry.wheel("clock", "1.1.0"), "--to", f"{base}/lab.git")
        error = machine.refuse(7, *words)
        said = machine.run(*words).err
    assert error["code"] == "remote-refused"
    assert "Mondays" in said
    assert "\x1b" not in said
    assert git(registry.path, "for-each-ref") == before


def test_a_server_that_takes_no_pushes_says_so(machine: Machine, registry: Registry) -> None:
    """As most public mirrors do."""
    git(registry.path, "config", "http.receivepack", "false")
    with http_server(registry.path.parent) as base:
        wheel = registry.wheel("clock", "1.1.0")
        error = machine.refuse(7, "publish", wheel, "--to", f"{base}/lab.git")
    assert "403" in error["message"] or "refuse" in error["message"], error


def hang(link: socket.socket) -> None:
    """Take the connection and say nothing."""


def close(link: socket.socket) -> None:
    """Hang up at once."""
    link.recv(64)
    link.close()


def web_page(link: socket.socket) -> None:
    """Be a web site."""
    link.recv(4096)
    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi")
    link.close()


@pytest.mark.parametrize("answer", [hang, close, web_page, None])
def test_a_server_in_trouble_is_told_clearly_and_soon(
    machine: Machine, registry: Registry, answer: Callable[[socket.socket], None] | None
) -> None:
    """Exit 7, the address, no trace; what was fetched before goes on working."""
    with http_server(registry.path.parent) as base:
        machine.do("index", "add", "lab", f"{base}/lab.git")
    with raw_server(answer or hang) as port:
        url = f"http://127.0.0.1:{port}/lab.git"
        if answer is not None:
            machine.do("config", "set", "indexes.lab.url", url)
        adding = [] if answer is None else [("index", "add", "other", url)]
        for words in (("index", "update"), *adding):
            began = time.monotonic()
            error = machine.refuse(7, *words)
            assert time.monotonic() - began < SOON
            assert "127.0.0.1" in error["message"]
    assert machine.ask("index", "list")["indexes"][0]["plugins"] == 1
    assert machine.ask("search", "clock")["hits"][0]["name"] == "clock"
    assert not (machine.home / "indexes" / "other.git").exists()
    assert list((machine.home / "staging").iterdir()) == []


def test_a_registry_that_is_not_there_is_not_the_networks_fault(
    machine: Machine, registry: Registry
) -> None:
    """Exit 3: another address is needed, not another attempt."""
    with http_server(registry.path.parent) as base:
        for words in (
            ("index", "add", "lab", f"{base}/nothing.git"),
            ("submissions", f"{base}/nothing.git"),
            ("publish", registry.wheel("clock"), "--to", f"{base}/nothing.git"),
        ):
            assert "no Git repository" in machine.refuse(3, *words)["message"]


@needs_shell
def test_an_ssh_that_fails_is_told_in_its_own_words(machine: Machine) -> None:
    """And one that hangs is given up; a password is never asked for."""
    fake_ssh(machine, "echo 'Permission denied (publickey).' >&2; exit 255")
    error = machine.refuse(7, "index", "add", "lab", "git@example.invalid:lab.git")
    assert "publickey" in error["message"]
    fake_ssh(machine, "exec sleep 60")
    began = time.monotonic()
    assert machine.refuse(7, "submissions", "ssh://example.invalid/lab.git")["code"] == "network"
    assert time.monotonic() - began < SOON


@needs_shell
@pytest.mark.parametrize("variable", ["GIT_SSH", "GIT_SSH_COMMAND"])
def test_the_ssh_that_git_is_told_to_use_is_used(
    machine: Machine, registry: Registry, variable: str
) -> None:
    """People with hardware keys and jump hosts have set these."""
    fake_ssh(machine, "exit 99")
    program = machine.root / "my-ssh"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o755)
    more = " -o Option=1" if variable == "GIT_SSH_COMMAND" else ""
    machine.environ[variable] = f"{program}{more}"
    machine.do("index", "add", "lab", f"git@example.invalid:{registry.path}")
    assert machine.ask("search", "clock")["hits"]


def test_offline_means_no_network_and_all_else(machine: Machine, registry: Registry) -> None:
    """Folders and file:// work, the rest is refused before anything is tried."""
    wheel = registry.wheel("clock", "1.1.0")
    scp = "git@example.invalid:x.git"
    for words in (
        ("index", "add", "far", "http://127.0.0.1:9/x.git"),
        ("index", "add", "far", "ssh://example.invalid/x"),
        ("index", "add", "far", scp),
        ("submissions", scp),
        ("publish", wheel, "--to", scp),
    ):
        assert machine.refuse(7, *words, "--offline")["code"] == "offline", words
    near = registry.path.as_uri()
    machine.do("index", "add", "lab", near, "--offline")
    machine.do("publish", wheel, "--to", near, "--offline")
    assert machine.ask("submissions", near, "--offline")["submissions"]
    machine.do("install", "clock", "--yes", "--offline")


def test_no_address_makes_a_program_run(machine: Machine, tmp_path: Path) -> None:
    """Git's ``ext::`` and options in place of hosts."""
    mark = tmp_path / "ran"
    for url in (
        f"ext::sh -c touch% {mark}",
        f"--upload-pack=touch {mark}",
        f"ssh://-oProxyCommand=touch%20{mark}/x",
        f"-oProxyCommand=touch {mark}:x",
        f"ssh://host/$(touch {mark})",
    ):
        ended = machine.run("index", "add", "evil", "--", url)
        assert ended.code in {2, 3, 7}, (url, ended)
    assert not mark.exists()


def test_a_password_in_an_address_is_not_shown(machine: Machine, registry: Registry) -> None:
    """Neither by an error nor by a listing."""
    with raw_server(close) as port:
        url = f"http://ada:s3cret@127.0.0.1:{port}/x.git"
        assert "s3cret" not in str(machine.run("index", "add", "lab", url))
        assert "s3cret" not in str(machine.run("submissions", url, "--json"))
    machine.do("index", "add", "lab", registry.path)
    assert "s3cret" not in machine.do("config", "set", "indexes.lab.url", url)
    for words in (("index", "update"), ("index", "list"), ("index", "show", "lab")):
        assert "s3cret" not in str(machine.run(*words)), words
        assert "s3cret" not in str(machine.run(*words, "--json")), words
    assert "s3cret" not in machine.do("config", "list")
