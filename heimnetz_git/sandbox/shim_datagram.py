"""In a plugin's process: datagram sockets, whose datagrams the host's broker relays."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import msgspec

from heimnetz_git.sandbox import shim
from heimnetz_git.sandbox.wire import LARGEST, Option, Request, pack
from heimnetz_git.sandbox.wire import Datagram as Packet

__all__ = ["Datagram"]

ICMP = (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6)


class Datagram(socket.socket):
    """A UDP (or ping) socket; its descriptor is the end of the pair that the broker relays."""

    __slots__ = ()

    def bind(self, address: Any) -> None:
        """Have the broker open it at this address. Raises OSError where that is not granted."""
        state = self._state()
        state.bound = (str(address[0] or ""), int(address[1]))
        self._open(state)

    def connect(self, address: Any) -> None:
        """Send to this address from now on. Raises OSError if it is not granted."""
        state = self._state()
        found = self._numeric(address)
        port = 0 if self.proto in ICMP else found[1]
        shim.client().ask(Request("check", found[0], port, protocol=self._protocol()))
        state.target = found

    def connect_ex(self, address: Any) -> int:
        """As ``connect``, with an errno instead of an exception."""
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.EACCES
        return 0

    def sendto(self, data: Any, *rest: Any) -> int:
        """Send one datagram to an address, the last argument."""
        return self._send_to(data, self._numeric(rest[-1]))

    def send(self, data: Any, flags: int = 0) -> int:
        """Send one datagram to the address that it is connected to."""
        state = self._state()
        if state.target is None:
            raise OSError(errno.EDESTADDRREQ, os.strerror(errno.EDESTADDRREQ))
        return self._send_to(data, state.target)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As ``send``."""
        self.send(data, flags)

    def sendmsg(self, buffers: Any, *rest: Any) -> int:
        """Send one datagram made of several buffers."""
        data = b"".join(bytes(one) for one in buffers)
        address = rest[2] if len(rest) > 2 else None
        return self.send(data) if address is None else self.sendto(data, address)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        """One datagram and where it came from."""
        state = self._state()
        self._open(state)
        while True:
            packet = msgspec.msgpack.decode(super().recv(LARGEST, flags), type=Packet)
            where = (packet.host, packet.port)
            if state.target is None or self._same(state.target, where):
                return packet.data[:bufsize], self._full(where)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """One datagram."""
        return self.recvfrom(bufsize, flags)[0]

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """One datagram into a buffer: its length, and where it came from."""
        view = memoryview(buffer).cast("B")
        data, where = self.recvfrom(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data), where

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """One datagram into a buffer: its length."""
        return self.recvfrom_into(buffer, nbytes, flags)[0]

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0) -> Any:
        """One datagram, no ancillary data, no flags, where it came from."""
        data, where = self.recvfrom(bufsize, flags)
        return data, [], 0, where

    def setsockopt(self, level: int, name: int, value: Any, *rest: Any) -> None:
        """Set an option; joining a multicast group takes a grant, which the broker checks."""
        state = self._state()
        option = Option(level, name, value if isinstance(value, int) else bytes(value or b""))
        state.options.append(option)
        if state.opened:
            super().send(pack(("option", level, name, option.value)))

    def _state(self) -> shim.State:
        """What is known of it. Raises OSError once it is closed."""
        state = shim.state_of(self)
        if state is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return state

    def _protocol(self) -> str:
        return "icmp" if self.proto in ICMP else "udp"

    def _open(self, state: shim.State) -> None:
        """Have the broker open the real socket, once."""
        if state.opened or state.peer is None:
            return
        host, port = state.bound
        request = Request(
            "datagram", host, port, family=self.family, protocol=self._protocol(),
            options=tuple(state.options),
        )  # fmt: skip
        timeout = self.gettimeout()
        os.set_blocking(self.fileno(), True)
        try:
            shim.client().send(request, state.peer.fileno())
            state.peer.close()
            with shim.duplicate(self) as end:
                value, _ = shim.answer_from(end)
        finally:
            os.set_blocking(self.fileno(), timeout is None)
        state.peer, state.opened = None, True
        state.bound = (str(value[0]), int(value[1]))

    def _send_to(self, data: Any, where: tuple[str, int]) -> int:
        """One datagram to a numeric address."""
        self._open(self._state())
        body = bytes(data)
        super().send(pack(Packet(where[0], where[1], body)))
        return len(body)

    def _numeric(self, address: Any) -> tuple[str, int]:
        """An address with its name looked up."""
        host, port = str(address[0] or "127.0.0.1"), int(address[1])
        if host == "<broadcast>":
            return "255.255.255.255", port
        if shim.is_numeric(host):
            return host, port
        found = socket.getaddrinfo(host, port, self.family, socket.SOCK_DGRAM)
        return str(found[0][4][0]), port

    def _same(self, wanted: tuple[str, int], found: tuple[str, int]) -> bool:
        """Is it from where it is connected to (a ping has no port)?"""
        return wanted == found or (self.proto in ICMP and wanted[0] == found[0])

    def _full(self, where: tuple[str, int]) -> Any:
        """An address in the form of the family."""
        return (*where, 0, 0) if self.family == socket.AF_INET6 else where
