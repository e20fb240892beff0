"""The plugin: typed operations over the devices that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from device_registry.device import Device, Sighting, mac_address, moment, normal, seen
from device_registry.store import Store
from device_registry.vendors import vendor_of
from heimnetz_git import BasePlugin, Context, operation

__all__ = ["Counts", "DeviceRegistry"]


@dataclass(frozen=True)
class Counts:
    """What a batch of sightings brought."""

    new: int
    updated: int


class DeviceRegistry(BasePlugin):
    """Keeps the devices of a home network."""

    def initialize(self, context: Context) -> None:
        """Look whether what is known can be read."""
        self._store = Store(context.data)
        with self._store.alone():
            self._known()

    @operation
    def see(self, mac: str, address: str = "", name: str = "", seen_at: str = "") -> Device:
        """Note that a device was seen, and return what is known of it now."""
        sighting = normal(Sighting(mac, address, name, seen_at), now=_now())
        with self._store.alone():
            devices = self._known()
            joined = sighting.mac not in devices
            device = devices[sighting.mac] = _seen(devices, sighting)
            self._store.save(devices.values())
        self._tell([device], [device] if joined else [])
        return device

    @operation
    def see_all(self, sightings: list[Sighting]) -> Counts:
        """Note many sightings at once; one that is wrong refuses them all."""
        now = _now()
        checked = [normal(sighting, now=now) for sighting in sightings]
        with self._store.alone():
            devices = self._known()
            before = set(devices)
            for sighting in checked:
                devices[sighting.mac] = _seen(devices, sighting)
            self._store.save(devices.values())
        noted = {sighting.mac for sighting in checked}
        new = sorted(noted - before)
        self._tell([devices[mac] for mac in sorted(noted)], [devices[mac] for mac in new])
        return Counts(len(new), len(noted & before))

    @operation
    def get(self, mac: str) -> Device | None:
        """What is known of one device, or null."""
        return self._read().get(mac_address(mac))

    @operation
    def find(
        self, vendor: str = "", name: str = "", address: str = "", since: str = ""
    ) -> list[Device]:
        """The devices that match all that is given, last seen first.

        Vendor and name match anywhere in the word, upper and lower case alike; an address matches
        at its beginning; since is a time of last sight.
        """
        oldest = moment(since) if since else ""
        found = [
            device
            for device in self._read().values()
            if vendor.lower() in device.vendor.lower()
            and (not name or any(name.lower() in known.lower() for known in device.names))
            and (not address or any(known.startswith(address) for known in device.addresses))
            and device.last_seen >= oldest
        ]
        by_mac = sorted(found, key=lambda device: device.mac)
        return sorted(by_mac, key=lambda device: device.last_seen, reverse=True)

    @operation
    def forget(self, mac: str) -> bool:
        """Remove a device; false when it was not known."""
        with self._store.alone():
            devices = self._known()
            gone = devices.pop(mac_address(mac), None)
            if gone is not None:
                self._store.save(devices.values())
        return gone is not None

    @operation
    def vendor(self, mac: str) -> str:
        """Who made the device with this MAC address; empty when that is not known."""
        return vendor_of(mac_address(mac))

    def _tell(self, seen_now: list[Device], joined: list[Device]) -> None:
        """Emit ``joined`` for each device that is new, and ``seen`` once with all of them."""
        for device in joined:
            self.context.emit("joined", device=device)
        if seen_now:
            sights = [{"mac": one.mac, "seen_at": one.last_seen} for one in seen_now]
            self.context.emit("seen", devices=sights)

    def _read(self) -> dict[str, Device]:
        with self._store.alone():
            return self._known()

    def _known(self) -> dict[str, Device]:
        """The devices on disk now, which another process may have changed."""
        devices, complaint = self._store.load()
        if complaint:
            self.context.logger.warning(complaint)
        return devices


def _seen(devices: Mapping[str, Device], sighting: Sighting) -> Device:
    return seen(devices.get(sighting.mac), sighting, vendor_of(sighting.mac))


def _now() -> str:
    return datetime.now(UTC).isoformat()
