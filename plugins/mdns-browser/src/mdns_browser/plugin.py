"""The plugin: services in the home network, and the way to the device registry."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from heimnetz_git import BasePlugin, Context, operation
from mdns_browser.service import Service, service_type

__all__ = ["MdnsBrowser", "Update"]

MOST_SECONDS = 15


@dataclass(frozen=True)
class Update:
    """Hosts that announced something, and how many of them the registry knew by their address."""

    found: int
    named: int


class MdnsBrowser(BasePlugin):
    """Finds services by mDNS."""

    @dataclass(frozen=True)
    class Config:
        """How many seconds to listen, and this machine's address to ask from (or any)."""

        seconds: float = 3.0
        interface: str = ""

    def initialize(self, context: Context) -> None:  # noqa: ARG002  # as the host calls it
        """Refuse a configuration that cannot work at once."""
        if self.config.interface:
            IPv4Address(self.config.interface)
        if not 0.1 <= self.config.seconds <= MOST_SECONDS:
            raise ValueError(f"seconds must be from 0.1 to {MOST_SECONDS}")

    @operation
    def types(self) -> list[str]:
        """The types of services that are announced, such as _ipp._tcp."""
        from mdns_browser.browse import service_types  # slow to import

        found = service_types(self.config.interface, self.config.seconds)
        return [one.removesuffix(".local.") for one in found]

    @operation
    def browse(self, kind: str = "") -> list[Service]:
        """The services of one type (_ipp._tcp), or of every type that is announced."""
        from mdns_browser.browse import browse  # slow to import

        kinds = [service_type(kind)] if kind else [f"{one}.local." for one in self.types()]
        return browse(kinds, self.config.interface, self.config.seconds)

    @operation
    def update(self) -> Update:
        """Tell the device registry the names of the hosts that it knows by their address.

        mDNS tells no MAC address, so that devices unknown to the registry stay so.
        """
        hosts = {address: one.server for one in self.browse() for address in one.addresses}
        named = 0
        for address, server in sorted(hosts.items()):
            known = self.context.call("device-registry", "find", address=address)
            for mac in (dev["mac"] for dev in known if address in dev["addresses"][:1]):
                name = server.removesuffix(".local")
                words = {"mac": mac, "address": address, "name": name}
                self.context.call("device-registry", "see", **words)
                named += 1
        return Update(len(set(hosts.values())), named)
