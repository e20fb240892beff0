"""Services that a real responder announces on loopback are found."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mdns_browser import MdnsBrowser
from mdns_browser.service import instance_of, properties, service_type
from zeroconf import IPVersion, ServiceInfo, Zeroconf

from heimnetz_git import Context
from heimnetz_git.sdk.testing import RunningPlugin

HERE = "127.0.0.1"


@pytest.fixture
def kind() -> Iterator[str]:
    """A service type of this test's own, with a printer and a scanner that announce it."""
    with socket.create_server((HERE, 0)) as own:
        made = f"_hn{own.getsockname()[1]}._tcp"
        responder = Zeroconf(interfaces=[HERE], ip_version=IPVersion.V4Only)
        for name, port in (("Printer (Büro)", 631), ("Scanner", 80)):
            info = ServiceInfo(
                f"{made}.local.",
                f"{name}.{made}.local.",
                addresses=[socket.inet_aton("192.0.2.7")],
                port=port,
                properties={"rp": "ipp/print", "bin": b"\xff"},
                server=f"{made.strip('_').partition('.')[0]}.local.",
            )
            responder.register_service(info, cooperating_responders=True)
        yield made
        responder.close()


def started(tmp_path: Path, calls: dict[str, Callable[..., Any]] | None = None) -> MdnsBrowser:
    """The plugin, asking on loopback."""
    config = {"seconds": 2.0, "interface": HERE}
    return Context.for_tests(data=tmp_path, config=config, calls=calls).start(MdnsBrowser)


def test_services_of_a_type_are_found_with_all_they_say(tmp_path: Path, kind: str) -> None:
    """Names as people gave them; bytes that are no text are replaced."""
    found = started(tmp_path).browse(kind)
    assert [(one.name, one.kind, one.port) for one in found] == [
        ("Printer (Büro)", kind, 631),
        ("Scanner", kind, 80),
    ]
    assert found[0].addresses == ["192.0.2.7"]
    assert found[0].properties == {"bin": "\ufffd", "rp": "ipp/print"}


def test_types_that_are_announced_are_listed(tmp_path: Path, kind: str) -> None:
    """Without asking for any of them."""
    assert kind in started(tmp_path).types()


def test_the_registry_learns_names_of_hosts_that_it_knows(tmp_path: Path, kind: str) -> None:
    """Of the device whose last address it is."""
    seen: list[dict[str, str]] = []

    def find(address: str) -> list[dict[str, Any]]:
        known = [{"mac": "00:00:5e:00:53:01", "addresses": ["192.0.2.7"]}]
        return known if address == "192.0.2.7" else []

    calls: dict[str, Callable[..., Any]] = {
        "device-registry.find": find,
        "device-registry.see": lambda **words: seen.append(words),
    }
    update = started(tmp_path, calls).update()
    assert update.found >= 1
    assert [(one["mac"], one["name"]) for one in seen] == [
        ("00:00:5e:00:53:01", kind.strip("_").partition(".")[0])
    ]


@pytest.mark.parametrize("text", ["_ipp._tcp", "_ipp._tcp.local.", " _ipp._tcp.local "])
def test_every_spelling_of_a_type_is_the_same(text: str) -> None:
    """With the domain or without."""
    assert service_type(text) == "_ipp._tcp.local."


@pytest.mark.parametrize(
    "text", ["", "ipp", "_ipp._icmp", "_a-very-long-service._tcp", "_a b._tcp"]
)
def test_what_is_no_type_is_refused(text: str) -> None:
    """Nothing is asked for it."""
    with pytest.raises(ValueError, match="not a service type"):
        service_type(text)


def test_texts_of_devices_are_bounded_and_printable() -> None:
    """They end on somebody's terminal."""
    assert instance_of("a\x1b[31m" + "b" * 300 + "._x._tcp.local.", "_x._tcp.local.").startswith(
        "a["
    )
    many = {b"%d" % number: b"x" * 1000 for number in range(100)}
    found = properties(many)
    assert len(found) == 50
    assert {len(value) for value in found.values()} == {253}


@pytest.mark.plugin_config(seconds=2.0, interface=HERE)
def test_it_browses_from_its_sandbox(plugin: RunningPlugin, kind: str) -> None:
    """The library works unchanged under the grant of the group, which is all that it has."""
    found = plugin.call("browse", kind=kind)
    assert [one["name"] for one in found] == ["Printer (Büro)", "Scanner"]
