"""Repositories below a folder over http on the loopback, by ``git http-backend``, streamed."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from benchmarks.measure import ALONE

__all__ = ["serving"]


class _Backend(BaseHTTPRequestHandler):
    """Hands each request to git and its answer back, as a web server would."""

    root: Path

    def do_GET(self) -> None:
        self._run(b"")

    def do_POST(self) -> None:
        self._run(self._body())

    def _run(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environ = {
            **os.environ,
            **ALONE,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        pipe = subprocess.PIPE
        with subprocess.Popen(
            ["git", "http-backend"], stdin=pipe, stdout=pipe, env=environ
        ) as process:
            if process.stdin and process.stdout:
                process.stdin.write(body)
                process.stdin.close()
                self._answer(process.stdout)

    def _answer(self, out: IO[bytes]) -> None:
        fields: list[tuple[str, str]] = []
        while line := out.readline().decode().rstrip("\r\n"):
            name, _, value = line.partition(": ")
            fields.append((name, value))
        status = dict(fields).get("Status", "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        shutil.copyfileobj(out, self.wfile, 1 << 16)

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


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve every repository below ``root``; the address of root."""
    handler = type("Backend", (_Backend,), {"root": root})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
