"""Services as values: what a device announces, with every text bounded and printable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Service", "instance_of", "plain", "properties", "service_type"]

LONGEST = 253
MOST_PROPERTIES = 50
_TYPE = re.compile(r"_[A-Za-z0-9](?:[A-Za-z0-9-]{0,13}[A-Za-z0-9])?\._(?:tcp|udp)")


@dataclass(frozen=True)
class Service:
    """One announced service.

    ``name`` is what people call it, ``kind`` its type (``_ipp._tcp``), ``server`` the host name,
    ``addresses`` IPv4 addresses of it, ``properties`` what its TXT record says.
    """

    name: str
    kind: str
    server: str
    port: int
    addresses: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)


def service_type(text: str) -> str:
    """``_ipp._tcp`` in any usual spelling, as ``_ipp._tcp.local.`` (RFC 6763, section 7).

    Raises ValueError.
    """
    short = text.strip().rstrip(".").removesuffix(".local")
    if not _TYPE.fullmatch(short):
        raise ValueError(f"{text[:60]!r} is not a service type such as _ipp._tcp")
    return f"{short}.local."


def instance_of(name: str, kind: str) -> str:
    """What people call a service: its full name without type and domain."""
    return plain(name.removesuffix(kind).removesuffix("."))


def plain(text: str) -> str:
    """Without control characters, at most 253 characters."""
    return "".join(char for char in text if char.isprintable())[:LONGEST]


def properties(pairs: Mapping[bytes, bytes | None]) -> dict[str, str]:
    """A TXT record's pairs as text, fifty at most; bytes that are not UTF-8 become U+FFFD."""
    decoded = ((key.decode("utf-8", "replace"), value or b"") for key, value in _few(pairs.items()))
    return {plain(key): plain(value.decode("utf-8", "replace")) for key, value in decoded}


def _few(pairs: Iterable[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes | None]]:
    return sorted(pairs, key=lambda one: one[0])[:MOST_PROPERTIES]
