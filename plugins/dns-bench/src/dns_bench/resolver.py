"""Resolvers: which ones this machine uses, and how long one takes for one question."""

from __future__ import annotations

import secrets
import socket
import time
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from dns_bench.message import Reply, query, reply

__all__ = ["Resolver", "Timing", "ask", "configured", "resolver"]

DNS = 53
LARGEST = 4096


class Resolver(NamedTuple):
    """An IP address and a UDP port."""

    address: str
    port: int

    def __str__(self) -> str:
        if self.port == DNS:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self[0]}:{self[1]}"


class Timing(NamedTuple):
    """One question: its time in milliseconds and the answer, which is None when none came."""

    milliseconds: float
    answer: Reply | None


def resolver(text: str) -> Resolver:
    """``192.168.1.1``, ``192.168.1.1:5353``, ``2001:db8::1`` or ``[::1]:53``. Raises ValueError."""
    plain = text.strip()
    if plain.startswith("["):
        address, _, rest = plain[1:].partition("]")
        port = rest.removeprefix(":") or str(DNS)
    elif plain.count(":") == 1:
        address, _, port = plain.partition(":")
    else:
        address, port = plain, str(DNS)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text[:60]!r} is no address of a resolver such as 192.168.1.1")
    return Resolver(str(ip_address(address)), int(port))


def configured(file: Path) -> list[Resolver]:
    """The name servers in a ``resolv.conf`` (resolv.conf(5)); none if there is no such file."""
    if not file.is_file():
        return []
    lines = (
        line.split() for line in file.read_text(encoding="utf-8", errors="replace").split("\n")
    )
    texts = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    return [resolver(text.partition("%")[0]) for text in dict.fromkeys(texts)]


def ask(where: Resolver, name: str, kind: str, timeout: float) -> Timing:
    """Ask one question over UDP and wait up to ``timeout`` seconds.

    No answer in time, and a closed port, count as no answer. Raises ValueError for a name that is
    none, PermissionError if this plugin may not talk to the resolver.
    """
    sent = query(secrets.randbelow(1 << 16), name, kind)
    family = socket.AF_INET6 if ":" in where.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect(where)
        began = time.perf_counter()
        answer = _answer(asking, sent, timeout)
        return Timing((time.perf_counter() - began) * 1000, answer)


def _answer(asking: socket.socket, sent: bytes, timeout: float) -> Reply | None:
    """The first datagram that answers the question; others are passed over."""
    until = time.monotonic() + timeout
    try:
        asking.send(sent)
        while (left := until - time.monotonic()) > 0:
            asking.settimeout(left)
            found = reply(sent, asking.recv(LARGEST))
            if found is not None:
                return found
    except PermissionError:
        raise
    except OSError:
        return None
    return None
