"""The lease file of ISC dhcpd: ``lease ADDRESS { ... }`` blocks, the last of an address counts.

Format: dhcpd.leases(5). Times are UTC (``4 2026/01/01 10:00:00``) or, with db-time-format local,
``epoch SECONDS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from dhcp_leases.lease import Lease, mac_address, stamp

__all__ = ["looks_like", "read"]

# A body has no other lease's beginning in it: such a block was torn, and another came after it.
_BLOCK = re.compile(
    r"^lease (?P<address>[0-9.]+) \{\n"
    r"(?P<body>(?:(?!.*lease [0-9.]+ \{)[ \t].*\n|\n)*)^\}",
    re.MULTILINE,
)
_HARDWARE = re.compile(r"^\s*hardware ethernet (?P<mac>[0-9a-fA-F:]+);", re.MULTILINE)
_NAME = re.compile(r'^\s*client-hostname "(?P<name>(?:[^"\\\n]|\\.)*)";', re.MULTILINE)
_ENDS = re.compile(
    r"^\s*ends (?:(?P<never>never)|epoch (?P<epoch>\d+)|\d (?P<utc>[\d/]{10} [\d:]{8}));",
    re.MULTILINE,
)
_STATE = re.compile(r"^\s*binding state (?P<state>\w+);", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")


def looks_like(text: str) -> bool:
    """Whether there is a block of a lease, or dhcpd's own first comment."""
    return "dhcpd.leases(5)" in text[:400] or bool(
        re.search(r"^lease [0-9.]+ \{$", text, re.MULTILINE)
    )


def read(text: str) -> Iterator[Lease]:
    """The leases in the order of the file. Blocks that are torn or name no Ethernet are skipped.

    A lease that was given back (``free``, ``expired``, ``released``) ends when its block says so.
    """
    for block in _BLOCK.finditer(text):
        hardware = _HARDWARE.search(block["body"])
        mac = mac_address(hardware["mac"]) if hardware else None
        ends = _expiry(block["body"])
        if mac is not None and ends is not None:
            yield Lease(mac, block["address"], _name(block["body"]), ends)


def _expiry(body: str) -> str | None:
    """When it ends; empty for never, the beginning of time for one that was given back."""
    state = _STATE.search(body)
    if state and state["state"] != "active":
        return stamp(0)
    ends = _ENDS.search(body)
    if ends is None:
        return None
    if ends["never"]:
        return ""
    if ends["epoch"]:
        return stamp(int(ends["epoch"]))
    try:
        when = datetime.strptime(ends["utc"], "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return stamp(int(when.timestamp()))


def _name(body: str) -> str:
    found = _NAME.search(body)
    if not found:
        return ""
    raw = found["name"].encode("utf-8", "replace")
    plain = _ESCAPE.sub(lambda match: _unescaped(match[1]), raw)
    return plain.decode("utf-8", "replace")


def _unescaped(code: bytes) -> bytes:
    """The byte behind a backslash: three octal digits, or the character itself."""
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else code
