"""The lease file of Kea's memfile backend: CSV with a header, the last row of an address counts.

Format: Kea Administrator Reference Manual, "Memfile - Basic Storage for Leases".
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from dhcp_leases.lease import Lease, mac_address, stamp

__all__ = ["looks_like", "read"]

_FIRST = "address,hwaddr,"
_NEEDED = ("address", "hwaddr", "expire", "state", "hostname")
_ASSIGNED = "0"
_INFINITE = 0xFFFFFFFF


def looks_like(text: str) -> bool:
    """Whether the first line is Kea's header for IPv4 leases."""
    return text.startswith(_FIRST)


def read(text: str) -> Iterator[Lease]:
    """The leases in the order of the file; torn rows are skipped.

    A row that is declined or reclaimed (state 1 or 2), or whose lifetime is 0 (removed), has ended.
    """
    for row in csv.DictReader(text.splitlines()):
        values = {key: row.get(key) for key in _NEEDED}
        mac = mac_address(values["hwaddr"] or "")
        if mac is None or any(value is None for value in values.values()):
            continue
        try:
            expires = _expiry(row)
        except ValueError:
            continue
        name = (row["hostname"] or "").replace("&#x2c", ",").rstrip(".")
        yield Lease(mac, row["address"], name, expires)


def _expiry(row: dict[str, str]) -> str:
    if row["state"] != _ASSIGNED or row.get("valid_lifetime") == "0":
        return stamp(0)
    if row.get("valid_lifetime") == str(_INFINITE):
        return ""
    return stamp(int(row["expire"]))
