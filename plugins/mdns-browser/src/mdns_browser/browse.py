"""Browsing with zeroconf: the only file that knows the library."""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Lock

from zeroconf import (
    DNSQuestionType,
    InterfaceChoice,
    IPVersion,
    ServiceBrowser,
    ServiceListener,
    Zeroconf,
)

from mdns_browser.service import Service, instance_of, plain, properties

__all__ = ["browse", "service_types"]

ALL_TYPES = "_services._dns-sd._udp.local."
ANSWER_WITHIN = 1000
MOST_SERVICES = 500


class _Names(ServiceListener):
    """Gathers the services that were heard of; callbacks come from the library's thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[tuple[str, str], None] = {}

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        """A service is there."""
        with self._lock:
            if len(self._found) < MOST_SERVICES:
                self._found[type_, name] = None

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """A service changed; its record is read at the end anyway."""

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002
        """A service said goodbye."""
        with self._lock:
            self._found.pop((type_, name), None)

    def all(self) -> list[tuple[str, str]]:
        """Type and full name of each, sorted."""
        with self._lock:
            return sorted(self._found)


def service_types(interface: str, seconds: float) -> list[str]:
    """The types that are announced (RFC 6763, section 9), such as ``_ipp._tcp.local.``."""
    with _zeroconf(interface) as zeroconf:
        return [name for _kind, name in _heard(zeroconf, [ALL_TYPES], seconds)]


def browse(kinds: Iterable[str], interface: str, seconds: float) -> list[Service]:
    """The services of these types (``_ipp._tcp.local.``) that answer within so many seconds."""
    wanted = list(kinds)
    if not wanted:
        return []
    with _zeroconf(interface) as zeroconf:
        names = _heard(zeroconf, wanted, seconds)
        found = [_resolved(zeroconf, kind, name) for kind, name in names]
    return [one for one in found if one is not None]


def _heard(zeroconf: Zeroconf, kinds: list[str], seconds: float) -> list[tuple[str, str]]:
    """Type and name of what answers. Answers are asked for by multicast: one by unicast might reach
    another program of this machine that shares the port, such as Avahi.
    """
    names = _Names()
    browser = ServiceBrowser(zeroconf, kinds, listener=names, question_type=DNSQuestionType.QM)
    time.sleep(seconds)
    browser.cancel()
    return names.all()


def _zeroconf(interface: str) -> Zeroconf:
    chosen = [interface] if interface else InterfaceChoice.Default
    return Zeroconf(interfaces=chosen, ip_version=IPVersion.V4Only)


def _resolved(zeroconf: Zeroconf, kind: str, name: str) -> Service | None:
    """All about a service; None if it does not tell."""
    info = zeroconf.get_service_info(
        kind, name, timeout=ANSWER_WITHIN, question_type=DNSQuestionType.QM
    )
    if info is None or info.port is None:
        return None
    return Service(
        name=instance_of(name, kind),
        kind=kind.removesuffix(".local."),
        server=plain((info.server or "").rstrip(".")),
        port=info.port,
        addresses=sorted(info.parsed_addresses(IPVersion.V4Only))[:16],
        properties=properties(info.properties),
    )
