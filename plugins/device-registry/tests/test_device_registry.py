"""Devices are kept, found, and survive restarts and damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from device_registry import DeviceRegistry
from device_registry.device import Sighting

from heimnetz_git import Context

PRINTER = "b8:27:eb:12:34:56"


@pytest.fixture
def registry(tmp_path: Path) -> DeviceRegistry:
    """A started plugin with an empty data folder."""
    return started(tmp_path)


def started(folder: Path) -> DeviceRegistry:
    """The plugin, started on a data folder."""
    return Context.for_tests(data=folder).start(DeviceRegistry)


@pytest.mark.parametrize("spelling", ["B8-27-EB-12-34-56", "b827.eb12.3456", "b827eb123456"])
def test_every_spelling_of_a_mac_address_is_the_same_device(
    registry: DeviceRegistry, spelling: str
) -> None:
    """Colons, hyphens, dots or nothing, upper or lower case."""
    registry.see(PRINTER)
    assert registry.see(spelling).mac == PRINTER
    assert len(registry.find()) == 1


@pytest.mark.parametrize("wrong", ["", "b8:27:eb", "zz:27:eb:12:34:56", "b8:27:eb:12:34:56:78"])
def test_what_is_no_mac_address_is_refused(registry: DeviceRegistry, wrong: str) -> None:
    """The refusal shows a right one."""
    with pytest.raises(ValueError, match="00:11:22:33:44:55"):
        registry.see(wrong)


def test_a_device_gathers_what_is_learnt(registry: DeviceRegistry) -> None:
    """Addresses and names add up, the latest first; the times span all sightings."""
    registry.see(PRINTER, "192.168.1.20", "printer", "2026-01-02T10:00:00+01:00")
    registry.see(PRINTER, "192.168.1.21", "", "2026-01-03T10:00:00Z")
    device = registry.see(PRINTER, "192.168.1.5", "old-name", "2026-01-01T10:00:00Z")
    assert device.addresses == ["192.168.1.21", "192.168.1.20", "192.168.1.5"]
    assert (device.name, device.names) == ("printer", ["printer", "old-name"])
    assert (device.first_seen, device.last_seen) == ("2026-01-01T10:00:00Z", "2026-01-03T10:00:00Z")


def test_a_time_without_offset_is_refused(registry: DeviceRegistry) -> None:
    """Nobody guesses a time zone."""
    with pytest.raises(ValueError, match="no offset"):
        registry.see(PRINTER, seen_at="2026-01-02T10:00:00")


def test_vendors_come_from_the_prefix(registry: DeviceRegistry) -> None:
    """A known maker, an unknown one, and an address that a phone made up for privacy."""
    assert registry.vendor("B8:27:EB:00:00:01") == "Raspberry Pi"
    assert registry.vendor("00:00:00:00:00:01") == ""
    assert registry.vendor("d2:3a:dd:00:00:01") == "(private address)"


def test_queries_narrow_together(registry: DeviceRegistry) -> None:
    """All conditions must hold; the device that was seen last comes first."""
    registry.see(PRINTER, "192.168.1.20", "Printer", "2026-01-01T00:00:00Z")
    registry.see("dc:a6:32:00:00:01", "192.168.1.30", "media", "2026-01-02T00:00:00Z")
    registry.see("00:11:32:00:00:01", "10.0.0.2", "nas", "2026-01-03T00:00:00Z")
    assert [device.name for device in registry.find()] == ["nas", "media", "Printer"]
    assert [device.name for device in registry.find(vendor="raspberry")] == ["media", "Printer"]
    assert [device.name for device in registry.find(vendor="rasp", name="print")] == ["Printer"]
    assert [device.name for device in registry.find(address="10.")] == ["nas"]
    assert [device.name for device in registry.find(since="2026-01-02T00:00:00Z")] == [
        "nas",
        "media",
    ]


def test_a_batch_is_all_or_nothing(registry: DeviceRegistry) -> None:
    """One wrong sighting refuses the batch and changes nothing."""
    registry.see(PRINTER)
    good = Sighting("dc:a6:32:00:00:01")
    with pytest.raises(ValueError, match="not a MAC"):
        registry.see_all([good, Sighting("nonsense")])
    assert [device.mac for device in registry.find()] == [PRINTER]
    counts = registry.see_all([good, Sighting(PRINTER), good])
    assert (counts.new, counts.updated) == (1, 1)


def test_what_devices_say_of_themselves_is_made_safe(registry: DeviceRegistry) -> None:
    """Addresses have one spelling, names no control characters and an end."""
    device = registry.see(PRINTER, "FE80:0:0::1", "\x1b[31mred\n" + "x" * 1000)
    assert device.addresses == ["fe80::1"]
    assert device.name == "[31mred" + "x" * 246
    with pytest.raises(ValueError, match="IPv4 or IPv6"):
        registry.see(PRINTER, "192.168.1.300")


def test_two_running_at_once_lose_nothing(registry: DeviceRegistry, tmp_path: Path) -> None:
    """A second process, started before, sees and keeps what the first one wrote."""
    other = started(tmp_path)
    registry.see(PRINTER)
    other.see("dc:a6:32:00:00:01")
    assert len(registry.find()) == len(other.find()) == 2


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """After a rollback the plugin does not start, and does not take newer data for damage."""
    file = tmp_path / "devices.json"
    file.write_text('{"format": 2, "devices": {}}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"format 2.*update it"):
        started(tmp_path)
    assert file.exists()


def test_devices_survive_a_restart(registry: DeviceRegistry, tmp_path: Path) -> None:
    """What was seen, and what was forgotten, is so after a restart."""
    registry.see(PRINTER, name="printer")
    registry.see("dc:a6:32:00:00:01")
    assert registry.forget("dc:a6:32:00:00:01")
    assert not registry.forget("dc:a6:32:00:00:01")
    again = started(tmp_path)
    assert [device.name for device in again.find()] == ["printer"]
    assert again.get("dc:a6:32:00:00:01") is None


@pytest.mark.parametrize("damage", ['{"format": 1, "devi', "[]", '{"devices": [{"mac": 1}]}', "\0"])
def test_a_damaged_file_is_set_aside(tmp_path: Path, damage: str) -> None:
    """The plugin starts empty, and what was there is kept for a person to look at."""
    (tmp_path / "devices.json").write_text(damage, encoding="utf-8")
    registry = started(tmp_path)
    assert registry.find() == []
    assert (tmp_path / "devices.json.damaged").read_text(encoding="utf-8") == damage
    registry.see(PRINTER)
    assert len(started(tmp_path).find()) == 1


def test_a_second_damage_does_not_overwrite_the_first(tmp_path: Path) -> None:
    """Each damaged file is kept."""
    for damage in ("one", "two"):
        (tmp_path / "devices.json").write_text(damage, encoding="utf-8")
        started(tmp_path)
    assert (tmp_path / "devices.json.damaged").read_text(encoding="utf-8") == "one"
    assert (tmp_path / "devices.json.damaged-2").read_text(encoding="utf-8") == "two"


def test_sightings_are_told_to_those_who_listen(tmp_path: Path) -> None:
    """Every sighting once, and every new device when it is first seen."""
    heard: list[tuple[str, dict[str, Any]]] = []
    context = Context(data=tmp_path, emit=lambda event, data: heard.append((event, data)))
    plugin = context.start(DeviceRegistry)
    plugin.see(PRINTER, seen_at="2026-01-31T12:00:00Z")
    plugin.see_all([Sighting(PRINTER, seen_at="2026-01-31T12:05:00Z"), Sighting("00005e005301")])
    assert [event for event, _data in heard] == ["joined", "seen", "joined", "seen"]
    assert heard[0][1]["device"]["vendor"].startswith("Raspberry")
    assert heard[1][1] == {"devices": [{"mac": PRINTER, "seen_at": "2026-01-31T12:00:00Z"}]}
    assert heard[2][1]["device"]["mac"] == "00:00:5e:00:53:01"
    assert [one["mac"] for one in heard[3][1]["devices"]] == ["00:00:5e:00:53:01", PRINTER]
