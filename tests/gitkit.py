"""Small indexes for tests: real bare repositories, hostile trees, and servers on the loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_objects import object_id
from heimnetz_git.storage.repo_trees import FOLDER

__all__ = [
    "ADA",
    "WHEN",
    "Backend",
    "daemon",
    "fsck",
    "git",
    "has_git_daemon",
    "hostile_tree",
    "http_server",
    "index_with",
    "nested",
    "put",
    "raw_server",
]

ADA = "Ada Example <ada@example.org>"
WHEN = 1_767_225_600  # 2026-01-01T00:00:00Z
_QUIET = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


def git(folder: Path, *words: str, given: bytes = b"") -> str:
    """What the real git program says about a repository, without any user's configuration."""
    environ = {**os.environ, **_QUIET, "GIT_DIR": str(folder)}
    done = subprocess.run(
        ["git", *words], input=given, capture_output=True, check=False, env=environ
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def fsck(folder: Path) -> None:
    """Fail unless ``git fsck --strict`` has nothing to say against the repository."""
    git(folder, "fsck", "--strict", "--full", "--no-dangling")


def put(
    repo: Repository,
    files: Mapping[str, bytes | None],
    *,
    branch: str = "main",
    message: str = "change",
    when: int = WHEN,
) -> str:
    """One commit on ``branch`` with these files set, or removed where None; its id."""
    before = repo.branch(branch)
    tree = repo.write(repo.tree(before) if before else None, files)
    commit = repo.commit(tree, [before] if before else [], message, author=ADA, when=when)
    assert repo.set_branch(branch, commit, expect=before)
    return commit


@contextlib.contextmanager
def index_with(path: Path, files: Mapping[str, bytes]) -> Iterator[Repository]:
    """A bare repository at ``path`` whose main branch holds these files."""
    with Repository.create(path) as repo:
        put(repo, files)
        yield repo


def hostile_tree(repo: Repository, names: Sequence[tuple[int, bytes, str]]) -> str:
    """A tree object with exactly these (mode, name, id), in this order, unchecked; its id."""
    data = b"".join(b"%o %s\0%s" % (mode, name, bytes.fromhex(oid)) for mode, name, oid in names)
    repo.objects.add([("tree", data)])
    return object_id("tree", data)


def nested(repo: Repository, folders: Sequence[str], inner: str) -> str:
    """``inner`` wrapped into folders, outermost first; the id of the outermost tree."""
    for folder in reversed(folders):
        inner = hostile_tree(repo, [(FOLDER, folder.encode(), inner)])
    return inner


class Backend(BaseHTTPRequestHandler):
    """Hands requests to ``git http-backend``, as a web server would."""

    root: Path
    most: int | None = None

    def do_GET(self) -> None:
        self._run()

    def do_POST(self) -> None:
        self._run()

    def _run(self) -> None:
        path, _, query = self.path.partition("?")
        body = self._body()
        environ = {
            **os.environ,
            **_QUIET,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "tester",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, check=False, env=environ
        )
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = next((value for name, value in fields if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.most])
        self.close_connection = True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def http_server(root: Path, most: int | None = None) -> Iterator[str]:
    """Serve every repository below ``root`` by git's own http backend; the address of root.

    Each answer is cut off after ``most`` bytes of those that it promised.
    """
    handler = type("Backend", (Backend,), {"root": root, "most": most})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does to each connection whatever ``answer`` does; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            kept = []
            while not over.is_set():
                with contextlib.suppress(OSError):
                    link, _ = server.accept()
                    link.settimeout(5)
                    kept.append(link)
                    answer(link)
            for link in kept:
                link.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


@contextlib.contextmanager
def daemon(root: Path) -> Iterator[str]:
    """Serve every repository below ``root`` by ``git daemon``, pushes too; the address of root."""
    program = Path(git(root, "--exec-path").strip()) / "git-daemon"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [str(program), "--export-all", "--enable=receive-pack", f"--base-path={root}"]
    process = subprocess.Popen(
        [*words, "--listen=127.0.0.1", f"--port={port}", "--reuseaddr", str(root)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_QUIET},
    )
    try:
        _await(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _await(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.05):
            return
        threading.Event().wait(0.02)
    raise AssertionError("the server did not start")


def has_git_daemon() -> bool:
    """Is ``git daemon`` there? It is a package of its own on some systems."""
    if shutil.which("git") is None:
        return False
    told = subprocess.run(["git", "--exec-path"], capture_output=True, check=True)
    return (Path(told.stdout.decode().strip()) / "git-daemon").exists()
