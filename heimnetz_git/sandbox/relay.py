"""One datagram socket of a plugin, held by the host: each datagram's address is checked."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

import msgspec

from heimnetz_git.sandbox.netpolicy import NetworkPolicy
from heimnetz_git.sandbox.wire import LARGEST, Answer, Datagram, Option, Request, pack, send

__all__ = ["JOIN", "Relay"]

JOIN = {(socket.IPPROTO_IP, 35), (socket.IPPROTO_IPV6, 20)}
"""IP_ADD_MEMBERSHIP and IPV6_JOIN_GROUP, as (level, name)."""
LEAVE = {(socket.IPPROTO_IP, 36), (socket.IPPROTO_IPV6, 21)}

HARMLESS = {
    *((socket.SOL_SOCKET, name) for name in (2, 6, 7, 8, 15)),  # reuse, broadcast, buffers
    *((socket.IPPROTO_IP, name) for name in (1, 2, 33, 34)),  # service, TTL, multicast's own
    *((socket.IPPROTO_IPV6, name) for name in (16, 18, 19, 26)),
}
INTERFACE = {(socket.IPPROTO_IP, 32), (socket.IPPROTO_IPV6, 17)}
MOST_CHECKED = 1024
SO_REUSEPORT = getattr(socket, "SO_REUSEPORT", 15)


class Relay:
    """A socket pair on one side, a real UDP (or ping) socket on the other.

    Only datagrams to granted addresses leave. What comes is passed on if the port was granted for
    listening, or something was sent out to ask for it.
    """

    def __init__(
        self,
        request: Request,
        plugin: socket.socket,
        policy: NetworkPolicy,
        *,
        on_denied: Callable[[str], None],
    ) -> None:
        self._plugin = plugin
        self._policy = policy
        self._on_denied = on_denied
        self._protocol = "icmp" if request.protocol == "icmp" else "udp"
        self._allowed: dict[tuple[str, int], bool] = {}
        self._asked: set[str] = set()
        self._open_to_all = bool(request.port)
        self._family = socket.AF_INET6 if request.family == socket.AF_INET6 else socket.AF_INET
        self._outside = self._make(request)
        for end in self.ends():
            end.setblocking(False)

    def ends(self) -> tuple[socket.socket, socket.socket]:
        """Both sides, to wait for."""
        return self._plugin, self._outside

    def answer(self) -> None:
        """Tell the plugin that it has its socket, and which address it got."""
        send(self._plugin, Answer(value=list(self._outside.getsockname()[:2])))

    def close(self) -> None:
        """Close both sides."""
        for end in self.ends():
            end.close()

    def pump(self, end: object) -> bool:
        """Move one datagram from one side to the other; False when the plugin has gone."""
        return self._outward() if end is self._plugin else self._inward()

    def _make(self, request: Request) -> socket.socket:
        protocol = 0
        if self._protocol == "icmp":
            protocol = (
                socket.IPPROTO_ICMPV6 if self._family == socket.AF_INET6 else socket.IPPROTO_ICMP
            )
        outside = socket.socket(self._family, socket.SOCK_DGRAM, protocol)
        try:
            outside.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for option in request.options:
                self._set(outside, option)
            if request.port and self._policy.join(request.host or "0.0.0.0"):  # noqa: S104
                outside.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT, 1)
            outside.bind((request.host, request.port))
        except OSError:
            outside.close()
            raise
        return outside

    def _set(self, outside: socket.socket, option: Option) -> None:
        """Set a socket option that cannot do harm; joining a group takes a grant."""
        key = (option.level, option.name)
        if key in JOIN:
            group = _group(option)
            if not group or not self._policy.join(group):
                self._on_denied(f"network.multicast {group or 'GROUP'}:PORT")
                return
            self._open_to_all = True
        elif key not in HARMLESS | LEAVE | INTERFACE:
            return
        with suppress(OSError):
            outside.setsockopt(option.level, option.name, option.value)

    def _outward(self) -> bool:
        try:
            data = self._plugin.recv(LARGEST)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        try:
            message = msgspec.msgpack.decode(data, type=list[object])
            if len(message) == 4:
                option = msgspec.convert(message[1:], Option)
                self._set(self._outside, option)
            else:
                self._send(msgspec.convert(message, Datagram))
        except (msgspec.MsgspecError, ValueError, OverflowError):
            return False
        return True

    def _send(self, datagram: Datagram) -> None:
        """One datagram out, if it may leave."""
        key = (datagram.host, datagram.port)
        if key not in self._allowed:
            if len(self._allowed) >= MOST_CHECKED:
                self._allowed.clear()
            self._allowed[key] = self._may(datagram)
        if not self._allowed[key]:
            return
        self._asked.add(datagram.host)
        with suppress(OSError):
            where = socket.getaddrinfo(
                datagram.host, datagram.port, self._family, socket.SOCK_DGRAM, 0,
                socket.AI_NUMERICHOST,
            )[0][4]  # fmt: skip
            self._outside.sendto(datagram.data, where)

    def _may(self, datagram: Datagram) -> bool:
        port = 0 if self._protocol == "icmp" else datagram.port
        try:
            allowed = self._policy.allows(datagram.host, port, self._protocol)
        except ValueError:
            return False
        if not allowed:
            self._on_denied(f"network.connect {datagram.host}:{port}/{self._protocol}")
        return allowed

    def _inward(self) -> bool:
        try:
            data, where = self._outside.recvfrom(LARGEST)
        except OSError:
            return True  # a refused port of a peer shows up here, and is the peer's affair
        if not (self._open_to_all or where[0] in self._asked or _several(self._asked)):
            return True
        try:
            self._plugin.send(pack(Datagram(str(where[0]), int(where[1]), data)))
        except BlockingIOError:
            return True  # as a full buffer of any UDP socket does
        except OSError as error:
            return error.errno in {errno.EMSGSIZE, errno.ENOBUFS}
        return True


def _several(asked: set[str]) -> bool:
    """Did a question go to several machines, so that anyone may answer?"""
    return any(host.endswith(".255") or ip_address(host).is_multicast for host in asked)


def _group(option: Option) -> str:
    """The multicast group that an option is about; empty if there is none."""
    value = option.value if isinstance(option.value, bytes) else b""
    try:
        if option.level == socket.IPPROTO_IP:
            return socket.inet_ntoa(value[:4])
        return socket.inet_ntop(socket.AF_INET6, value[:16])
    except (OSError, ValueError, struct.error):
        return ""
