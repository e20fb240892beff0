"""One lease as a value, and what all lease files have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Lease", "latest", "mac_address", "stamp"]

_MAC = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}")


@dataclass(frozen=True)
class Lease:
    """An address that a DHCP server gave to a device.

    ``mac`` is lower case with colons; ``expires`` is UTC, ``2026-01-31T12:00:00Z``, empty when it
    never does; ``name`` is what the device calls itself, if it does.
    """

    mac: str
    address: str
    name: str = ""
    expires: str = ""

    def is_active(self, now: str) -> bool:
        """Whether it holds at the UTC time ``now``."""
        return not self.expires or self.expires > now


def mac_address(text: str) -> str | None:
    """A MAC address in normal form, None for anything else (other hardware, torn text)."""
    lowered = text.strip().lower()
    return lowered.replace("-", ":") if _MAC.fullmatch(lowered) else None


def stamp(seconds: int) -> str:
    """Unix seconds as ``2026-01-31T12:00:00Z``. Raises ValueError for a year that no clock has."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} is no time") from error


def latest(leases: Iterable[Lease]) -> list[Lease]:
    """One lease per address, the last that the file has, in the order of their first mention."""
    by_address: dict[str, Lease] = {}
    for lease in leases:
        by_address[lease.address] = lease
    return list(by_address.values())
