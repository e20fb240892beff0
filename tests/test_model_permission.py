"""Permissions in words and in force: what grants mean, include, cost and allow."""

from __future__ import annotations

import pytest

from heimnetz_git.model.finding import Severity
from heimnetz_git.model.permission import (
    FilePermissions,
    NetworkGrant,
    NetworkPermissions,
    Permissions,
    connect_allows,
    covers,
    describe,
    difference,
    normal_form,
    parse_connect,
    parse_listen,
    parse_multicast,
    parse_path,
)


def connect(*grants: str) -> Permissions:
    """Permissions to connect, and no others."""
    return Permissions(network=NetworkPermissions(connect=grants))


def files(read: tuple[str, ...] = (), write: tuple[str, ...] = ()) -> Permissions:
    """Permissions for files, and no others."""
    return Permissions(files=FilePermissions(read=read, write=write))


PARSED = [
    ("lan:9/udp", NetworkGrant("lan", 9, 9, "udp")),
    ("API.Example.org.:443", NetworkGrant("api.example.org", 443, 443, "tcp")),
    ("api.example.org", NetworkGrant("api.example.org", 1, 65535, "tcp")),
    ("*:*", NetworkGrant("*", 1, 65535, "tcp")),
    ("*.example.org:8000-8010/tcp", NetworkGrant("*.example.org", 8000, 8010, "tcp")),
    ("lan/icmp", NetworkGrant("lan", 0, 0, "icmp")),
    ("192.168.1.0/24:80", NetworkGrant("192.168.1.0/24", 80, 80, "tcp")),
    ("192.168.1.0/24/udp", NetworkGrant("192.168.1.0/24", 1, 65535, "udp")),
    ("10.0.0.1/32:80", NetworkGrant("10.0.0.1", 80, 80, "tcp")),
    ("[FE80::1]:80", NetworkGrant("fe80::1", 80, 80, "tcp")),
    ("[fd00::/8]:80", NetworkGrant("fd00::/8", 80, 80, "tcp")),
    ("[fd00::]/8:80", NetworkGrant("fd00::/8", 80, 80, "tcp")),
    ("[::ffff:10.0.0.1]:80", NetworkGrant("10.0.0.1", 80, 80, "tcp")),
    ("_mqtt.home:1883", NetworkGrant("_mqtt.home", 1883, 1883, "tcp")),
]


@pytest.mark.parametrize(("text", "grant"), PARSED)
def test_a_network_grant_is_parsed(text: str, grant: NetworkGrant) -> None:
    """Names are lower-cased, addresses canonical, ports and protocol filled in."""
    assert parse_connect(text) == grant


UNPARSED = [
    ("", "HOST"),
    ("lan:", "HOST"),
    ("lan:0", "ports 1 to 65535"),
    ("lan:65536", "ports 1 to 65535"),
    ("lan:20-10", "ports 1 to 65535"),
    ("lan:http", "not a port"),
    ("lan:9/sctp", "not tcp, udp or icmp"),
    ("lan:9/icmp", "does not know"),
    ("fe80::1", r"\[brackets\]"),
    ("192.168.1.7/24", "IP address or range"),
    ("300.1.1.1", "IP address or range"),
    ("2130706433", "IP address or range"),
    ("127.1", "IP address or range"),
    ("[zz::1]:80", "HOST"),
    ("[1:2]:80", "IP address or range"),
    ("a.*.org", "not a host name"),
    ("*example.org", "not a host name"),
    ("-a.org", "not a host name"),
    ("a..org", "not a host name"),
    ("a b", "HOST"),
    ("https://example.org", "HOST"),
    ("bücher.example", "xn--"),
]


@pytest.mark.parametrize(("text", "words"), UNPARSED)
def test_what_is_no_network_grant(text: str, words: str) -> None:
    """A sentence says what is wrong; nothing is guessed."""
    with pytest.raises(ValueError, match=words):
        parse_connect(text)


def test_other_grants_are_parsed() -> None:
    """Ports to listen on, multicast groups, paths."""
    assert parse_listen("8080") == (8080, 8080, "tcp")
    assert parse_listen("5000-5010/udp") == (5000, 5010, "udp")
    assert parse_listen("*") == (1, 65535, "tcp")
    assert parse_multicast("239.255.255.250:1900") == ("239.255.255.250", 1900)
    assert parse_multicast("[FF02::FB]:5353") == ("ff02::fb", 5353)
    assert parse_path("/srv/share/") == "/srv/share"
    assert parse_path("/") == parse_path("//") == "/"


@pytest.mark.parametrize("text", ["", "a", "80/icmp", "80/tcp/udp", "70000", "0", "-1"])
def test_what_is_no_listening_port(text: str) -> None:
    """As for connecting."""
    with pytest.raises(ValueError, match=r"port|PORTS|tcp"):
        parse_listen(text)


@pytest.mark.parametrize(
    "text", ["", "239.1.1.1", "192.168.1.1:5", "ff02::1:5", "a:5", "239.1.1.1:0"]
)
def test_what_is_no_multicast_group(text: str) -> None:
    """A group is an address of the multicast ranges, with one port."""
    with pytest.raises(ValueError, match=r"GROUP|multicast|address|ports"):
        parse_multicast(text)


@pytest.mark.parametrize(
    "text", ["", "etc", "~/x", "/a/../b", "/a/./b", "/a//b", "/a/*", "/a\x1b", "C:\\x"]
)
def test_what_is_no_path(text: str) -> None:
    """Absolute and literal, so that the kernel and the reader mean the same."""
    with pytest.raises(ValueError, match="'"):
        parse_path(text)


def test_normal_form() -> None:
    """Sorted, canonical, without what is included; nothing else is lost."""
    messy = Permissions(
        network=NetworkPermissions(
            connect=(
                "lan:1-8/udp",
                "LAN:9/udp",
                "192.168.1.7:5/udp",
                "a.example.org:443",
                "*.Example.org",
            ),
            listen=("81", "80", "5353/udp", "80"),
            multicast=("239.255.255.250:1900", "239.255.255.250:1900"),
        ),
        files=FilePermissions(read=("/etc/hosts", "/srv/x/y", "/etc/"), write=("/srv/x",)),
        env=("TZ", "LANG", "TZ"),
    )
    assert normal_form(messy) == Permissions(
        network=NetworkPermissions(
            connect=("*.example.org", "lan:1-9/udp"),
            listen=("80-81", "5353/udp"),
            multicast=("239.255.255.250:1900",),
        ),
        files=FilePermissions(read=("/etc",), write=("/srv/x",)),
        env=("LANG", "TZ"),
    )


COVERING: list[tuple[Permissions, Permissions, bool]] = [
    (connect("*"), connect("lan:9"), True),
    (connect("*"), connect("*.example.org:1-5"), True),
    (connect("*"), connect("8.8.8.0/24", "[2001:db8::/32]"), True),
    (connect("*"), connect("lan:9/udp"), False),
    (connect("*"), connect("localhost:80"), False),
    (connect("*"), connect("127.0.0.1:80"), False),
    (connect("lan"), connect("127.0.0.1:80"), False),
    (connect("0.0.0.0/0"), connect("127.0.0.1:80"), False),
    (connect("localhost"), connect("127.0.0.0/8", "[::1]"), True),
    (connect("lan"), connect("10.1.2.0/24", "[fd00::1]", "169.254.0.9", "255.255.255.255"), True),
    (connect("lan"), connect("fritz.box"), False),
    (connect("lan"), connect("172.32.0.1"), False),
    (connect("192.168.0.0/16"), connect("lan"), False),
    (connect("10.0.0.0/9", "10.128.0.0/9"), connect("10.0.0.0/8"), True),
    (connect("lan:1-10", "lan:11-20"), connect("lan:5-15"), True),
    (connect("lan:1-10", "lan:12-20"), connect("lan:5-15"), False),
    (connect("*:1-10", "lan:5-20"), connect("lan:1-20"), True),
    (connect("*.example.org"), connect("a.b.example.org"), True),
    (connect("*.example.org"), connect("example.org"), False),
    (connect("*.example.org"), connect("badexample.org"), False),
    (connect("*.example.org"), connect("*.a.example.org"), True),
    (connect("*.a.example.org"), connect("*.example.org"), False),
    (connect("lan/icmp"), connect("192.168.1.1/icmp"), True),
    (connect("lan"), connect("lan/icmp"), False),
    (files(read=("/etc",)), files(read=("/etc/hosts",)), True),
    (files(read=("/etc",)), files(read=("/etcetera",)), False),
    (files(write=("/srv",)), files(read=("/srv/a",)), True),
    (files(read=("/srv",)), files(write=("/srv/a",)), False),
    (files(read=("/",)), files(read=("/etc",)), True),
    (Permissions(run=("/bin/sh",)), Permissions(run=("/bin/ls",)), False),
]


@pytest.mark.parametrize(("granted", "asked", "expected"), COVERING)
def test_covering(granted: Permissions, asked: Permissions, expected: bool) -> None:
    """What includes what."""
    assert covers(granted, asked) is expected


WORDS: list[tuple[Permissions, str, Severity]] = [
    (
        connect("*"),
        "may send data to any address on the internet or in your home network on any port",
        Severity.HIGH,
    ),
    (
        connect("*:443"),
        "may send data to any address on the internet or in your home network on port 443",
        Severity.HIGH,
    ),
    (
        connect("lan:9/udp"),
        "may wake or reach devices in your home network on port 9 (UDP)",
        Severity.LOW,
    ),
    (
        connect("lan:80-90"),
        "may reach devices in your home network on the ports 80 to 90",
        Severity.LOW,
    ),
    (connect("lan"), "may reach devices in your home network on any port", Severity.MEDIUM),
    (connect("lan/icmp"), "may ping devices in your home network", Severity.LOW),
    (
        connect("192.168.1.7:80"),
        "may reach the device 192.168.1.7 in your home network on port 80",
        Severity.LOW,
    ),
    (
        connect("192.168.1.0/24:80"),
        "may reach the devices 192.168.1.0 to 192.168.1.255 in your home network on port 80",
        Severity.LOW,
    ),
    (
        connect("api.example.org:443"),
        "may send data to api.example.org on port 443",
        Severity.MEDIUM,
    ),
    (
        connect("*.example.org:443"),
        "may send data to every address that ends in .example.org on port 443",
        Severity.MEDIUM,
    ),
    (
        connect("*.com"),
        "may send data to every address that ends in .com on any port",
        Severity.HIGH,
    ),
    (
        connect("8.8.8.0/24:53/udp"),
        "may send data to the addresses 8.8.8.0 to 8.8.8.255 on the internet on port 53 (UDP)",
        Severity.MEDIUM,
    ),
    (
        connect("8.8.8.8"),
        "may send data to the address 8.8.8.8 on the internet on any port",
        Severity.MEDIUM,
    ),
    (
        connect("0.0.0.0/0"),
        "may send data to the addresses 0.0.0.0 to 255.255.255.255 on the internet on any port",
        Severity.HIGH,
    ),
    (
        connect("localhost:1883"),
        "may reach other programs on this machine on port 1883",
        Severity.MEDIUM,
    ),
    (
        Permissions(network=NetworkPermissions(listen=("8080",))),
        "may accept connections from other devices on port 8080",
        Severity.MEDIUM,
    ),
    (
        Permissions(network=NetworkPermissions(multicast=("239.255.255.250:1900",))),
        "may discover devices in your home network (UPnP, group 239.255.255.250, port 1900)",
        Severity.LOW,
    ),
    (
        Permissions(network=NetworkPermissions(raw=True)),
        "may read and forge any traffic in the network of this machine (raw sockets)",
        Severity.CRITICAL,
    ),
    (
        files(read=("/var/lib/misc/dnsmasq.leases",)),
        "may read the file /var/lib/misc/dnsmasq.leases",
        Severity.LOW,
    ),
    (files(read=("/etc",)), "may read /etc and all that is in it", Severity.HIGH),
    (files(read=("/",)), "may read every file on this machine", Severity.CRITICAL),
    (files(read=("/home/ada",)), "may read /home/ada and all that is in it", Severity.HIGH),
    (
        files(write=("/srv/share",)),
        "may read, change and delete /srv/share and all that is in it",
        Severity.MEDIUM,
    ),
    (
        files(write=("/",)),
        "may read, change and delete every file on this machine",
        Severity.CRITICAL,
    ),
    (
        files(write=("/run/docker.sock",)),
        "may read, change and delete the file /run/docker.sock",
        Severity.CRITICAL,
    ),
    (Permissions(run=("/usr/sbin/ip",)), "may run the program /usr/sbin/ip", Severity.MEDIUM),
    (
        Permissions(run=("/bin/sh",)),
        "may run any command on this machine (through /bin/sh)",
        Severity.CRITICAL,
    ),
    (
        Permissions(run=("/usr/bin/python3.11",)),
        "may run any command on this machine (through /usr/bin/python3.11)",
        Severity.CRITICAL,
    ),
    (
        Permissions(env=("TZ",)),
        "may see the setting TZ of this machine (environment variable)",
        Severity.LOW,
    ),
    (
        Permissions(secrets=("router_password",)),
        "may use the password or key that you store as router_password",
        Severity.MEDIUM,
    ),
    (
        Permissions(host=("devices.read",)),
        "may use the function devices.read of the application",
        Severity.LOW,
    ),
]


@pytest.mark.parametrize(("permissions", "words", "severity"), WORDS)
def test_a_grant_in_words(permissions: Permissions, words: str, severity: Severity) -> None:
    """A sentence that a family member understands, and how bad it could be."""
    assert [(one.words, one.severity) for one in describe(permissions)] == [(words, severity)]


def test_a_difference_names_what_is_new_and_what_is_gone() -> None:
    """An update that asks for more says so; what it gives back is no danger."""
    old = connect("lan:9/udp", "api.example.org:443")
    new = Permissions(
        network=NetworkPermissions(connect=("*", "lan:7-9/udp")), run=("/usr/sbin/ip",)
    )
    gained = [(one.kind, one.grant, one.severity) for one in difference(old, new)]
    assert gained == [
        ("gained", "network.connect *", Severity.HIGH),
        ("gained", "network.connect lan:7-9/udp", Severity.LOW),
        ("gained", "run /usr/sbin/ip", Severity.MEDIUM),
    ]
    assert difference(old, new)[0].words.startswith(
        "may now send data to any address on the internet"
    )
    lost = [(one.kind, one.words, one.severity) for one in difference(new, old)]
    assert lost[-1] == ("lost", "may no longer run the program /usr/sbin/ip", Severity.INFO)
    assert [kind for kind, _, _ in lost] == ["lost", "lost", "lost"]


ALLOWED: list[tuple[str, tuple[str, str, int, str], bool]] = [
    ("lan:9/udp", ("", "192.168.1.7", 9, "udp"), True),
    ("lan:9/udp", ("", "255.255.255.255", 9, "udp"), True),
    ("lan:9/udp", ("", "192.168.1.7", 9, "tcp"), False),
    ("lan:9/udp", ("", "192.168.1.7", 10, "udp"), False),
    ("lan:9/udp", ("", "8.8.8.8", 9, "udp"), False),
    ("lan:80", ("", "fe80::1%eth0", 80, "tcp"), True),
    ("lan:80", ("evil.example", "192.168.1.1", 80, "tcp"), True),
    ("lan:80", ("", "127.0.0.1", 80, "tcp"), False),
    ("lan/icmp", ("", "192.168.1.1", 0, "icmp"), True),
    ("*", ("evil.example", "8.8.8.8", 80, "tcp"), True),
    ("*", ("evil.example", "192.168.1.1", 80, "tcp"), True),
    ("*", ("evil.example", "127.0.0.1", 80, "tcp"), False),
    ("*", ("evil.example", "0.0.0.0", 80, "tcp"), False),
    ("*", ("evil.example", "::ffff:127.0.0.1", 80, "tcp"), False),
    ("localhost:80", ("localhost", "127.0.0.1", 80, "tcp"), True),
    ("localhost:80", ("", "::1", 80, "tcp"), True),
    ("api.example.org:443", ("api.example.org", "8.8.8.8", 443, "tcp"), True),
    ("api.example.org:443", ("API.example.org.", "8.8.8.8", 443, "tcp"), True),
    ("api.example.org:443", ("", "8.8.8.8", 443, "tcp"), False),
    ("api.example.org:443", ("other.example.org", "8.8.8.8", 443, "tcp"), False),
    ("api.example.org:443", ("api.example.org", "192.168.1.1", 443, "tcp"), False),
    ("api.example.org:443", ("api.example.org", "127.0.0.1", 443, "tcp"), False),
    ("fritz.box:80", ("fritz.box", "192.168.178.1", 80, "tcp"), True),
    ("printer:631", ("printer", "10.0.0.7", 631, "tcp"), True),
    ("nas.local:80", ("nas.local", "127.0.0.1", 80, "tcp"), False),
    ("*.example.org", ("a.example.org", "8.8.8.8", 80, "tcp"), True),
    ("10.0.0.0/8", ("x", "::ffff:10.0.0.1", 80, "tcp"), True),
]


@pytest.mark.parametrize(("grant", "target", "expected"), ALLOWED)
def test_what_may_be_connected_to(
    grant: str, target: tuple[str, str, int, str], expected: bool
) -> None:
    """Names do not lead into the home network or this machine by a turn of the DNS."""
    assert connect_allows(connect(grant), *target) is expected


def test_multicast_is_reached_by_its_own_grant() -> None:
    """Group and port, over UDP."""
    granted = Permissions(network=NetworkPermissions(multicast=("239.255.255.250:1900",)))
    assert connect_allows(granted, "", "239.255.255.250", 1900, "udp")
    assert not connect_allows(granted, "", "239.255.255.250", 1900, "tcp")
    assert not connect_allows(granted, "", "239.255.255.250", 1901, "udp")


def test_an_address_that_is_none_is_refused() -> None:
    """The caller resolves names first."""
    with pytest.raises(ValueError, match="address"):
        connect_allows(connect("*"), "example.org", "example.org", 80, "tcp")
