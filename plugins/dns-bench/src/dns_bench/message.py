"""DNS messages (RFC 1035): one question out, and whether what came back answers it."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["CODES", "TYPES", "Reply", "query", "reply"]

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_HEADER = struct.Struct("!6H")
INTERNET = 1
RECURSION_DESIRED = 0x0100
IS_RESPONSE = 0x8000
LONGEST_LABEL, LONGEST_NAME = 63, 253


class Reply(NamedTuple):
    """How a resolver answered: the response code's name, and how many records."""

    code: str
    records: int


def query(number: int, name: str, kind: str = "A") -> bytes:
    """A recursive question about ``name``, of the type ``kind`` of TYPES. Raises ValueError."""
    if kind not in TYPES:
        raise ValueError(f"{kind[:20]!r} is not one of {', '.join(TYPES)}")
    header = _HEADER.pack(number, RECURSION_DESIRED, 1, 0, 0, 0)
    return header + _encoded(name) + struct.pack("!2H", TYPES[kind], INTERNET)


def reply(sent: bytes, data: bytes) -> Reply | None:
    """What ``data`` says to the question ``sent``, or None if it is no answer to it.

    Number and question must be the same, upper and lower case apart: a packet of somebody who only
    guesses counts for nothing.
    """
    if len(data) < _HEADER.size:
        return None
    number, flags, _questions, records, _, _ = _HEADER.unpack_from(data)
    question = sent[_HEADER.size :]
    same = data[_HEADER.size : len(sent)].lower() == question.lower()
    if number != _HEADER.unpack_from(sent)[0] or not flags & IS_RESPONSE:
        return None
    code = flags & 0xF
    if not same and code != 1:  # one that could not read the question need not repeat it
        return None
    return Reply(CODES.get(code, f"RCODE{code}"), records)


def _encoded(name: str) -> bytes:
    """A name as labels with their lengths; others than ASCII by IDNA."""
    plain = name.rstrip(".")
    try:
        labels = [label.encode("ascii") for label in plain.encode("idna").decode().split(".")]
    except UnicodeError as error:
        raise ValueError(f"{name[:80]!r} is not a domain name: {error}") from None
    if (
        not plain
        or len(plain) > LONGEST_NAME
        or any(not 0 < len(one) <= LONGEST_LABEL for one in labels)
    ):
        raise ValueError(f"{name[:80]!r} is not a domain name")
    return b"".join(bytes([len(one)]) + one for one in labels) + b"\0"
