"""How this run may reach other machines: whom it may ask for a login, and whether ssh may ask.

The outermost place, which knows the environment and the user, sets it for as long as it lasts;
without one nobody is asked for a login, and ssh behaves as on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, Protocol

__all__ = ["Access", "Login", "Logins", "current", "using"]


class Login(NamedTuple):
    """Who asks, and what proves it; ``origin`` says in words where it was found."""

    user: str
    password: str
    origin: str

    def __repr__(self) -> str:
        """Without the password: a traceback or a log must not show it."""
        return f"Login({self.user!r}, from {self.origin})"


class Logins(Protocol):
    """Knows logins by address, and hears what became of them."""

    def find(self, url: str) -> Login | None:
        """The login for the server of this http(s) address, None when there is none."""

    def settled(self, url: str, login: Login, *, accepted: bool) -> None:
        """The server took the login, or not."""


class Access(NamedTuple):
    """``logins`` is asked when a server wants a login; ``batch`` keeps ssh from asking a person."""

    logins: Logins | None = None
    batch: bool = False


_PLAIN = Access()
_ACCESS: ContextVar[Access] = ContextVar("heimnetz-git access", default=_PLAIN)


def current() -> Access:
    """What holds in this thread now."""
    return _ACCESS.get()


@contextmanager
def using(access: Access) -> Iterator[None]:
    """Let ``access`` hold inside the block."""
    token = _ACCESS.set(access)
    try:
        yield
    finally:
        _ACCESS.reset(token)
