"""Registries and servers that mean harm, met by the whole program."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from heimnetz_git.model.layout import artifact_path, plugin_path, release_path
from heimnetz_git.storage.repo import Repository
from tests.flows.kit import Machine, Registry
from tests.gitkit import hostile_tree, put, raw_server
from tests.indexkit import confined
from tests.wheelkit import Raw

ESCAPE = "\x1b]0;pwned\x07\x1b[31m"
SOON = 20.0  # seconds, far below what the default time-out and its retries would take
needs_bwrap = pytest.mark.skipif(sys.platform != "linux", reason="needs bubblewrap")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that does not wait long."""
    return Machine(tmp_path / "machine", {"HEIMNETZ_GIT_TIMEOUT": "1"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with a clock, made once."""
    registry = Registry(tmp_path_factory.mktemp("made") / "lab.git")
    registry.publish("clock", "1.0.0")
    return registry


@pytest.fixture
def registry(made: Registry, tmp_path: Path) -> Registry:
    """A copy to change."""
    return made.copy(tmp_path)


TREES: dict[str, tuple[int, bytes]] = {
    "symlink": (0o120000, b"passwd"),
    "submodule": (0o160000, b"module"),
    "exec-bit": (0o100755, b"run.sh"),
    "case": (0o100644, b"registry.YAML"),
    "not-nfc": (0o100644, "cafe\u0301".encode()),
    "device-name": (0o100644, b"aux.txt"),
    "control": (0o100644, b"a\x1b[2J"),
}


@pytest.mark.parametrize("kind", TREES)
def test_a_hostile_tree_is_refused_before_it_is_an_index(
    machine: Machine, registry: Registry, kind: str
) -> None:
    """When added and when it comes with an update; what was there before stays."""
    machine.do("index", "add", "lab", registry.path)
    mode, name = TREES[kind]
    with Repository.open(registry.path) as repo:
        old = repo.branch("main")
        assert old
        entries = {entry.path.split("/")[0] for entry in repo.entries(repo.tree(old))}
        top = [(entry_mode(repo, old, one), one.encode(), entry_oid(repo, old, one))
               for one in entries]  # fmt: skip
        oid = old if kind == "submodule" else repo.write(None, {"x": b"/etc/passwd"})
        if kind != "submodule":
            blob = repo.entry(oid, "x")
            assert blob
            oid = blob.oid
        tree = hostile_tree(repo, sorted([*top, (mode, name, oid)], key=tree_order))
        commit = repo.commit(tree, [old], "a gift", author="A <a@example.org>", when=1_800_000_000)
        assert repo.set_branch("main", commit, expect=old)
    for words in (("index", "update"), ("index", "add", "again", registry.path)):
        ended = machine.run(*words)
        assert ended.code == 5, ended
        assert "\x1b" not in ended.err
    assert machine.refuse(5, "index", "update")["code"] == "hostile-tree"
    assert machine.ask("index", "list")["indexes"][0]["commit"] == old


def tree_order(entry: tuple[int, bytes, str]) -> bytes:
    """As Git sorts: folders as if they ended in a slash."""
    return entry[1] + (b"/" if entry[0] == 0o040000 else b"")


def entry_mode(repo: Repository, commit: str, name: str) -> int:
    """A file's mode, or that of a folder."""
    found = repo.entry(repo.tree(commit), name)
    return found.mode if found else 0o040000


def entry_oid(repo: Repository, commit: str, name: str) -> str:
    """The object behind a name at the top."""
    found = repo.entry(repo.tree(commit), name)
    assert found, name
    return found.oid


def test_escape_sequences_never_reach_the_terminal(machine: Machine, registry: Registry) -> None:
    """In summaries, reasons, titles, names of files: shown or refused, not obeyed."""
    release = release_path("clock", "1.0.0")
    entry = plugin_path("clock")
    title = registry.read("registry.yaml").decode() + f'title: "{quoted(ESCAPE)}lab"\n'
    evil = registry.read(release).decode().replace("Tells the time", f'"{quoted(ESCAPE)}time"')
    reason = registry.read(entry).decode() + f'yanked:\n  1.0.0: "{quoted(ESCAPE)}old"\n'
    for file, text in (("registry.yaml", title), (release, evil), (entry, reason)):
        fresh = Machine(machine.root / file.replace("/", "-"))
        before = registry.commit
        registry.put({file: text.encode()})
        for words in (
            ("index", "add", "lab", registry.path),
            ("index", "list"),
            ("index", "show", "lab"),
            ("search", "time"),
            ("info", "clock"),
            ("install", "clock==1.0.0", "--yes"),
            ("list",),
            ("outdated",),
        ):
            ended = fresh.run(*words, "-vv", "--color=always")
            assert "\x1b]" not in ended.out + ended.err, (file, words)
            assert "\x1b[31mtime" not in ended.out + ended.err, (file, words)
            assert "\x07" not in ended.out + ended.err, (file, words)
            assert ended.code != 70, ended
        assert "\x1b" not in fresh.run("search", "--json").out
        registry.reset(before)


def quoted(text: str) -> str:
    """As a double-quoted YAML scalar has it."""
    return "".join(f"\\x{ord(char):02x}" if ord(char) < 32 else char for char in text)


def other_bytes(registry: Registry, change: Callable[[bytes], bytes | None]) -> None:
    """Replace the clock's wheel in the registry without telling anyone."""
    path = artifact_path("clock", "clock-1.0.0-py3-none-any.whl")
    registry.put({path: change(registry.read(path))})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda data: None, {"release-changed", "hostile-tree"}),
        (lambda data: data + b"\0", {"size-mismatch", "hostile-tree"}),
        (lambda data: b"P" + data[:0:-1], {"digest-mismatch", "hostile-tree"}),
    ],
    ids=["missing", "size", "digest"],
)
def test_a_wheel_that_is_not_the_promised_one_is_not_opened(
    machine: Machine, registry: Registry, change: Callable[[bytes], bytes | None], error: set[str]
) -> None:
    """Exit 5, by the law of the index or at the latest before unpacking."""
    other_bytes(registry, change)
    added = machine.run("index", "add", "lab", registry.path, "--json")
    if added.code:
        assert (added.code, added.error["code"] in error) == (5, True), added
        return
    assert machine.refuse(5, "install", "clock", "--yes")["code"] in error
    assert machine.versions == {}


@contextmanager
def web(folder: Path) -> Iterator[str]:
    """A web server over a folder that says nothing."""
    handler = partial(type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None}),
                      directory=str(folder))  # fmt: skip
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def cut(link: socket.socket) -> None:
    """Send the beginning of a wheel and hang up."""
    link.recv(4096)
    link.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nPK\3\4half\r\n")
    link.close()


def hang(link: socket.socket) -> None:
    """Say nothing."""


def endless(link: socket.socket) -> None:
    """Send more than was promised, for as long as someone listens."""
    link.recv(4096)
    link.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        for _ in range(64):
            link.sendall(b"x" * (1 << 20))
    except OSError:
        pass
    link.close()


@pytest.mark.parametrize(
    ("answer", "exit_code"), [(cut, 7), (hang, 7), (endless, 5)], ids=["cut", "hang", "endless"]
)
def test_a_download_that_goes_wrong_ends_soon_and_leaves_nothing(
    machine: Machine, registry: Registry, answer: Callable[[socket.socket], None], exit_code: int
) -> None:
    """And the same release installs when the server is itself again."""
    dist = registry.path.with_suffix(".dist")
    wheel = registry.wheel("radio")
    with raw_server(answer) as port:
        place = f"http://127.0.0.1:{port}/{wheel.name}"
        registry.do("publish", str(wheel), "--to", str(registry.path), "--url", place)
        registry.do("merge", str(registry.path), "--all")
        machine.do("index", "add", "lab", registry.path)
        began = time.monotonic()
        error = machine.refuse(exit_code, "install", "radio", "--yes")
        assert time.monotonic() - began < SOON, error
        assert "127.0.0.1" in str(error) or "radio" in str(error)
        assert machine.versions == {}
        assert machine.refuse(7, "install", "radio", "--yes", "--offline")["code"] == "offline"
    with web(dist) as base:
        wheel = registry.wheel("door")
        registry.do(
            "publish", str(wheel), "--to", str(registry.path), "--url", f"{base}/{wheel.name}"
        )
        registry.do("merge", str(registry.path), "--all")
        machine.do("index", "update")
        machine.do("install", "door", "--yes")
    assert machine.versions == {"door": "1.0.0"}


HOSTILE_WHEELS: dict[str, list[Raw]] = {
    "traversal": [Raw("../outside.py", b"x = 1\n")],
    "absolute": [Raw("/tmp/outside.py", b"x = 1\n")],
    "link": [Raw("clock/link", b"/etc/passwd", 0o120777)],
    "pth": [Raw("evil.pth", b"import os\n")],
    "foreign": [Raw("dulwich/__init__.py", b"x = 1\n")],
    "unrecorded": [Raw("clock/more.py", b"x = 1\n")],
    "bomb": [Raw("clock/zeros", bytes(300 << 20))],
}


@pytest.mark.parametrize("kind", HOSTILE_WHEELS)
def test_a_hostile_wheel_gets_nowhere(
    machine: Machine, registry: Registry, tmp_path: Path, kind: str
) -> None:
    """Not into a submission, and not from a registry that took it into a home."""
    wheel = registry.wheel("clock", "1.1.0", extra=HOSTILE_WHEELS[kind])
    for words in (("publish", wheel, "--to", registry.path), ("scan", wheel)):
        ended = machine.run(*words)
        assert ended.code in {1, 5, 9}, (words, ended)
    bad = wheel.read_bytes()
    release = registry.read(release_path("clock", "1.0.0")).decode()
    import hashlib

    path = artifact_path("clock", wheel.name)
    old = artifact_path("clock", "clock-1.0.0-py3-none-any.whl")
    lines = []
    for line in release.replace(old, path).splitlines():
        key = line.strip().removeprefix("- ").partition(":")[0]
        head = line[: line.index(key)] if key and key in line else ""
        if key == "version":
            line = "version: 1.1.0"  # noqa: PLW2901
        elif key == "size":
            line = f"{head}size: {len(bad)}"  # noqa: PLW2901
        elif key == "sha256":
            line = f"{head}sha256: {hashlib.sha256(bad).hexdigest()}"  # noqa: PLW2901
        lines.append(line)
    registry.put({path: bad, release_path("clock", "1.1.0"): "\n".join([*lines, ""]).encode()})
    added = machine.run("index", "add", "lab", registry.path)
    if added.code == 0:
        error = machine.refuse(5, "install", "clock==1.1.0", "--yes")
        assert error["code"] in {"wheel-rejected", "verification-failed"}, error
    assert machine.versions == {}
    assert not (machine.home / "outside.py").exists()
    staging = machine.home / "staging"
    assert not staging.exists() or list(staging.iterdir()) == []


RUN = """
import os, sys
from heimnetz_git.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@needs_bwrap
def test_a_full_disk_and_a_read_only_home_are_told_apart(
    machine: Machine, registry: Registry, tmp_path: Path
) -> None:
    """Exit 1 with words, nothing half done; reading goes on where it can."""
    machine.do("index", "add", "lab", registry.path)
    home = str(machine.home)
    words = ("--home", home, "install", "clock", "--yes")
    full = confined(["--size", "65536", "--tmpfs", home], RUN, "--home", home,
                    "index", "add", "big", str(registry.path))  # fmt: skip
    assert full.returncode == 1, full.stderr
    assert "disk-full" in full.stderr, full.stderr
    shut = confined(["--ro-bind", home, home], RUN, *words)
    assert shut.returncode == 1, shut.stderr
    assert "home-read-only" in shut.stderr, shut.stderr
    reads = confined(["--ro-bind", home, home], RUN, "--home", home, "search", "clock")
    assert reads.returncode == 0, reads.stderr
    assert "clock" in reads.stdout
    machine.do("install", "clock", "--yes")


def test_a_project_from_elsewhere_cannot_loosen_anything(machine: Machine) -> None:
    """A cloned heimnetz.yaml is data: no sandbox off, no package index, no escape in a name."""
    for line, exit_code in (
        ("settings: {sandbox: 'off'}", 2),
        ("settings: {package_index: 'http://127.0.0.1:9/'}", 2),
        ('plugins: {"\\x1b[31mx": ""}', 1),
        ("plugins: [a]", 1),
        ("&a plugins: *a", 1),
    ):
        (machine.work / "heimnetz.yaml").write_text(f"format: 1\n{line}\n", "utf-8")
        for words in (("lock",), ("sync", "--yes")):
            ended = machine.run(*words)
            assert ended.code in {exit_code, 2}, (line, ended)
            assert "\x1b" not in ended.out + ended.err


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: [*a, *a]\n",
        "format: 1\nformat: 1\n",
        "format: !!python/object:os.system 1\n",
        "\tformat: 1\n",
        "format: 1\nname: \x00\n",
        "format: 99\n",
        "\ufeffformat: [1\n",
        "- [" * 2000,
    ],
    ids=["alias", "twice", "tag", "tab", "nul", "newer", "bom", "deep"],
)
def test_a_torn_registry_file_is_told_with_its_place(
    machine: Machine, registry: Registry, text: str
) -> None:
    """registry.yaml decides who an index is; without a sound one there is none."""
    registry.put({"registry.yaml": text.encode()})
    error = machine.refuse(*code_of(machine, registry))
    assert "registry.yaml" in str(error), error
    assert machine.ask("index", "list")["indexes"][0]["index"] == "default"


def code_of(machine: Machine, registry: Registry) -> tuple[int, str, str, str, Path]:
    """The call that must be refused, with 1 for a broken file and 5 for a broken law."""
    words = ("index", "add", "lab", registry.path)
    code = machine.run(*words).code
    assert code in {1, 5}
    return (code, *words)


def test_one_bad_release_does_not_take_the_index_down(machine: Machine, registry: Registry) -> None:
    """It is left out and named; the others are there."""
    registry.put({release_path("clock", "1.1.0"): b"format: 1\nname: [\n"})
    ended = machine.run("index", "add", "lab", registry.path)
    if ended.code == 0:
        assert machine.ask("info", "clock")["release"]["version"] == "1.0.0"
        assert any("1.1.0" in one for one in machine.ask("index", "list")["warnings"])
    else:
        assert ended.code == 5, ended


def test_a_huge_file_in_a_registry_is_not_read(machine: Machine, registry: Registry) -> None:
    """50 MB of one scalar: refused by its size, at once."""
    with Repository.open(registry.path) as repo:
        put(repo, {"registry.yaml": b"title: '" + b"x" * (50 << 20) + b"'\n"})
    began = time.monotonic()
    assert machine.run("index", "add", "lab", registry.path).code in {1, 5}
    assert time.monotonic() - began < SOON
