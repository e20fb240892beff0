"""Single grants of a permission: their grammar, and which grants contain which."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import msgspec

__all__ = [
    "HOME_NETWORKS",
    "MOST_PORTS",
    "Address",
    "HostSet",
    "Network",
    "NetworkGrant",
    "address_of",
    "host_set",
    "is_loopback",
    "names_cover",
    "networks_cover",
    "parse_connect",
    "parse_listen",
    "parse_multicast",
    "parse_path",
    "spell_connect",
    "spell_ports",
]

MOST_PORTS = (1, 65535)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# "lan": private (RFC 1918), link-local (RFC 3927, RFC 4291), unique local (RFC 4193), and the
# limited broadcast address (RFC 919), which no router passes on. Not loopback.
HOME_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "255.255.255.255/32", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
# 0.0.0.0 and :: reach this machine, as 127.0.0.1 does, when one connects to them.
_LOOPBACK: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text) for text in ("127.0.0.0/8", "0.0.0.0/32", "::1/128", "::/128")
)
_EVERYWHERE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text) for text in ("0.0.0.0/0", "::/0")
)

_CONNECT = re.compile(
    r"(?P<host>\[[0-9a-fA-F:.]+(?:/\d{1,3})?\](?:/\d{1,3})?|[^\s:/\[\]]+(?:/\d{1,3})?)"
    r"(?::(?P<ports>[^:/\s]+))?(?:/(?P<protocol>[a-z]+))?"
)
_LISTEN = re.compile(r"(?P<ports>[^:/\s]+)(?:/(?P<protocol>[a-z]+))?")
_MULTICAST = re.compile(r"(?P<group>\[[0-9a-fA-F:.]+\]|[0-9.]+):(?P<port>\d{1,5})")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PATH_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f*?\[\]]")


class NetworkGrant(msgspec.Struct, frozen=True, order=True):
    """A parsed grant of ``network.connect``.

    ``host`` is canonical: ``*``, ``lan``, ``localhost``, a lower-case name, ``*.name``, an address
    or a CIDR range (without brackets). Ports run from ``first`` to ``last``; all ports are 1 to
    65535; ``icmp`` has none: both are 0.
    """

    host: str
    first: int
    last: int
    protocol: str


class HostSet(NamedTuple):
    """What a host of a grant stands for: a pattern of names (empty: none) and address ranges."""

    names: str
    networks: tuple[Network, ...]


@lru_cache(maxsize=4096)
def parse_connect(text: str) -> NetworkGrant:
    """``HOST[:PORTS][/PROTOCOL]`` parsed. Raises ValueError with a sentence."""
    match = _CONNECT.fullmatch(text)
    if not match:
        if text.count(":") > 1 and "[" not in text:
            raise ValueError(f"{text!r} has an IPv6 address that is not in [brackets]")
        raise ValueError(f"{text!r} is not HOST[:PORTS][/PROTOCOL], such as 'lan:9/udp'")
    protocol = match["protocol"] or "tcp"
    if protocol not in {"tcp", "udp", "icmp"}:
        raise ValueError(f"{text!r} names the protocol {protocol!r}, not tcp, udp or icmp")
    host = _host(match["host"])
    if protocol == "icmp":
        if match["ports"]:
            raise ValueError(f"{text!r} has a port, which icmp does not know")
        return NetworkGrant(host, 0, 0, protocol)
    first, last = _ports(match["ports"] or "*")
    return NetworkGrant(host, first, last, protocol)


def parse_listen(text: str) -> tuple[int, int, str]:
    """``PORTS[/PROTOCOL]`` as first port, last port, protocol. Raises ValueError."""
    match = _LISTEN.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not PORTS[/PROTOCOL], such as '8080' or '5353/udp'")
    protocol = match["protocol"] or "tcp"
    if protocol not in {"tcp", "udp"}:
        raise ValueError(f"{text!r} names the protocol {protocol!r}, not tcp or udp")
    return (*_ports(match["ports"]), protocol)


def parse_multicast(text: str) -> tuple[str, int]:
    """``GROUP:PORT`` as the group's canonical address and the port. Raises ValueError."""
    match = _MULTICAST.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not GROUP:PORT, such as '239.255.255.250:1900'")
    try:
        group = ipaddress.ip_address(match["group"].strip("[]"))
    except ValueError:
        raise ValueError(f"{text!r} has no IP address before its port") from None
    if not group.is_multicast:
        raise ValueError(f"{group} is not a multicast group (224.0.0.0/4 or ff00::/8)")
    return str(group), _ports(match["port"])[0]


def parse_path(text: str) -> str:
    """An absolute path in normal form: no trailing slash. Raises ValueError with a sentence."""
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not an absolute path")
    if _PATH_FORBIDDEN.search(text):
        raise ValueError(f"{text!r} has a control character or a wildcard; paths are no patterns")
    path = text.rstrip("/") or "/"
    if path != "/" and any(part in {"", ".", ".."} for part in path[1:].split("/")):
        raise ValueError(f"{text!r} has '//', '.' or '..' in it")
    return path


def spell_connect(grant: NetworkGrant) -> str:
    """The canonical text of a grant; parsing it gives the grant again."""
    host = f"[{grant.host}]" if ":" in grant.host else grant.host
    if grant.protocol == "icmp":
        return f"{host}/icmp"
    ports = "" if (grant.first, grant.last) == MOST_PORTS else f":{_range(grant.first, grant.last)}"
    return f"{host}{ports}" + (f"/{grant.protocol}" if grant.protocol != "tcp" else "")


def spell_ports(first: int, last: int, protocol: str) -> str:
    """The canonical text of a ``listen`` grant."""
    ports = "*" if (first, last) == MOST_PORTS else _range(first, last)
    return ports + (f"/{protocol}" if protocol != "tcp" else "")


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _ports(text: str) -> tuple[int, int]:
    if text == "*":
        return MOST_PORTS
    match = _PORTS.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a port, a range such as 8000-8010, or '*'")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= 65535:
        raise ValueError(f"{text!r} is not within the ports 1 to 65535")
    return first, last


def _host(text: str) -> str:
    if text.startswith("["):
        inside, _, after = text[1:].partition("]")
        return _network(inside + after)
    if "/" in text or text.rpartition(".")[2].isdigit():
        return _network(text)
    name = text.lower().rstrip(".")
    if name == "*":
        return name
    labels = name.removeprefix("*.").split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        if not name.isascii():
            raise ValueError(f"{text!r} is not ASCII; write the name in its 'xn--' form")
        raise ValueError(f"{text!r} is not a host name, an address, 'lan' or '*'")
    return name


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address or range such as 192.168.1.0/24") from None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        inner = network.network_address.ipv4_mapped
        if inner:
            network = ipaddress.ip_network((inner, network.prefixlen - 96))
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)


@lru_cache(maxsize=4096)
def host_set(host: str) -> HostSet:
    """The names and addresses behind a canonical host.

    ``*`` are all names and addresses but this machine's own, which ``localhost`` names. A name
    stands for itself only: where it leads is for the resolver to say, not for the grant.
    """
    if host == "*":
        return HostSet("*", _EVERYWHERE)
    if host == "lan":
        return HostSet("", HOME_NETWORKS)
    if host == "localhost":
        return HostSet("localhost", _LOOPBACK)
    if ":" in host or host.rpartition(".")[2].partition("/")[0].isdigit():
        return HostSet("", (ipaddress.ip_network(host),))
    return HostSet(host, ())


def names_cover(granted: str, asked: str) -> bool:
    """Whether a pattern of names contains another pattern or a name."""
    if granted == asked:
        return True
    if not granted or asked == "localhost" or asked.endswith(".localhost"):
        return False
    return granted == "*" or (granted.startswith("*.") and asked.endswith(granted[1:]))


def is_loopback(network: Network) -> bool:
    """Whether all of a range is this machine itself."""
    return any(_within(network, loop) for loop in _LOOPBACK)


def networks_cover(granted: Iterable[Network], asked: Network) -> bool:
    """Whether ranges together contain a range; what is not all loopback grants no loopback."""
    wanted = is_loopback(asked)
    fit = [one for one in granted if one.version == asked.version and is_loopback(one) == wanted]
    if any(_within(asked, one) for one in fit):
        return True
    inner = [one for one in fit if _within(one, asked)]
    return bool(inner) and list(_collapse(inner)) == [asked]


def _within(inner: Network, outer: Network) -> bool:
    return (
        inner.version == outer.version
        and inner.prefixlen >= outer.prefixlen
        and int(inner.network_address) >> (inner.max_prefixlen - outer.prefixlen)
        == int(outer.network_address) >> (outer.max_prefixlen - outer.prefixlen)
    )


def _collapse(networks: list[Network]) -> Iterable[Network]:
    collapsed: Iterable[Network] = ipaddress.collapse_addresses(networks)  # type: ignore[type-var] # all of one version
    return collapsed


def address_of(text: str) -> Address:
    """An IP address, an IPv4 one when it is mapped into IPv6, without zone. Raises ValueError."""
    address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
