"""Small files of one site, read into memory: bounded, conditional, over connections that are kept.

HTTP: RFC 9110 (If-None-Match: section 13.1.2, ranges: 14, If-Range: 13.1.5).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from heimnetz_git.errors import DownloadFailed, FileMissing, Offline, SizeMismatch, printable
from heimnetz_git.storage.download_http import (
    BUSY,
    GaveUp,
    TryAgain,
    address,
    http_errors,
    open_url,
    pause,
    pool,
)

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

__all__ = ["Body", "Site"]

_CHUNK = 1 << 16
_SLOWEST = 1024  # bytes a second, once the time-out has passed
_GONE = frozenset({404, 410})


class Body(NamedTuple):
    """What an address holds; ``etag`` is its validator, empty without one."""

    data: bytes
    etag: str = ""


class Site:
    """Everything below one address, http(s) or file; a context manager. Threads may share it."""

    def __init__(
        self,
        base: str,
        *,
        timeout: float = 30.0,
        offline: bool = False,
        retries: int = 4,
        proxy: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``timeout`` in seconds is for connecting and for each read; nothing is asked yet.

        What is still coming after that time must come at 1 KiB a second at least.
        """
        self.base = base.rstrip("/") + "/"
        self.shown = address(self.base)
        scheme = urlsplit(base).scheme
        if scheme not in ("http", "https", "file"):
            raise DownloadFailed(f"{self.shown} is no address of files.", url=self.shown)
        self._folder = Path(url2pathname(urlsplit(base).path)) if scheme == "file" else None
        self._offline = offline
        self._timeout, self._retries, self._sleep = timeout, retries, sleep
        self._pool = None if self._folder or offline else pool(timeout, proxy)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes its connections."""
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        if self._pool is not None:
            self._pool.clear()

    def get(self, path: str, *, largest: int, etag: str = "") -> Body | None:
        """The file at ``path``; None when it is still the one that ``etag`` was given for.

        A broken connection or a busy server is tried again, going on from what came where the
        server can. Raises FileMissing, SizeMismatch beyond ``largest`` bytes, DownloadFailed,
        Offline.
        """
        if self._folder is not None:
            return Body(_read(self._folder / path, largest))
        if self._offline:
            raise Offline(f"Offline, {self.shown} cannot be asked.", url=self.shown)
        request = _Request(f"{self.base}{quote(path)}", largest, etag, self._timeout)
        for attempt in range(self._retries + 1):
            try:
                return self._attempt(request)
            except GaveUp as error:
                raise request.failed(str(error)) from error
            except TryAgain as error:
                if attempt == self._retries:
                    raise request.failed(str(error)) from error
                self._sleep(pause(attempt))
        raise request.failed("it was not tried")

    def _attempt(self, request: _Request) -> Body | None:
        if self._pool is None:
            raise GaveUp("there is no connection")
        with http_errors(), open_url(self._pool, request.url, request.headers()) as response:
            if response.status == 304 and request.etag:
                response.drain_conn()
                return None
            return request.take(response)


class _Request:
    """One file on its way: what has come of it so far."""

    def __init__(self, url: str, largest: int, etag: str, timeout: float) -> None:
        self.url, self.largest, self.etag, self.timeout = url, largest, etag, timeout
        self.shown = address(url)
        self._have = bytearray()
        self._validator = ""

    def headers(self) -> dict[str, str]:
        """For all of it, or for the rest of the same file."""
        if self._have and self._validator.startswith('"'):  # a weak one is for whole files
            return {"Range": f"bytes={len(self._have)}-", "If-Range": self._validator}
        return {"If-None-Match": self.etag} if self.etag else {}

    def take(self, response: BaseHTTPResponse) -> Body:
        """The body of this answer, behind what was there. Raises GaveUp, TryAgain and as get."""
        self._begin(response)
        expected = self._expected(response)
        started = time.monotonic()
        while chunk := response.read1(_CHUNK):
            self._have += chunk
            if len(self._have) > self.largest:
                raise self._too_long()
            passed = time.monotonic() - started
            if passed > self.timeout and len(self._have) < _SLOWEST * passed:
                raise GaveUp("the server sends less than 1 KiB a second")
        if expected is not None and len(self._have) < expected:
            raise TryAgain(f"it broke off after {len(self._have)} of {expected} bytes")
        return Body(bytes(self._have), self._validator)

    def failed(self, reason: str) -> DownloadFailed:
        """The error for a request that came to nothing."""
        return DownloadFailed(
            f"{self.shown} could not be fetched: {reason}.",
            hint="Check the connection and the address, then try again.",
            url=self.shown,
        )

    def _begin(self, response: BaseHTTPResponse) -> None:
        if response.status in _GONE:
            raise FileMissing(
                f"There is no file {self.shown}.", hint="Check the address.", url=self.shown
            )
        if response.status == 403:  # also what a bucket says of what is not there
            raise FileMissing(
                f"There is no file {self.shown}, or not for everybody: the server answers 403.",
                hint="Check the address; a bucket must let everybody read its objects.",
                url=self.shown,
            )
        if response.status in BUSY:
            raise TryAgain(f"the server answers {response.status}")
        goes_on = f"bytes {len(self._have)}-"
        if response.status == 206 and self._have:
            if response.headers.get("Content-Range", "").startswith(goes_on):
                return
            self._have.clear()
            self._validator = ""
            raise TryAgain("the server sent another range")
        if response.status != 200:
            raise GaveUp(f"the server answers {response.status}")
        self._have.clear()
        etag = response.headers.get("ETag", "")
        self._validator = etag if etag.isascii() and len(etag) < 200 else ""

    def _expected(self, response: BaseHTTPResponse) -> int | None:
        """How long the file is, if the server says so."""
        length = response.headers.get("Content-Length", "")
        if not length.isdigit():
            return None
        expected = len(self._have) + int(length)
        if expected > self.largest:
            raise self._too_long()
        return expected

    def _too_long(self) -> SizeMismatch:
        return SizeMismatch(
            f"{self.shown} is longer than {self.largest} bytes.",
            hint="It is not the file that it should be; tell the registry's maintainers.",
            url=self.shown,
            expected=self.largest,
        )


def _read(path: Path, largest: int) -> bytes:
    shown = printable(str(path), longest=500)
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise FileMissing(f"There is no file {shown}.", path=shown) from None
    except OSError as error:
        raise DownloadFailed(f"{shown} cannot be read: {error.strerror}.", path=shown) from error
    if len(data) > largest:
        raise SizeMismatch(f"{shown} is longer than {largest} bytes.", path=shown)
    return data
