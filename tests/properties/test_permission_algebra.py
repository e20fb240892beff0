"""Permissions are sets: covering, difference and normal form keep the laws of sets."""

from __future__ import annotations

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from heimnetz_git.model.permission import (
    FilePermissions,
    NetworkPermissions,
    Permissions,
    connect_allows,
    covers,
    describe,
    difference,
    normal_form,
    parse_connect,
)

SOME = settings(max_examples=200, deadline=None)
HOSTS = st.sampled_from([
    "*", "lan", "localhost", "api.example.org", "*.example.org", "*.org", "example.org",
    "fritz.box", "192.168.1.0/24", "192.168.1.7", "192.168.0.0/16", "192.168.0.0/17",
    "192.168.128.0/17", "10.0.0.0/8", "8.8.8.8", "8.8.0.0/16", "127.0.0.1", "127.0.0.0/8",
    "0.0.0.0/0", "[::/0]", "[fd00::1]", "[fe80::/10]", "[::1]", "[::ffff:10.0.0.1]",
])  # fmt: skip
PORTS = st.sampled_from(["", ":*", ":9", ":443", ":1-9", ":5-20", ":10-65535", ":1-65535"])
CONNECT = st.one_of(
    st.builds("{}{}{}".format, HOSTS, PORTS, st.sampled_from(["", "/tcp", "/udp"])),
    HOSTS.map("{}/icmp".format),
)
LISTEN = st.builds(
    "{}{}".format, PORTS.filter(bool).map(lambda p: p[1:]), st.sampled_from(["", "/udp"])
)
MULTICAST = st.sampled_from(["239.255.255.250:1900", "224.0.0.251:5353", "[ff02::fb]:5353"])
PATHS = st.sampled_from(
    [
        "/",
        "/etc",
        "/etc/",
        "/etc/hosts",
        "/etc/ssh/key",
        "/home/ada",
        "/srv/share",
        "/srv/sharepoint",
    ]
)


def some(of: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[tuple[str, ...]]:
    """A few of them, in any order, repeated or not."""
    return st.lists(of, max_size=most).map(tuple)


WORDS = some(st.sampled_from(["a", "b", "c"]))
PERMISSIONS = st.builds(
    Permissions,
    network=st.builds(
        NetworkPermissions,
        connect=some(CONNECT, 4),
        listen=some(LISTEN),
        multicast=some(MULTICAST),
        raw=st.booleans(),
    ),
    files=st.builds(FilePermissions, read=some(PATHS), write=some(PATHS)),
    run=some(st.sampled_from(["/bin/sh", "/usr/sbin/ip"])),
    env=WORDS,
    secrets=WORDS,
    host=WORDS,
)
# Only what can be opened to: relations between few grants of few hosts come up often.
NETWORKS = some(CONNECT, 4).map(
    lambda grants: Permissions(network=NetworkPermissions(connect=grants))
)
TARGETS = st.tuples(
    st.sampled_from(["", "api.example.org", "fritz.box", "localhost", "x.org", "printer"]),
    st.sampled_from([
        "8.8.8.8", "8.8.4.4", "192.168.1.7", "192.168.200.1", "127.0.0.1", "0.0.0.0", "::1",
        "fd00::1", "::ffff:127.0.0.1", "2001:4860:4860::8888", "169.254.1.1", "255.255.255.255",
        "10.0.0.1",
    ]),
    st.sampled_from([(9, "tcp"), (443, "tcp"), (15, "udp"), (9, "udp"), (0, "icmp")]),
)  # fmt: skip


def allows(permissions: Permissions, target: tuple[str, str, tuple[int, str]]) -> bool:
    """Whether a target may be connected to."""
    host, address, (port, protocol) = target
    return connect_allows(permissions, host, address, port, protocol)


@SOME
@given(PERMISSIONS)
def test_everything_covers_itself_and_nothing(permissions: Permissions) -> None:
    """Covering is reflexive, and the empty set is below all."""
    assert covers(permissions, permissions)
    assert covers(permissions, Permissions())
    assert difference(permissions, permissions) == ()


@SOME
@given(PERMISSIONS)
def test_normal_form_is_the_same_set(permissions: Permissions) -> None:
    """It covers and is covered, and is its own normal form."""
    normal = normal_form(permissions)
    assert covers(normal, permissions)
    assert covers(permissions, normal)
    assert normal_form(normal) == normal


@SOME
@given(NETWORKS, NETWORKS, NETWORKS)
def test_covering_is_transitive(
    first: Permissions, second: Permissions, third: Permissions
) -> None:
    """What is above what is above is above."""
    second = union(second, third)
    assert covers(second, third)
    assert covers(union(first, second), third)
    if covers(first, second):
        assert covers(first, third)


@SOME
@given(PERMISSIONS, PERMISSIONS)
def test_a_union_covers_both(first: Permissions, second: Permissions) -> None:
    """And covers nothing that a third one above both does not."""
    both = union(first, second)
    assert covers(both, first)
    assert covers(both, second)
    assert normal_form(both) == normal_form(union(second, first))


@SOME
@given(PERMISSIONS, PERMISSIONS)
def test_difference_and_covering_say_the_same(old: Permissions, new: Permissions) -> None:
    """Nothing is lost exactly when the new covers the old, and the other way round."""
    kinds = {change.kind for change in difference(old, new)}
    assert covers(new, old) == ("lost" not in kinds)
    assert covers(old, new) == ("gained" not in kinds)


@SOME
@given(PERMISSIONS)
def test_every_grant_has_words(permissions: Permissions) -> None:
    """One sentence a grant, printable, without a full stop."""
    for change in describe(permissions):
        assert change.kind == "gained"
        assert change.words.startswith("may ")
        assert change.words.isprintable()
        assert not change.words.endswith((".", " "))
    assert len(describe(permissions)) == len(difference(Permissions(), permissions))


@settings(max_examples=500, deadline=None)
@given(NETWORKS, NETWORKS, TARGETS)
def test_who_covers_more_reaches_more(
    more: Permissions, less: Permissions, target: tuple[str, str, tuple[int, str]]
) -> None:
    """covers() means what the enforcement does."""
    if covers(more, less) and allows(less, target):
        assert allows(more, target)
    assert allows(normal_form(less), target) == allows(less, target)


@SOME
@given(NETWORKS, TARGETS)
def test_this_machine_is_reached_only_when_named(
    permissions: Permissions, target: tuple[str, str, tuple[int, str]]
) -> None:
    """No star, no range around it and no name leads to loopback."""
    assume(target[1] in {"127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"})
    hosts = {parse_connect(grant).host for grant in permissions.network.connect}
    if not hosts & {"localhost", "127.0.0.1", "127.0.0.0/8", "::1"}:
        assert not allows(permissions, target)


def union(first: Permissions, second: Permissions) -> Permissions:
    """All grants of both."""
    return Permissions(
        network=NetworkPermissions(
            connect=first.network.connect + second.network.connect,
            listen=first.network.listen + second.network.listen,
            multicast=first.network.multicast + second.network.multicast,
            raw=first.network.raw or second.network.raw,
        ),
        files=FilePermissions(
            read=first.files.read + second.files.read, write=first.files.write + second.files.write
        ),
        **{
            field: getattr(first, field) + getattr(second, field)
            for field in ("run", "env", "secrets", "host")
        },
    )


def test_union_names_every_field() -> None:
    """A field that is added to Permissions must be added to these laws."""
    names = {field.name for field in msgspec.structs.fields(Permissions)}
    assert names == {"network", "files", "run", "env", "secrets", "host"}
