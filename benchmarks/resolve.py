"""Resolve and lock against ``uv pip compile``: whole processes in turns, over the same releases.

``python benchmarks/resolve.py`` prints the table; ``--quick`` is a small size that only shows that
it runs. Sets of plugins are drawn from the seed and confirmed by a SAT solver.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Row, show
from benchmarks.resolve_peer import command, serving
from benchmarks.resolve_sets import HOST, INDEX, KINDS, RootSet, Stock, find_sets, write_home
from heimnetz_git.errors import ResolutionImpossible
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.model.lock import Environment
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.resolve.request import Request
from heimnetz_git.resolve.resolver import resolve
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.machine import environment

__all__ = ["main"]

WANTED = {"easy": 1.0, "deep": 1.5, "unsatisfiable": 1.5}
CAP, MOST_MEMORY = 10, 6 << 20  # seconds of the processor; KiB of addresses: a peer may take all
WHY = "with little to resolve the start is what counts: Python's own, msgspec's, resolvelib's"
MOST_LINES, MOST_MILLISECONDS = 12, 250
CLIENT = Path(__file__).with_name("resolve_client.py")
Indexes = dict[str, IndexSettings]


class Cost(NamedTuple):
    """Milliseconds on the wall and of the processor, and how the process ended."""

    wall: float
    cpu: float
    code: int


class Pair(NamedTuple):
    """A set of plugins, and what both sides paid for it in each round."""

    asked: RootSet
    rounds: list[tuple[Cost, Cost]]

    def ratio(self, place: int) -> float:
        """The median of ours to theirs: 0 on the wall, 1 of the processor."""
        return statistics.median(ours[place] / theirs[place] for ours, theirs in self.rounds)

    def median(self, side: int) -> float:
        """The median time on the wall of a side, 0 for ours."""
        return statistics.median(pair[side].wall for pair in self.rounds)

    def is_right(self, side: int) -> bool:
        """Was every verdict of a side the SAT solver's?"""
        wanted = 0 if self.asked.is_possible else 1
        return all(pair[side].code == wanted for pair in self.rounds)


def cost(words: Sequence[str]) -> Cost:
    """Run a program to its end, whatever that is (POSIX: wait4), or for CAP seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(
        ["sh", "-c", f'ulimit -t {CAP} -v {MOST_MEMORY}; exec "$@"', "sh", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    return Cost(wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, process.returncode)


def start(rounds: int) -> str:
    """What our side's process costs before it resolves anything, beside a bare one."""
    ours = [cost([sys.executable, "-c", f"import runpy; runpy.run_path({str(CLIENT)!r})"])]
    bare = [cost([sys.executable, "-I", "-c", "pass"])]
    ours += [cost([sys.executable, str(CLIENT)]) for _ in range(rounds)]
    bare += [cost([sys.executable, "-I", "-c", "pass"]) for _ in range(rounds)]
    middles = [statistics.median(one.wall for one in side[1:]) for side in (ours, bare)]
    return f"start and imports alone {middles[0]:.0f} ms, python -I -c pass {middles[1]:.0f} ms"


def compare(uv: Path, stock: Stock, root: Path, sets: Sequence[RootSet], rounds: int) -> list[Pair]:
    """Both sides in turns on each set; one turn before that fills the peer's cache."""
    pairs = []
    with serving(stock.releases) as index:
        for number, asked in enumerate(sets):
            wishes = root / f"{number}.in"
            wishes.write_text("".join(f"{name}{span}\n" for name, span in asked.requested.items()))
            theirs = command(uv, sys.executable, index, root / "uv", wishes)
            named = [f"{name}={span}" for name, span in asked.requested.items()]
            lock = str(root / f"{number}.lock")
            ours = [sys.executable, str(CLIENT), str(root / "home"), lock, *named]
            cost(ours)
            if cost(theirs).code not in (0, 1):  # no verdict: once is enough of that
                pairs.append(Pair(asked, [(cost(ours), cost(theirs))]))
                continue
            pairs.append(Pair(asked, [(cost(ours), cost(theirs)) for _ in range(rounds)]))
    return pairs


def rows(pairs: Sequence[Pair]) -> list[Row]:
    """A line for each kind of set."""
    found = []
    for kind in KINDS:
        job, wanted = f"resolve and lock, {kind}", f"<= {WANTED[kind]}x"
        here = [pair for pair in pairs if pair.asked.kind == kind]
        if not here:
            found.append(Row("G8", job, wanted, "no such set was found, or no uv", ""))
            continue
        wall, cpu = (statistics.median(pair.ratio(place) for pair in here) for place in (0, 1))
        ours, theirs = (statistics.median(pair.median(side) for pair in here) for side in (0, 1))
        right = [sum(pair.is_right(side) for pair in here) for side in (0, 1)]
        measured = f"{wall:.2f}x ({ours:.0f} ms; CPU {cpu:.2f}x; {right[0]}/{len(here)} right)"
        peer = f"uv {theirs:.0f} ms, {right[1]}/{len(here)} right"
        found.append(Row("G8", job, wanted, measured, peer, wall <= WANTED[kind], WHY))
    return found


def explanations(
    sets: Sequence[RootSet], root: Path, indexes: Indexes, machine: Environment
) -> Row:
    """How long resolving and explaining take on a cold pool, and how long the words are."""
    times, lengths, helped = [], [], 0
    for asked in sets:
        if asked.is_possible:
            continue
        with Catalog(Home(root / "home"), indexes) as catalog:
            catalog.info(INDEX)
            began = time.perf_counter()
            try:
                resolve(Request(requested=asked.requested), catalog, machine)
            except ResolutionImpossible as error:
                times.append((time.perf_counter() - began) * 1e3)
                lengths.append(len(error.problems))
                helped += bool(error.facts.get("advice"))
    wanted = f"<= {MOST_LINES} lines, <= {MOST_MILLISECONDS} ms"
    if not times:
        return Row("G9", "explain an unsatisfiable set", wanted, "none", "")
    middle, longest = statistics.median(times), max(times)
    measured = (
        f"{statistics.median(lengths):.0f} lines (max {max(lengths)}), {middle:.0f} ms"
        f" (max {longest:.0f}) with resolving, {helped}/{len(times)} with advice"
    )
    met = longest <= MOST_MILLISECONDS and max(lengths) <= MOST_LINES
    return Row("G9", "explain an unsatisfiable set", wanted, measured, "", met)


def main() -> int:
    """Print the table; 1 when a verdict is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small size, to see that it runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--releases", type=int, default=100_000)
    parser.add_argument("--sets", type=int, default=10, help="of each kind")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    if find_spec("pysat") is None:
        print("python-sat is not installed: no root sets can be confirmed.")
        return 0
    if asked.quick:
        asked.releases, asked.sets, asked.rounds = 2_000, 2, 1
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        stock = Stock(asked.seed, asked.releases)
        indexes, machine = write_home(stock, root / "home"), environment(HOST)
        sets = find_sets(stock, root / "home", indexes, machine, asked.sets)
        pairs = compare(Path(uv), stock, root, sets, asked.rounds) if uv else []
        print(
            f"{asked.releases} releases, seed {asked.seed}, {len(sets)} sets, {asked.rounds} turns;"
        )
        print(start(asked.rounds))
        show([*rows(pairs), explanations(sets, root, indexes, machine)])
    return int(not all(pair.is_right(0) for pair in pairs))


if __name__ == "__main__":
    sys.exit(main())
