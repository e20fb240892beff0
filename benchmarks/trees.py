"""G10, G11 and G12: a commit, a merge and a difference of trees, without a checkout, against git.

``python -m benchmarks.trees [--quick] [--releases N ...] [--rounds N]``. Ours is timed in this
process, each time in a repository that was just opened; git's is a whole process, on the same
repository in the same turn. Ratios are of CPU time, as disks that others use say little; ours waits
for the disk after each object that it writes. The smallest and the largest size tell what a
difference costs when the registry grows.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import ALONE, Row, show
from benchmarks.universe import Universe
from benchmarks.universe_plugins import Drawn, following, release_file
from heimnetz_git.model.release import Release
from heimnetz_git.registry.replay import replay_onto
from heimnetz_git.storage.repo import Repository

__all__ = ["main"]

COMMIT_MS, COMMIT, MERGE, DIFFERENCE, GROWTH = 10.0, 0.4, 1.5, 2.0, 2.0
WHO, WHEN = "Ada <ada@example.org>", 1_767_300_000
SLOW_DIFFERENCE = (
    "of some 370 trees each is found, inflated, checked against its id and for hostile names,"
    " 40 us a tree in Python; git does not look for hostile names here"
)
SLOW_COMMIT = (
    "the disk is waited for after each of seven objects; what else writes to it counts too"
)


class Cost(NamedTuple):
    """Milliseconds of CPU and on the wall."""

    cpu: float
    wall: float


class Times(NamedTuple):
    """Medians: of the ratios of CPU time, and of each side's costs."""

    ratio: float
    ours: Cost
    git: Cost


class Bench:
    """A universe as a bare repository, and what is done to it."""

    def __init__(self, path: Path, releases: int) -> None:
        self.path = path
        universe = Universe(1, releases)
        universe.write(path)
        plugins = universe.plugins()
        self.new = [release_file(_next(universe, next(plugins))) for _ in range(2)]
        self.turn = 0

    def git(self, *words: str, given: bytes | None = None) -> str:
        """What git says, run as a process of its own."""
        environ = {**os.environ, **ALONE, "GIT_DIR": str(self.path)}
        done = subprocess.run(
            ["git", *words], input=given, env=environ, check=True, capture_output=True
        )
        return done.stdout.decode()

    def publish(self, number: int, branch: str) -> str:
        """One release on top of main, and the branch on it; ours."""
        path, data = self.new[number]
        with Repository.open(self.path) as repo:
            main = repo.branch("main") or ""
            tree = repo.write(repo.tree(main), {path: data + b"# %d\n" % self.turn})
            commit = repo.commit(tree, [main], f"Publish {path}", author=WHO, when=WHEN)
            repo.set_branch(branch, commit, expect=repo.branch(branch))
        return commit

    def import_by_git(self) -> None:
        """The same by ``git fast-import``."""
        path, data = self.new[0]
        data += b"# git's %d\n" % self.turn
        head = f"commit refs/heads/theirs\ncommitter {WHO} {WHEN} +0000\ndata 7\nPublish\n"
        head += f"from refs/heads/main^0\nM 100644 inline {path}\ndata {len(data)}\n"
        stream = head.encode() + data + b"\ndone\n"
        self.git("fast-import", "--quiet", "--done", "--force", given=stream)

    def merge(self, main: str, head: str) -> None:
        """What main becomes with a submission that left it before; ours."""
        with Repository.open(self.path) as repo:
            replayed = replay_onto(repo, main, repo.tree(main), head)
            if replayed.findings or replayed.tree == replayed.base:
                sys.exit(f"the merge went wrong: {replayed}")

    def differ(self) -> None:
        """All that the tip changed; ours."""
        with Repository.open(self.path) as repo:
            trees = [repo.tree(repo.branch(name) or "") for name in ("main", "tip")]
            if len(list(repo.diff(trees[0], trees[1]))) != 100:
                sys.exit("the tip does not differ by a hundred files")

    def paired(self, ours: Callable[[], object], git: Callable[[], object], rounds: int) -> Times:
        """In turns; the first is not counted."""
        pairs = []
        for _ in range(rounds + 1):
            self.turn += 1
            pairs.append((_timed(ours), _timed(git)))
        ratio = statistics.median(mine.cpu / theirs.cpu for mine, theirs in pairs[1:])
        mine, theirs = zip(*pairs[1:], strict=True)
        return Times(ratio, _median(mine), _median(theirs))


def _next(universe: Universe, drawn: Drawn) -> Release:
    return following(universe.lives, drawn, 1)


def _timed(job: Callable[[], object]) -> Cost:
    """What a job took: of a process, when it started one, else of this one."""
    began, own, others = time.perf_counter(), time.process_time(), _of_children()
    job()
    others, own = _of_children() - others, time.process_time() - own
    return Cost((others or own) * 1e3, (time.perf_counter() - began) * 1e3)


def _of_children() -> float:
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def _median(costs: Sequence[Cost]) -> Cost:
    cpus, walls = zip(*costs, strict=True)
    return Cost(statistics.median(cpus), statistics.median(walls))


def committing(bench: Bench, size: str, rounds: int) -> Row:
    """G10."""
    found = bench.paired(lambda: bench.publish(0, "ours"), bench.import_by_git, rounds)
    met = found.ours.wall <= COMMIT_MS and found.ratio <= COMMIT
    wanted = f"<= {COMMIT_MS:.0f} ms, <= {COMMIT}x CPU"
    said = f"{found.ours.wall:.1f} ms, {found.ratio:.2f}x CPU ({found.ours.cpu:.1f} ms)"
    peer = f"git fast-import: {found.git.cpu:.1f} ms"
    return Row("G10", f"commit one release, {size}", wanted, said, peer, met, SLOW_COMMIT)


def merging(bench: Bench, size: str, rounds: int) -> Row:
    """G11: main has taken in one submission, and now takes the other."""
    main, head = bench.publish(0, "first"), bench.publish(1, "second")
    found = bench.paired(
        lambda: bench.merge(main, head),
        lambda: bench.git("merge-tree", "--write-tree", main, head),
        rounds,
    )
    said = f"{found.ratio:.2f}x ({found.ours.cpu:.1f} ms)"
    peer = f"git merge-tree --write-tree: {found.git.cpu:.1f} ms"
    met = found.ratio <= MERGE
    return Row("G11", f"merge two submissions, {size}", f"<= {MERGE}x CPU", said, peer, met)


def differing(bench: Bench, size: str, rounds: int) -> tuple[Row, float]:
    """G12, and our milliseconds."""
    found = bench.paired(bench.differ, lambda: bench.git("diff-tree", "-r", "main", "tip"), rounds)
    said = f"{found.ratio:.2f}x ({found.ours.cpu:.1f} ms)"
    peer = f"git diff-tree -r: {found.git.cpu:.1f} ms"
    met = found.ratio <= DIFFERENCE
    job, wanted = f"tree difference of 100 files, {size}", f"<= {DIFFERENCE:.0f}x CPU"
    return Row("G12", job, wanted, said, peer, met, SLOW_DIFFERENCE), found.ours.cpu


def measure(sizes: list[int], rounds: int) -> list[Row]:
    """The rows of every size, and one about growing."""
    rows, times = [], []
    for releases in sizes:
        with tempfile.TemporaryDirectory() as folder:
            bench, size = Bench(Path(folder) / "registry.git", releases), f"{releases:,} releases"
            row, time_of = differing(bench, size, rounds)
            rows += [row, committing(bench, size, rounds), merging(bench, size, rounds)]
            times.append(time_of)
    if len(sizes) > 1:
        growth, most = times[-1] / times[0], sizes[-1] / sizes[0]
        job = f"that difference in a registry {most:.0f} times as large"
        said = f"{growth:.2f}x ({times[-1]:.1f} ms)"
        rows.append(Row("G12", job, f"<= {GROWTH:.0f}x", said, "ours", growth <= GROWTH))
    return sorted(rows, key=lambda row: row.goal)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small, once: only that it runs")
    parser.add_argument("--releases", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    sizes, rounds = ([1000], 1) if asked.quick else (asked.releases, asked.rounds)
    show(measure(sizes, rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
