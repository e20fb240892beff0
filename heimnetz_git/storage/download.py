"""Files from elsewhere, bounded and checked while they stream; the only door to urllib3.

HTTP: RFC 9110 (ranges: section 14, If-Range: 13.1.5).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from heimnetz_git.errors import (
    DigestMismatch,
    DownloadFailed,
    FileMissing,
    Offline,
    SizeMismatch,
    printable,
)
from heimnetz_git.model.report import SILENT, Reporter
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
from heimnetz_git.storage.home import move_file_into_place, storage_errors

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

__all__ = ["download", "part_of"]

_CHUNK = 1 << 16


def download(  # noqa: PLR0913 # a file's facts, and how to reach it; all but two have defaults
    url: str,
    target: Path,
    *,
    size: int,
    sha256: str,
    reporter: Reporter = SILENT,
    timeout: float = 30.0,
    offline: bool = False,
    retries: int = 4,
    proxy: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """``target``, with exactly the promised ``size`` in bytes and ``sha256`` in hex.

    ``url`` is http(s) or file. What has arrived stays beside the target as ``.part`` and is resumed
    by the next try or the next call. A broken connection or a busy server is tried ``retries`` more
    times; ``timeout`` in seconds is for connecting and for each read. Raises SizeMismatch or
    DigestMismatch (and forgets what came), DownloadFailed, Offline, FileMissing, StorageError.
    """
    job = _Job(url, target, size, sha256, reporter)
    scheme = urlsplit(url).scheme
    if scheme not in ("http", "https", "file"):
        raise DownloadFailed(f"{job.shown} is no address of a file.", url=job.shown)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    reporter.start(f"Fetching {printable(target.name)}", size)
    try:
        if scheme == "file":
            _copy(job, Path(url2pathname(urlsplit(url).path)))
        elif not job.is_complete():
            if offline:
                raise Offline(f"Offline, {job.shown} cannot be fetched.", url=job.shown)
            _Transfer(job, pool(timeout, proxy), sleep).run(retries)
        job.finish()
    finally:
        reporter.done()
    return target


def part_of(target: Path) -> Path:
    """Where the bytes of an unfinished download of ``target`` are kept."""
    return target.with_name(f"{target.name}.part")


@dataclass
class _Job:
    """One download: what was promised, and the part that is there."""

    url: str
    target: Path
    size: int
    sha256: str
    reporter: Reporter

    def __post_init__(self) -> None:
        self.told = 0
        self.part = part_of(self.target)
        self.validator = self.target.with_name(f"{self.target.name}.etag")
        self.shown = address(self.url)

    def have(self) -> int:
        """How many bytes are there already; a part that is too long is none."""
        try:
            length = self.part.stat().st_size
        except FileNotFoundError:
            return 0
        if length > self.size:
            self.forget()
            return 0
        return length

    def is_complete(self) -> bool:
        """Whether all bytes are there, so that only their digest is to be checked."""
        if self.have() < self.size or not self.part.exists():
            return False
        if self.digest() == self.sha256:
            return True
        self.forget()
        return False

    def forget(self) -> None:
        """Throw away what has come."""
        with storage_errors(self.part):
            self.part.unlink(missing_ok=True)
            self.validator.unlink(missing_ok=True)

    def digest(self) -> str:
        with self.part.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def too_much(self, length: int) -> SizeMismatch:
        """The error for a file of another length than promised, after forgetting it."""
        self.forget()
        return SizeMismatch(
            f"{self.shown} has {length} bytes instead of the {self.size} promised.",
            url=self.shown,
            expected=self.size,
            actual=length,
        )

    def append(self, chunks: Iterator[bytes], start: int) -> int:
        """Write ``chunks`` behind the first ``start`` bytes; how many there are then."""
        have = start
        self._tell(have)
        with storage_errors(self.part), self.part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            for chunk in chunks:
                have += len(chunk)
                if have > self.size:
                    break
                file.write(chunk)
                self._tell(have)
            file.flush()
            os.fsync(file.fileno())
        if have > self.size:
            self.forget()
            raise SizeMismatch(
                f"{self.shown} is longer than the {self.size} bytes promised.",
                url=self.shown,
                expected=self.size,
            )
        return have

    def _tell(self, have: int) -> None:
        """Report what is new; bytes that come a second time are not."""
        if have > self.told:
            self.reporter.advance(have - self.told)
            self.told = have

    def finish(self) -> None:
        """The whole part becomes the target if it is what was promised."""
        actual = self.digest()
        if actual != self.sha256:
            self.forget()
            raise DigestMismatch(
                f"{self.shown} is not the file that was promised: its SHA-256 is {actual}.",
                url=self.shown,
                expected=self.sha256,
                actual=actual,
            )
        move_file_into_place(self.part, self.target)
        self.validator.unlink(missing_ok=True)


def _copy(job: _Job, source: Path) -> None:
    try:
        file = source.open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise FileMissing(f"There is no file {job.shown}.", url=job.shown) from None
    except OSError as error:
        raise DownloadFailed(
            f"{job.shown} cannot be read: {error.strerror}.", url=job.shown
        ) from error
    with file:
        length = job.append(iter(lambda: file.read(_CHUNK), b""), 0)
    if length != job.size:
        raise job.too_much(length)


class _Transfer:
    """The attempts to get one file over HTTP."""

    def __init__(self, job: _Job, connections: PoolManager, sleep: Callable[[float], None]) -> None:
        self.job = job
        self.connections = connections
        self.sleep = sleep
        self.resumed = False

    def run(self, retries: int) -> None:
        """All bytes are there when this returns; tried ``retries`` more times than once."""
        for attempt in range(retries + 1):
            try:
                self._attempt()
            except TryAgain as error:
                if attempt == retries:
                    raise self._failed(str(error)) from error
                self.sleep(pause(attempt))
                continue
            # What was resumed may be of an older file at this address: once more, from the start.
            if not self.resumed or self.job.is_complete():
                return
            self.resumed = False
        raise self._failed("its parts did not fit together")

    def _attempt(self) -> None:
        job, start = self.job, self.job.have()
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and job.validator.exists():
            headers["If-Range"] = job.validator.read_text("ascii")
        with self._errors(), open_url(self.connections, job.url, headers) as response:
            start = self._begin(response, start)
            # read1 gives what has come: a server that hangs later takes none of it away.
            length = job.append(iter(lambda: response.read1(_CHUNK), b""), start)
        if length < job.size:
            if response.chunked or "Content-Length" in response.headers:
                raise job.too_much(length)  # its end was the server's word
            raise TryAgain(f"it broke off after {length} of {job.size} bytes")

    def _begin(self, response: BaseHTTPResponse, start: int) -> int:
        """Where the body of this response begins in the file; guards against all others."""
        job = self.job
        if response.status == 416:
            job.forget()
            raise TryAgain("the server has no such range")
        if response.status in BUSY:
            raise TryAgain(f"the server answers {response.status}")
        if response.status not in (200, 206):
            raise self._failed(f"the server answers {response.status}")
        if response.status == 206:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                job.forget()
                raise TryAgain("the server sent another range")
            self.resumed = True
        else:
            start = 0
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and start + int(length) != job.size:
            raise job.too_much(start + int(length))
        self._remember(response.headers.get("ETag", ""))
        return start

    def _remember(self, etag: str) -> None:
        """Keep a strong validator, so that a later call resumes only the same file."""
        with storage_errors(self.job.validator):
            if etag.startswith('"') and etag.isascii() and len(etag) < 200:
                self.job.validator.write_text(etag, "ascii")
            else:
                self.job.validator.unlink(missing_ok=True)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with http_errors():
                yield
        except GaveUp as error:
            raise self._failed(str(error)) from error

    def _failed(self, reason: str) -> DownloadFailed:
        have = self.job.have()
        return DownloadFailed(
            f"{self.job.shown} could not be fetched: {reason}.", url=self.job.shown, have=have
        )
