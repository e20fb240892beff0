"""G1 and G14: the first sync of a registry over http, bare and of depth 1, against ``git clone``.

``python benchmarks/sync.py [--quick] [--releases N ...] [--rounds N]``. Both are whole processes
and fetch from the same server on the loopback; what is measured is their CPU time and peak memory.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.git_server import serving
from benchmarks.measure import Cost, Row, paired, run, show
from benchmarks.universe import Universe

WANTED_RATIO = 1.3
WANTED_MEMORY = {100_000: 200.0, 1_000_000: 600.0}
SYNC = """
import sys
from pathlib import Path
from heimnetz_git.storage.repo import Repository
with Repository.create(Path(sys.argv[2])) as repo:
    heads = repo.fetch(sys.argv[1], depth=1)
    repo.set_branch("main", heads["main"], expect=None)
"""


def ours(url: str, target: Path) -> Cost:
    """Fetch with heimnetz-git into a folder that is not there yet."""
    shutil.rmtree(target, ignore_errors=True)
    return run([sys.executable, "-I", "-c", SYNC, url, target])


def gits(url: str, target: Path) -> Cost:
    """The same by the git program."""
    shutil.rmtree(target, ignore_errors=True)
    return run(["git", "clone", "--quiet", "--bare", "--depth", "1", url, target])


def measure(folder: Path, releases: int, rounds: int) -> list[Row]:
    """Two rows: time and memory at this size."""
    Universe(1, releases).write(folder / "registry.git")
    mine, theirs = folder / "ours.git", folder / "gits.git"
    with serving(folder) as root:
        url = f"{root}/registry.git"
        ratio, our, git = paired(lambda: ours(url, mine), lambda: gits(url, theirs), rounds)
    subprocess.run(["git", "-C", mine, "fsck", "--strict", "--no-dangling"], check=True)
    size = f"{releases:,} releases"
    memory = WANTED_MEMORY.get(releases)
    return [
        Row(
            "G1",
            f"first sync, {size}",
            f"<= {WANTED_RATIO}x CPU",
            f"{ratio:.2f}x ({our.cpu:.2f} s)",
            f"git clone --bare --depth 1: {git.cpu:.2f} s",
            ratio <= WANTED_RATIO,
        ),
        Row(
            "G14",
            f"its peak memory, {size}",
            f"<= {memory:.0f} MB" if memory else "",
            f"{our.memory:.0f} MB",
            f"git: {git.memory:.0f} MB",
            our.memory <= memory if memory else None,
        ),
    ]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small, once: only that it runs")
    parser.add_argument("--releases", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    sizes, rounds = ([200], 1) if asked.quick else (asked.releases, asked.rounds)
    rows: list[Row] = []
    for releases in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(Path(folder), releases, rounds)
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
