"""Real questions over UDP to a small resolver on loopback, which we let fail as resolvers do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dns_bench import DnsBench
from dns_bench.message import Reply, query, reply
from dns_bench.plugin import statistics
from dns_bench.resolver import Resolver, Timing, configured, resolver

from heimnetz_git import Context
from heimnetz_git.sdk.testing import RunningPlugin

RECORD = b"\xc0\x0c" + struct.pack("!2HIH", 1, 1, 60, 4) + bytes([192, 0, 2, 7])


class Server:
    """A resolver on loopback; what the question's first label says decides how it answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Answer until an empty datagram comes."""
        while True:
            data, sender = self.socket.recvfrom(4096)
            if not data:
                return
            labels, at = [], 12
            while data[at]:
                labels.append(data[at + 1 : at + 1 + data[at]].decode())
                at += 1 + data[at]
            self.asked.append(".".join(labels))
            for answer in self.answers(labels[0], data):
                self.socket.sendto(answer, sender)

    def answers(self, label: str, data: bytes) -> list[bytes]:
        """The datagrams that go back."""
        number, question = data[:2], data[12:]
        good = number + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question + RECORD
        missing = number + struct.pack("!5H", 0x8183, 1, 0, 0, 0) + question
        broken = number + struct.pack("!5H", 0x8182, 1, 0, 0, 0) + question
        forged = bytes([number[0] ^ 1, number[1]]) + missing[2:]
        special = {
            "silent": [],
            "broken": [broken],
            "missing": [missing],
            "forged": [b"\0", forged, good],
        }
        return special.get(label, [good])


@pytest.fixture
def server() -> Iterator[Server]:
    """A resolver on loopback."""
    made = Server()
    yield made
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ender:
        ender.sendto(b"", ("127.0.0.1", made.port))
    made.thread.join(5)
    made.socket.close()


def started(tmp_path: Path, **config: Any) -> DnsBench:
    """The plugin, started with this configuration."""
    return Context.for_tests(data=tmp_path, config=config).start(DnsBench)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("good.example", "NOERROR"),
        ("missing.example", "NXDOMAIN"),
        ("broken.example", "SERVFAIL"),
        ("silent.example", "LOST"),
        ("forged.example", "NOERROR"),
    ],
)
def test_a_lookup_tells_how_it_was_answered(
    tmp_path: Path, server: Server, name: str, code: str
) -> None:
    """What does not answer the question is passed over."""
    plugin = started(tmp_path, resolvers=[f"127.0.0.1:{server.port}"], timeout=0.3)
    found = plugin.lookup(name)
    assert (found.code, found.records) == (code, int(code == "NOERROR"))
    assert server.asked == [name]


def test_resolvers_are_measured_in_turn_and_the_quickest_comes_first(
    tmp_path: Path, server: Server
) -> None:
    """One that is away is last, and all its questions are lost."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as away:
        away.bind(("127.0.0.1", 0))
        gone = f"127.0.0.1:{away.getsockname()[1]}"
        names = ["good.example", "broken.example"]
        plugin = started(tmp_path, names=names, timeout=0.05)
        found = plugin.measure([gone, f"127.0.0.1:{server.port}"], rounds=3)
    assert [(one.questions, one.lost, one.failed) for one in found] == [(6, 0, 3), (6, 6, 0)]
    best = found[0]
    assert best.fastest is not None
    assert best.median is not None
    assert best.slowest is not None
    assert 0 < best.fastest <= best.median <= best.slowest
    assert found[1].median is None
    assert {one.value for one in plugin.metrics() if one.name == "dns_lost_ratio"} == {0.0, 1.0}


def test_uncached_questions_are_never_the_same(tmp_path: Path, server: Server) -> None:
    """Each has a label of its own in front."""
    plugin = started(tmp_path, names=["example.org"])
    plugin.measure([f"127.0.0.1:{server.port}"], rounds=5, uncached=True)
    assert len(set(server.asked)) == 5
    assert all(name.endswith(".example.org") for name in server.asked)


def test_statistics_are_those_of_the_textbook() -> None:
    """Ninety-nine answers of 1 to 99 ms, and one that was lost."""
    timings = [Timing(float(at), Reply("NOERROR", 1)) for at in range(1, 100)]
    found = statistics("r", [*timings, Timing(2000.0, None)])
    assert (found.questions, found.lost, found.fastest, found.slowest) == (100, 1, 1.0, 99.0)
    assert found.median == 50.0
    assert found.p95 == pytest.approx(94.1)
    assert found.jitter == 1.0


def test_this_machine_s_resolvers_are_read(tmp_path: Path) -> None:
    """As in resolv.conf(5); comments, other lines and scopes are not part of it."""
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nnameserver 192.0.2.1\nsearch lan\nnameserver fe80::1%eth0\n")
    assert configured(file) == [Resolver("192.0.2.1", 53), Resolver("fe80::1", 53)]
    assert configured(tmp_path / "none") == []


@pytest.mark.parametrize("text", ["::1", "[::1]:5353", "192.0.2.1", "192.0.2.1:5353"])
def test_resolvers_are_spelt_as_they_are_read(text: str) -> None:
    """The port 53 goes without saying."""
    assert str(resolver(text)) == text


@pytest.mark.parametrize("text", ["", "dns.example", "192.0.2.1:0", "192.0.2.1:x", "[::g]:53"])
def test_only_addresses_are_resolvers(text: str) -> None:
    """A name would need a resolver."""
    with pytest.raises(ValueError, match=r"resolver|IPv4|does not appear"):
        resolver(text)


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64 + ".org", "a." * 130])
def test_what_is_no_name_is_not_asked(name: str) -> None:
    """The question would be malformed."""
    with pytest.raises(ValueError, match="not a domain name"):
        query(1, name)


@pytest.mark.parametrize("cut", range(12))
def test_a_torn_answer_is_none(cut: int) -> None:
    """Too short for a header."""
    whole = b"\x00\x01\x81\x80" + bytes(8)
    assert reply(query(1, "example.org"), whole[:cut]) is None


def test_nobody_is_flooded(tmp_path: Path) -> None:
    """The number of questions in a call is bounded."""
    with pytest.raises(ValueError, match="from 1 to 500"):
        started(tmp_path).measure(["192.0.2.1"], rounds=1000)


def test_it_measures_from_its_sandbox(plugin: RunningPlugin, server: Server) -> None:
    """Real datagrams, under a grant of that port."""
    plugin.restart(connect=[f"localhost:{server.port}/udp"])
    (found,) = plugin.call("measure", resolvers=[f"127.0.0.1:{server.port}"], rounds=2)
    assert (found["questions"], found["lost"]) == (4, 0)
