"""Fetching and pushing over every transport, against git's own servers and hostile ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from heimnetz_git.errors import (
    CorruptRepository,
    FileMissing,
    HeimnetzError,
    NetworkError,
    RemoteRefused,
    UsageError,
)
from heimnetz_git.storage.repo import Repository, remote_heads, shown
from tests.gitkit import (
    ADA,
    WHEN,
    daemon,
    fsck,
    git,
    has_git_daemon,
    http_server,
    index_with,
    put,
    raw_server,
)

ORIGIN = "refs/remotes/origin/main"


@contextmanager
def by_path(root: Path) -> Iterator[str]:
    """The folder itself."""
    yield str(root)


@contextmanager
def by_file_url(root: Path) -> Iterator[str]:
    """The folder as an address."""
    yield root.as_uri()


@contextmanager
def by_ssh(root: Path) -> Iterator[str]:
    """A program named ssh that runs what it is asked to on this machine, found first on PATH."""
    folder = root / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "ssh"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    program.chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        yield f"ssh://git@example.invalid{root}"
    finally:
        os.environ["PATH"] = before


needs_daemon = pytest.mark.skipif(not has_git_daemon(), reason="git daemon is not installed")
needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="ssh is a shell script here")
TRANSPORTS = [
    pytest.param(by_path, id="path"),
    pytest.param(by_file_url, id="file"),
    pytest.param(http_server, id="http"),
    pytest.param(daemon, id="git", marks=needs_daemon),
    pytest.param(by_ssh, id="ssh", marks=needs_shell),
]
Transport = Callable[[Path], AbstractContextManager[str]]


@pytest.fixture(params=TRANSPORTS)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of the test's folder by each transport."""
    transport: Transport = request.param
    with transport(tmp_path) as address:
        yield address


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Repository]:
    """``server.git`` with one commit, open to pushes."""
    with index_with(tmp_path / "server.git", {"a/b": b"1", "registry.yaml": b"id"}) as repo:
        git(repo.path, "config", "http.receivepack", "true")
        yield repo


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Repository]:
    """An empty repository."""
    with Repository.create(tmp_path / "client.git") as repo:
        yield repo


def test_a_clone_then_only_what_is_new(base: str, server: Repository, client: Repository) -> None:
    """Every object arrives before the ref does, the second time just the new ones."""
    url = f"{base}/server.git"
    first = server.branch("main")
    assert remote_heads(url) == {"main": first}
    assert client.fetch(url) == {"main": first}
    assert client.branch(ORIGIN) == first
    second = put(server, {"a/c": b"2"})
    assert client.fetch(url, branches=("main", "none")) == {"main": second}
    assert client.is_ancestor(str(first), second)
    assert [entry.path for entry in client.entries(client.tree(second))] == [
        "a/b",
        "a/c",
        "registry.yaml",
    ]
    assert client.fetch(url) == {"main": second}
    fsck(client.path)


def test_a_push_makes_updates_and_removes_a_branch(
    base: str, server: Repository, client: Repository
) -> None:
    """The branch of a submission may be replaced by force, and without it only continued."""
    url = f"{base}/server.git"
    tip = client.fetch(url)["main"]
    branch = "submit/clock/1.0.0"
    made = []
    for number in (1, 2):
        tree = client.write(client.tree(tip), {"new": b"%d" % number})
        made.append(client.commit(tree, [tip], "new", author=ADA, when=WHEN + number))
    client.push(url, branch, made[0])
    with pytest.raises(RemoteRefused, match="would be lost"):
        client.push(url, branch, made[1])
    client.push(url, branch, made[1], force=True)
    assert remote_heads(url, prefix="submit/") == {branch: made[1]}
    fsck(server.path)
    client.push_delete(url, branch)
    client.push_delete(url, branch)
    assert remote_heads(url, prefix="submit/") == {}


def test_a_refusal_comes_with_the_words_of_the_server(
    base: str, server: Repository, client: Repository
) -> None:
    """A hook that declines is an error, by every transport, local folders too."""
    url = f"{base}/server.git"
    tip = client.fetch(url)["main"]
    hook = server.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho only on Mondays >&2\nexit 1\n")
    hook.chmod(0o755)
    commit = client.commit(client.tree(tip), [tip], "new", author=ADA, when=WHEN)
    with pytest.raises(RemoteRefused, match="only on Mondays") as caught:
        client.push(url, "submit/clock/1.0.0", commit)
    assert "declined" in caught.value.facts["reason"]
    assert remote_heads(url, prefix="submit/") == {}


def test_no_repository_at_an_address(base: str, client: Repository) -> None:
    """It is said so, whatever the transport calls it."""
    with pytest.raises(FileMissing):
        client.fetch(f"{base}/none.git")
    with pytest.raises(FileMissing):
        remote_heads(f"{base}/none.git")


def test_an_empty_repository_has_no_branches(base: str, client: Repository, tmp_path: Path) -> None:
    """Nothing to fetch is no error here: the caller knows what it needs."""
    Repository.create(tmp_path / "empty.git").close()
    assert client.fetch(f"{base}/empty.git") == {}


def test_a_rewritten_history_is_fetched_as_it_is(
    base: str, server: Repository, client: Repository
) -> None:
    """Whether to accept it is decided above; both histories are here to be compared."""
    url = f"{base}/server.git"
    old = client.fetch(url)["main"]
    new = server.commit(server.tree(old), [], "rewritten", author=ADA, when=WHEN + 9)
    assert server.set_branch("main", new, expect=old)
    assert client.fetch(url) == {"main": new}
    assert not client.is_ancestor(old, new)


@pytest.mark.parametrize("transport", [http_server, pytest.param(daemon, marks=needs_daemon)])
def test_a_shallow_clone_goes_on_fetching(
    transport: Transport, server: Repository, client: Repository, tmp_path: Path
) -> None:
    """With a depth the past stays away; later fetches work and know where history was cut."""
    put(server, {"a/c": b"2"})
    tip = put(server, {"a/d": b"3"})
    with transport(tmp_path) as address:
        url = f"{address}/server.git"
        assert client.fetch(url, depth=1) == {"main": tip}
        assert client.parents(tip) == ()
        newest = put(server, {"a/e": b"4"})
        assert client.fetch(url) == {"main": newest}
        assert client.is_ancestor(tip, newest)
    fsck(client.path)


def test_a_packed_source_with_alternates_is_copied_whole(
    server: Repository, tmp_path: Path
) -> None:
    """A folder that borrows its objects from another one gives them all."""
    git(server.path, "gc", "--quiet")
    borrower = tmp_path / "borrower.git"
    git(server.path, "clone", "--quiet", "--bare", "--shared", str(server.path), str(borrower))
    with Repository.create(tmp_path / "c.git") as client:
        assert client.fetch(str(borrower)) == {"main": server.branch("main")}
    fsck(tmp_path / "c.git")


def test_links_in_a_local_source_are_not_followed(
    server: Repository, client: Repository, tmp_path: Path
) -> None:
    """An object folder cannot make a clone copy files from elsewhere."""
    git(server.path, "gc", "--quiet")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    for suffix in (".idx", ".pack"):
        (server.path / "objects" / "pack" / f"pack-{'a' * 40}{suffix}").symlink_to(secret)
    client.fetch(str(server.path))
    copied = [path.read_bytes() for path in (client.path / "objects" / "pack").iterdir()]
    assert b"secret" not in copied


def hang(link: socket.socket) -> None:
    """Take the connection and say nothing."""


def close(link: socket.socket) -> None:
    """Hang up at once."""
    link.recv(64)
    link.close()


def half(link: socket.socket) -> None:
    """Promise more than comes."""
    link.recv(4096)
    link.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
        b"Content-Length: 400\r\n\r\n001e# service=git-upload-pack\n0000"
    )
    link.close()


def rubbish(link: socket.socket) -> None:
    """Speak of something else."""
    link.recv(4096)
    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello")
    link.close()


def failing(link: socket.socket) -> None:
    """Be broken."""
    link.recv(4096)
    link.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    link.close()


def login(link: socket.socket) -> None:
    """Ask who it is."""
    link.recv(4096)
    link.sendall(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
    link.close()


@pytest.mark.parametrize("scheme", ["http", "git"])
@pytest.mark.parametrize("answer", [hang, close, half, rubbish, failing, login])
def test_a_bad_server_is_a_network_error_in_time(
    answer: Callable[[socket.socket], None], scheme: str
) -> None:
    """It hangs, closes, breaks off, fails: one error with the address, soon."""
    with raw_server(answer) as port:
        began = time.monotonic()
        with pytest.raises(NetworkError, match=f"127.0.0.1:{port}"):
            remote_heads(f"{scheme}://127.0.0.1:{port}/x.git", timeout=0.5)
        assert time.monotonic() - began < 5


@needs_shell
def test_an_ssh_that_hangs_is_given_up(tmp_path: Path) -> None:
    """The program is ended, and leaves no process behind."""
    with by_ssh(tmp_path) as address:
        (tmp_path / "bin" / "ssh").write_text("#!/bin/sh\nexec sleep 60\n")
        began = time.monotonic()
        with pytest.raises(NetworkError, match="did not answer"):
            remote_heads(f"{address}/x.git", timeout=0.5)
        assert time.monotonic() - began < 5


def test_a_fetch_that_breaks_off_changes_nothing(
    server: Repository, client: Repository, tmp_path: Path
) -> None:
    """A server that dies in the middle of the pack leaves the refs as they were."""
    put(server, {"big": os.urandom(300_000)})
    with http_server(tmp_path, most=100_000) as address, pytest.raises(HeimnetzError) as caught:
        client.fetch(f"{address}/server.git", timeout=5)
    assert isinstance(caught.value, NetworkError | CorruptRepository)
    assert client.branch(ORIGIN) is None
    with http_server(tmp_path) as address:
        assert client.fetch(f"{address}/server.git") == {"main": server.branch("main")}
    fsck(client.path)


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c id",
        "-oProxyCommand=id",
        "file://elsewhere/x",
        "ftp://example.org/x",
        "",
        "ssh:///x",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """Nothing is run or asked for it."""
    with pytest.raises((UsageError, NetworkError)):
        remote_heads(address, timeout=1)


@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("https://ada:secret@example.org/x.git", "https://ada@example.org/x.git"),
        ("https://example.org/x.git", "https://example.org/x.git"),
        ("git@example.org:x.git", "git@example.org:x.git"),
    ],
)
def test_a_password_is_never_printed(address: str, printed: str) -> None:
    """Errors and logs show an address without it."""
    assert shown(address) == printed


def test_a_refused_connection_names_the_reason() -> None:
    """Without the noise of the library."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NetworkError, match="refused"):
        remote_heads(f"http://127.0.0.1:{port}/x.git", timeout=1)


KILLED = """
import os, sys, time, threading
from pathlib import Path
from heimnetz_git.storage.repo import Repository
def die():
    time.sleep(float(sys.argv[3])); os.kill(os.getpid(), 9)
with Repository.open(Path(sys.argv[1])) as repo:
    repo.tree(repo.branch("main") or "") if repo.branch("main") else None
    threading.Thread(target=die, daemon=True).start()
    repo.fetch(sys.argv[2])
"""


@needs_shell
def test_a_fetch_that_is_killed_leaves_the_old_or_the_new(
    server: Repository, client: Repository, tmp_path: Path
) -> None:
    """Whenever it dies, what the ref names is there whole, and the next fetch ends the work."""
    for number in range(40):
        put(server, {f"f{number}": os.urandom(20_000)}, when=WHEN + number)
    tip = server.branch("main")
    client.close()
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(client.path), str(server.path), str(delay)],
            capture_output=True,
            check=False,
        )
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
        with Repository.open(client.path) as again:
            found = again.branch(ORIGIN)
            assert found in {None, tip}
            if found:
                assert len(list(again.entries(again.tree(found)))) == 42
    with Repository.open(client.path) as again:
        assert again.fetch(str(server.path)) == {"main": tip}
    fsck(client.path)
