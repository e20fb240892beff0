"""The plugin: UPnP devices with what they say of themselves, and the way to the device registry."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from heimnetz_git import BasePlugin, Context, operation
from ssdp_discover.description import Description, fetch, read
from ssdp_discover.search import Response, place, search

__all__ = ["Device", "SsdpDiscover", "Update"]

AT_ONCE = 8
MOST_SECONDS = 15


@dataclass(frozen=True)
class Device:
    """A device that answered: its address, where it describes itself, and what it says there.

    ``targets`` are what it answers to; ``problem`` says why there is no description.
    """

    address: str
    location: str
    server: str
    targets: list[str] = field(default_factory=list)
    description: Description | None = None
    problem: str = ""


@dataclass(frozen=True)
class Update:
    """Devices that were found, and how many of them the registry knew by their address."""

    found: int
    named: int


class SsdpDiscover(BasePlugin):
    """Finds UPnP devices."""

    @dataclass(frozen=True)
    class Config:
        """How long to listen in seconds, the address of this machine to search from, and a limit.

        ``timeout`` is for each description, in seconds.
        """

        seconds: int = 3
        interface: str = ""
        timeout: float = 5.0

    def initialize(self, context: Context) -> None:  # noqa: ARG002  # as the host calls it
        """Refuse a configuration that cannot work at once."""
        if self.config.interface:
            IPv4Address(self.config.interface)
        if not 1 <= self.config.seconds <= MOST_SECONDS or not 0 < self.config.timeout <= 15:
            raise ValueError(f"seconds must be from 1 to {MOST_SECONDS}, timeout at most 15")

    @operation
    def discover(self, target: str = "ssdp:all") -> list[Device]:
        """The devices that answer to a search target, with their descriptions; by address."""
        heard = list(search(target, self.config.seconds, self.config.interface))
        groups: dict[tuple[str, str], list[Response]] = {}
        for one in heard:
            groups.setdefault((one.sender, one.location), []).append(one)
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            found = list(pool.map(self._described, groups.values()))
        return sorted(found, key=lambda one: (IPv4Address(one.address), one.location))

    @operation
    def update(self) -> Update:
        """Tell the device registry the names of the devices that it knows by their address.

        SSDP tells no MAC address, so that devices unknown to the registry stay so.
        """
        found = self.discover("upnp:rootdevice")
        named = 0
        for one in found:
            if one.description is None or not one.description.name:
                continue
            known = self.context.call("device-registry", "find", address=one.address)
            for mac in (dev["mac"] for dev in known if one.address in dev["addresses"][:1]):
                words = {"mac": mac, "address": one.address, "name": one.description.name}
                self.context.call("device-registry", "see", **words)
                named += 1
        return Update(len(found), named)

    def _described(self, heard: Iterable[Response]) -> Device:
        first, *others = heard
        where = place(first.location, first.sender)
        description, problem = None, ""
        if where is None:
            problem = "its description is not at its own address"
        else:
            try:
                data = fetch(where, first.location, self.config.timeout)
                description = read(data)
            except (OSError, ValueError) as error:
                problem = "".join(char for char in str(error) if char.isprintable())[:200]
        targets = sorted({one.target for one in (first, *others) if one.target})
        return Device(first.sender, first.location, first.server, targets, description, problem)
