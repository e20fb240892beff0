"""The magic packet (AMD, "Magic Packet Technology", publication 20213), SecureOn included."""

from __future__ import annotations

import re

__all__ = ["magic_packet"]

_HEX = re.compile(r"[0-9a-fA-F]*")
_SEPARATORS = re.compile(r"[:.\- ]")
_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def magic_packet(mac: str, password: str = "") -> bytes:
    """Six bytes 0xFF, sixteen times the MAC address, then the password: 102, 106 or 108 bytes.

    ``password`` is six bytes as hex digits (``01:02:03:04:05:06``) or four as an address
    (``192.168.0.1``). Raises ValueError.
    """
    return b"\xff" * 6 + _mac_bytes(mac) * 16 + _password_bytes(password)


def _mac_bytes(text: str) -> bytes:
    digits = _SEPARATORS.sub("", text)
    if len(digits) != 12 or not _HEX.fullmatch(digits):
        raise ValueError(f"{text[:40]!r} is not a MAC address such as 00:11:22:33:44:55")
    return bytes.fromhex(digits)


def _password_bytes(text: str) -> bytes:
    if _QUAD.fullmatch(text) and all(int(part) < 256 for part in text.split(".")):
        return bytes(int(part) for part in text.split("."))
    digits = _SEPARATORS.sub("", text)
    if len(digits) not in (0, 8, 12) or not _HEX.fullmatch(digits):
        raise ValueError("the password is not four or six bytes such as 01:02:03:04:05:06")
    return bytes.fromhex(digits)
