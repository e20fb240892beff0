"""Which permissions a plugin used in its author's tests, which it never did, which it lacked.

The host sees what goes through its broker: connections, listening ports, datagrams and secrets. It
does not see files, programs and variables that the kernel lets a plugin use; those stand in no
trace, neither as used nor as unused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from heimnetz_git.model.permission import (
    NetworkPermissions,
    Permissions,
    covers,
    describe,
    parse_connect,
    parse_listen,
)

__all__ = ["Trace", "Tracer"]

_NAMES_OF_RANGES = ("lan", "localhost", "*")
_DATAGRAMS = "network udp datagrams"
_ANY_PORT = "network.listen any port"


class Trace(msgspec.Struct, frozen=True):
    """One plugin in all tests; each grant is a place and a text (``network.connect lan:9/udp``).

    ``used`` and ``refused`` say how often, by what was asked for; ``unused`` are grants of the
    manifest that no test used; ``undeclared`` is what was used because a test granted more.
    """

    plugin: str
    used: dict[str, int]
    refused: dict[str, int]
    unused: tuple[str, ...]
    undeclared: tuple[str, ...]


class Tracer:
    """Gathers what one plugin did, over all its runs."""

    def __init__(self, plugin: str, declared: Permissions) -> None:
        self._plugin = plugin
        self._declared = declared
        self._used: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def add(self, refused: Mapping[str, int], used: Mapping[str, int]) -> None:
        """Add one run, as ``PluginManager.trace`` tells it."""
        self._refused.update(refused)
        self._used.update(used)

    def trace(self) -> Trace:
        """What there is to say so far."""
        asked = {text: value for text in self._used if (value := _as_permissions(text)) is not None}
        return Trace(
            self._plugin,
            dict(sorted(self._used.items())),
            dict(sorted(self._refused.items())),
            tuple(grant for grant in _seen_grants(self._declared) if not self._is_used(grant)),
            tuple(
                text
                for text, wanted in sorted(asked.items())
                if not any(_allows(grant, wanted) for grant in _seen_grants(self._declared))
            ),
        )

    def _is_used(self, grant: str) -> bool:
        if grant.endswith("/udp") or grant.startswith("network.multicast"):
            return _DATAGRAMS in self._used  # a socket for datagrams talks to many
        if grant.startswith("network.listen") and _ANY_PORT in self._used:
            return True
        wanted = map(_as_permissions, self._used)
        return any(one is not None and _allows(grant, one) for one in wanted)


def _seen_grants(permissions: Permissions) -> Iterator[str]:
    """The grants whose use the host sees."""
    for one in describe(permissions):
        place = one.grant.partition(" ")[0]
        if place in ("network.connect", "network.listen", "network.multicast", "secrets"):
            yield one.grant


def _as_permissions(used: str) -> Permissions | None:
    """What was used, as the least that allows it; None where that cannot be told."""
    place, _, text = used.partition(" ")
    try:
        if place == "network.connect":
            host, _, port = text.rpartition(":")
            host = f"[{host}]" if ":" in host else host
            parse_connect(f"{host}:{port}")
            return Permissions(network=NetworkPermissions(connect=(f"{host}:{port}",)))
        if place == "network.listen":
            parse_listen(text)
            return Permissions(network=NetworkPermissions(listen=(text,)))
    except ValueError:
        return None
    return Permissions(secrets=(text,)) if place == "secrets" else None


def _allows(grant: str, used: Permissions) -> bool:
    """Whether this grant may have been what allowed it.

    A name that was connected to may lie in any range of addresses: the trace does not say which.
    """
    place, _, text = grant.partition(" ")
    if place == "secrets":
        return text in used.secrets
    if place == "network.listen":
        return bool(used.network.listen) and covers(_listening(text), used)
    if place != "network.connect" or not used.network.connect:
        return False
    if covers(_connecting(text), used):
        return True
    mine, asked = parse_connect(text), parse_connect(used.network.connect[0])
    in_range = mine.host in _NAMES_OF_RANGES or "/" in mine.host or mine.host[-1:].isdigit()
    is_name = any(letter.isalpha() for letter in asked.host) and ":" not in asked.host
    fits = mine.first <= asked.first <= mine.last and mine.protocol == asked.protocol
    return in_range and is_name and fits


def _connecting(text: str) -> Permissions:
    return Permissions(network=NetworkPermissions(connect=(text,)))


def _listening(text: str) -> Permissions:
    return Permissions(network=NetworkPermissions(listen=(text,)))
