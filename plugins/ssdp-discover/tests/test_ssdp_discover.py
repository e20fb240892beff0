"""Real datagrams to a multicast group on loopback, real descriptions, hostile ones too."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ssdp_discover import SsdpDiscover
from ssdp_discover.description import DEEPEST, LARGEST, read
from ssdp_discover.search import GROUP, Place, place, request, response

from heimnetz_git import Context
from heimnetz_git.sdk.testing import RunningPlugin

HERE = "127.0.0.1"
RENDERER = "urn:schemas-upnp-org:device:MediaRenderer:1"
DESCRIPTION = f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0">
  <specVersion><major>2</major><minor>0</minor></specVersion>
  <device>
    <deviceType>{RENDERER}</deviceType>
    <friendlyName>Wohnzimmer &amp; Küche</friendlyName>
    <manufacturer>Example</manufacturer><modelName>Speaker</modelName>
    <UDN>uuid:1234</UDN>
    <serviceList><service>
      <serviceType>urn:schemas-upnp-org:service:AVTransport:1</serviceType>
      <serviceId>urn:upnp-org:serviceId:AVTransport</serviceId>
    </service></serviceList>
    <deviceList><device><friendlyName>inner</friendlyName></device></deviceList>
  </device>
</root>""".encode()

Serve = Callable[[bytes], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts HTTP servers on loopback that answer every request with a document; gives the port."""
    servers: list[ThreadingHTTPServer] = []

    def start(document: bytes) -> int:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                return

        server = ThreadingHTTPServer((HERE, 0), Answer)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return int(server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def answering() -> Iterator[Callable[..., None]]:
    """A device that hears searches on loopback, and answers each with these locations."""
    hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hearing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    hearing.bind(GROUP)
    joined = struct.pack("4s4s", socket.inet_aton(GROUP.host), socket.inet_aton(HERE))
    hearing.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    threads: list[threading.Thread] = []

    def answer(*locations: str) -> None:
        def run() -> None:
            while True:
                data, sender = hearing.recvfrom(2000)
                if data == b"end":
                    return
                hearing.sendto(b"NOTIFY * HTTP/1.1\r\n\r\n", sender)
                for number, location in enumerate(locations):
                    text = f"HTTP/1.1 200 OK\r\nST: {RENDERER}\r\nUSN: uuid:{number}\r\n"
                    text += f"SERVER: Test/1.0\r\nLOCATION: {location}\r\n\r\n"
                    for _ in range(2):
                        hearing.sendto(text.encode(), sender)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()

    yield answer
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
        ending.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE))
        ending.sendto(b"end", GROUP)
    for thread in threads:
        thread.join(5)
    hearing.close()


def started(tmp_path: Path, calls: dict[str, Callable[..., Any]] | None = None) -> SsdpDiscover:
    """The plugin, searching on loopback for a second."""
    config = {"seconds": 1, "interface": HERE}
    return Context.for_tests(data=tmp_path, config=config, calls=calls).start(SsdpDiscover)


def test_a_device_is_found_and_described(
    tmp_path: Path, answering: Callable[..., None], serve: Serve
) -> None:
    """Twice answered is once found; others on the group are passed over."""
    answering(f"http://{HERE}:{serve(DESCRIPTION)}/root.xml")
    (found,) = started(tmp_path).discover(RENDERER)
    assert (found.address, found.server, found.targets) == (HERE, "Test/1.0", [RENDERER])
    assert found.description is not None
    assert found.description.name == "Wohnzimmer & Küche"
    assert [one.kind for one in found.description.services] == [
        "urn:schemas-upnp-org:service:AVTransport:1"
    ]


def test_a_device_cannot_send_it_elsewhere(tmp_path: Path, answering: Callable[..., None]) -> None:
    """The device is found; nothing is fetched for it."""
    answering("http://192.0.2.1/root.xml")
    (found,) = started(tmp_path).discover()
    assert found.problem == "its description is not at its own address"


def test_the_registry_learns_names_of_devices_that_it_knows(
    tmp_path: Path, answering: Callable[..., None], serve: Serve
) -> None:
    """Of the device whose last address answered, not of one that had it once."""
    answering(f"http://{HERE}:{serve(DESCRIPTION)}/")
    seen: list[dict[str, str]] = []
    calls: dict[str, Callable[..., Any]] = {
        "device-registry.find": lambda address: [
            {"mac": "00:00:5e:00:53:01", "addresses": [address]},
            {"mac": "00:00:5e:00:53:02", "addresses": ["192.0.2.9", address]},
        ],
        "device-registry.see": lambda **words: seen.append(words),
    }
    update = started(tmp_path, calls).update()
    assert (update.found, update.named) == (1, 1)
    assert [(one["mac"], one["name"]) for one in seen] == [
        ("00:00:5e:00:53:01", "Wohnzimmer & Küche")
    ]


BOMB = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><root>&b;</root>'
OUTSIDE = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><root>&x;</root>'


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (b"<root>" * (DEEPEST + 1), "nested deeper"),
        (b" " * (LARGEST + 1), "larger than 256 KiB"),
        (b"<root><device>", "not XML"),
        (b"<root/>", "describes no device"),
        (b"", "not XML"),
    ],
)
def test_a_hostile_description_is_refused(document: bytes, words: str) -> None:
    """Quickly, and with what is wrong."""
    with pytest.raises(ValueError, match=words):
        read(document)


def test_texts_of_devices_are_bounded_and_printable() -> None:
    """They end on somebody's terminal."""
    name = "\u202e" + "x" * 5000
    found = read(f"<root><device><friendlyName>{name}</friendlyName></device></root>".encode())
    assert set(found.name) == {"x"}
    assert len(found.name) <= 512


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("http://192.0.2.1:49152/root.xml", Place("192.0.2.1", 49152)),
        ("http://192.0.2.1/", Place("192.0.2.1", 80)),
        ("http://192.0.2.2/", None),
        ("http://user@192.0.2.1/", None),
        ("https://192.0.2.1/", None),
        ("file:///etc/passwd", None),
        ("http://192.0.2.1:99999/", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_only_the_device_itself_describes_itself(location: str, found: Place | None) -> None:
    """Its address is where the answer came from."""
    assert place(location, "192.0.2.1") == found


@pytest.mark.parametrize(
    "data", [b"", b"HTTP/1.1 404 No\r\nUSN: x\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_what_is_no_response_is_passed_over(data: bytes) -> None:
    """A response is one of success that names its sender."""
    assert response(data, HERE) is None


def test_a_target_cannot_smuggle_a_header() -> None:
    """It is one line."""
    with pytest.raises(ValueError, match="no search target"):
        request("ssdp:all\r\nX: y", 1)


@pytest.mark.plugin_config(seconds=1, interface=HERE)
def test_it_discovers_from_its_sandbox(
    plugin: RunningPlugin, answering: Callable[..., None], serve: Serve
) -> None:
    """Under the grant of the group; a description from where it may connect."""
    port = serve(DESCRIPTION)
    answering(f"http://{HERE}:{port}/")
    plugin.restart(connect=[f"localhost:{port}"])
    (found,) = plugin.call("discover")
    assert found["description"]["manufacturer"] == "Example"
