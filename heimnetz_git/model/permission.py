"""Permissions: what a plugin may do. The one value that runs from the manifest to the kernel.

A value of Permissions is a set of grants, and the functions here are its algebra. Grants of the
network are sets of (name or address, port, protocol): ``*`` is every host but this machine;
``lan`` is the home network (private, link-local and unique local ranges, limited broadcast);
``localhost`` is this machine, which nothing else includes. ``*.example.org`` are all names below
example.org, not itself. A path includes what lies below it, and writing includes reading.

Functions raise ValueError for grants that do not parse; values that were read have been checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

import msgspec

from heimnetz_git.model.finding import Severity
from heimnetz_git.model.grant import (
    NetworkGrant,
    address_of,
    host_set,
    names_cover,
    networks_cover,
    parse_connect,
    parse_listen,
    parse_multicast,
    parse_path,
    spell_connect,
    spell_ports,
)
from heimnetz_git.model.permission_words import severity_of, words_of

__all__ = [
    "FilePermissions",
    "NetworkGrant",
    "NetworkPermissions",
    "PermissionChange",
    "Permissions",
    "connect_allows",
    "covers",
    "describe",
    "difference",
    "normal_form",
    "parse_connect",
    "parse_listen",
    "parse_multicast",
    "parse_path",
]

_HOME_NAMES = (".local", ".lan", ".home", ".internal", ".home.arpa", ".localdomain", ".fritz.box")


class NetworkPermissions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a plugin may talk to.

    ``connect`` are grants ``HOST[:PORTS][/PROTOCOL]`` where HOST is a name, ``*.example.org``, an
    address, a CIDR range (IPv6 in brackets), ``lan``, ``localhost`` or ``*``; PORTS ``443``,
    ``8000-8010`` or ``*`` (default); PROTOCOL ``tcp`` (default), ``udp`` or ``icmp``. ``listen``
    are ``PORTS[/PROTOCOL]``, ``multicast`` are ``GROUP:PORT``; ``raw`` allows raw sockets.
    """

    connect: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()
    multicast: tuple[str, ...] = ()
    raw: bool = False


class FilePermissions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which absolute paths a plugin may read or write; a folder means all below it.

    Its own data folder is always writable and is not named here. Writing implies reading.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


class Permissions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a plugin may do beyond computing and its own data folder.

    ``run`` are absolute paths of programs, ``env`` names of environment variables, ``secrets``
    names that the host resolves, ``host`` names of host APIs such as ``devices.read``.
    """

    network: NetworkPermissions = NetworkPermissions()
    files: FilePermissions = FilePermissions()
    run: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    host: tuple[str, ...] = ()


class PermissionChange(msgspec.Struct, frozen=True):
    """One grant that was ``gained`` or ``lost``.

    ``grant`` is where it stands and its canonical text (``network.connect lan:9/udp``), ``words``
    what it means to a person, a sentence without subject and full stop (``may now ...``).
    """

    kind: str
    grant: str
    words: str
    severity: Severity


def normal_form(permissions: Permissions) -> Permissions:
    """The same set in canonical spelling: sorted, without what other grants include."""
    network, files = permissions.network, permissions.files
    write = _topmost(files.write)
    return Permissions(
        network=NetworkPermissions(
            connect=_normal_connect(network.connect),
            listen=_normal_listen(network.listen),
            multicast=tuple(_spell_multicast(one) for one in _normal_multicast(network.multicast)),
            raw=network.raw,
        ),
        files=FilePermissions(
            read=tuple(path for path in _topmost(files.read) if not _below_any(path, write)),
            write=write,
        ),
        run=tuple(sorted({parse_path(path) for path in permissions.run})),
        env=tuple(sorted(set(permissions.env))),
        secrets=tuple(sorted(set(permissions.secrets))),
        host=tuple(sorted(set(permissions.host))),
    )


def covers(granted: Permissions, asked: Permissions) -> bool:
    """Whether everything that ``asked`` allows, ``granted`` allows too."""
    return next(_beyond(granted, asked), None) is None


def difference(old: Permissions, new: Permissions) -> tuple[PermissionChange, ...]:
    """What a plugin may do in ``new`` and not in ``old``, then what it no longer may.

    Nothing is lost exactly when ``covers(new, old)``.
    """
    gained = [_change("gained", "may now ", *grant) for grant in _beyond(old, new)]
    lost = [_change("lost", "may no longer ", *grant) for grant in _beyond(new, old)]
    return (*gained, *lost)


def describe(permissions: Permissions) -> tuple[PermissionChange, ...]:
    """All that a plugin may do, each grant as a sentence that begins with ``may``."""
    return tuple(_change("gained", "may ", *grant) for grant in _beyond(Permissions(), permissions))


def connect_allows(
    permissions: Permissions, host: str, address: str, port: int, protocol: str
) -> bool:
    """Whether a connection may be opened to ``address``, which ``host`` was resolved to.

    ``host`` may be empty or the address itself; ``port`` is 0 for icmp. A grant of a name does not
    reach into the home network or this machine when the name leads there (DNS rebinding), unless
    it is a name of home networks (one label, ``.local``, ``.lan``, ``fritz.box`` ...). Raises
    ValueError when ``address`` is none.
    """
    where = ip_network(address_of(address))
    name = host.lower().rstrip(".")
    for text in permissions.network.connect:
        grant = parse_connect(text)
        if grant.protocol != protocol or not grant.first <= port <= grant.last:
            continue
        names, networks = host_set(grant.host)
        if networks_cover(networks, where):
            return True
        if name and names_cover(names, name) and _may_lead(name, address):
            return True
    group = str(where.network_address)
    multicast = {parse_multicast(text) for text in permissions.network.multicast}
    return protocol == "udp" and (group, port) in multicast


def _may_lead(name: str, address: str) -> bool:
    where = address_of(address)
    if where.is_global and not where.is_multicast:
        return True
    at_home = networks_cover(host_set("lan").networks, ip_network(where))
    return at_home and ("." not in name or f".{name}".endswith(_HOME_NAMES))


def _change(kind: str, opening: str, place: str, text: str) -> PermissionChange:
    severity = severity_of(place, text) if kind == "gained" else Severity.INFO
    return PermissionChange(
        kind, f"{place} {text}".rstrip(), opening + words_of(place, text), severity
    )


def _beyond(granted: Permissions, asked: Permissions) -> Iterator[tuple[str, str]]:
    """Place and text of each grant that ``asked`` has and ``granted`` does not include."""
    have, want = normal_form(granted), normal_form(asked)
    for text in want.network.connect:
        if not _covers_connect(have.network.connect, parse_connect(text)):
            yield "network.connect", text
    for text in want.network.listen:
        if not _covers_listen(have.network.listen, parse_listen(text)):
            yield "network.listen", text
    yield from _missing("network.multicast", have.network.multicast, want.network.multicast)
    if want.network.raw and not have.network.raw:
        yield "network.raw", ""
    for path in want.files.read:
        if not _below_any(path, (*have.files.read, *have.files.write)):
            yield "files.read", path
    for path in want.files.write:
        if not _below_any(path, have.files.write):
            yield "files.write", path
    yield from _missing("run", have.run, want.run)
    yield from _missing("env", have.env, want.env)
    yield from _missing("secrets", have.secrets, want.secrets)
    yield from _missing("host", have.host, want.host)


def _missing(place: str, have: tuple[str, ...], want: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((place, text) for text in want if text not in have)


def _normal_connect(texts: Iterable[str]) -> tuple[str, ...]:
    kept = _joined(parse_connect(text) for text in texts)
    for grant in tuple(kept):
        others = tuple(spell_connect(other) for other in kept if other != grant)
        if _covers_connect(others, grant):
            kept.remove(grant)
    return tuple(spell_connect(grant) for grant in kept)


def _joined(grants: Iterable[NetworkGrant]) -> list[NetworkGrant]:
    """Sorted; port ranges of one host and protocol that touch have become one."""
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for grant in grants:
        spans.setdefault((grant.host, grant.protocol), []).append((grant.first, grant.last))
    return sorted(
        NetworkGrant(host, first, last, protocol)
        for (host, protocol), ports in spans.items()
        for first, last in _union(ports)
    )


def _union(ports: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ports):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _covers_connect(granted: Iterable[str], asked: NetworkGrant) -> bool:
    """Exact: at every port asked for, the grants for it together contain the host."""
    fit = [
        grant
        for grant in map(parse_connect, granted)
        if grant.protocol == asked.protocol
        and grant.first <= asked.last
        and asked.first <= grant.last
    ]
    steps = {asked.first, *(grant.first for grant in fit), *(grant.last + 1 for grant in fit)}
    return all(
        _covers_host([grant.host for grant in fit if grant.first <= port <= grant.last], asked.host)
        for port in steps
        if asked.first <= port <= asked.last
    )


def _covers_host(granted: list[str], asked: str) -> bool:
    wanted = host_set(asked)
    have = [host_set(host) for host in granted]
    if wanted.names and not any(names_cover(one.names, wanted.names) for one in have):
        return False
    networks = [network for one in have for network in one.networks]
    return all(networks_cover(networks, network) for network in wanted.networks)


def _normal_listen(texts: Iterable[str]) -> tuple[str, ...]:
    spans: dict[str, list[tuple[int, int]]] = {}
    for first, last, protocol in map(parse_listen, texts):
        spans.setdefault(protocol, []).append((first, last))
    return tuple(
        spell_ports(first, last, protocol)
        for protocol in sorted(spans)
        for first, last in _union(spans[protocol])
    )


def _covers_listen(granted: Iterable[str], asked: tuple[int, int, str]) -> bool:
    first, last, protocol = asked
    return any(
        low <= first and last <= high and spoken == protocol
        for low, high, spoken in map(parse_listen, granted)
    )


def _normal_multicast(texts: Iterable[str]) -> list[tuple[str, int]]:
    return sorted({parse_multicast(text) for text in texts})


def _spell_multicast(grant: tuple[str, int]) -> str:
    group, port = grant
    return f"[{group}]:{port}" if ":" in group else f"{group}:{port}"


def _topmost(paths: Iterable[str]) -> tuple[str, ...]:
    """Sorted normal paths, without those below another one."""
    found = sorted({parse_path(path) for path in paths})
    return tuple(
        path for path in found if not _below_any(path, tuple(one for one in found if one != path))
    )


def _below_any(path: str, folders: Iterable[str]) -> bool:
    return any(folder in ("/", path) or path.startswith(f"{folder}/") for folder in folders)
