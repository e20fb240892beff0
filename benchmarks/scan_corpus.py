"""How well the scanner tells harm from home-network code, on both halves of its corpus.

Run: python -m benchmarks.scan_corpus [--missed]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NamedTuple

from heimnetz_git.model.finding import Severity  # the tree must be importable first
from heimnetz_git.scan.engine import Report, scan
from tests.corpus.reader import Sample, samples

_SILENT = ("permission-unused",)
_RANKS = list(Severity)


class Outcome(NamedTuple):
    """A sample and what the scanner said of it."""

    sample: Sample
    report: Report

    def alarmed(self, least: Severity) -> bool:
        """Whether there is a finding as bad as ``least``."""
        rank = _RANKS.index(least)
        return any(
            _RANKS.index(one.severity) <= rank
            for one in self.report.findings
            if one.rule not in _SILENT
        )


def outcomes() -> list[Outcome]:
    """Every sample scanned."""
    return [Outcome(sample, scan(sample.files)) for sample in samples()]


def share(hits: int, of: int) -> str:
    """A share in per cent with its count."""
    return f"{100 * hits / of:5.1f} % ({hits}/{of})" if of else "-"


def lines(of: Iterable[Outcome], title: str) -> list[str]:
    """The figures of one half."""
    whole = list(of)
    bad = [one for one in whole if one.sample.is_bad]
    good = [one for one in whole if not one.sample.is_bad]
    found = sum(one.alarmed(Severity.LOW) for one in bad)
    high = sum(one.alarmed(Severity.HIGH) for one in bad)
    refused = sum(one.report.verdict != "accept" for one in bad)
    medium = sum(one.alarmed(Severity.MEDIUM) for one in good)
    false_high = sum(one.alarmed(Severity.HIGH) for one in good)
    wanted = sum(len(one.sample.capabilities) for one in bad)
    hit = sum(len(one.sample.capabilities & kinds(one)) for one in bad)
    return [
        f"{title}",
        f"  bad: any finding     {share(found, len(bad))}",
        f"  bad: high            {share(high, len(bad))}",
        f"  bad: review/reject   {share(refused, len(bad))}",
        f"  benign: medium+      {share(medium, len(good))}",
        f"  benign: high         {share(false_high, len(good))}",
        f"  precision at high    {share(high, high + false_high)}",
        f"  capability recall    {share(hit, wanted)}",
    ]


def kinds(outcome: Outcome) -> frozenset[str]:
    """The kinds of capabilities that were found."""
    return frozenset(one.kind.value for one in outcome.report.capabilities)


def main() -> int:
    """Print the figures of both halves; with ``--missed`` the tuning half's errors by name."""
    every = outcomes()
    halves = {
        "tuning half": [one for one in every if not one.sample.is_held_out],
        "held out": [one for one in every if one.sample.is_held_out],
    }
    for title, half in halves.items():
        print("\n".join(lines(half, title)))
    if "--missed" in sys.argv:
        for one in halves["tuning half"]:
            wrong = one.sample.is_bad != one.alarmed(Severity.HIGH)
            lost = one.sample.capabilities - kinds(one) if one.sample.is_bad else frozenset()
            noisy = not one.sample.is_bad and one.alarmed(Severity.MEDIUM)
            if wrong or lost or noisy:
                said = sorted({f"{it.rule}:{it.severity}" for it in one.report.findings})
                print(one.sample.group, one.sample.name, sorted(lost), said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
