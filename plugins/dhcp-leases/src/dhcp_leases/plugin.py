"""The plugin: leases of one file or of all that are there, and the way to the device registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from dhcp_leases import dnsmasq, isc, kea
from dhcp_leases.lease import Lease, latest
from heimnetz_git import BasePlugin, operation

__all__ = ["DhcpLeases", "Update"]

LARGEST_FILE = 16 << 20
FORMATS: tuple[ModuleType, ...] = (kea, isc, dnsmasq)
DEFAULT_PATHS = (
    "/var/lib/misc/dnsmasq.leases",
    "/var/lib/dhcp/dhcpd.leases",
    "/var/lib/kea/kea-leases4.csv",
)


@dataclass(frozen=True)
class Update:
    """What an update brought: active leases read, and devices new and known to the registry."""

    leases: int
    new: int
    updated: int


class DhcpLeases(BasePlugin):
    """Reads DHCP leases and feeds the device registry."""

    @dataclass(frozen=True)
    class Config:
        """Lease files to read; those that do not exist are passed over."""

        paths: list[str] = field(default_factory=lambda: list(DEFAULT_PATHS))

    @operation
    def leases(self, path: str = "", expired: bool = False) -> list[Lease]:
        """The leases of one file, or of all configured ones; active ones only unless asked."""
        now = _now()
        return [lease for lease in self._read(path) if expired or lease.is_active(now)]

    @operation
    def update(self, path: str = "") -> Update:
        """Tell the device registry of every device that has a lease."""
        now = _now()
        active = [lease for lease in self._read(path) if lease.is_active(now)]
        sightings = [
            {"mac": lease.mac, "address": lease.address, "name": lease.name, "seen_at": now}
            for lease in active
        ]
        counts = self.context.call("device-registry", "see_all", sightings=sightings)
        return Update(len(active), counts["new"], counts["updated"])

    def _read(self, path: str) -> list[Lease]:
        if path:
            return parse(_text(Path(path)), path)
        found = [Path(name) for name in self.config.paths if Path(name).exists()]
        if not found:
            raise FileNotFoundError(f"no lease file is at {', '.join(self.config.paths)}")
        return latest(lease for file in found for lease in parse(_text(file), str(file)))


def parse(text: str, source: str) -> list[Lease]:
    """The leases of a file, whatever server wrote it. Raises ValueError for another file."""
    if not text.strip():
        return []
    for format_ in FORMATS:
        if format_.looks_like(text):
            read: Callable[[str], Iterator[Lease]] = format_.read
            return latest(read(text))
    raise ValueError(f"{source} is not a lease file of dnsmasq, ISC dhcpd or Kea")


def _text(path: Path) -> str:
    """The file's text; bytes that are not UTF-8 become U+FFFD. Raises ValueError above 16 MiB."""
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{path} is larger than {LARGEST_FILE >> 20} MiB")
    return data.decode("utf-8", "replace")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
