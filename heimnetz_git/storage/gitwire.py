"""Git's protocol of version 2 over http: the branches of a server, and a pack, by a request each.

https://git-scm.com/docs/gitprotocol-v2: a server keeps nothing in mind between requests, so each
stands alone. Most syncs bring little or nothing, and loading a library for Git costs more than they
do; what answers in any other way than a server of this version is left to that library.
"""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

__all__ = ["BrokenOff", "Declined", "Pack", "TooSlow", "Wire", "speaks_http"]

SLOWEST: Final = 1 << 10
"""Bytes that must come within the time-out while an answer is on its way."""
PATIENCE: Final = 20
"""Time-outs that a server may take to put a pack together, as long as it gives signs of life."""
_CHUNK = 1 << 16
_FLUSH, _DELIMITER = b"0000", b"0001"
_LONGEST_LINES = 16 << 20
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_BAND_PACK, _BAND_WORDS, _BAND_ERROR = 1, 2, 3
_TYPE = "application/x-git-upload-pack"


class Declined(Exception):
    """The server cannot be talked to in this way; another one may work."""


class TooSlow(Exception):
    """The server did not answer in time, or too slowly."""


class BrokenOff(Exception):
    """The connection ended within an answer, or the server said why it stopped."""


class Pack(NamedTuple):
    """What came beside a pack: where history is cut off now, and where it no longer is."""

    shallow: frozenset[str]
    unshallow: frozenset[str]


def speaks_http(url: str, environ: Mapping[str, str] = os.environ) -> bool:
    """May this address be asked here? Not through a proxy: that is the library's."""
    known = {name.lower() for name, value in environ.items() if value}
    return urlsplit(url).scheme in {"http", "https"} and known.isdisjoint(_PROXIES)


class Wire:
    """One repository behind http; a context manager that keeps its connection.

    Everything raises Declined, TooSlow or BrokenOff. ``words`` is what the server told its user.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        """``timeout`` in seconds is for connecting and for each wait."""
        parts = urlsplit(url)
        self.words = b""
        self._timeout = timeout
        self._path = f"{parts.path.rstrip('/')}/git-upload-pack"
        self._headers = {
            "Content-Type": f"{_TYPE}-request",
            "Accept": f"{_TYPE}-result",
            "Git-Protocol": "version=2",
            "User-Agent": "git/heimnetz-git",
        }
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        try:
            self._link = kind(parts.hostname or "", parts.port, timeout=timeout)
        except (ValueError, HTTPException) as error:
            raise Declined(str(error)) from error

    def __enter__(self) -> Self:
        """The wire; nothing is sent yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._link.close()

    def heads(self, prefixes: Iterable[str]) -> dict[bytes, bytes]:
        """Refs that begin with one of ``prefixes`` -> object id, as the server says it."""
        wanted = [f"ref-prefix {prefix}" for prefix in prefixes]
        found: dict[bytes, bytes] = {}
        with self._asked("ls-refs", wanted) as packets:
            for line in packets.lines():
                oid, _, name = line.partition(b" ")
                found[name] = oid
        return found

    def fetch(
        self,
        wants: Sequence[str],
        out: Callable[[bytes], object],
        *,
        haves: Sequence[str] = (),
        shallow: Sequence[str] = (),
        depth: int | None = None,
    ) -> Pack:
        """Give a pack to ``out`` with what ``wants`` need beyond ``haves``; it may be thin."""
        words = ["thin-pack", "ofs-delta"]
        words += [f"want {oid}" for oid in wants]
        words += [f"shallow {oid}" for oid in shallow]
        words += [f"deepen {depth}"] if depth else []
        words += [f"have {oid}" for oid in haves]
        cut: dict[bytes, set[str]] = {b"shallow": set(), b"unshallow": set()}
        with self._asked("fetch", [*words, "done"]) as packets:
            section = packets.line()
            while section not in {None, b"packfile"}:
                for line in packets.lines():
                    word, _, oid = line.partition(b" ")
                    cut.setdefault(word, set()).add(oid.decode("ascii", "replace"))
                section = packets.line()
            if section is None:
                raise Declined("there is no pack in the answer")
            self._unband(packets, out)
        return Pack(frozenset(cut[b"shallow"]), frozenset(cut[b"unshallow"]))

    def _unband(self, packets: _Packets, out: Callable[[bytes], object]) -> None:
        """Take the pack out of its side-band."""
        packets.watch.wait()
        for packet in packets.until_flush():
            band, data = packet[0], packet[1:]
            if band == _BAND_PACK:
                packets.watch.hurry()
                out(data)
            elif band == _BAND_WORDS:
                self.words = (self.words + data)[-_CHUNK:]
            elif band == _BAND_ERROR:
                raise BrokenOff(data.decode("utf-8", "replace").strip())
            else:
                raise BrokenOff("it sends what is no pack")

    @contextmanager
    def _asked(self, command: str, words: Iterable[str]) -> Iterator[_Packets]:
        """The answer to one command; errors of the connection come as those of this module."""
        lines = [f"command={command}", "object-format=sha1"]
        body = b"".join(map(_packet, lines)) + _DELIMITER + b"".join(map(_packet, words)) + _FLUSH
        watch, response = _Watch(self._timeout), None
        try:
            if self._link.sock is None:
                self._link.connect()
            with watch.over(self._link.sock):
                self._link.request("POST", self._path, body, self._headers)
                response = self._link.getresponse()
                _check(response)
                yield _Packets(response, watch)
                if response.read1(1):
                    self._link.close()  # more than was asked for
        except (OSError, HTTPException, EOFError) as error:
            if watch.late or isinstance(error, TimeoutError):
                raise TooSlow(str(error)) from error
            said = str(error) or type(error).__name__
            raise (BrokenOff if response else Declined)(said) from error
        finally:
            if response is None or not response.isclosed():
                self._link.close()
            if response is not None:
                response.close()


def _check(response: HTTPResponse) -> None:
    if response.status != 200 or response.headers.get_content_type() != f"{_TYPE}-result":
        raise Declined(f"it answers {response.status}")


class _Watch:
    """Ends a connection that takes too long, however it keeps its reader waiting.

    Until told otherwise a little must come within each time-out.
    """

    def __init__(self, timeout: float) -> None:
        self.late = False
        self._timeout = timeout
        self._done = threading.Event()
        self._begin(1)

    def _begin(self, windows: int) -> None:
        self._windows = windows
        self._count = 0
        self._until = time.monotonic() + windows * self._timeout

    @contextmanager
    def over(self, link: socket.socket) -> Iterator[None]:
        """Watch a connection during the block."""
        thread = threading.Thread(target=self._run, args=(link,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()

    def _run(self, link: socket.socket) -> None:
        while not self._done.wait(
            min(self._timeout / 4, max(0.01, self._until - time.monotonic()))
        ):
            if time.monotonic() > self._until:
                self.late = True
                with suppress(OSError):  # the plain one: that of TLS would talk to the other side
                    socket.socket.shutdown(link, socket.SHUT_RDWR)
                return

    def wait(self) -> None:
        """From now on the server may take its time, though not for ever."""
        self._begin(PATIENCE)

    def came(self, count: int) -> None:
        """So many bytes came."""
        self._count += count
        if self._count > SLOWEST and self._windows == 1:
            self._begin(1)

    def hurry(self) -> None:
        """What the server took its time for is coming."""
        if self._windows > 1:
            self._begin(1)


def _packet(line: str) -> bytes:
    data = f"{line}\n".encode()
    return b"%04x%s" % (len(data) + 4, data)


class _Packets:
    """The lines of an answer (gitprotocol-common, "pkt-line Format")."""

    def __init__(self, response: HTTPResponse, watch: _Watch) -> None:
        self.watch = watch
        self._response = response
        self._buffer = bytearray()
        self._at = 0

    def line(self) -> bytes | None:
        """The next line without its end; None where a section or all of it ends."""
        packet = self._packet()
        if packet is None:
            return None
        if packet.startswith(b"ERR "):
            raise Declined(packet[4:].decode("utf-8", "replace").strip())
        return packet.rstrip(b"\n")

    def lines(self) -> Iterator[bytes]:
        """The lines up to the end of the section."""
        total = 0
        while (line := self.line()) is not None:
            total += len(line)
            if total > _LONGEST_LINES:
                raise BrokenOff("it names too many things")
            yield line

    def until_flush(self) -> Iterator[bytes]:
        """The packets up to the end of the section, as they are; none of them empty."""
        while (packet := self._packet()) is not None:
            if not packet:
                raise BrokenOff("it sends an empty packet")
            yield packet

    def _packet(self) -> bytes | None:
        try:
            size = int(self._take(4), 16)
        except ValueError as error:
            raise BrokenOff("it does not speak Git") from error
        if size < 4:
            return None
        return self._take(size - 4)

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if len(self._buffer) < end:
            self._fill(size)
            end = size
        data = bytes(memoryview(self._buffer)[self._at : end])
        self._at = end
        return data

    def _fill(self, size: int) -> None:
        """At least ``size`` bytes from here on."""
        del self._buffer[: self._at]
        self._at = 0
        while len(self._buffer) < size:
            data = self._response.read1(_CHUNK)
            if not data:
                raise EOFError("it ended too early")
            self._buffer += data
            self.watch.came(len(data))
