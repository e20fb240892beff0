"""Devices and sightings as values, and how one becomes the other."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

__all__ = ["Device", "Sighting", "mac_address", "moment", "normal", "seen"]

MOST_ADDRESSES = 16
LONGEST_NAME = 253
_SEPARATORS = re.compile(r"[:.\- ]")
_MAC = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Sighting:
    """Somebody saw a device: its MAC, and what else was learnt.

    ``seen_at`` is ISO 8601 with an offset, such as ``2026-01-31T12:00:00Z``; empty means now.
    """

    mac: str
    address: str = ""
    name: str = ""
    seen_at: str = ""


@dataclass(frozen=True)
class Device:
    """What is known of a device.

    ``mac`` is lower case with colons; ``addresses`` and ``names`` have the latest first;
    ``first_seen`` and ``last_seen`` are UTC, ``2026-01-31T12:00:00Z``.
    """

    mac: str
    vendor: str
    first_seen: str
    last_seen: str
    name: str = ""
    addresses: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def mac_address(text: str) -> str:
    """Any usual spelling of a MAC address as ``aa:bb:cc:dd:ee:ff``. Raises ValueError."""
    digits = _SEPARATORS.sub("", text).lower()
    if not _MAC.fullmatch(digits):
        raise ValueError(f"{text[:40]!r} is not a MAC address such as 00:11:22:33:44:55")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def moment(text: str) -> str:
    """A time in ISO 8601 as UTC to the second. Raises ValueError without an offset."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no offset; write 2026-01-31T12:00:00Z")
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def normal(sighting: Sighting, *, now: str) -> Sighting:
    """The sighting with its MAC, address and time in normal form; ``now`` if it has no time.

    Names come from the devices themselves: control characters are left out, and what is longer
    than a name can be. Raises ValueError for what is no MAC, no IP address or no time.
    """
    name = "".join(char for char in sighting.name if char.isprintable())
    return Sighting(
        mac=mac_address(sighting.mac),
        address=str(ipaddress.ip_address(sighting.address)) if sighting.address else "",
        name=name[:LONGEST_NAME],
        seen_at=moment(sighting.seen_at or now),
    )


def seen(known: Device | None, sighting: Sighting, vendor: str) -> Device:
    """The device after a sighting, whose ``mac`` and ``seen_at`` are in normal form.

    A sighting older than the last one adds what it knows and moves ``last_seen`` back for nobody.
    """
    if known is None:
        known = Device(sighting.mac, vendor, sighting.seen_at, sighting.seen_at)
    newer = sighting.seen_at >= known.last_seen
    return replace(
        known,
        vendor=vendor,
        first_seen=min(known.first_seen, sighting.seen_at),
        last_seen=max(known.last_seen, sighting.seen_at),
        name=sighting.name if sighting.name and (newer or not known.name) else known.name,
        addresses=_added(known.addresses, sighting.address, first=newer),
        names=_added(known.names, sighting.name, first=newer),
    )


def _added(words: list[str], word: str, *, first: bool) -> list[str]:
    if not word or (word in words and not first):
        return words
    rest = [other for other in words if other != word]
    return ([word, *rest] if first else [*rest, word])[:MOST_ADDRESSES]
