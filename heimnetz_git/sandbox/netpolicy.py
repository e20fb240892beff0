"""Who a plugin may talk to, decided by the host: names, resolved addresses, ports, protocols."""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Lock

from heimnetz_git.model.grant import host_set, names_cover, parse_connect, parse_listen
from heimnetz_git.model.permission import Permissions, connect_allows, parse_multicast

__all__ = ["Lookup", "NetworkPolicy", "Refusal", "system_lookup"]

MOST_REMEMBERED = 1024
EPHEMERAL = 0
NAT64 = ip_network("64:ff9b::/96")

Lookup = Callable[[str, int], list[str]]
"""The addresses of a name for an address family (0: any). Raises OSError."""


class Refusal(Exception):  # named for what it says
    """The grants do not include it; ``wanted`` is the place and the line that would."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"not granted: {wanted}")
        self.wanted = wanted


def system_lookup(name: str, family: int) -> list[str]:
    """As this machine resolves names."""
    found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class NetworkPolicy:
    """The network grants of one plugin, and which addresses the host found for which names.

    A name counts for an address only if this object resolved it: what a plugin says an address is
    called is worth nothing. May be used from several threads.
    """

    def __init__(self, permissions: Permissions, lookup: Lookup = system_lookup) -> None:
        self._permissions = permissions
        self._lookup = lookup
        self._names: OrderedDict[str, set[str]] = OrderedDict()
        self._lock = Lock()
        self._grants = [parse_connect(text) for text in permissions.network.connect]

    def resolve(self, name: str, family: int, port: int = 0, protocol: str = "tcp") -> list[str]:
        """The addresses of ``name`` that may be talked to. Raises Refusal, OSError."""
        plain = name.lower().rstrip(".")
        if _is_address(name):
            return [name]
        if not any(names_cover(names, plain) for names in self._patterns()):
            raise Refusal(f"network.connect {_spell(name, port, protocol)}")
        found = [one for one in self._lookup(plain, family) if self._anywhere(plain, one)]
        if not found:
            raise Refusal(f"network.connect {_spell(name, port, protocol)}")
        for address in found:
            self._remember(address, plain)
        return found

    def check(self, host: str, port: int, protocol: str) -> list[str]:
        """The addresses behind ``host`` that a connection may be made to. Raises Refusal."""
        addresses = [host] if _is_address(host) else self.resolve(host, 0, port, protocol)
        allowed = [one for one in addresses if self.allows(one, port, protocol)]
        if not allowed:
            raise Refusal(f"network.connect {_spell(host, port, protocol)}")
        return allowed

    def allows(self, address: str, port: int, protocol: str) -> bool:
        """May this address be talked to, under one of the names that led to it or its own?"""
        bare = address.partition("%")[0]
        if _hides_private(bare):
            return False
        with self._lock:
            names = sorted(self._names.get(_canonical(bare), ()))
        return any(
            connect_allows(self._permissions, name, bare, port, protocol) for name in ("", *names)
        )

    def listen(self, port: int, protocol: str) -> Iterator[int]:
        """The ports to try for listening on ``port``, 0 for any. Raises Refusal."""
        spans = [
            (low, high)
            for low, high, spoken in map(parse_listen, self._permissions.network.listen)
            if spoken == protocol
        ]
        if port and any(low <= port <= high for low, high in spans):
            return iter((port,))
        if not port and spans:
            return iter((EPHEMERAL,)) if (1, 65535) in spans else _ports(spans)
        raise Refusal(f"network.listen {port or 'PORT'}{'' if protocol == 'tcp' else '/udp'}")

    def bind(self, port: int) -> bool:
        """May a datagram socket have this port? 0 always: that is how one asks."""
        groups = [parse_multicast(text) for text in self._permissions.network.multicast]
        if not port or any(port == granted for _group, granted in groups):
            return True
        try:
            return port in self.listen(port, "udp")
        except Refusal:
            return False

    def join(self, group: str) -> bool:
        """May it belong to this multicast group?"""
        wanted = _canonical(group)
        return any(
            parse_multicast(text)[0] == wanted for text in self._permissions.network.multicast
        )

    def _patterns(self) -> list[str]:
        return [names for grant in self._grants if (names := host_set(grant.host).names)]

    def _anywhere(self, name: str, address: str) -> bool:
        """Is there a port at which this name may lead to this address?"""
        bare = address.partition("%")[0]
        return any(
            connect_allows(self._permissions, name, bare, grant.first, grant.protocol)
            for grant in self._grants
        )

    def _remember(self, address: str, name: str) -> None:
        key = _canonical(address.partition("%")[0])
        with self._lock:
            self._names.setdefault(key, set()).add(name)
            self._names.move_to_end(key)
            while len(self._names) > MOST_REMEMBERED:
                self._names.popitem(last=False)


def _ports(spans: list[tuple[int, int]]) -> Iterator[int]:
    for low, high in spans:
        yield from range(low, high + 1)


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _hides_private(text: str) -> bool:
    """Does an IPv6 address lead through a translator to an IPv4 address of some private network?

    6to4 (RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052).
    """
    found = ip_address(text)
    if not isinstance(found, IPv6Address):
        return False
    inside = [found.sixtofour, *(found.teredo or ())]
    if found in NAT64:
        inside.append(IPv4Address(int(found) & 0xFFFFFFFF))
    return any(one is not None and not one.is_global for one in inside)


def _canonical(text: str) -> str:
    """One spelling for each address; an IPv4 address in IPv6 clothes is the IPv4 address."""
    found = ip_address(text)
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _spell(host: str, port: int, protocol: str) -> str:
    """The grant that would allow it."""
    where = f"[{host}]" if ":" in host else host
    ports = f":{port}" if port and protocol != "icmp" else ""
    return f"{where}{ports}" + ("" if protocol == "tcp" else f"/{protocol}")
