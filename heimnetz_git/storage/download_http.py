"""Requests over HTTP as both ways of downloading make them: redirects, time-outs, what may pass.

HTTP: RFC 9110.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from heimnetz_git.errors import printable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

__all__ = ["BUSY", "GaveUp", "TryAgain", "address", "http_errors", "open_url", "pause", "pool"]

BUSY = frozenset({429, 500, 502, 503, 504})
_CONNECTIONS = 8  # kept open to one server
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LONGEST_PAUSE = 30.0  # seconds


class TryAgain(Exception):
    """This attempt broke off in a way that may pass; the reason in words."""


class GaveUp(Exception):
    """No further attempt would help; the reason in words."""


def address(url: str) -> str:
    """A URL as it may be shown: credentials and signed queries stay out of messages."""
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return printable(place, longest=500)


def pause(attempt: int) -> float:
    """Seconds to wait after that attempt, counted from 0."""
    return min(0.5 * 2.0**attempt, _LONGEST_PAUSE)


def pool(timeout: float, proxy: str) -> PoolManager:
    """Connections that are kept; ``timeout`` in seconds is for connecting and for each read."""
    import urllib3

    options = {
        "timeout": urllib3.Timeout(connect=timeout, read=timeout),
        "retries": False,
        "maxsize": _CONNECTIONS,
        "headers": {"User-Agent": "heimnetz-git", "Accept-Encoding": "identity"},
    }
    if proxy:
        return urllib3.ProxyManager(proxy, **options)  # type: ignore[arg-type] # mixed values
    return urllib3.PoolManager(**options)  # type: ignore[arg-type] # mixed values


def open_url(connections: PoolManager, url: str, headers: Mapping[str, str]) -> BaseHTTPResponse:
    """The answer to a GET, after redirects, its body not read yet. Raises GaveUp."""
    for _ in range(_MOST_REDIRECTS + 1):
        response = connections.request(
            "GET",
            url,
            headers={**connections.headers, **headers},
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        if response.status not in _REDIRECTS:
            return response
        response.close()
        url = _redirect(url, response.headers.get("Location", ""))
    raise GaveUp(f"it redirects more than {_MOST_REDIRECTS} times")


def _redirect(url: str, location: str) -> str:
    try:
        new = urljoin(url, location)
        scheme = urlsplit(new).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https") or not location:
        raise GaveUp("it redirects to what is no web address")
    if urlsplit(url).scheme == "https" and scheme != "https":
        raise GaveUp("it redirects from https to http")
    return new


@contextmanager
def http_errors() -> Iterator[None]:
    """Turns urllib3's errors of the block into TryAgain or GaveUp."""
    from urllib3 import exceptions as http

    try:
        yield
    except (http.NewConnectionError, http.LocationParseError, http.SSLError) as error:
        raise GaveUp(_reason(error)) from error
    except http.TimeoutError as error:
        raise GaveUp("the server did not answer in time") from error
    except (http.ProtocolError, http.IncompleteRead) as error:
        raise TryAgain(_reason(error)) from error
    except http.HTTPError as error:
        raise GaveUp(_reason(error)) from error


def _reason(error: Exception) -> str:
    text = str(error).partition(": ")[2] or str(error) or type(error).__name__
    return printable(text.rstrip("."), longest=300)
