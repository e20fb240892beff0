"""What a check costs in a registry of 100 releases and in one of 100,000: it follows the change.

``python benchmarks/check_growth.py [--keep DIR]`` makes both registries, and judges in each a new
release, a new name and a yank. Only the first is bound: looking for look-alike names and for
dependents needs what is known of all plugins, which is read once and then kept.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import run
from benchmarks.universe import Universe
from heimnetz_git.model.layout import classify
from heimnetz_git.registry.replay import replay
from heimnetz_git.registry.request import prepare_facts, yank
from heimnetz_git.registry.submission import prepare
from heimnetz_git.registry.submission_value import Submission, judge_replayed
from heimnetz_git.storage.repo import Repository
from tests.wheelkit import make_wheel

__all__ = ["main"]

SIZES = (100, 100_000)
LIMIT = 1.3
ROUNDS = 15
WHEN = 1_767_300_000
WHO = "Ada <ada@example.org>"
KINDS = ("new release", "new name", "yank")


def made(folder: Path, releases: int) -> Path:
    """The registry with this many releases, made if it is not there."""
    path = folder / f"universe-{releases}.git"
    if not path.exists():
        Universe(1, releases).write(path)
    return path


def submissions(repo: Repository, folder: Path) -> dict[str, tuple[Submission, bytes]]:
    """One submission of each kind with its wheel."""
    base = str(repo.branch("main"))
    kinds = (classify(entry.path) for entry in repo.entries(repo.tree(base), "plugins"))
    first = next(kind for kind in kinds if kind.kind == "release")
    wanted = {"new release": (first.name, "99.0.0"), "new name": ("zyxwvut", "1.0.0")}
    found: dict[str, tuple[Submission, bytes]] = {}
    for title, (name, version) in wanted.items():
        wheel = make_wheel(folder, name, version)
        asked = prepare(
            repo, base, wheel, owner="ada", embedded=False, url="https://example.org/",
            when=WHEN, author=WHO,
        )  # fmt: skip
        found[title] = (asked, wheel.read_bytes())
    wish = yank(first.version, "broken")
    asked = prepare_facts(repo, base, first.name, wish, when=WHEN, author=WHO)
    found["yank"] = (asked, b"")
    return found


def check(path: Path, asked: Submission, wheel: bytes) -> float:
    """CPU seconds of judging it in a repository that was just opened."""
    begin = time.process_time()
    with Repository.open(path) as repo:
        trees = replay(repo, asked.base, asked.head)
        judge_replayed(repo, trees, wheel_of=lambda _: wheel, expected=asked, at=WHEN)
    return time.process_time() - begin


def measured(path: Path, folder: Path) -> dict[str, tuple[float, float]]:
    """Kind -> seconds of the first check, and the median of those after it."""
    with Repository.open(path) as repo:
        asked = submissions(repo, folder)
    found = {}
    for kind in KINDS:
        times: list[float] = [check(path, *asked[kind]) for _ in range(ROUNDS + 1)]
        found[kind] = (times[0], statistics.median(times[1:]))
    return found


def command(path: Path, asked: Submission) -> list[str | Path]:
    """The command that a registry's workflow runs."""
    words: list[str | Path] = [
        "-m",
        "heimnetz_git",
        "registry",
        "check",
        path,
        "--base",
        asked.base,
    ]
    return [sys.executable, *words, "--head", asked.head, "--fail-on", "never", "--quiet"]


def of_the_command(folder: Path, sizes: tuple[int, int]) -> tuple[float, float, float]:
    """CPU seconds of the whole command in each registry, by turns; the median ratio."""
    lines = []
    for count in sizes:
        with Repository.open(made(folder, count)) as repo:
            lines.append(command(repo.path, submissions(repo, folder)["new release"][0]))
    pairs = [(run(lines[0]).cpu, run(lines[1]).cpu) for _ in range(ROUNDS)]
    ratio = statistics.median(large / small for small, large in pairs)
    before, after = (statistics.median(column) for column in zip(*pairs, strict=True))
    return before, after, ratio


def compare(folder: Path, say: Callable[[str], None], sizes: tuple[int, int] = SIZES) -> float:
    """Measure both; the ratio of the command that checks a new release."""
    small, large = (measured(made(folder, count), folder) for count in sizes)
    say(
        f"{'CPU ms of a check':<18} {sizes[0]:>9,} {sizes[1]:>9,}   ratio   first time of the large"
    )
    for kind in KINDS:
        before, after = small[kind][1], large[kind][1]
        say(
            f"{kind:<18} {before * 1e3:9.2f} {after * 1e3:9.2f} {after / before:7.2f}"
            f"   {large[kind][0] * 1e3:9.1f}"
        )
    before, after, ratio = of_the_command(folder, sizes)
    say(f"{'registry check':<18} {before * 1e3:9.2f} {after * 1e3:9.2f} {ratio:7.2f}")
    return ratio


def main() -> int:
    """Print the table; 1 when a new release costs more than 1.3 times as much in the large one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="Keep the registries in this folder.")
    parser.add_argument("--quick", action="store_true", help="two small ones: only that it runs")
    asked = parser.parse_args()
    keep, sizes = asked.keep, (20, 100) if asked.quick else SIZES
    with tempfile.TemporaryDirectory() as folder:
        if keep:
            keep.mkdir(parents=True, exist_ok=True)
        ratio = compare(keep or Path(folder), print, sizes)
    print(f"registry check of a new release: {ratio:.2f}, at most {LIMIT} wanted")
    return int(ratio > LIMIT and not asked.quick)


if __name__ == "__main__":
    sys.exit(main())
