"""Asking one host for its certificate over the network, and whether this machine trusts it."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from typing import NamedTuple

__all__ = ["Answer", "Target", "ask", "target"]

HTTPS = 443
_PLACE = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\[\]:/\s]+))(?::(?P<port>\d{1,5}))?"
)


class Target(NamedTuple):
    """A host name or address, and a TCP port."""

    host: str
    port: int


class Answer(NamedTuple):
    """The certificate in DER, the TLS version, and why it is not trusted (empty if it is)."""

    der: bytes
    version: str
    distrust: str


def target(text: str) -> Target:
    """``example.org``, ``example.org:8443`` or ``[2001:db8::1]:443``. Raises ValueError."""
    match = _PLACE.fullmatch(text.strip())
    port = int(match["port"] or HTTPS) if match else 0
    if match is None or not 1 <= port <= 65535:
        raise ValueError(f"{text[:80]!r} is no host such as example.org or example.org:8443")
    if match["six"]:
        return Target(str(ipaddress.IPv6Address(match["six"])), port)
    return Target(match["host"], port)


def ask(where: Target, timeout: float) -> Answer:
    """Its certificate, whether it is trusted or not. Raises OSError if there is none to be had.

    A certificate that fails the check is fetched once more without it: only to be read, nothing is
    sent over that connection.
    """
    try:
        return _shake(where, timeout, ssl.create_default_context(), "")
    except ssl.SSLCertVerificationError as error:
        distrust = error.verify_message or "it could not be verified"
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    return _shake(where, timeout, unchecked, distrust)


def _shake(where: Target, timeout: float, context: ssl.SSLContext, distrust: str) -> Answer:
    with (
        socket.create_connection(where, timeout=timeout) as plain,
        context.wrap_socket(plain, server_hostname=where.host) as secured,
    ):
        der = secured.getpeercert(binary_form=True) or b""
        return Answer(der, secured.version() or "", distrust)
