"""Leases of three servers are read as they are, and the registry hears of the active ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dhcp_leases import DhcpLeases
from dhcp_leases.plugin import LARGEST_FILE, parse

from heimnetz_git import Context

HERE = Path(__file__).parent
NEVER = ""

ACTIVE = {
    "dnsmasq.leases": [
        ("b8:27:eb:12:34:56", "192.168.178.21", "printer"),
        ("dc:a6:32:9a:bc:de", "192.168.178.30", "mediacenter"),
        ("00:11:32:44:55:66", "192.168.178.2", "nas"),
        ("a6:4f:10:77:88:99", "192.168.178.44", ""),
        ("00:17:88:aa:bb:cc", "192.168.178.52", "hue-bridge"),
    ],
    "dhcpd.leases": [
        ("24:0a:c4:11:22:33", "10.0.0.20", "esp-kitchen-2"),
        ("00:0e:58:aa:bb:cc", "10.0.0.21", "küche"),
        ("44:65:0d:00:00:02", "10.0.0.23", ""),
    ],
    "kea-leases4.csv": [
        ("78:8a:20:00:00:01", "172.16.0.10", "access-point"),
        ("50:c7:bf:00:00:02", "172.16.0.11", "plug,one"),
    ],
}


def started(tmp_path: Path, **options: Any) -> DhcpLeases:
    """The plugin, started."""
    return Context.for_tests(data=tmp_path, **options).start(DhcpLeases)


@pytest.mark.parametrize("file", ACTIVE)
def test_each_server_s_file_is_known_by_its_content(tmp_path: Path, file: str) -> None:
    """Active leases are read; torn, expired, returned and foreign ones are not."""
    copy = tmp_path / "leases"
    copy.write_bytes((HERE / file).read_bytes())
    leases = started(tmp_path).leases(str(copy))
    assert [(lease.mac, lease.address, lease.name) for lease in leases] == ACTIVE[file]


def test_expired_leases_are_there_for_those_who_ask(tmp_path: Path) -> None:
    """An expired lease says when it ended; one without an end says nothing."""
    leases = started(tmp_path).leases(str(HERE / "dnsmasq.leases"), expired=True)
    by_name = {lease.name: lease.expires for lease in leases}
    assert by_name["old-repeater"] == "2020-01-01T00:00:00Z"
    assert by_name["nas"] == NEVER


def test_the_last_lease_of_an_address_counts(tmp_path: Path) -> None:
    """ISC dhcpd and Kea append; an address that moved on is its new device's."""
    text = (HERE / "kea-leases4.csv").read_text(encoding="utf-8")
    moved = text.splitlines()[2].replace("78:8a:20:00:00:01", "00:1b:21:00:00:09")
    found = {lease.address: lease.mac for lease in parse(f"{text}\n{moved}\n", "kea")}
    assert found["172.16.0.10"] == "00:1b:21:00:00:09"


@pytest.mark.parametrize("cut", range(0, 1200, 61))
@pytest.mark.parametrize("file", ACTIVE)
def test_a_file_cut_anywhere_is_read_as_far_as_it_goes(file: str, cut: int) -> None:
    """A server may be writing while we read."""
    text = (HERE / file).read_text(encoding="utf-8")[: 200 + cut]
    whole = {lease.address for lease in parse((HERE / file).read_text(encoding="utf-8"), file)}
    assert {lease.address for lease in parse(text, file)} <= whole


def test_a_block_that_was_torn_in_the_middle_takes_nothing_from_the_next() -> None:
    """A server that died while writing goes on below the torn block after its restart."""
    text = (
        "lease 10.0.0.30 {\n  starts 4 2026/01/01 10:00:00;\n  ha"
        "lease 10.0.0.31 {\n  ends never;\n  hardware ethernet 3c:07:54:00:00:01;\n}\n"
        "lease 10.0.0.32 {\n  ends never;\nlease 10.0.0.33 {\n  ends never;\n"
        "  hardware ethernet 3c:07:54:00:00:02;\n}\n"
    )
    found = [(lease.address, lease.mac) for lease in parse(text, "torn")]
    assert found == [("10.0.0.33", "3c:07:54:00:00:02")]


def test_a_file_beyond_all_measure_is_refused(tmp_path: Path) -> None:
    """Half of it would be worse than nothing: the last word on an address is at the end."""
    file = tmp_path / "huge.leases"
    with file.open("wb") as sparse:
        sparse.truncate(LARGEST_FILE + 1)
    with pytest.raises(ValueError, match="larger than 16 MiB"):
        started(tmp_path).leases(str(file))


def test_an_empty_file_has_no_leases() -> None:
    """A server that has given nothing yet."""
    assert parse("", "empty") == []


def test_another_kind_of_file_is_refused_by_name() -> None:
    """Nobody's shopping list is read as leases."""
    with pytest.raises(ValueError, match=r"list\.txt is not a lease file"):
        parse("milk\nbread\n", "list.txt")


def test_all_configured_files_are_read(tmp_path: Path) -> None:
    """Files that are missing are passed over, as long as one is there."""
    paths = [str(HERE / "dnsmasq.leases"), str(tmp_path / "missing"), str(HERE / "dhcpd.leases")]
    assert len(started(tmp_path, config={"paths": paths}).leases()) == 8


def test_no_file_at_all_says_where_it_looked(tmp_path: Path) -> None:
    """The message names the places."""
    missing = str(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="missing"):
        started(tmp_path, config={"paths": [missing]}).leases()


def test_the_registry_hears_of_every_active_device(tmp_path: Path) -> None:
    """One call with all sightings, and the counts come back."""
    heard: list[dict[str, str]] = []

    def see_all(sightings: list[dict[str, str]]) -> dict[str, int]:
        heard.extend(sightings)
        return {"new": 4, "updated": 1}

    plugin = started(tmp_path, calls={"device-registry.see_all": see_all})
    update = plugin.update(str(HERE / "dnsmasq.leases"))
    assert (update.leases, update.new, update.updated) == (5, 4, 1)
    assert [sighting["name"] for sighting in heard][:2] == ["printer", "mediacenter"]
    assert all(sighting["seen_at"].endswith("Z") for sighting in heard)
