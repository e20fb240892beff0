"""Small files of a site: bounded, asked for only when they changed, resumed, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import DownloadFailed, FileMissing, Offline, SizeMismatch
from heimnetz_git.storage.download_get import Body, Site
from tests.test_storage_download import Handler, Server, server

__all__ = ["server"]

BODY = bytes(range(256)) * 40
ETAG = '"one"'
LENGTH = {"Content-Length": str(len(BODY))}
Part = Callable[[Handler, int], None]


@pytest.fixture
def site(server: Server) -> Iterator[Site]:  # the fixture of that name
    """The server's site, asked without patience."""
    address = server.play(whole, "/file").removesuffix("file")
    with Site(address, timeout=0.5, retries=2, sleep=lambda _: None) as opened:
        yield opened


def whole(handler: Handler, _count: int) -> None:
    """All of it, or its being unchanged."""
    if handler.headers.get("If-None-Match") == ETAG:
        handler.answer(304)
    else:
        handler.answer(200, BODY, ETag=ETAG)


def cut(handler: Handler, count: int) -> None:
    """Half of it at first, then what is asked for."""
    if count == 1:
        handler.answer(200, BODY[:5000], **LENGTH, ETag=ETAG)
        handler.close_connection = True
        return
    asked = handler.headers["Range"]
    start = int(asked.removeprefix("bytes=").removesuffix("-"))
    place = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
    handler.answer(206, BODY[start:], Content_Range=place, ETag=ETAG)


def cut_and_changed(handler: Handler, count: int) -> None:
    """Half of it, then another file: If-Range did not hold."""
    if count == 1:
        cut(handler, count)
    else:
        handler.answer(200, BODY[::-1], ETag='"two"')


def cut_and_wrong(handler: Handler, count: int) -> None:
    """Half of it, a range that nobody asked for, then all of it."""
    if count == 2:
        handler.answer(206, BODY[:10], Content_Range=f"bytes 0-9/{len(BODY)}")
    else:
        (cut if count == 1 else whole)(handler, count)


def busy(handler: Handler, count: int) -> None:
    """Too busy once."""
    handler.answer(503) if count == 1 else whole(handler, count)


def moved(handler: Handler, _count: int) -> None:
    """At another place."""
    handler.answer(302, Location="/file")


GOOD: dict[str, tuple[Part, bytes]] = {
    "whole": (whole, BODY),
    "resumed": (cut, BODY),
    "changed meanwhile": (cut_and_changed, BODY[::-1]),
    "another range": (cut_and_wrong, BODY),
    "busy": (busy, BODY),
    "moved": (moved, BODY),
}


@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD)
def test_it_comes_whole(server: Server, site: Site, case: tuple[Part, bytes]) -> None:
    """Whatever happens on the way."""
    server.play(case[0], "/odd")
    body = site.get("odd", largest=len(BODY))
    assert body is not None
    assert body.data == case[1]


def test_what_is_still_the_same_is_not_sent(site: Site) -> None:
    """By its validator."""
    first = site.get("file", largest=len(BODY))
    assert first == Body(BODY, ETAG)
    assert site.get("file", largest=len(BODY), etag=first.etag) is None


def endless(handler: Handler, _count: int) -> None:
    """More than was asked for, without saying how much."""
    handler.answer(200, BODY, **{"Content-Length": ""})
    handler.close_connection = True


def boasting(handler: Handler, _count: int) -> None:
    """A length that nobody wants to see the end of."""
    handler.answer(200, b"", **{"Content-Length": str(1 << 40)})


def dripping(handler: Handler, _count: int) -> None:
    """A byte now and then: each in time, all of it never."""
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    for byte in BODY:
        if handler.server.over.wait(0.02):
            return
        handler.wfile.write(bytes((byte,)))
        handler.wfile.flush()


BAD: dict[str, tuple[Part, type[Exception]]] = {
    "too long": (endless, SizeMismatch),
    "too long a promise": (boasting, SizeMismatch),
    "too slow": (dripping, DownloadFailed),
    "missing": (lambda handler, _: handler.answer(404), FileMissing),
    "forbidden": (lambda handler, _: handler.answer(403), FileMissing),
    "always busy": (lambda handler, _: handler.answer(503), DownloadFailed),
    "a circle": (lambda handler, _: handler.answer(302, Location="/odd"), DownloadFailed),
    "to a file": (lambda handler, _: handler.answer(302, Location="file:///x"), DownloadFailed),
    "unasked": (lambda handler, _: handler.answer(304), DownloadFailed),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_it_gives_up_with_a_sentence(
    server: Server,
    site: Site,
    case: tuple[Part, type[Exception]],
) -> None:
    """In time, and never with more than was asked for."""
    server.play(case[0], "/odd")
    start = time.monotonic()
    with pytest.raises(case[1], match="odd"):
        site.get("odd", largest=len(BODY) - 1)
    assert time.monotonic() - start < 5


def test_credentials_stay_out_of_messages() -> None:
    """Those in the address."""
    with (
        Site("http://ada:secret@127.0.0.1:9/x", timeout=1, retries=0) as site,
        pytest.raises(DownloadFailed) as caught,
    ):
        site.get("file", largest=1)
    assert "secret" not in str(caught.value)


def test_offline_asks_nobody(server: Server) -> None:
    """But a folder is at hand."""
    address = server.play(whole, "/file").removesuffix("file")
    with Site(address, offline=True) as site, pytest.raises(Offline):
        site.get("file", largest=1)
    assert server.requests == []


def test_a_folder_is_a_site_too(tmp_path: Path) -> None:
    """With the same bounds and errors."""
    (tmp_path / "file").write_bytes(b"12345")
    with Site(tmp_path.as_uri(), offline=True) as site:
        assert site.get("file", largest=5) == Body(b"12345")
        with pytest.raises(SizeMismatch):
            site.get("file", largest=4)
        with pytest.raises(FileMissing):
            site.get("none", largest=4)
    with pytest.raises(DownloadFailed):
        Site("ftp://example.org/")
