"""Clients for repositories on the network that give up in time and leave nothing open."""

from __future__ import annotations

import base64
import os
import select
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import SplitResult, unquote, urlsplit

from dulwich.client import (
    HTTPUnauthorized,
    SubprocessWrapper,
    TraditionalGitClient,
    Urllib3HttpGitClient,
    _quote_remote_path,
)
from dulwich.config import ConfigDict
from dulwich.protocol import Protocol

from heimnetz_git.errors import NetworkError, RemoteRefused, UsageError
from heimnetz_git.storage.access import Login, current
from heimnetz_git.storage.repo_address import SCP, shown

__all__ = ["connect"]

GIT_PORT = 9418


def connect(url: str, timeout: float, receive_pack: Path | None = None) -> tuple[Client, str]:
    """A client for an address on the network and the path to ask it for.

    With ``receive_pack`` the address is a folder whose hooks are to run: the client starts the
    git program of this machine there. No configuration of Git is read.
    """
    if receive_pack is not None:
        return ProcessClient(["git"], timeout), str(receive_pack)
    match = None if "://" in url else SCP.fullmatch(url)
    if match:
        target = f"{match['user']}@{match['host']}" if match["user"] else match["host"]
        return ProcessClient(_ssh(target, None, timeout), timeout, quoted=True), match["path"]
    parts = urlsplit(url)
    if not parts.hostname:
        raise UsageError(f"{shown(url)!r} names no host.", url=shown(url))
    if parts.scheme in {"http", "https"}:
        return HttpClient(parts, timeout), parts.path
    if parts.scheme == "git":
        return TcpClient(parts.hostname, parts.port or GIT_PORT, timeout), unquote(parts.path)
    target = f"{unquote(parts.username)}@{parts.hostname}" if parts.username else parts.hostname
    path = unquote(parts.path)
    path = path[1:] if path.startswith("/~") else path
    return ProcessClient(_ssh(target, parts.port, timeout), timeout, quoted=True), path


def _ssh(
    target: str, port: int | None, timeout: float, environ: Mapping[str, str] = os.environ
) -> list[str]:
    """The system's ssh: its keys, agent and known hosts; never a password on the command line.

    GIT_SSH_COMMAND and GIT_SSH name another one, as for git; no shell reads them. One that is not
    called ssh may not know its options, and gets none.
    """
    program = shlex.split(environ.get("GIT_SSH_COMMAND", "")) or [environ.get("GIT_SSH") or "ssh"]
    if Path(program[0]).stem != "ssh":
        return [*program, *(["-p", str(port)] if port else []), target]
    wait = max(1, round(timeout))
    options = [f"ConnectTimeout={wait}", f"ServerAliveInterval={wait}", "ServerAliveCountMax=1"]
    if current().batch:
        options.append("BatchMode=yes")
    words = [word for option in options for word in ("-o", option)]
    return [*program, "-x", *words, *(["-p", str(port)] if port else []), "--", target]


class OptionsMixin:
    """A push whose options the server would not read is refused: dulwich leaves them out."""

    needs_options = False

    def _negotiate_receive_pack_capabilities(
        self, server_capabilities: set[bytes]
    ) -> tuple[set[bytes], bytes | None]:
        if self.needs_options and b"push-options" not in server_capabilities:
            raise RemoteRefused(
                "The server takes no push options, so it cannot be told what is asked for.",
                hint="Is it the forge that you think? Name another one with --driver.",
            )
        found: tuple[set[bytes], bytes | None] = super()._negotiate_receive_pack_capabilities(  # type: ignore[misc] # of the client that this is mixed into
            server_capabilities
        )
        return found


class HttpClient(OptionsMixin, Urllib3HttpGitClient):
    """http and https: each connect and read has a time-out, and no request is repeated.

    But one: where a server wants a login and the address has none, those who know logins are asked.
    """

    gave_up = False

    def __init__(self, parts: SplitResult, timeout: float) -> None:
        place = parts.netloc.rpartition("@")[2]
        super().__init__(
            f"{parts.scheme}://{place}/",
            config=ConfigDict(),
            timeout=timeout,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )
        pool = self.pool_manager.connection_from_url(f"{parts.scheme}://{place}/")
        pool.retries = cast("Any", pool.retries).new(connect=0, read=0)
        self._answers: list[Any] = []
        self._request: Callable[..., Any] = self.pool_manager.request
        self.pool_manager.request = self._remember  # type: ignore[method-assign] # see there
        self._root = f"{parts.scheme}://{place}/"
        self.login: Login | None = None

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: Any = None,
        raise_for_status: bool = True,
    ) -> Any:
        """One request; asks for a login when the server wants one and the address has none."""
        try:
            return super()._http_request(url, headers, data, raise_for_status)
        except HTTPUnauthorized:
            logins = current().logins
            if self.login is not None and logins is not None:
                logins.settled(self._root, self.login, accepted=False)
            is_new = self._auth_header is None and data is None
            self.login = logins.find(self._root) if logins is not None and is_new else None
            if self.login is None:
                raise
        secret = base64.b64encode(f"{self.login.user}:{self.login.password}".encode()).decode()
        self._auth_header = f"Basic {secret}"
        self._auth_origin = self._origin(self._root)
        found = self._http_request(url, headers, data, raise_for_status)
        if logins is not None and self.login is not None:
            logins.settled(self._root, self.login, accepted=True)
        return found

    def _remember(self, *words: Any, **options: Any) -> Any:
        """A request whose answer ``close`` will end: dulwich leaves open what it refuses."""
        answer = self._request(*words, **options)
        self._answers.append(answer)
        return answer

    def close(self) -> None:
        """Close every answer, and every connection of the pool."""
        for answer in self._answers:
            answer.close()
        self.pool_manager.clear()


class TcpClient(OptionsMixin, TraditionalGitClient):
    """git:// with a time-out on connecting and on each read."""

    gave_up = False

    def __init__(self, host: str, port: int, timeout: float) -> None:
        super().__init__()
        self._host, self._port, self._patience = host, port, timeout
        self._opened: list[Protocol] = []

    def _connect(
        self,
        cmd: bytes,
        path: str | bytes,
        protocol_version: int | None = None,  # noqa: ARG002 # the base's
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        link = socket.create_connection((self._host, self._port), timeout=self._patience)
        reader = link.makefile("rb")

        def close() -> None:
            reader.close()
            link.close()

        def send(data: bytes) -> int:
            link.sendall(data)
            return len(data)

        proto = Protocol(reader.read, send, close)
        self._opened.append(proto)
        raw = path.encode() if isinstance(path, str) else path
        host = b"host=" + self._host.encode("idna")
        version = b"\0\0version=2\0" if cmd == b"upload-pack" else b""
        proto.send_cmd(b"git-" + cmd, raw, host + version)
        return proto, lambda: bool(select.select([link], [], [], 0)[0]), None

    def close(self) -> None:
        """Close what an error left open."""
        for proto in self._opened:
            proto.close()


class ProcessClient(OptionsMixin, TraditionalGitClient):
    """A program that speaks Git's protocol on its pipes: ssh, or git itself.

    It is killed when nothing came or went for the time-out.
    """

    def __init__(self, command: list[str], timeout: float, *, quoted: bool = False) -> None:
        super().__init__(report_activity=self._alive)
        self._command, self._patience, self._quoted = command, timeout, quoted
        self._opened: list[tuple[Protocol, subprocess.Popen[bytes]]] = []
        self._last = time.monotonic()
        self._over = threading.Event()
        self.gave_up = False

    def _alive(self, _count: int, _direction: str) -> None:
        self._last = time.monotonic()

    def _connect(
        self,
        cmd: bytes,
        path: str | bytes,
        protocol_version: int | None = None,  # noqa: ARG002 # the base's
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
        raw = path.encode() if isinstance(path, str) else path
        if shutil.which(self._command[0]) is None:
            raise NetworkError(f"There is no {self._command[0]!r} program on this machine.")
        service = [b"git-" + cmd + b" " + _quote_remote_path(raw)] if self._quoted else [cmd, raw]
        process = subprocess.Popen(
            [*self._command, *service],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        wrapper = SubprocessWrapper(process)
        proto = Protocol(wrapper.read, wrapper.write, wrapper.close, self._alive)
        self._opened.append((proto, process))
        self._last = time.monotonic()
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        return proto, wrapper.can_read, process.stderr

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while not self._over.wait(min(0.2, self._patience / 4)):
            if time.monotonic() - self._last > self._patience:
                self.gave_up = True
                process.kill()
                return

    def close(self) -> None:
        """End the program."""
        self._over.set()
        for proto, process in self._opened:
            if process.poll() is None:
                process.terminate()
            proto.close()


Client = HttpClient | TcpClient | ProcessClient
