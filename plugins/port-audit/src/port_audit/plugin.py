"""The plugin: what is open against what should be, and a note of it between runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from heimnetz_git import BasePlugin, Context, operation
from port_audit.knock import address, knock
from port_audit.ports import ports, spelled

__all__ = ["Audit", "Metric", "PortAudit"]

MOST_HOSTS = 64
MOST_PORTS = 4096
MOST_TIMEOUT = 5.0


@dataclass(frozen=True)
class Audit:
    """What one device has open; ports are spelled ``22,8000-8010``.

    ``unexpected`` are open and not on the list, ``missing`` on the list and not open. ``state`` is
    ``ok``, ``unexpected``, ``missing``, ``away`` (nothing answered) or ``denied`` (see problem).
    """

    host: str
    name: str
    state: str
    open: str
    unexpected: str = ""
    missing: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Metric:
    """One sample for a monitoring system."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)
    help: str = ""


class PortAudit(BasePlugin):
    """Audits the open TCP ports of devices at home."""

    @dataclass(frozen=True)
    class Config:
        """``expected`` maps an IP address to the ports that may be open, ``22,443`` or empty.

        ``ports`` are those to look at (``usual`` are some eighty); ``timeout`` is in seconds.
        """

        expected: dict[str, str] = field(default_factory=dict)
        ports: str = "usual"
        timeout: float = 1.0

    def initialize(self, context: Context) -> None:
        """Refuse a list that cannot be read at once, and not at the first audit."""
        self._file = context.data / "last.json"
        self._expected = {address(host): ports(text) for host, text in self.config.expected.items()}
        self._ports = _bounded(ports(self.config.ports))
        if not 0 < self.config.timeout <= MOST_TIMEOUT:
            raise ValueError(f"timeout is {self.config.timeout}; at most {MOST_TIMEOUT} seconds")

    @operation
    def scan(self, host: str, ports: str = "") -> Audit:
        """Which ports of one device are open, and which of them are not expected."""
        return self._audit(address(host), _chosen(ports) or self._ports, {})

    @operation
    def audit(self) -> list[Audit]:
        """Look at every device on the list; those with something unexpected come first."""
        return self._report(list(self._expected))

    @operation
    def audit_known(self, since: str = "") -> list[Audit]:
        """Look at every device that the device registry knows, seen since a time if one is given.

        A device that is not on the list is expected to have nothing open.
        """
        known = self.context.call("device-registry", "find", since=since)
        names = {one["addresses"][0]: one["name"] for one in known if one["addresses"]}
        return self._report([*dict.fromkeys([*self._expected, *names])], names)

    @operation
    def last(self) -> list[Audit]:
        """What the last audit found, without looking again."""
        return _load(self._file)

    @operation
    def metrics(self) -> list[Metric]:
        """Unexpected and missing ports of the last audit, for a monitoring system."""
        return [
            Metric(f"port_audit_{kind}_ports", len(ports(text)), {"host": one.host}, words)
            for one in _load(self._file)
            for kind, text, words in (
                ("unexpected", one.unexpected, "Open ports that are not on the list."),
                ("missing", one.missing, "Ports on the list that are not open."),
            )
        ]

    def _report(self, hosts: list[str], names: dict[str, str] | None = None) -> list[Audit]:
        if len(hosts) > MOST_HOSTS:
            raise ValueError(f"{len(hosts)} devices at once are too many; at most {MOST_HOSTS}")
        found = [self._audit(host, self._ports, names or {}) for host in hosts]
        found.sort(key=lambda one: (not one.unexpected, one.state == "ok", one.host))
        _save(self._file, found)
        return found

    def _audit(self, host: str, wanted: frozenset[int], names: dict[str, str]) -> Audit:
        expected = self._expected.get(host, frozenset())
        seen = knock(host, wanted | expected, self.config.timeout)
        unexpected, missing = seen.open - expected, expected - seen.open
        away = not seen.open and len(seen.silent) == len(wanted | expected)
        state = (
            "denied" if seen.refused else "unexpected" if unexpected else "away" if away
            else "missing" if missing else "ok"
        )  # fmt: skip
        return Audit(
            host,
            names.get(host, ""),
            state,
            spelled(seen.open),
            spelled(unexpected),
            spelled(missing),
            seen.refused,
        )


def _chosen(text: str) -> frozenset[int]:
    return _bounded(ports(text))


def _bounded(found: frozenset[int]) -> frozenset[int]:
    if len(found) > MOST_PORTS:
        raise ValueError(f"{len(found)} ports at once are too many; at most {MOST_PORTS}")
    return found


def _save(file: Path, found: Iterable[Audit]) -> None:
    """Write aside and rename: a reader sees the old report or the new one."""
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = json.dumps({"format": 1, "when": when, "audits": [vars(one) for one in found]})
    aside = file.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(file)


def _load(file: Path) -> list[Audit]:
    if not file.exists():
        return []
    return [Audit(**one) for one in json.loads(file.read_text(encoding="utf-8"))["audits"]]
