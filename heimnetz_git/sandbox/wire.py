"""What a plugin's process and the host's broker say to each other: one packet a message.

A request goes over a socket pair of the kind SOCK_SEQPACKET with one descriptor: the end of another
pair, over which the answer comes, with a descriptor of its own if one was asked for.
"""

from __future__ import annotations

import array
import errno
import socket
import time
from contextlib import suppress
from typing import Any

import msgspec

__all__ = ["LARGEST", "Answer", "Datagram", "Option", "Request", "pack", "receive", "send"]

LARGEST = 1 << 17
LONGEST_NAME = 4096
_MOMENT = 0.01


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request.

    ``what`` is ``resolve``, ``connect``, ``listen``, ``datagram``, ``check``, ``open`` or
    ``secret``; ``host`` a name, an address, a path or a secret's name; ``protocol`` is ``tcp``,
    ``udp`` or ``icmp``; ``timeout`` in seconds, 0 for the broker's own.
    """

    what: str
    host: str = ""
    port: int = 0
    family: int = 0
    protocol: str = "tcp"
    timeout: float = 0.0
    flags: int = 0
    options: tuple[Option, ...] = ()


class Option(msgspec.Struct, frozen=True, array_like=True):
    """A socket option to set, as ``setsockopt`` takes it."""

    level: int
    name: int
    value: int | bytes


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a request: an errno and a sentence, or a value."""

    number: int = 0
    message: str = ""
    value: Any = None


class Datagram(msgspec.Struct, frozen=True, array_like=True):
    """A datagram to or from an address."""

    host: str
    port: int
    data: bytes


def pack(value: Any) -> bytes:
    """A message as bytes."""
    return msgspec.msgpack.encode(value)


def send(
    connection: socket.socket, value: Any, descriptor: int | None = None, *, tries: int = 1
) -> None:
    """Send one message, with a descriptor if given. Raises OSError.

    The kernel bounds the descriptors of one user that are on their way (unix(7), ETOOMANYREFS), and
    forgets those of closed sockets a moment later: with more ``tries`` that is waited for.
    """
    ancillary = []
    if descriptor is not None:
        passed = array.array("i", [descriptor])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed.tobytes())]
    data = pack(value)
    for left in reversed(range(tries)):
        try:
            connection.sendmsg([data], ancillary)
            return
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS or not left:
                raise
        time.sleep(_MOMENT)


def receive(connection: socket.socket, flags: int = 0) -> tuple[bytes, list[int]]:
    """One message and the descriptors that came with it; no bytes at the end. Raises OSError."""
    size = array.array("i").itemsize
    data, ancillary, _, _ = connection.recvmsg(LARGEST, socket.CMSG_SPACE(size), flags)
    found = array.array("i")
    for level, kind, body in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            with suppress(ValueError):
                found.frombytes(body[: len(body) - len(body) % size])
    return data, list(found)
