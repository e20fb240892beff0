"""Permissions: what a plugin may do. The one value that runs from the manifest to the kernel."""

from __future__ import annotations

import msgspec

__all__ = ["FilePermissions", "NetworkPermissions", "Permissions"]


class NetworkPermissions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who a plugin may talk to.

    ``connect`` are grants ``HOST[:PORTS][/PROTOCOL]`` where HOST is a name, ``*.example.org``, an
    address, a CIDR range, ``lan`` (private and link-local ranges) or ``*``; PORTS ``443``,
    ``8000-8010`` or ``*``; PROTOCOL ``tcp`` (default), ``udp`` or ``icmp``. ``listen`` are
    ``PORTS[/PROTOCOL]``, ``multicast`` are ``GROUP:PORT``; ``raw`` allows raw sockets.
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
