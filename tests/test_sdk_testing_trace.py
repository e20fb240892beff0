"""What was declared and never used, and what was used beyond it, as values."""

from __future__ import annotations

import pytest

from heimnetz_git.model.permission import NetworkPermissions, Permissions
from heimnetz_git.sdk.testing_trace import Tracer

CASES = [
    (("lan:80",), "network.connect 192.168.1.5:80", True),
    (("lan:80",), "network.connect 192.168.1.5:81", False),
    (("lan:80",), "network.connect printer.local:80", True),
    (("example.org:443",), "network.connect example.org:443", True),
    (("*.example.org:443",), "network.connect a.example.org:443", True),
    (("*.example.org:443",), "network.connect example.net:443", False),
    (("[fd00::1]:80",), "network.connect fd00::1:80", True),
    (("lan:9/udp",), "network udp datagrams", True),
    (("lan:9/udp",), "network.connect 192.168.1.5:9", False),
]


@pytest.mark.parametrize(("connect", "used", "fits"), CASES)
def test_a_grant_is_used_by_what_it_allows(
    connect: tuple[str, ...], used: str, *, fits: bool
) -> None:
    """Names that may lie in a range count for it; other ports, names and protocols do not."""
    tracer = Tracer("clock", Permissions(network=NetworkPermissions(connect=connect)))
    tracer.add({}, {used: 2})
    assert (tracer.trace().unused == ()) is fits
    assert tracer.trace().used == {used: 2}


def test_runs_add_up_and_secrets_count() -> None:
    """What one run used is not unused because another did not."""
    tracer = Tracer("clock", Permissions(secrets=("TOKEN", "SPARE"), env=("LANG",)))
    tracer.add({"secrets OTHER": 1}, {"secrets TOKEN": 1})
    tracer.add({"secrets OTHER": 1}, {})
    found = tracer.trace()
    assert (found.refused, found.unused) == ({"secrets OTHER": 2}, ("secrets SPARE",))
    assert found.undeclared == ()
