"""Magic packets are made as the format says, and leave as told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wake_on_lan import WakeOnLan
from wake_on_lan.packet import magic_packet

from heimnetz_git import Context

MAC = "00:11:22:aa:bb:cc"
RAW = bytes.fromhex("001122aabbcc")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket on loopback that hears packets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(5)
        yield heard


def started(tmp_path: Path, **config: Any) -> WakeOnLan:
    """The plugin, started with this configuration."""
    return Context.for_tests(data=tmp_path, config=config).start(WakeOnLan)


@pytest.mark.parametrize("spelling", [MAC, "00-11-22-AA-BB-CC", "0011.22aa.bbcc", "001122AABBCC"])
def test_a_packet_is_six_ff_and_sixteen_times_the_address(spelling: str) -> None:
    """However the address is spelt."""
    assert magic_packet(spelling) == b"\xff" * 6 + RAW * 16


@pytest.mark.parametrize(
    ("password", "tail"),
    [
        ("01:02:03:04:05:06", bytes([1, 2, 3, 4, 5, 6])),
        ("01:02:03:04", bytes([1, 2, 3, 4])),
        ("192.168.0.1", bytes([192, 168, 0, 1])),
    ],
)
def test_a_secureon_password_comes_last(password: str, tail: bytes) -> None:
    """Six bytes, or four as hex or as an address."""
    assert magic_packet(MAC, password)[102:] == tail


@pytest.mark.parametrize("mac", ["", "00:11:22", "gg:11:22:aa:bb:cc", MAC + ":dd"])
def test_what_is_no_mac_address_is_refused(mac: str) -> None:
    """Nothing is sent for it."""
    with pytest.raises(ValueError, match="not a MAC address"):
        magic_packet(mac)


@pytest.mark.parametrize("password", ["01", "01:02:03:04:05", "secret", "300.1.1.1.1"])
def test_a_password_of_another_length_is_refused(password: str) -> None:
    """And the message, which may end in a log, does not repeat it."""
    with pytest.raises(ValueError, match="four or six bytes") as refused:
        magic_packet(MAC, password)
    assert repr(password) not in str(refused.value)


def test_the_packet_arrives_as_often_as_asked(tmp_path: Path, listener: socket.socket) -> None:
    """A real packet over a real socket."""
    host, port = listener.getsockname()
    sent = started(tmp_path).wake(MAC, broadcast=host, port=port, repeat=2)
    assert [listener.recv(200) for _ in range(2)] == [magic_packet(MAC)] * 2
    assert [(one.broadcast, one.port, one.size) for one in sent] == [(host, port, 102)]


def test_a_packet_leaves_by_each_interface(tmp_path: Path, listener: socket.socket) -> None:
    """Each named address of this machine sends its own."""
    host, port = listener.getsockname()
    plugin = started(tmp_path, broadcast=host, interfaces=["127.0.0.1", "127.0.0.2"])
    plugin.wake(MAC, port=port, repeat=1)
    senders = {listener.recvfrom(200)[1][0] for _ in range(2)}
    assert senders == {"127.0.0.1", "127.0.0.2"}


def test_a_packet_goes_to_each_broadcast_address(tmp_path: Path, listener: socket.socket) -> None:
    """Networks behind several interfaces are told one by one."""
    host, port = listener.getsockname()
    sent = started(tmp_path).wake(MAC, broadcast=f"{host}, 127.0.0.3", port=port, repeat=1)
    assert listener.recv(200) == magic_packet(MAC)
    assert [one.broadcast for one in sent] == [host, "127.0.0.3"]


@pytest.mark.parametrize("target", ["printer.lan", "fe80::1", "192.168.1", "192.168.1.255,"])
def test_only_addresses_are_sent_to(tmp_path: Path, target: str) -> None:
    """A name would have to be looked up, which is not what was granted."""
    with pytest.raises(ValueError, match=r"IPv4|4 octets|cannot be empty"):
        started(tmp_path).wake(MAC, broadcast=target)


@pytest.mark.parametrize("repeat", [0, 11, -1])
def test_nobody_is_flooded(tmp_path: Path, repeat: int) -> None:
    """The number of packets is bounded."""
    with pytest.raises(ValueError, match="from 1 to 10"):
        started(tmp_path).wake(MAC, repeat=repeat)
