"""Registries with real wheels to export, and a web server for exports with what a test may need."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from heimnetz_git.model.layout import artifact_path, release_path
from heimnetz_git.registry.export import Edition, Exported, export
from heimnetz_git.registry.pages import JSON_TYPE
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.allowed_signers import Signer
from heimnetz_git.trust.keys import public_key_of
from tests.gitkit import WHEN
from tests.indexkit import record_file
from tests.wheelkit import make_release, make_wheel

__all__ = ["EDITION", "Web", "a_key", "exported", "served", "with_wheel"]

EDITION = Edition(created=WHEN, expires=WHEN + 86_400)


def exported(
    repo: Repository, folder: Path, edition: Edition = EDITION, **options: Any
) -> Exported:
    """The export of the main branch."""
    commit = repo.branch("main")
    assert commit
    return export(repo, commit, folder, edition, **options)


def with_wheel(
    shelf: Path, name: str, version: str = "1.0.0", *, merged: str = "", **about: Any
) -> dict[str, bytes]:
    """The files of a release whose wheel the registry holds, and of its record if it was merged."""
    wheel = make_wheel(shelf, name, version, **about)
    path = artifact_path(name, wheel.name)
    release = yamlfile.dump(make_release(wheel, path=path))
    files = {release_path(name, version): release, path: wheel.read_bytes()}
    return files | (record_file(name, version, merged, release) if merged else {})


def a_key() -> tuple[bytes, Signer]:
    """A private key and the line that lets it sign."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return private, Signer(principals=("ada@example.org",), key=public_key_of(key))


class _Handler(BaseHTTPRequestHandler):
    """Files below a folder with validators, and JSON for pip and uv where they ask for it."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: no waiting for the other side's word
    server: Web

    def do_GET(self) -> None:
        """Answers and takes note."""
        web = self.server
        path = self.path.partition("?")[0]
        web.asked.append(path)
        if path in web.answers:
            self._send(200, web.answers[path])
            return
        target = web.folder / path.lstrip("/")
        kind = "application/octet-stream"
        if path.endswith("/"):
            wants = web.json and JSON_TYPE in self.headers.get("Accept", "")
            target, kind = target / ("index.json" if wants else "index.html"), "text/html"
            kind = JSON_TYPE if wants else kind
        if not target.is_file():
            self._send(404, b"")
            return
        data = target.read_bytes()
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == etag:
            web.unchanged += 1
            self._send(304, b"", etag)
            return
        self._send(200, data, etag, kind)

    def do_HEAD(self) -> None:
        """As installers look before a range."""
        self._send(405, b"")

    def _send(self, status: int, data: bytes, etag: str = "", kind: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if etag:
            self.send_header("ETag", etag)
        if kind:
            self.send_header("Content-Type", kind)
        self.end_headers()
        if status != 304:
            self.wfile.write(data)
            self.server.sent += len(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Web(ThreadingHTTPServer):
    """A web server over a folder.

    ``asked`` are the paths that were asked for, ``unchanged`` counts answers without a body;
    ``answers`` replace files; without ``json`` it is the plainest of servers.
    """

    daemon_threads = True

    def __init__(self, folder: Path, *, json: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.json = json
        self.asked: list[str] = []
        self.answers: dict[str, bytes] = {}
        self.unchanged = self.sent = 0

    @property
    def url(self) -> str:
        """The address of the folder."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""


@contextlib.contextmanager
def served(
    folder: Path, *, json: bool = True, answers: Mapping[str, bytes] | None = None
) -> Iterator[Web]:
    """The folder on the loopback, for as long as the block runs."""
    with Web(folder, json=json) as web:
        web.answers.update(answers or {})
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield web
        finally:
            web.shutdown()
            thread.join()
