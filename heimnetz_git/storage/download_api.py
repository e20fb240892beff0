"""A forge's API: JSON over HTTP with bounded answers, patience for rate limits, errors of our own.

HTTP: RFC 9110 (Retry-After: section 10.2.3), links between pages: RFC 8288.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urljoin

from heimnetz_git.errors import (
    DownloadFailed,
    FileMissing,
    HeimnetzError,
    LoginRequired,
    NetworkError,
    RemoteRefused,
    printable,
)
from heimnetz_git.storage.access import Login, current
from heimnetz_git.storage.credentials import origin_of
from heimnetz_git.storage.download_http import (
    BUSY,
    GaveUp,
    TryAgain,
    address,
    http_errors,
    pause,
    pool,
)

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

__all__ = ["Answer", "Api"]

LARGEST_ANSWER = 8 << 20
LONGEST_WAIT = 60.0
"""Seconds that a rate limit is waited for; what takes longer is an error that says when."""
TRIES = 4
MOST_PAGES = 100
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="?next"?')


class Answer(NamedTuple):
    """What came: the status, the headers by lower-case name, and the JSON value (None if none)."""

    status: int
    headers: Mapping[str, str]
    value: Any


class Api:
    """The API below ``base``; ``bearer`` says how a token is presented (``Bearer``, ``token``).

    ``account`` is the address whose login is presented, ``base`` by default; ``anonymous`` asks for
    none. What a busy server refuses is tried ``tries`` times.
    """

    def __init__(  # noqa: PLR0913 # all but one have defaults
        self,
        base: str,
        *,
        account: str = "",
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        proxy: str = "",
        bearer: str = "Bearer",
        tries: int = TRIES,
        anonymous: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.base = base.rstrip("/")
        self._account = account or self.base
        self._headers = {"Accept": accept, **(headers or {})}
        self._pool = pool(timeout, proxy)
        self._bearer, self._sleep, self._now = bearer, sleep, now
        self._tries, self._anonymous = tries, anonymous
        self._login: Login | None = None

    def sign_in(self) -> Login:
        """Present a token from now on. Raises LoginRequired when there is none for this server."""
        if self._login is None:
            logins = current().logins
            self._login = logins.find(self._account) if logins else None
        if self._login is None:
            raise LoginRequired(f"{address(self.base)} wants to know who asks.", url=self.base)
        return self._login

    def get(self, path: str, *, missing_ok: bool = False, **query: Any) -> Any:
        """The JSON value at ``path``; None with ``missing_ok`` when there is nothing."""
        try:
            return self._ask("GET", self._url(path, query), None).value
        except FileMissing:
            if missing_ok:
                return None
            raise

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """The items of a list, page by page as its Link headers say."""
        url = self._url(path, query)
        for _ in range(MOST_PAGES):
            answer = self._ask("GET", url, None)
            if not isinstance(answer.value, list):
                raise self._odd(url, "a list was expected")
            yield from answer.value
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return
            url = urljoin(url, following[1])
            if origin_of(url) != origin_of(self.base):
                raise self._odd(url, "its next page is on another server")

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        """A change: POST, PATCH, PUT or DELETE, as whoever ``sign_in`` found."""
        self.sign_in()
        return self._ask(method, self._url(path, {}), body)

    def _url(self, path: str, query: Mapping[str, Any]) -> str:
        return f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")

    def _ask(self, method: str, url: str, body: Any) -> Answer:
        """One request, repeated while the server is busy; what may have been done is not repeated.

        A read without a login that the server wants one for is repeated with it.
        """
        for attempt in range(self._tries):
            try:
                with http_errors():
                    answer = self._once(method, url, body)
            except GaveUp as error:
                raise NetworkError(f"{address(url)} cannot be reached: {error}.") from error
            except TryAgain as error:
                if method != "GET" or attempt == self._tries - 1:
                    raise _broke_off(method, url, str(error)) from error
                self._sleep(pause(attempt))
                continue
            if answer.status == 401 and self._may_sign_in(method):
                self.sign_in()
                continue
            wait = self._wait(answer, attempt, method)
            if wait is None or attempt == self._tries - 1:
                return self._judged(method, url, answer)
            self._sleep(wait)
        return self._judged(method, url, answer)

    def _may_sign_in(self, method: str) -> bool:
        return method == "GET" and self._login is None and not self._anonymous

    def _once(self, method: str, url: str, body: Any) -> Answer:
        headers = dict(self._headers)
        if self._login is not None:
            headers["Authorization"] = f"{self._bearer} {self._login.password}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        response = self._pool.request(
            method,
            url,
            body=data,
            headers={**self._pool.headers, **headers},
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            return self._read(url, response)
        finally:
            response.close()

    def _read(self, url: str, response: BaseHTTPResponse) -> Answer:
        data = response.read(LARGEST_ANSWER + 1)
        if len(data) > LARGEST_ANSWER:
            raise self._odd(url, "its answer is longer than 8 MiB")
        promised = response.headers.get("Content-Length", "")
        if promised.isdigit() and len(data) < int(promised):
            raise TryAgain("the answer broke off")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, _value(data))

    def _wait(self, answer: Answer, attempt: int, method: str) -> float | None:
        """Seconds to wait before trying again; None when that would not help."""
        limited = answer.status in {403, 429} and (
            "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"
        )
        if limited or (answer.status in BUSY and (method == "GET" or answer.status in {429, 503})):
            wait = self._until(answer)
            wait = pause(attempt) if wait is None else wait
            return wait if wait <= LONGEST_WAIT else None
        return None

    def _until(self, answer: Answer) -> float | None:
        said = answer.headers.get("retry-after", "")
        if said.isdigit():
            return float(said)
        if said:
            try:
                return max(0.0, parsedate_to_datetime(said).timestamp() - self._now())
            except ValueError:
                return None
        reset = answer.headers.get("x-ratelimit-reset", "")
        return max(0.0, float(reset) - self._now()) if reset.isdigit() else None

    def _judged(self, method: str, url: str, answer: Answer) -> Answer:
        logins = current().logins
        if self._login is not None and logins is not None and answer.status != 403:
            logins.settled(self._account, self._login, accepted=answer.status != 401)
        if answer.status >= 300:
            raise self._failure(method, url, answer)
        return answer

    def _failure(self, method: str, url: str, answer: Answer) -> HeimnetzError:
        shown, said, status = address(url), _words(answer.value), answer.status
        words = f" It said: {said}" if said else ""
        where = f" (from {self._login.origin})" if self._login else ""
        wait = self._until(answer) if status in {403, 429} else None
        kind: type[HeimnetzError] = NetworkError
        if status == 401:
            kind, text = LoginRequired, f"{shown} does not accept the login{where}."
        elif status in {404, 410}:
            kind, text = FileMissing, f"There is nothing at {shown}, or not for you."
        elif status == 429 or wait is not None:
            text = f"{shown} wants fewer requests."
            text += f" Try again in {round(wait)} s." if wait else ""
        elif status >= 500:
            text = f"{shown} is out of order ({status})."
        elif status < 400:
            place = address(answer.headers.get("location", ""))
            text = f"{shown} has moved to {place}: use that address."
        else:
            kind, text = RemoteRefused, f"{shown} refused {method} ({status})."
        return kind(text + words, url=shown, status=status, server=said)

    def _odd(self, url: str, why: str) -> NetworkError:
        return NetworkError(f"{address(url)} does not answer as a forge: {why}.", url=address(url))


def _broke_off(method: str, url: str, why: str) -> DownloadFailed:
    hint = None if method == "GET" else "Whether it was done is not known; doing it again is safe."
    return DownloadFailed(f"{address(url)} broke off: {why}.", hint=hint, url=address(url))


def _value(data: bytes) -> Any:
    """The JSON value; None for an empty body or one that is no JSON (an error page)."""
    try:
        return json.loads(data) if data.strip() else None
    except (ValueError, RecursionError):
        return None


def _words(value: Any) -> str:
    """What a forge says went wrong: ``message`` and ``errors`` in their usual forms."""
    if not isinstance(value, Mapping):
        return ""
    parts = [value.get("message"), value.get("error_description"), value.get("error")]
    errors = value.get("errors")
    for one in errors if isinstance(errors, list) else []:
        if isinstance(one, Mapping):
            said = one.get("message") or " ".join(
                str(one[key]) for key in ("resource", "field", "code") if key in one
            )
            parts.append(said)
        else:
            parts.append(one)
    texts = [part if isinstance(part, str) else json.dumps(part) for part in parts if part]
    return printable("; ".join(dict.fromkeys(texts)), longest=1000)
