"""Searching by SSDP (UPnP Device Architecture 2.0, section 1.3): who is there, and where.

Everything that comes back is foreign: sizes, numbers and addresses are bounded and checked.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["GROUP", "Place", "Response", "place", "request", "response", "search"]

LARGEST = 8192
MOST_RESPONSES = 1000
LONGEST = 1024


class Place(NamedTuple):
    """A host, as an IP address, and a port."""

    host: str
    port: int


GROUP = Place("239.255.255.250", 1900)


class Response(NamedTuple):
    """What a device said: from where, its unique service name, its target, server and location."""

    sender: str
    usn: str
    target: str
    server: str
    location: str


def request(target: str, wait: int, group: Place = GROUP) -> bytes:
    """An M-SEARCH for ``target``; devices answer within ``wait`` seconds. Raises ValueError."""
    if not target.isascii() or not target.isprintable() or not 0 < len(target) < 256:
        raise ValueError(f"{target[:80]!r} is no search target such as ssdp:all")
    lines = (
        "M-SEARCH * HTTP/1.1",
        f"HOST: {group.host}:{group.port}",
        'MAN: "ssdp:discover"',
        f"MX: {wait}",
        f"ST: {target}",
    )
    return "\r\n".join((*lines, "", "")).encode("ascii")


def response(data: bytes, sender: str) -> Response | None:
    """The response in a datagram, or None if it is none."""
    first, *lines = data.decode("utf-8", "replace").split("\r\n")
    if not first.startswith("HTTP/1.") or first.split(" ")[1:2] != ["200"]:
        return None
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = _plain(value)
    usn = headers.get("usn", "")
    if not usn:
        return None
    told = [headers.get(name, "") for name in ("st", "server", "location")]
    return Response(sender, usn, *told)


def place(location: str, sender: str) -> Place | None:
    """Where a description is to be fetched; None unless it is at the very device that answered.

    Otherwise any device could send this plugin to any other one.
    """
    try:
        parts = urlsplit(location)
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or parts.hostname != sender or parts.username is not None:
        return None
    return Place(sender, port)


def search(
    target: str, seconds: int, interface: str = "", group: Place = GROUP
) -> Iterator[Response]:
    """The devices that answer within so many seconds, each unique service name once.

    ``interface`` is this machine's address to search from; empty means that the system chooses.
    Raises OSError when the network refuses.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)  # section 1.3.2
        if interface:
            address = socket.inet_aton(interface)
            asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
        asking.sendto(request(target, max(1, seconds - 1), group), group)
        yield from _heard(asking, time.monotonic() + seconds)


def _heard(asking: socket.socket, until: float) -> Iterator[Response]:
    known: set[tuple[str, str]] = set()
    while (left := until - time.monotonic()) > 0 and len(known) < MOST_RESPONSES:
        asking.settimeout(left)
        try:
            data, sender = asking.recvfrom(LARGEST)
        except TimeoutError:
            return
        found = response(data, str(sender[0]))
        if found is not None and (found.sender, found.usn) not in known:
            known.add((found.sender, found.usn))
            yield found


def _plain(text: str) -> str:
    return "".join(char for char in text.strip() if char.isprintable())[:LONGEST]
