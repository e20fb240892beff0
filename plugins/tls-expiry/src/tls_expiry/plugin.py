"""The plugin: the certificates of many hosts, those that end soonest first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from heimnetz_git import BasePlugin, Context, operation
from tls_expiry.certificate import parse
from tls_expiry.probe import Target, ask, target

__all__ = ["Certificate", "Metric", "TlsExpiry"]

AT_ONCE = 8
MOST_HOSTS = 200
DAY = 86400


@dataclass(frozen=True)
class Certificate:
    """What a host showed.

    ``days`` are whole days until it ends, negative when it has ended, null when there was none to
    see. ``state`` is ``ok``, ``expiring``, ``expired``, ``untrusted`` or ``unreachable``;
    ``problem`` says why it is not ok. Times are UTC in ISO 8601.
    """

    host: str
    port: int
    state: str
    days: int | None = None
    not_before: str = ""
    not_after: str = ""
    subject: str = ""
    issuer: str = ""
    names: list[str] = field(default_factory=list)
    tls: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Metric:
    """One sample for a monitoring system."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)
    help: str = ""


class TlsExpiry(BasePlugin):
    """Watches when certificates end."""

    @dataclass(frozen=True)
    class Config:
        """``hosts`` as ``example.org`` or ``example.org:443``; warn so many days ahead.

        ``timeout`` is in seconds, for each host.
        """

        hosts: list[str] = field(default_factory=list)
        warn_days: int = 21
        timeout: float = 5.0

    def initialize(self, context: Context) -> None:  # noqa: ARG002  # as the host calls it
        """Refuse hosts that are none at once, and not at the first check."""
        self._hosts = [target(text) for text in self.config.hosts]
        if not 0 < self.config.timeout <= 30:
            raise ValueError(f"timeout is {self.config.timeout}; it must be up to 30 seconds")

    @operation
    def check(self, hosts: list[str] | None = None) -> list[Certificate]:
        """Look at the certificates of these hosts, or of the configured ones; worst first."""
        where = self._hosts if hosts is None else [target(text) for text in hosts]
        if len(where) > MOST_HOSTS:
            raise ValueError(f"{len(where)} hosts at once are too many; at most {MOST_HOSTS}")
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            found = list(pool.map(self._look, dict.fromkeys(where)))
        return sorted(found, key=_urgency)

    @operation
    def expiring(self, days: int | None = None) -> list[Certificate]:
        """The configured hosts whose certificates end within so many days, or have ended."""
        limit = self.config.warn_days if days is None else days
        return [one for one in self.check() if one.days is not None and one.days < limit]

    @operation(cache=300)
    def metrics(self) -> list[Metric]:
        """Days that are left, and whether a host was fine, for a monitoring system."""
        found: list[Metric] = []
        for one in self.check():
            labels = {"host": one.host, "port": str(one.port)}
            fine = float(one.state in ("ok", "expiring"))
            found.append(Metric("tls_certificate_ok", fine, labels, "1 if valid and trusted."))
            if one.days is not None:
                words = "Whole days until the certificate ends."
                found.append(Metric("tls_certificate_days_left", one.days, labels, words))
        return found

    def _look(self, where: Target) -> Certificate:
        try:
            answer = ask(where, self.config.timeout)
            seen = parse(answer.der)
        except (OSError, ValueError) as error:
            return Certificate(where.host, where.port, "unreachable", problem=_words(error))
        days = int((seen.not_after - datetime.now(UTC)).total_seconds() // DAY)
        state, problem = _judge(days, self.config.warn_days, answer.distrust)
        return Certificate(
            where.host,
            where.port,
            state,
            days=days,
            not_before=seen.not_before.isoformat(),
            not_after=seen.not_after.isoformat(),
            subject=seen.subject,
            issuer=seen.issuer,
            names=seen.names,
            tls=answer.version,
            problem=problem,
        )


def _judge(days: int, warn: int, distrust: str) -> tuple[str, str]:
    """The state, and why it is not ok."""
    if days < 0:
        return "expired", f"it ended {-days} days ago"
    if distrust:
        return "untrusted", distrust
    if days < warn:
        return "expiring", f"it ends in {days} days"
    return "ok", ""


def _urgency(one: Certificate) -> tuple[bool, int, str, int]:
    return (one.days is None, one.days or 0, one.host, one.port)


def _words(error: Exception) -> str:
    """What went wrong, without control characters."""
    text = "timed out" if isinstance(error, TimeoutError) else str(error)
    return "".join(char for char in text if char.isprintable())[:200]
