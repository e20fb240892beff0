"""G1 to G4 and G14: syncing a registry over http, against ``git clone`` and ``git fetch``.

``python -m benchmarks.sync [--quick] [--releases N ...] [--rounds N] [--universes DIR]``. Both are
whole processes that talk to the same server on the loopback, in turns. A first sync is of depth 1
and compared by CPU time; updates are compared by the clock, as most of both is waiting for the
server, with the CPU time beside it. ``--universes`` keeps the registries for the next time: one of
a million releases takes minutes to make.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.git_server import serving
from benchmarks.measure import Command, Cost, Row, by_clock, paired, run, show
from benchmarks.universe import Universe
from benchmarks.universe_git import git

WANTED_MEMORY = {100_000: 200.0, 1_000_000: 600.0}
WANTED_CHANGES = {100_000: 1.2, 1_000_000: 0.6}
NAME = "registry.git"
WHY = {
    "G1": "of a small registry Python's start is most of the cost.",
    "G2": "reading 2.3 kB of manifest into checked values costs more than git's clone of them.",
    "G3": "Python and msgspec have started when git is done with half of it.",
    "G4": "git is done before Python and msgspec have started.",
}
FETCH = """
import sys
from pathlib import Path
from heimnetz_git.storage.repo import Repository
with Repository.create(Path(sys.argv[2])) as repo:
    heads = repo.fetch(sys.argv[1], depth=1)
    repo.set_branch("main", heads["main"], expect=None)
"""
SYNC = """
import sys
from pathlib import Path
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry.sync import update
from heimnetz_git.storage.home import Home
update(Home(Path(sys.argv[2])), "universe", IndexSettings(url=sys.argv[1]))
"""


class Bench:
    """One registry behind a server, with a place for what is measured on it."""

    def __init__(self, url: str, source: Path, folder: Path, releases: int, rounds: int) -> None:
        self.url, self.source, self.folder = url, source, folder
        self.size, self.rounds = releases, rounds
        self.home, self.clone = folder / "home", folder / "clone.git"
        self.main, self.tip = (
            git(source, "rev-parse", f"refs/heads/{name}").strip() for name in ("begun", "tip")
        )

    def job(self, what: str) -> str:
        """What a row is about."""
        return f"{what}, {self.size:,} releases"

    def point(self, commit: str) -> None:
        """Let the server's main be that commit."""
        git(self.source, "update-ref", "refs/heads/main", commit)

    def python(self, script: str, target: Path) -> Cost:
        """Run one of ours."""
        return run([sys.executable, "-I", "-c", script, self.url, target])

    def anew(self, target: Path, job: Callable[[], Cost]) -> Cost:
        """A job that makes ``target``, which must not be there."""
        shutil.rmtree(target, ignore_errors=True)
        return job()

    def first_git(self) -> Cost:
        """A clone by the git program."""
        words: Command = ["git", "clone", "--quiet", "--bare", "--depth", "1", self.url, self.clone]
        return self.anew(self.clone, lambda: run(words))

    def first_fetch(self) -> Cost:
        """Objects and refs alone."""
        target = self.folder / "ours.git"
        return self.anew(target, lambda: self.python(FETCH, target))

    def first_sync(self) -> Cost:
        """All of it."""
        return self.anew(self.home, lambda: self.python(SYNC, self.home))

    def first(self) -> Iterator[Row]:
        """G1, G2, G14: the first sync, by parts."""
        costs = []
        for goal, what, wanted, job in (
            ("G1", "first sync: objects and refs", 1.3, self.first_fetch),
            ("G2", "first sync with its cache", 2.5, self.first_sync),
        ):
            ratio, ours, theirs = paired(job, self.first_git, self.rounds)
            costs.append((what, ours, theirs))
            cost, peer = f"{ratio:.2f}x ({ours.cpu:.2f} s)", f"{theirs.cpu:.2f} s"
            peer = f"git clone --bare --depth 1: {peer}"
            met = ratio <= wanted
            yield Row(goal, self.job(what), f"<= {wanted}x CPU", cost, peer, met, WHY[goal])
        objects = self.folder / "ours.git"
        subprocess.run(["git", "-C", objects, "fsck", "--strict", "--no-dangling"], check=True)
        shutil.rmtree(objects)
        most = WANTED_MEMORY.get(self.size)
        for what, ours, theirs in costs:
            wanted_words = f"<= {most:.0f} MB" if most else ""
            is_met = ours.memory <= most if most else None
            cost, peer = f"{ours.memory:.0f} MB", f"git: {theirs.memory:.0f} MB"
            yield Row("G14", self.job(f"memory, {what}"), wanted_words, cost, peer, is_met)

    def later(self) -> Iterator[Row]:
        """G3, G4: a sync of a hundred changed files, and of none."""
        fetch: Command = [
            "git",
            "-C",
            self.clone,
            "fetch",
            "--quiet",
            self.url,
            "+main:refs/heads/main",
        ]
        for goal, what, wanted, commit in (
            ("G3", "sync of 100 changed files", WANTED_CHANGES.get(self.size), self.tip),
            ("G4", "sync with nothing new", 1.8, self.main),
        ):
            self.point(commit)
            ratio, ours, theirs = by_clock(
                lambda: self.after_first(self.home, lambda: self.python(SYNC, self.home)),
                lambda: self.after_first(self.clone, lambda: run(fetch)),
                self.rounds,
            )
            self.point(self.main)
            peer = f"git fetch: {theirs.wall * 1e3:.0f} ms, CPU {theirs.cpu * 1e3:.0f} ms"
            cost = f"{ratio:.2f}x ({ours.wall * 1e3:.0f} ms, CPU {ours.cpu * 1e3:.0f} ms)"
            words = f"<= {wanted}x by the clock" if wanted else ""
            met = ratio <= wanted if wanted else None
            yield Row(goal, self.job(what), words, cost, peer, met, WHY[goal])

    def after_first(self, target: Path, job: Callable[[], Cost]) -> Cost:
        """A job on what the first sync left, which is as it was afterwards."""
        kept = target.with_name(f"{target.name}.kept")
        shutil.copytree(target, kept, symlinks=True, copy_function=_as_it_is)
        os.sync()  # or the job waits for the copy to reach the disk
        try:
            return job()
        finally:
            shutil.rmtree(target)
            kept.rename(target)


def _as_it_is(source: str, target: str) -> None:
    """Objects never change, and may have two names; all else is copied."""
    if "objects" in Path(source).parts:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@contextmanager
def universe(releases: int, kept: Path | None) -> Iterator[Path]:
    """A folder with a registry of that size, made when it is not there."""
    with tempfile.TemporaryDirectory() as passing:
        folder = (kept or Path(passing)) / str(releases)
        if not (folder / NAME).exists():
            Universe(1, releases).write(folder / NAME)
            git(folder / NAME, "branch", "begun", "main")
        yield folder


def measure(folder: Path, releases: int, rounds: int) -> list[Row]:
    """All rows of this size."""
    with tempfile.TemporaryDirectory() as scratch, serving(folder) as root:
        bench = Bench(f"{root}/{NAME}", folder / NAME, Path(scratch), releases, rounds)
        bench.point(bench.main)
        return [*bench.first(), *bench.later()]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small, once: only that it runs")
    parser.add_argument("--releases", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--universes", type=Path, help="where to keep the registries")
    asked = parser.parse_args()
    sizes, rounds = ([200], 1) if asked.quick else (asked.releases, asked.rounds)
    rows: list[Row] = []
    for releases in sizes:
        with universe(releases, asked.universes) as folder:
            rows += measure(folder, releases, rounds)
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
