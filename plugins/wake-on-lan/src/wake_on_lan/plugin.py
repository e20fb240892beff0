"""The plugin: sends magic packets to where sleeping devices hear them."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from heimnetz_git import BasePlugin, operation
from wake_on_lan.packet import magic_packet

__all__ = ["Sent", "WakeOnLan"]

EVERYWHERE = "255.255.255.255"
DISCARD_PORT = 9
MOST_REPEATS = 10


@dataclass(frozen=True)
class Sent:
    """A packet that left: to which address and port, from which interface's address if chosen."""

    broadcast: str
    port: int
    interface: str
    size: int


class WakeOnLan(BasePlugin):
    """Wakes devices by magic packet."""

    @dataclass(frozen=True)
    class Config:
        """Where packets go unless a call says otherwise.

        ``broadcast`` is one address or several with commas between. ``interfaces`` are addresses
        of this machine: a packet leaves by each of them. None means that the system chooses.
        """

        broadcast: str = EVERYWHERE
        interfaces: list[str] = field(default_factory=list)

    @operation
    def wake(
        self,
        mac: str,
        password: str = "",
        *,
        broadcast: str = "",
        interfaces: list[str] | None = None,
        port: int = DISCARD_PORT,
        repeat: int = 3,
    ) -> list[Sent]:
        """Send the magic packet for a MAC address; whether the device wakes is not answered."""
        if not 1 <= repeat <= MOST_REPEATS:
            raise ValueError(f"repeat is {repeat}; it must be from 1 to {MOST_REPEATS}")
        packet = magic_packet(mac, password)
        targets = addresses(broadcast or self.config.broadcast)
        sources = (self.config.interfaces if interfaces is None else interfaces) or [""]
        ways = [(target, source) for target in targets for source in sources]
        for target, source in ways:
            send(packet, (target, port), source, repeat)
        return [Sent(target, port, source, len(packet)) for target, source in ways]


def addresses(text: str) -> list[str]:
    """The IPv4 addresses in a list with commas. Raises ValueError for anything else."""
    return [str(IPv4Address(part.strip())) for part in text.split(",")]


def send(packet: bytes, target: tuple[str, int], source: str, repeat: int) -> None:
    """Send a UDP packet some times; ``source`` is one of this machine's addresses, or empty.

    Raises OSError when the network refuses.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if source:
            sender.bind((source, 0))
        for _ in range(repeat):
            sender.sendto(packet, target)
