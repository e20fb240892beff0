"""Downloads from a real server on this machine: resumed, bounded, checked, and patient."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.errors import (
    DigestMismatch,
    DownloadFailed,
    FileMissing,
    Offline,
    SizeMismatch,
    StorageError,
)
from heimnetz_git.storage.download import download, part_of

BODY = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(BODY).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Answers by the server's script: a function for each path, told how often it was asked."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Note the request, then play the part."""
        asked = self.server.requests
        asked.append((self.path, dict(self.headers)))
        count = sum(path == self.path for path, _ in asked)
        self.server.parts[self.path](self, count)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server that plays parts and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.parts: dict[str, Callable[[Handler, int], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()

    def play(self, part: Callable[[Handler, int], None], path: str = "/clock.whl") -> str:
        """The address at which ``part`` is played."""
        self.parts[path] = part
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that runs for one test."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the file shall be, in a folder that does not exist yet."""
    return tmp_path / "artifacts" / "clock.whl"


class Heard:
    """A reporter that keeps what it heard."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int | None]] = []
        self.sum = 0
        self.ended = 0

    def start(self, what: str, total: int | None = None) -> None:
        """Keep the task."""
        self.told.append((what, total))

    def advance(self, amount: int = 1) -> None:
        """Add up."""
        self.sum += amount

    def done(self) -> None:
        """Count."""
        self.ended += 1


def get(url: str, target: Path, **more: Any) -> Path:
    """``download`` of BODY that never really sleeps."""
    arguments: dict[str, Any] = {"size": len(BODY), "sha256": SHA256, "sleep": lambda _: None}
    return download(url, target, **(arguments | more))


def whole(handler: Handler, count: int) -> None:
    """A plain server without ranges."""
    handler.answer(200, BODY)


def ranged(handler: Handler, count: int) -> None:
    """A good server: ranges and a validator."""
    asked = handler.headers.get("Range")
    if asked and handler.headers.get("If-Range", '"v1"') == '"v1"':
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        rest = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        handler.answer(206, BODY[start:], Content_Range=rest, ETag='"v1"')
    else:
        handler.answer(200, BODY, ETag='"v1"')


def cut(handler: Handler, body: bytes = BODY, length: int = 100_000) -> None:
    """Promises the whole and hangs up in the middle."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.send_header("ETag", '"v1"')
    handler.end_headers()
    handler.wfile.write(body[:length])
    handler.close_connection = True


def nothing_left(target: Path) -> bool:
    """Whether neither the file nor any part of it is there."""
    return list(target.parent.iterdir()) == []


def test_a_file_comes_whole(server: Server, target: Path) -> None:
    """The target has the promised bytes, progress adds up, and nothing else is left."""
    heard = Heard()
    assert get(server.play(whole), target, reporter=heard) == target
    assert target.read_bytes() == BODY
    assert (heard.told, heard.sum, heard.ended) == (
        [("Fetching clock.whl", len(BODY))],
        len(BODY),
        1,
    )
    assert [path.name for path in target.parent.iterdir()] == ["clock.whl"]


def test_a_broken_download_is_resumed_within_one_call(server: Server, target: Path) -> None:
    """After a break only the missing bytes are asked for, if the file is still the same."""

    def part(handler: Handler, count: int) -> None:
        cut(handler) if count == 1 else ranged(handler, count)

    heard = Heard()
    assert get(server.play(part), target, reporter=heard).read_bytes() == BODY
    second = server.requests[1][1]
    assert second["Range"] == "bytes=100000-"
    assert second["If-Range"] == '"v1"'
    assert heard.sum == len(BODY)


def test_a_later_call_resumes_what_an_earlier_one_left(server: Server, target: Path) -> None:
    """The part and its validator outlive the process."""
    with pytest.raises(DownloadFailed) as caught:
        get(server.play(lambda handler, count: cut(handler)), target, retries=0)
    assert caught.value.facts["have"] == 100_000
    assert part_of(target).read_bytes() == BODY[:100_000]
    assert get(server.play(ranged), target).read_bytes() == BODY
    assert server.requests[-1][1]["If-Range"] == '"v1"'


def test_a_server_without_ranges_sends_all_again(server: Server, target: Path) -> None:
    """An answer 200 to a range means from the start."""
    target.parent.mkdir()
    part_of(target).write_bytes(b"old bytes of another file")
    assert get(server.play(whole), target).read_bytes() == BODY


def test_a_part_of_an_older_file_is_thrown_away(server: Server, target: Path) -> None:
    """Resumed without a validator, the digest tells; it is fetched once more from the start."""
    target.parent.mkdir()
    part_of(target).write_bytes(b"x" * 1000)
    assert get(server.play(ranged), target).read_bytes() == BODY
    assert ["Range" in headers for _, headers in server.requests] == [True, False]


def test_a_complete_part_needs_no_network(server: Server, target: Path) -> None:
    """When all bytes are there, only their digest is checked; even offline."""
    target.parent.mkdir()
    part_of(target).write_bytes(BODY)
    assert get(server.play(whole), target, offline=True).read_bytes() == BODY
    assert server.requests == []


def test_a_range_that_is_not_satisfiable_starts_anew(server: Server, target: Path) -> None:
    """416 to a range is answered by asking for the whole."""

    def part(handler: Handler, count: int) -> None:
        handler.answer(416) if "Range" in handler.headers else whole(handler, count)

    target.parent.mkdir()
    part_of(target).write_bytes(b"x" * 10)
    assert get(server.play(part), target).read_bytes() == BODY


def test_another_range_than_asked_is_not_taken(server: Server, target: Path) -> None:
    """A 206 for other bytes is thrown away with what was there."""

    def part(handler: Handler, count: int) -> None:
        if "Range" in handler.headers:
            handler.answer(206, BODY[5:], Content_Range=f"bytes 5-{len(BODY) - 1}/{len(BODY)}")
        else:
            whole(handler, count)

    target.parent.mkdir()
    part_of(target).write_bytes(BODY[:10])
    assert get(server.play(part), target).read_bytes() == BODY


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: Server, target: Path, status: int) -> None:
    """Each pause is twice as long as the one before."""

    def part(handler: Handler, count: int) -> None:
        handler.answer(status) if count <= 3 else whole(handler, count)

    pauses: list[float] = []
    assert get(server.play(part), target, sleep=pauses.append).read_bytes() == BODY
    assert pauses == [0.5, 1.0, 2.0]


def test_patience_ends(server: Server, target: Path) -> None:
    """After the last try, the server's answer is the reason."""
    with pytest.raises(DownloadFailed, match="the server answers 503"):
        get(server.play(lambda handler, count: handler.answer(503)), target, retries=2)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 451])
def test_a_refusal_is_final(server: Server, target: Path, status: int) -> None:
    """What will not change is not asked again."""
    with pytest.raises(DownloadFailed, match=f"the server answers {status}"):
        get(server.play(lambda handler, count: handler.answer(status)), target)
    assert len(server.requests) == 1


def test_a_server_that_hangs_is_left(server: Server, target: Path) -> None:
    """After the time-out the part stays for the next try."""

    def part(handler: Handler, count: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        handler.wfile.write(BODY[:1000])
        handler.wfile.flush()
        server.over.wait(20)

    before = time.monotonic()
    with pytest.raises(DownloadFailed, match="did not answer in time"):
        get(server.play(part), target, timeout=0.3)
    assert time.monotonic() - before < 10
    assert part_of(target).read_bytes() == BODY[:1000]


def test_a_server_that_always_closes_is_left(server: Server, target: Path) -> None:
    """A connection closed before any answer is tried again, and then a failed download."""

    def part(handler: Handler, count: int) -> None:
        handler.close_connection = True

    with pytest.raises(DownloadFailed):
        get(server.play(part), target, retries=2)
    assert len(server.requests) == 3


def test_nobody_there_is_said_at_once(target: Path) -> None:
    """A refused connection is not tried again."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = f"http://127.0.0.1:{other.getsockname()[1]}/clock.whl"
    with pytest.raises(DownloadFailed, match="refused"):
        get(url, target, sleep=lambda _: pytest.fail("waited"))


LIES: list[tuple[str, Callable[[Handler, int], None]]] = [
    ("longer by its header", lambda handler, _: handler.answer(200, BODY + b"more")),
    ("shorter by its header", lambda handler, _: handler.answer(200, BODY[:-1])),
    ("empty", lambda handler, _: handler.answer(200, b"")),
]


@pytest.mark.parametrize(("what", "part"), LIES, ids=[what for what, _ in LIES])
def test_another_size_than_promised_is_refused(
    server: Server, target: Path, what: str, part: Callable[[Handler, int], None]
) -> None:
    """A file of another length is not the file; nothing of it is kept."""
    with pytest.raises(SizeMismatch) as caught:
        get(server.play(part), target)
    assert caught.value.facts["expected"] == len(BODY)
    assert nothing_left(target)


def stream(handler: Handler, chunks: Iterator[bytes], *, end: bool = True) -> None:
    """A chunked answer of unknown length."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for chunk in chunks:
        handler.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n" if end else b"")
    handler.close_connection = True


def test_an_endless_answer_is_cut_at_the_promised_size(server: Server, target: Path) -> None:
    """No header is needed for the bound to hold."""
    sent = []

    def endless() -> Iterator[bytes]:
        while not server.over.is_set():
            sent.append(1)
            yield BODY

    with pytest.raises(SizeMismatch):
        get(server.play(lambda handler, _: stream(handler, endless())), target)
    assert nothing_left(target)
    assert len(sent) < 100


def test_a_chunked_answer_that_ends_early_by_its_own_word(server: Server, target: Path) -> None:
    """Its end mark makes a short file the wrong file."""
    with pytest.raises(SizeMismatch):
        get(server.play(lambda handler, _: stream(handler, iter([BODY[:500]]))), target)
    assert nothing_left(target)


@pytest.mark.parametrize("chunked", [True, False])
def test_an_answer_that_breaks_off_keeps_the_part(
    server: Server, target: Path, chunked: bool
) -> None:
    """Without an end mark or a length, a short file is one that was cut."""

    def part(handler: Handler, count: int) -> None:
        if chunked:
            stream(handler, iter([BODY[:500]]), end=False)
            return
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(BODY[:500])

    with pytest.raises(DownloadFailed):
        get(server.play(part), target, retries=1)
    assert part_of(target).read_bytes() == BODY[:500]


def test_other_bytes_than_promised_are_refused(server: Server, target: Path) -> None:
    """The right length is not enough; nothing is kept."""
    wrong = bytes(len(BODY))
    with pytest.raises(DigestMismatch) as caught:
        get(server.play(lambda handler, _: handler.answer(200, wrong)), target)
    assert caught.value.facts == {
        "url": server.play(whole),
        "expected": SHA256,
        "actual": hashlib.sha256(wrong).hexdigest(),
    }
    assert nothing_left(target)


def test_a_compressing_server_is_told_not_to(server: Server, target: Path) -> None:
    """The bytes on the wire are the bytes that were promised."""
    get(server.play(whole), target)
    assert server.requests[0][1]["Accept-Encoding"] == "identity"


def test_redirects_are_followed_within_bounds(server: Server, target: Path) -> None:
    """Relative ones too; a circle ends."""
    server.play(whole, "/real")
    moved = server.play(lambda handler, _: handler.answer(302, Location="real"), "/moved")
    assert get(moved, target).read_bytes() == BODY
    circle = server.play(lambda handler, _: handler.answer(301, Location="/circle"), "/circle")
    with pytest.raises(DownloadFailed, match="more than 5 times"):
        get(circle, target)


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "ftp://x/y", "http://[bad"])
def test_redirects_lead_to_web_addresses_only(server: Server, target: Path, location: str) -> None:
    """A server cannot make the client read the client's own files."""
    url = server.play(lambda handler, _: handler.answer(302, Location=location))
    with pytest.raises(DownloadFailed, match="no web address"):
        get(url, target)


def test_offline_means_no_request(server: Server, target: Path) -> None:
    """The error names the address, and the server hears nothing."""
    with pytest.raises(Offline, match=r"clock\.whl"):
        get(server.play(whole), target, offline=True)
    assert server.requests == []


def test_secrets_in_an_address_stay_out_of_messages(server: Server, target: Path) -> None:
    """Neither the password nor the signed query is shown."""
    url = server.play(lambda handler, _: handler.answer(404), "/clock.whl?token=hush")
    with pytest.raises(DownloadFailed) as caught:
        get(url.replace("http://", "http://me:hush@"), target)
    assert "hush" not in str(caught.value) + str(caught.value.facts)


@pytest.mark.parametrize("url", ["ftp://example.org/x", "data:,x", "clock.whl", "", "http://"])
def test_other_addresses_are_refused(target: Path, url: str) -> None:
    """What is no http, https or file address is not guessed at."""
    with pytest.raises(DownloadFailed):
        get(url, target)


def test_a_local_file_is_copied_and_checked(tmp_path: Path, target: Path) -> None:
    """file: works offline, under the same promises."""
    source = tmp_path / "a b.whl"
    source.write_bytes(BODY)
    assert get(source.as_uri(), target, offline=True).read_bytes() == BODY
    target.unlink()
    source.write_bytes(BODY + b"more")
    with pytest.raises(SizeMismatch):
        get(source.as_uri(), target)
    source.write_bytes(BODY[:-1])
    with pytest.raises(SizeMismatch):
        get(source.as_uri(), target)
    source.write_bytes(bytes(len(BODY)))
    with pytest.raises(DigestMismatch):
        get(source.as_uri(), target)
    assert nothing_left(target)
    source.unlink()
    with pytest.raises(FileMissing):
        get(source.as_uri(), target)


def test_a_target_that_cannot_be_made_is_a_storage_error(server: Server, tmp_path: Path) -> None:
    """The disk's refusal is not the network's."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        get(server.play(whole), tmp_path / "file" / "clock.whl")
