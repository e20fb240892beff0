"""Open ports of real listeners on loopback are found and compared with the list."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from port_audit import PortAudit
from port_audit.ports import USUAL, ports, spelled

from heimnetz_git import Context
from heimnetz_git.sdk.testing import RunningPlugin

HERE = "127.0.0.1"


@pytest.fixture
def listeners() -> Iterator[list[int]]:
    """The ports of two listeners on loopback, and of one that has closed."""
    made = [socket.create_server((HERE, 0)) for _ in range(3)]
    found = [one.getsockname()[1] for one in made]
    made.pop().close()
    yield found
    for one in made:
        one.close()


def started(tmp_path: Path, *, known: list[Any] | None = None, **config: Any) -> PortAudit:
    """The plugin, started with this configuration; ``known`` is what the registry answers."""

    def find(since: str) -> list[Any]:
        return [] if since else known or []

    context = Context.for_tests(data=tmp_path, config=config, calls={"device-registry.find": find})
    return context.start(PortAudit)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", set()),
        ("22", {22}),
        (" 22, 80 ,8000-8002", {22, 80, 8000, 8001, 8002}),
        ("usual", set(USUAL)),
        ("1,65535", {1, 65535}),
    ],
)
def test_ports_are_read_and_spelled_again(text: str, found: set[int]) -> None:
    """What is spelled reads as the same set."""
    assert ports(text) == found
    assert ports(spelled(found)) == found


@pytest.mark.parametrize("text", ["ssh", "0", "65536", "80-22", "-", "1-", "1-2-3", "²"])
def test_what_is_no_port_is_refused(text: str) -> None:
    """With the part that is wrong."""
    with pytest.raises(ValueError, match="is not"):
        ports(text)


def test_open_ports_are_found_and_closed_ones_are_not(tmp_path: Path, listeners: list[int]) -> None:
    """One that refuses is closed."""
    found = started(tmp_path).scan(HERE, spelled(listeners))
    assert ports(found.open) == set(listeners[:2])
    assert found.state == "unexpected"


def test_an_audit_says_what_is_too_much_and_what_is_missing(
    tmp_path: Path, listeners: list[int]
) -> None:
    """Expected ports are looked at whether they are among the usual ones or not."""
    one, two, closed = listeners
    plugin = started(tmp_path, expected={HERE: f"{one},{closed}"}, ports=f"{two}")
    (found,) = plugin.audit()
    assert (found.state, found.unexpected, found.missing) == ("unexpected", str(two), str(closed))
    assert plugin.last() == [found]
    assert {one.name: one.value for one in plugin.metrics()} == {
        "port_audit_unexpected_ports": 1,
        "port_audit_missing_ports": 1,
    }


def test_what_is_as_expected_is_ok(tmp_path: Path, listeners: list[int]) -> None:
    """And the last report is there after a restart."""
    one, two, closed = listeners
    config: dict[str, Any] = {"expected": {HERE: f"{one},{two}"}, "ports": f"{closed}"}
    assert [found.state for found in started(tmp_path, **config).audit()] == ["ok"]
    assert [found.state for found in started(tmp_path, **config).last()] == ["ok"]


def test_known_devices_are_expected_to_have_nothing_open(
    tmp_path: Path, listeners: list[int]
) -> None:
    """The registry tells of devices; their last address counts."""
    known = [
        {"name": "camera", "addresses": [HERE, "127.0.0.9"]},
        {"name": "never seen here", "addresses": []},
    ]
    plugin = started(tmp_path, known=known, ports=spelled(listeners))
    (found,) = plugin.audit_known()
    assert (found.name, found.state) == ("camera", "unexpected")
    assert plugin.audit_known(since="2026-01-31T12:00:00Z") == []


@pytest.mark.parametrize("host", ["nas.lan", "", "192.168.1", "192.168.1.0/24"])
def test_only_addresses_are_looked_at(tmp_path: Path, host: str) -> None:
    """A name may lead to several devices, a network to all of them."""
    with pytest.raises(ValueError, match="does not appear to be"):
        started(tmp_path).scan(host)


def test_nobody_is_flooded(tmp_path: Path) -> None:
    """A call has a bound."""
    with pytest.raises(ValueError, match="at most 4096"):
        started(tmp_path).scan(HERE, "1-65535")


def test_in_its_sandbox_it_reaches_what_was_granted(
    plugin: RunningPlugin, listeners: list[int]
) -> None:
    """An audit that may not look says so, and does not report a clean device."""
    one, two, _closed = listeners
    plugin.restart(connect=[f"localhost:{one}"])
    assert plugin.call("scan", host=HERE, ports=str(one))["open"] == str(one)
    if plugin.isolated:
        assert plugin.call("scan", host=HERE, ports=str(two))["state"] == "denied"
        assert plugin.call("scan", host="192.0.2.1", ports="80")["state"] == "denied"
