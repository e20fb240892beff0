"""G5: reading every manifest at HEAD of a bare registry, against ``git cat-file --batch``.

``python benchmarks/reading.py [--quick] [--releases N ...] [--rounds N]``. Both are whole Python
processes that end up with the bytes of each file: ours lists the tree and reads by itself and
checks every object against its id, the other lists with ``git ls-tree``, reads from git's pipe and
takes git's word. The second row is the reading alone, with the ids known beforehand.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Row, paired, run, show
from benchmarks.universe import Universe

WANTED = 0.6
OURS = """
import sys
from pathlib import Path
from heimnetz_git.storage.repo import Repository
with Repository.open(Path(sys.argv[1])) as repo:
    tree = repo.tree(repo.branch("main"))
    oids = [entry.oid for entry in repo.entries(tree, "plugins")]
    total = sum(len(data) for _, data in repo.blobs(oids))
"""
KNOWN = """
import sys
from pathlib import Path
from heimnetz_git.storage.packfile import PackFile
oids = Path(sys.argv[2]).read_text().split()
for index in Path(sys.argv[1]).glob("objects/pack/*.idx"):
    with PackFile(index) as pack:
        total = sum(len(data) for _, _, data in pack.read_many(oids))
"""
GITS = """
import subprocess, sys, tempfile
git = ["git", "--git-dir", sys.argv[1]]
with tempfile.TemporaryFile() as names:
    lister = [*git, "ls-tree", "-r", "--format=%(objectname)", "main", "plugins"]
    subprocess.run(lister, stdout=names, check=True)
    names.seek(0)
    reader = [*git, "cat-file", "--batch", "--buffer"]
    with subprocess.Popen(reader, stdin=names, stdout=subprocess.PIPE) as process:
        total = 0
        while head := process.stdout.readline():
            total += len(process.stdout.read(int(head.split()[2]) + 1)) - 1
"""


def measure(folder: Path, releases: int, rounds: int) -> list[Row]:
    """Two rows: the whole job, and the reading alone."""
    repository, names = folder / "registry.git", folder / "names"
    Universe(1, releases).write(repository)
    names.write_text("\n".join(_ids(repository)))
    python = [sys.executable, "-I", "-c"]
    rows = []
    for job, script in (("read all manifests", OURS), ("the same, ids known", KNOWN)):
        ratio, our, git = paired(
            lambda script=script: run([*python, script, repository, names]),  # type: ignore[misc] # bound now
            lambda: run([*python, GITS, repository]),
            rounds,
        )
        cost = f"{ratio:.2f}x ({our.cpu:.2f} s, {our.memory:.0f} MB)"
        peer = f"git cat-file --batch: {git.cpu:.2f} s"
        sized = f"{job}, {releases:,} releases"
        rows.append(Row("G5", sized, f"<= {WANTED}x CPU", cost, peer, ratio <= WANTED))
    return rows


def _ids(repository: Path) -> list[str]:
    from heimnetz_git.storage.repo import Repository

    with Repository.open(repository) as repo:
        tree = repo.tree(repo.branch("main") or "")
        return [entry.oid for entry in repo.entries(tree, "plugins")]


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
