"""In a plugin's process: names are looked up by the host, as far as they are granted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from heimnetz_git.sandbox import shim
from heimnetz_git.sandbox.wire import Request

__all__ = ["install"]


def install(original: Callable[..., Any]) -> None:
    """Replace the functions of ``socket`` that look up names; ``original`` is getaddrinfo."""

    def getaddrinfo(  # noqa: PLR0917 # the signature of the standard library
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002  # as socket.getaddrinfo names it
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        text = host.decode() if isinstance(host, bytes) else host
        if text is None or not text or shim.is_numeric(text):
            return list(original(text, port, family, type, proto, flags | _NUMERIC))
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = look_up(text, family, port if isinstance(port, int) else 0)
        found = [
            one
            for address in addresses
            for one in original(address, port, family, type, proto, _NUMERIC)
        ]
        if flags & socket.AI_CANONNAME and found:
            found[0] = (*found[0][:3], text, found[0][4])
        return found

    def gethostbyname(name: str) -> str:
        return name if shim.is_numeric(name) else look_up(name, socket.AF_INET, 0)[0]

    def gethostbyname_ex(name: str) -> tuple[str, list[str], list[str]]:
        found = [name] if shim.is_numeric(name) else look_up(name, socket.AF_INET, 0)
        return (name, [], found)

    def gethostbyaddr(address: str) -> tuple[str, list[str], list[str]]:
        if not shim.is_numeric(address):
            address = gethostbyname(address)
        return (address, [], [address])

    for function in (getaddrinfo, gethostbyname, gethostbyname_ex, gethostbyaddr):
        setattr(socket, function.__name__, function)


_NUMERIC = socket.AI_NUMERICHOST


def look_up(name: str, family: int, port: int) -> list[str]:
    """The granted addresses of a name. Raises gaierror, as a name that does not exist does."""
    try:
        found, _ = shim.client().ask(Request("resolve", name, port, family=family))
    except socket.gaierror:
        raise
    except OSError as error:
        why = shim.NAME_ERRORS.get(error.errno or 0, "Name or service not known")
        raise socket.gaierror(socket.EAI_NONAME, why) from error
    fitting = [one for one in found if not family or (":" in one) == (family == socket.AF_INET6)]
    if not fitting:
        raise socket.gaierror(socket.EAI_NONAME, "No address of this kind")
    return fitting
