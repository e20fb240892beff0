"""The peer of the resolver's benchmark: uv over the same releases, by PEP 691 and PEP 658."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from heimnetz_git.model.release import Release

__all__ = ["command", "serving"]

_PAGE = "application/vnd.pypi.simple.v1+json"


@contextmanager
def serving(releases: Mapping[str, list[Release]]) -> Iterator[str]:
    """The address of an index on the loopback interface that has these releases; every answer may
    be kept for a day, so that a warm cache asks nothing."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            kind, body = _answer(releases, self.path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "max-age=86400")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = _Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple/"
    finally:
        server.shutdown()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """The peer hangs up when it is done: nothing to tell."""


def command(uv: Path, python: str, index: str, cache: Path, wishes: Path) -> list[str]:
    """What resolves a file of requirements against that index and nothing else."""
    options = ["--no-config", "--quiet", "--no-header", "--prerelease", "disallow"]
    places = ["--index-url", index, "--cache-dir", str(cache), "--python", python]
    return [str(uv), "pip", "compile", *options, *places, str(wishes)]


def _answer(releases: Mapping[str, list[Release]], path: str) -> tuple[str, bytes]:
    """Content type and body; an empty body for what there is none of."""
    _, top, name, *rest = path.split("/")
    if top == "simple" and name in releases:
        return _PAGE, _page(name, releases[name])
    for release in releases.get(name, ()) if top == "files" and rest else ():
        if rest[0] == f"{_wheel(release)}.metadata":
            return "text/plain", _metadata(release)
    return "text/plain", b""


def _page(name: str, releases: list[Release]) -> bytes:
    files = [
        {
            "filename": _wheel(release),
            "url": f"/files/{name}/{_wheel(release)}",
            "hashes": {"sha256": release.artifacts[0].sha256},
            "requires-python": release.python,
            "core-metadata": {"sha256": hashlib.sha256(_metadata(release)).hexdigest()},
        }
        for release in releases
    ]
    page = {"meta": {"api-version": "1.0"}, "name": name, "files": files}
    return json.dumps(page).encode()


def _wheel(release: Release) -> str:
    """The wheel for this machine, or for all."""
    return release.artifacts[0].file


def _metadata(release: Release) -> bytes:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {release.name}",
        f"Version: {release.version}",
        f"Requires-Python: {release.python}",
        *(f"Requires-Dist: {target}{span}" for target, span in release.requires.items()),
    ]
    return "\n".join([*lines, "", ""]).encode()
