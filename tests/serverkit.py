"""Git servers on the loopback that do not do what they should: they lie, stop, trickle or reset."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["Twist", "in_packets", "pack_of", "reset", "rewritten", "trickle", "twisted"]

Send = Callable[[bytes], object]
Twist = Callable[[str, bytes, Send], None]
"""Given the command (``ls-refs`` or ``fetch``) and the honest answer, sends what it likes."""


class _Backend(BaseHTTPRequestHandler):
    """Asks ``git http-backend``, and lets ``twist`` send the answer to a command."""

    root: Path
    twist: Twist

    def do_GET(self) -> None:
        self._whole(self._asked(b""))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = self._asked(body)
        command = body[4:].partition(b"\n")[0].removeprefix(b"command=").decode("latin-1")
        if command not in {"ls-refs", "fetch"}:
            self._whole(answer)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-result")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            type(self).twist(command, answer, self._send)

    def _send(self, data: bytes) -> object:
        if data is RESET:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            raise OSError
        return self.wfile.write(data)

    def _whole(self, answer: bytes) -> None:
        self.send_response(200)
        service = "application/x-git-upload-pack-advertisement"
        self.send_header("Content-Type", service)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _asked(self, body: bytes) -> bytes:
        path, _, query = self.path.partition("?")
        environ = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        words = ["git", "http-backend"]
        done = subprocess.run(words, input=body, capture_output=True, check=False, env=environ)
        return done.stdout.partition(b"\r\n\r\n")[2]

    def log_message(self, *_: object) -> None:
        """Say nothing."""


RESET = b"reset"


@contextlib.contextmanager
def twisted(root: Path, twist: Twist) -> Iterator[str]:
    """Serve every repository below ``root``, answers sent by ``twist``; the address of root."""
    handler = type("Backend", (_Backend,), {"root": root, "twist": staticmethod(twist)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def in_packets(data: bytes) -> bytes:
    """A pack as the answer to ``fetch``: in side-band packets, then the end."""
    parts = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
    bands = [b"%04x\x01%s" % (len(part) + 5, part) for part in parts]
    return b"000dpackfile\n" + b"".join(bands) + b"0000"


def pack_of(repository: Path, oids: list[str]) -> bytes:
    """A pack with exactly these objects."""
    words = ["git", "--git-dir", str(repository), "pack-objects", "--stdout", "-q"]
    given = "".join(f"{oid}\n" for oid in oids).encode()
    return subprocess.run(words, input=given, capture_output=True, check=True).stdout


def rewritten(command: str, change: Callable[[bytes], bytes]) -> Twist:
    """Answers to one command are changed, the others are honest."""

    def twist(asked: str, answer: bytes, send: Send) -> None:
        send(change(answer) if asked == command else answer)

    return twist


def trickle(command: str, after: int, over: threading.Event) -> Twist:
    """From some byte of an answer on, a byte at a time, again and again, until it is over."""

    def twist(asked: str, answer: bytes, send: Send) -> None:
        if asked != command:
            send(answer)
            return
        send(answer[:after])
        for byte in answer[after:]:
            if over.is_set():
                return
            send(bytes([byte]))
            time.sleep(0.05)

    return twist


def reset(command: str, after: int) -> Twist:
    """From some byte of an answer on, the connection is reset."""

    def twist(asked: str, answer: bytes, send: Send) -> None:
        if asked != command:
            send(answer)
            return
        send(answer[:after])
        send(RESET)

    return twist
