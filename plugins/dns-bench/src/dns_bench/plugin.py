"""The plugin: how quickly and how reliably resolvers answer, as statistics."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean, quantiles

from dns_bench.resolver import Resolver, Timing, ask, configured, resolver
from heimnetz_git import BasePlugin, Context, operation

__all__ = ["DnsBench", "Lookup", "Metric", "Statistics", "statistics"]

RESOLV_CONF = Path("/etc/resolv.conf")
MOST_QUESTIONS = 500
GOOD = ("NOERROR", "NXDOMAIN")


@dataclass(frozen=True)
class Lookup:
    """One question: ``code`` is as in RFC 1035 (``NOERROR``), ``LOST`` if no answer came."""

    resolver: str
    code: str
    records: int
    milliseconds: float


@dataclass(frozen=True)
class Statistics:
    """One resolver: times in milliseconds over the questions that were answered, else null.

    ``lost`` were not answered in time, ``failed`` with an error such as SERVFAIL; ``jitter`` is the
    mean difference between an answer and the next.
    """

    resolver: str
    questions: int
    lost: int
    failed: int
    fastest: float | None = None
    median: float | None = None
    p95: float | None = None
    slowest: float | None = None
    jitter: float | None = None


@dataclass(frozen=True)
class Metric:
    """One sample for a monitoring system."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)
    help: str = ""


class DnsBench(BasePlugin):
    """Measures resolvers."""

    @dataclass(frozen=True)
    class Config:
        """``resolvers`` are addresses; none means those of this machine. ``timeout`` in seconds.

        ``names`` are asked in turn.
        """

        resolvers: list[str] = field(default_factory=list)
        names: list[str] = field(default_factory=lambda: ["example.org", "example.com"])
        timeout: float = 2.0

    def initialize(self, context: Context) -> None:
        """Refuse resolvers that are none at once."""
        self._file = context.data / "last.json"
        self._resolvers = [resolver(text) for text in self.config.resolvers]
        if not self.config.names or not 0 < self.config.timeout <= 10:
            raise ValueError("names must not be empty, and timeout at most 10 seconds")

    @operation
    def lookup(self, name: str, kind: str = "A", server: str = "") -> Lookup:
        """Ask one question of one resolver, the first one unless another is given."""
        where = resolver(server) if server else self._chosen(None)[0]
        found = ask(where, name, kind, self.config.timeout)
        code, records = found.answer or ("LOST", 0)
        return Lookup(str(where), code, records, round(found.milliseconds, 3))

    @operation
    def measure(
        self, resolvers: list[str] | None = None, rounds: int = 10, uncached: bool = False
    ) -> list[Statistics]:
        """Ask every resolver every name so many times; the quickest comes first.

        Resolvers take turns, so that a busy moment hits all of them. With ``uncached`` each name
        gets a random label in front, which no resolver can know already.
        """
        where = self._chosen(resolvers)
        total = rounds * len(where) * len(self.config.names)
        if not 0 < total <= MOST_QUESTIONS:
            raise ValueError(
                f"that would be {total} questions; from 1 to {MOST_QUESTIONS} are asked"
            )
        timings: dict[Resolver, list[Timing]] = {one: [] for one in where}
        for _ in range(rounds):
            for name in self.config.names:
                asked = f"{secrets.token_hex(8)}.{name}" if uncached else name
                for one in where:
                    timings[one].append(ask(one, asked, "A", self.config.timeout))
        found = [statistics(str(one), made) for one, made in timings.items()]
        found.sort(key=lambda one: (one.median is None, one.median or 0.0, one.resolver))
        _save(self._file, found)
        return found

    @operation
    def metrics(self) -> list[Metric]:
        """The last measurement, for a monitoring system."""
        samples = []
        for one in _load(self._file):
            labels = {"resolver": one.resolver}
            words = "Share of questions without an answer."
            samples.append(Metric("dns_lost_ratio", one.lost / one.questions, labels, words))
            for quantile, value in (("0.5", one.median), ("0.95", one.p95)):
                if value is not None:
                    words = "Time to an answer at a quantile of the last measurement."
                    at = {**labels, "quantile": quantile}
                    samples.append(Metric("dns_answer_seconds", value / 1000, at, words))
        return samples

    def _chosen(self, texts: list[str] | None) -> list[Resolver]:
        given = [resolver(text) for text in texts] if texts is not None else self._resolvers
        found = list(dict.fromkeys(given or configured(RESOLV_CONF)))
        if not found:
            raise ValueError(f"no resolver is configured, and {RESOLV_CONF} names none")
        return found


def statistics(name: str, timings: Iterable[Timing]) -> Statistics:
    """The figures of one resolver; percentiles are interpolated between the two nearest answers."""
    made = list(timings)
    answered = [one for one in made if one.answer is not None]
    failed = sum(one.answer.code not in GOOD for one in answered if one.answer)
    times = [one.milliseconds for one in answered]
    base = Statistics(name, len(made), len(made) - len(answered), failed)
    if not times:
        return base
    cuts = quantiles(times, n=20, method="inclusive") if len(times) > 1 else times * 19
    steps = [abs(after - before) for before, after in pairwise(times)]
    return Statistics(
        *(base.resolver, base.questions, base.lost, base.failed),
        fastest=round(min(times), 3),
        median=round(cuts[9], 3),
        p95=round(cuts[18], 3),
        slowest=round(max(times), 3),
        jitter=round(fmean(steps), 3) if steps else 0.0,
    )


def _save(file: Path, found: Iterable[Statistics]) -> None:
    """Write aside and rename: a reader sees the old figures or the new ones."""
    aside = file.with_suffix(".new")
    text = json.dumps({"format": 1, "resolvers": [vars(one) for one in found]})
    aside.write_text(text, encoding="utf-8")
    aside.replace(file)


def _load(file: Path) -> list[Statistics]:
    if not file.exists():
        return []
    return [Statistics(**one) for one in json.loads(file.read_text(encoding="utf-8"))["resolvers"]]
