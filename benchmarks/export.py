"""The static export of a registry: whole, after a hundred changes, and what a client does with it.

``python -m benchmarks.export --releases 10000`` prints CPU time and the ratio of going on to
beginning anew. Everything runs in this process on a registry from ``benchmarks/universe.py``.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.registry.export import Edition, Exported, export
from heimnetz_git.registry.export_verify import verify
from heimnetz_git.registry.exported_remote import RemoteIndex
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.repo import Repository

EDITION = Edition(created=1_767_225_600, expires=4_000_000_000)
ROUNDS = 3


def timed(action: Callable[[], object]) -> float:
    """Seconds of CPU that an action takes: waiting for the disk and for others is left out."""
    start = time.process_time()
    action()
    return time.process_time() - start


class Bench:
    """One registry with two states, and folders for what is made of them."""

    def __init__(self, scratch: Path, repo: Repository) -> None:
        self.scratch, self.repo = scratch, repo
        self.out = scratch / "out"

    def export(self, branch: str, folder: Path) -> Exported:
        """The export of a branch."""
        commit = self.repo.branch(branch)
        if commit is None:
            sys.exit(f"the universe has no branch {branch}")
        return export(self.repo, commit, folder, EDITION)

    def whole(self, branch: str = "tip") -> float:
        """Seconds of an export into an empty folder."""
        folder = self.scratch / "whole"
        shutil.rmtree(folder, ignore_errors=True)
        return timed(lambda: self.export(branch, folder))

    def going_on(self) -> float:
        """Seconds of the export of ``tip`` into a folder that has ``main``."""
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self.scratch / "main", self.out)
        return timed(lambda: self.export("tip", self.out))

    def sync(self, home: Home, folder: Path) -> float:
        """Seconds of an update from an export in a folder, cache included."""
        settings = IndexSettings(url=str(folder))
        return timed(lambda: sync.update(home, "bench", settings))

    def sync_git(self, home: Home) -> float:
        """Seconds of the first update from the repository itself, cache included."""
        settings = IndexSettings(url=str(self.repo.path))
        return timed(lambda: sync.update(home, "bench", settings))

    def ask(self, name: str) -> float:
        """Seconds until a machine that has nothing knows the releases of one plugin."""

        def asking() -> None:
            with RemoteIndex(str(self.out), index="bench") as remote:
                remote.releases(name)

        return timed(asking)


def run(scratch: Path, repo: Repository, rounds: int) -> None:
    """Prints a line for each figure: the median, and a ratio where there is one."""
    bench = Bench(scratch, repo)
    bench.export("main", scratch / "main")
    whole = statistics.median(bench.whole() for _ in range(rounds))
    going_on = statistics.median(bench.going_on() for _ in range(rounds))
    done = bench.export("tip", bench.out)
    line("whole export", whole)
    line("after 100 changed files", going_on, f"{going_on / whole:.3f}x of the whole")
    line("nothing new", timed(lambda: bench.export("tip", bench.out)))
    found = []
    line("verify all of it", timed(lambda: found.append(verify(bench.out, at=EDITION.created))))
    if found[0].problems or done.missing:
        sys.exit(f"the export is not sound: {found[0].problems[:3]}")
    first, home = bench.sync(Home(scratch / "home"), scratch / "main"), Home(scratch / "home")
    by_git = bench.sync_git(Home(scratch / "by-git"))
    line("client: first sync", first, f"{first / by_git:.2f}x of the same by Git from a folder")
    line("client: 100 changed files", bench.sync(home, bench.out))
    line("client: nothing new", bench.sync(home, bench.out))
    name = next((bench.out / "simple").iterdir()).name
    line("client: one plugin, from nothing", bench.ask(name))


def line(what: str, seconds: float, more: str = "") -> None:
    """One figure."""
    print(f"  {what:<34} {seconds * 1000:10.1f} ms   {more}")


def main() -> int:
    """Makes the universe and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="small, once: only that it runs")
    given = parser.parse_args()
    if given.quick:
        given.releases, given.rounds = 200, 1
    with tempfile.TemporaryDirectory(prefix="bench-export-") as folder:
        scratch = Path(folder)
        words = ["--releases", str(given.releases), "--out", str(scratch / "universe.git")]
        subprocess.run([sys.executable, "-m", "benchmarks.universe", *words], check=True)
        print(f"Static export of {given.releases} releases")
        with Repository.open(scratch / "universe.git") as repo:
            run(scratch, repo, given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
