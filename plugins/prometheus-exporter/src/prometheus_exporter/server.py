"""A small HTTP server for scrapes: one document, few clients at once, none that stalls."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_exporter.exposition import CONTENT_TYPE

__all__ = ["Server"]

AT_ONCE = 8
PATIENCE = 5.0


class _Handler(BaseHTTPRequestHandler):
    """Answers ``GET /metrics``; the rest is not here."""

    timeout = PATIENCE
    server: Server

    def do_GET(self) -> None:
        """The document, or 404."""
        if self.path.partition("?")[0] != "/metrics":
            self._answer(404, "text/plain; charset=utf-8", "Metrics are at /metrics.\n")
            return
        self._answer(200, CONTENT_TYPE, self.server.document())

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """What it is, and no versions for strangers."""
        return "prometheus-exporter"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as the base has it
        """Scrapes are too many to log."""


class Server(ThreadingHTTPServer):
    """Serves what ``document`` returns, in a thread, until it is closed."""

    daemon_threads = True

    def __init__(self, address: str, port: int, document: Callable[[], str]) -> None:
        """Raises OSError when the port cannot be had. An address with a colon is of IPv6."""
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.document = document
        self._free = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((address, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.2,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def server_bind(self) -> None:
        """Take the port, without asking for this machine's name as the base class does."""
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def server_activate(self) -> None:
        """Listen; the port is known from now on."""
        super().server_activate()
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve it in a thread of its own; a client too many is sent away."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """As the base class, and make room for the next one."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is nobody's business."""

    def close(self) -> None:
        """Stop listening and end the thread."""
        self.shutdown()
        self.server_close()
        self._thread.join(PATIENCE)
