"""The lease file of dnsmasq: ``EXPIRY MAC ADDRESS NAME CLIENT-ID`` a line (dnsmasq(8))."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dhcp_leases.lease import Lease, mac_address, stamp

__all__ = ["looks_like", "read"]

_LINE = re.compile(
    r"(?P<expiry>\d+) (?P<mac>\S+) (?P<address>\d+\.\d+\.\d+\.\d+) (?P<name>\S+) \S+"
)
_INFINITE = 0


def looks_like(text: str) -> bool:
    """Whether any of the first lines is a lease of dnsmasq, or the mark of its IPv6 part."""
    lines = text.splitlines()[:20]
    return any(_LINE.fullmatch(line) or line.startswith("duid ") for line in lines)


def read(text: str) -> Iterator[Lease]:
    """The IPv4 leases. IPv6 leases name no MAC address and torn lines say nothing sure: skipped.

    dnsmasq writes ``*`` for a device without a name, and 0 for a lease that never expires. A MAC
    address of other hardware than Ethernet carries a type (``06-``) and is skipped.
    """
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        mac = mac_address(match["mac"]) if match else None
        if match is None or mac is None:
            continue
        seconds = int(match["expiry"])
        name = "" if match["name"] == "*" else match["name"]
        yield Lease(mac, match["address"], name, "" if seconds == _INFINITE else stamp(seconds))
