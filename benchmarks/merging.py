"""What publishing and merging a release costs beside git's own plumbing, and as more are open.

``python -m benchmarks.merging [--quick] [--releases N] [--rounds N]``. Ours prepares
a release as ``publish`` does, opens its wheel, merges it as ``merge`` does: the law, the record,
compare and swap. Git's plumbing, each a process, only writes: ``hash-object``, ``mktree`` for every
folder of the path, ``commit-tree``, ``update-ref``. Both work on the same repository in turns; each
figure is of CPU time, ours of this process and git's of its processes. The cost for one submission
of ``merge --auto`` is taken with few and with many open ones, on copies of one registry.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import ALONE, Row, show
from benchmarks.universe import Universe
from benchmarks.universe_plugins import following, release_file
from heimnetz_git.model.layout import classify, release_path
from heimnetz_git.registry import index
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.submission import prepare
from heimnetz_git.registry.submission_merge import merge, merge_ready
from heimnetz_git.storage.repo import Repository
from tests.wheelkit import make_wheel

__all__ = ["main"]

PLUMBING, OPEN = 3.0, 1.2
FEW, MANY = 10, 1000
WHO, WHEN = "Ada <ada@example.org>", 1_767_300_000
LATER = WHEN + 30 * 86400


class Pair(NamedTuple):
    """Seconds of CPU: ours and git's."""

    ours: float
    git: float


class Bench:
    """A registry of many releases, and one plugin of it that gets new ones."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder, self.turn = path, folder, 0
        with Repository.open(path) as repo:
            kinds = (classify(one.path) for one in repo.entries(self.main_tree(repo), "plugins"))
            self.name = next(kind.name for kind in kinds if kind.kind == "release")

    @staticmethod
    def main_tree(repo: Repository) -> str:
        """The tree of main."""
        return repo.tree(repo.branch("main") or "")

    def publish(self) -> float:
        """Prepare and merge the next release; CPU seconds."""
        self.turn += 1
        wheel = make_wheel(self.folder, self.name, f"99.0.{self.turn}")
        began = time.process_time()
        with Repository.open(self.path) as repo:
            base = repo.branch("main") or ""
            made = prepare(
                repo, base, wheel, embedded=False, url="https://example.org/",
                when=WHEN, author=WHO,
            )  # fmt: skip
            merge(repo, made, when=WHEN, author=WHO)
        return time.process_time() - began

    def plumb(self) -> float:
        """The same files by git: a release on a branch, then it and a record on main."""
        with Repository.open(self.path) as repo:
            path = release_path(self.name, f"99.0.{self.turn}")
            entry = repo.entry(self.main_tree(repo), path)
            data = repo.read(entry.oid) if entry else b""
        began = _of_children()
        old = self.git("rev-parse", "main").strip()
        blob = self.git("hash-object", "-w", "--stdin", given=data + b"# git\n").strip()
        tree = self.tree_with(old, path, blob)
        commit = self.git("commit-tree", tree, "-p", old, given=b"Publish\n").strip()
        self.git("update-ref", "refs/heads/theirs", commit)
        record = self.git("hash-object", "-w", "--stdin", given=b"format: 1\n").strip()
        tree = self.tree_with(commit, path.replace("plugins/", "records/", 1), record)
        merged = self.git("commit-tree", tree, "-p", old, given=b"Merge\n").strip()
        self.git("update-ref", "refs/heads/other", merged)
        self.git("update-ref", "-d", "refs/heads/theirs", commit)
        return _of_children() - began

    def tree_with(self, commit: str, path: str, blob: str) -> str:
        """The tree of a commit with one file more: ``ls-tree`` and ``mktree`` a folder."""
        folders = path.split("/")[:-1]
        made, name, kind = blob, path.rpartition("/")[2], f"100644 blob {blob}"
        for depth in range(len(folders), -1, -1):
            where = "/".join(folders[:depth])
            spec = f"{commit}:{where}"
            rows = self.git("ls-tree", spec, check=False).splitlines()
            rows = [row for row in rows if row.partition("\t")[2] != name]
            listing = "\n".join([*rows, f"{kind}\t{name}"]) + "\n"
            made = self.git("mktree", given=listing.encode()).strip()
            name, kind = folders[depth - 1] if depth else "", f"040000 tree {made}"
        return made

    def git(self, *words: str, given: bytes | None = None, check: bool = True) -> str:
        """What git says, run as a process of its own."""
        who = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER")
               for what in ("NAME", "EMAIL")}  # fmt: skip
        environ = {**os.environ, **ALONE, **who, "GIT_DIR": str(self.path)}
        done = subprocess.run(
            ["git", *words], input=given, env=environ, check=check, capture_output=True
        )
        return done.stdout.decode() if done.returncode == 0 else ""


def _of_children() -> float:
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def against_plumbing(path: Path, folder: Path, rounds: int) -> Row:
    """In turns; the first is not counted."""
    bench = Bench(path, folder)
    pairs = [Pair(bench.publish(), bench.plumb()) for _ in range(rounds + 1)][1:]
    ratio = statistics.median(one.ours / one.git for one in pairs)
    ours, git = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    said = f"{ratio:.2f}x ({ours:.1f} ms)"
    peer = f"hash-object, mktree, commit-tree, update-ref: {git:.1f} ms"
    return Row("M1", "publish and merge one release", f"<= {PLUMBING}x CPU", said, peer,
               ratio <= PLUMBING)  # fmt: skip


def opened(universe: Universe, path: Path, count: int) -> dict[str, Actor]:
    """Let this many releases be open, each on a branch; who asks for each."""
    actors: dict[str, Actor] = {}
    with Repository.open(path) as repo:
        base = repo.branch("main") or ""
        tree = repo.tree(base)
        for drawn in universe.plugins():
            release = following(universe.lives, drawn, 1)
            place, data = release_file(release)
            entry = index.plugin_entry(repo, tree, release.name)
            if entry is None or entry.status == "removed" or repo.entry(tree, place):
                continue
            head = repo.commit(repo.write(tree, {place: data}), [base], "x", author=WHO, when=WHEN)
            branch = f"submit/{release.name}/{release.version}"
            repo.set_branch(branch, head, expect=None)
            actors[branch] = Actor(entry.owners[0].name, entry.owners[0].id, "forge")
            if len(actors) == count:
                break
    return actors


def sweep(universe: Universe, master: Path, folder: Path, count: int) -> float:
    """CPU seconds of ``merge --auto`` for each submission that it took in."""
    path = folder / f"open-{count}.git"
    shutil.copytree(master, path)
    actors = opened(universe, path, count)
    with Repository.open(path) as repo:
        merge_ready(repo, when=WHEN, author=WHO, actors=actors)
        began = time.process_time()
        swept = merge_ready(repo, when=LATER, author=WHO, actors=actors)
        cost = time.process_time() - began
    shutil.rmtree(path)
    if len(actors) < count or len(swept.merged) < 0.9 * count:
        sys.exit(f"of {count} submissions {len(swept.merged)} were merged: {swept.waiting[:1]}")
    return cost / len(swept.merged)


def as_more_are_open(folder: Path, releases: int, many: int, rounds: int) -> Row:
    """In turns, on copies of one registry."""
    universe, master = Universe(2, releases), folder / "master.git"
    universe.write(master)
    pairs = [
        (sweep(universe, master, folder, FEW), sweep(universe, master, folder, many))
        for _ in range(rounds)
    ]
    ratio = statistics.median(large / small for small, large in pairs)
    small, large = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
    job = f"merge --auto, for each of {many:,} open"
    peer = f"for each of {FEW}: {small:.1f} ms"
    said = f"{ratio:.2f}x ({large:.1f} ms)"
    return Row("M2", job, f"<= {OPEN}x CPU", said, peer, ratio <= OPEN)


def main() -> int:
    """Print the table; 1 when a figure misses its mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small, once: only that it runs")
    parser.add_argument("--releases", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a registry of that size")
    asked = parser.parse_args()
    releases, rounds = (1000, 1) if asked.quick else (asked.releases, asked.rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "registry.git"
        if asked.keep and asked.keep.exists():
            shutil.copytree(asked.keep, path)
        else:
            Universe(1, releases).write(path)
        rows = [against_plumbing(path, folder, 3 * rounds)]
        rows.append(
            as_more_are_open(
                folder, max(releases // 10, 1000), 100 if asked.quick else MANY, rounds
            )
        )
    show(rows)
    return int(not all(row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main())
