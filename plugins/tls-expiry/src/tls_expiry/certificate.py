"""X.509 certificates in DER (RFC 5280): how long one is valid, for whom and by whom; nothing else.

The bytes come from hosts that nobody vouches for: every length is checked, nothing recurses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

__all__ = ["Parsed", "parse"]

SEQUENCE, CONTEXT_0, CONTEXT_3 = 0x30, 0xA0, 0xA3
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
DNS_NAME, IP_ADDRESS = 0x82, 0x87
COMMON_NAME = bytes.fromhex("550403")
ORGANIZATION = bytes.fromhex("55040a")
ALTERNATIVE_NAMES = bytes.fromhex("551d11")
BMP_STRING = 0x1E
MOST_NAMES = 100
LARGEST = 1 << 16

Element = tuple[int, bytes]


@dataclass(frozen=True)
class Parsed:
    """What a certificate says; times are UTC, names printable and at most a hundred."""

    subject: str
    issuer: str
    names: list[str]
    not_before: datetime
    not_after: datetime


def parse(der: bytes) -> Parsed:
    """The certificate in ``der``. Raises ValueError for what is none, or is above 64 KiB."""
    if len(der) > LARGEST:
        raise ValueError("the certificate is larger than 64 KiB")
    body = _inside(_only(_inside(_only(_elements(der)))))
    parts = [one for one in body if one[0] != CONTEXT_0]  # a version, which says nothing here
    if len(parts) < 5:
        raise ValueError("the certificate ends too early")
    _serial, _algorithm, issuer, validity, subject = parts[:5]
    times = _inside(validity)
    if len(times) != 2:
        raise ValueError("the certificate's validity is not two times")
    return Parsed(
        subject=_name(subject),
        issuer=_name(issuer),
        names=_alternative_names(parts[5:]),
        not_before=_time(times[0]),
        not_after=_time(times[1]),
    )


def _only(elements: list[Element]) -> Element:
    """The first, which must be a sequence."""
    if not elements or elements[0][0] != SEQUENCE:
        raise ValueError("these bytes are no certificate")
    return elements[0]


def _inside(element: Element) -> list[Element]:
    """The elements within a constructed one."""
    return _elements(element[1])


def _elements(data: bytes) -> list[Element]:
    """Tag and content of each element in a row (X.690, 8.1). Raises ValueError."""
    return list(_walk(data))


def _walk(data: bytes) -> Iterator[Element]:
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("the certificate ends within an element")
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            if not 1 <= width <= 4 or at + width > len(data):
                raise ValueError("an element of the certificate has no proper length")
            length, at = int.from_bytes(data[at : at + width]), at + width
        if at + length > len(data):
            raise ValueError("the certificate ends within an element")
        yield tag, data[at : at + length]
        at += length


def _name(element: Element) -> str:
    """The common name, or the organization if there is none, or nothing (RFC 5280, 4.1.2.4)."""
    found: dict[bytes, str] = {}
    for relative in _inside(element):
        for pair in _inside(relative):
            kind, value = [*_inside(pair), (0, b""), (0, b"")][:2]
            found.setdefault(kind[1], _text(value))
    return found.get(COMMON_NAME) or found.get(ORGANIZATION, "")


def _text(element: Element) -> str:
    tag, data = element
    text = data.decode("utf-16-be" if tag == BMP_STRING else "utf-8", "replace")
    return "".join(char for char in text if char.isprintable())[:253]


def _time(element: Element) -> datetime:
    """UTCTime or GeneralizedTime, which end in Z (RFC 5280, 4.1.2.5). Raises ValueError."""
    tag, data = element
    text = data.decode("ascii", "replace")
    if tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != GENERALIZED_TIME:
        raise ValueError("the certificate's validity is not two times")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _alternative_names(parts: list[Element]) -> list[str]:
    """Host names and addresses (RFC 5280, 4.2.1.6)."""
    names: list[str] = []
    for tag, data in parts:
        if tag != CONTEXT_3:
            continue
        for extension in _inside(_only(_elements(data))):
            kind, *rest = _inside(extension)
            if kind[1] == ALTERNATIVE_NAMES and rest:
                names += _general_names(rest[-1][1])
    return names[:MOST_NAMES]


def _general_names(data: bytes) -> Iterator[str]:
    for tag, value in _inside(_only(_elements(data))):
        if tag == DNS_NAME:
            yield _text((tag, value))
        elif tag == IP_ADDRESS and len(value) in (4, 16):
            yield str(ip_address(value))
