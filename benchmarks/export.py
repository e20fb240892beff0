"""The static export: written whole, after one plugin and a hundred files; and its client.

``python -m benchmarks.export [--quick] [--releases N ...]``. CPU time in this process on a registry
from ``benchmarks/universe.py``; git's is that of whole processes. At the end the export that was
brought up to date step by step is held against one that was written at once, byte by byte.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from benchmarks.measure import Row, run, show
from benchmarks.universe import Universe
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.registry.export import Edition, Exported, export
from heimnetz_git.registry.export_verify import verify
from heimnetz_git.registry.exported_remote import RemoteIndex
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.repo import Repository

EDITION = Edition(created=1_767_225_600, expires=4_000_000_000)
WHO = "Universe <universe@example.org>"
STEPS = 5
WANTED = 0.05  # of the whole, for one plugin of ten thousand or more


def timed(action: Callable[[], object]) -> float:
    """Seconds of CPU that an action takes: waiting for the disk and for others is left out."""
    start = time.process_time()
    action()
    return time.process_time() - start


class Bench:
    """One registry that grows, its export, and a client that follows it."""

    def __init__(self, scratch: Path, repo: Repository) -> None:
        self.scratch, self.repo = scratch, repo
        self.out = scratch / "out"
        self.home = Home(scratch / "home")
        commit = repo.branch("main")
        if commit is None:
            sys.exit("the universe has no branch main")
        self.commit = commit

    def grow(self, files: dict[str, bytes]) -> None:
        """One commit with these files."""
        tree = self.repo.write(self.repo.tree(self.commit), files)
        self.commit = self.repo.commit(
            tree, [self.commit], "Publish", author=WHO, when=EDITION.created
        )

    def export(self, folder: Path | None = None) -> Exported:
        """The export of the newest commit."""
        return export(self.repo, self.commit, folder or self.out, EDITION)

    def sync(self) -> None:
        """The client follows."""
        sync.update(self.home, "bench", IndexSettings(url=str(self.out)))

    def sync_by_git(self) -> None:
        """The first update of another client from the repository itself."""
        settings = IndexSettings(url=str(self.repo.path))
        sync.update(Home(self.scratch / "by-git"), "bench", settings)

    def ask(self, name: str) -> None:
        """A machine that has nothing learns of the releases of one plugin."""
        with RemoteIndex(str(self.out), index="bench") as remote:
            remote.releases(name)

    def differing(self) -> list[str]:
        """What differs from an export that is written at once: nothing but older objects."""
        at_once = self.scratch / "at-once"
        self.export(at_once)
        files = (path.relative_to(at_once) for path in at_once.rglob("*") if path.is_file())
        return [
            str(path)
            for path in files
            if path.parts[0] != "packs"  # hints from the last whole export
            and (self.out / path).read_bytes() != (at_once / path).read_bytes()
        ]


def one_by_one(files: list[tuple[str, bytes]]) -> Iterator[dict[str, bytes]]:
    """The files of one plugin after the other."""
    ordered = sorted(files)
    for _, each in groupby(ordered, key=lambda file: Path(file[0]).parent):
        yield dict(each)


def measure(scratch: Path, releases: int) -> list[Row]:
    """The rows at this size."""
    universe = Universe(1, releases)
    universe.write(scratch / "universe.git")
    changes = list(universe.tip_files())
    with Repository.open(scratch / "universe.git") as repo:
        bench = Bench(scratch, repo)
        archive = run(["git", "-C", scratch / "universe.git", "archive", "main"]).cpu
        whole = timed(bench.export)
        first, by_git = timed(bench.sync), timed(bench.sync_by_git)
        exporter, client = [], []
        for files in list(one_by_one(changes))[:STEPS]:
            bench.grow(files)
            exporter.append(timed(bench.export))
            client.append(timed(bench.sync))
        bench.grow(dict(changes))
        hundred, hundred_client = timed(bench.export), timed(bench.sync)
        nothing, nothing_client = timed(bench.export), timed(bench.sync)
        lone = timed(lambda: bench.ask(universe.names[0]))
        checked: list[bool] = []
        verifying = timed(lambda: checked.append(not verify(bench.out, at=1).problems))
        same = checked[0] and not bench.differing()
    one, one_client = statistics.median(exporter), statistics.median(client)
    size = f"{releases:,} releases"
    met = one <= WANTED * whole if releases >= 10_000 else None
    return [
        _row(f"written whole, {size}", whole, f"git archive: {archive:.2f} s"),
        Row("export", "after one plugin changed", f"<= {WANTED}x of the whole",
            f"{one / whole:.4f}x ({one:.3f} s)", f"whole: {whole:.2f} s", met),
        _row("after 100 files changed", hundred, f"{hundred / whole:.3f}x of the whole"),
        _row("nothing new", nothing),
        _row("every digest verified", verifying),
        Row("export", "step by step as at once", "the same bytes", "yes" if same else "no", "",
            same),
        _row("client: first sync", first, f"by Git from a folder: {by_git:.2f} s"),
        _row("client: one plugin changed", one_client, f"{one_client / first:.4f}x of the first"),
        _row("client: 100 files changed", hundred_client),
        _row("client: nothing new", nothing_client),
        _row("client with nothing: one plugin", lone),
    ]  # fmt: skip


def _row(job: str, seconds: float, peer: str = "") -> Row:
    return Row("export", job, "", f"{seconds:.3f} s", peer)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small: only that it runs")
    parser.add_argument("--releases", type=int, nargs="*", default=[10_000, 100_000])
    asked = parser.parse_args()
    rows: list[Row] = []
    for releases in [500] if asked.quick else asked.releases:
        with tempfile.TemporaryDirectory(prefix="bench-export-") as folder:
            rows += measure(Path(folder), releases)
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
