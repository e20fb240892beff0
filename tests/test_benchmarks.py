"""Every benchmark runs, at a size that means nothing, and its rows reach the table at the end."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Row, table

ROOT = Path(__file__).resolve().parent.parent
LONG = {"check_growth", "export", "host_calls", "host_many", "host_start", "merging", "names"}
LONG |= {"parse", "resolve", "scan_corpus", "scan_speed"}


def named() -> list[str]:
    """The benchmarks that ``make bench`` runs."""
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    found = re.search(r"\nBENCHMARKS \?= (.*)", text)
    assert found
    return found[1].split()


def test_the_table_says_what_is_met_and_why_not() -> None:
    """A goal without a verdict has none; a reason stands once, below the rows that lack it."""
    said = table(
        [
            Row("G1", "a", "<= 1", "0.5", "", True, "never said"),
            Row("G2", "b", "<= 1", "2", "", False, "because"),
            Row("G2", "c", "<= 1", "3", "", False, "because"),
            Row("", "d", "", "4", "peer"),
        ]
    )
    assert [line.split()[-1] for line in said.splitlines()[1:4]] == ["yes", "NO", "NO"]
    assert said.endswith("peer\nG2: because")
    assert "never said" not in said


def runs(name: str) -> None:
    """Fails when a benchmark does."""
    command = [sys.executable, "-m", "benchmarks", "--quick", name]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "== the goals" in ended.stdout


@pytest.mark.parametrize("name", [name for name in named() if name not in LONG])
def test_it_runs(name: str) -> None:
    """What it measures at this size says nothing."""
    runs(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LONG))
def test_a_long_one_runs(name: str) -> None:
    """These take many seconds even so."""
    runs(name)
