"""A made-up registry of any size, always the same for the same seed: what benchmarks run on.

``python benchmarks/universe.py --releases 100000 --out DIR`` writes a bare Git repository in format
1. Branch ``main`` has the universe; ``tip`` stands on it with a hundred changed files, 95 new
releases and 5 yanks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks.universe_git import git, importing
from benchmarks.universe_lives import Lives
from benchmarks.universe_needs import range_on
from benchmarks.universe_plugins import (
    Drawn,
    blob_id,
    draw,
    entry_file,
    files,
    following,
    record_file,
    release_file,
    stamp,
)
from heimnetz_git.model.layout import POLICY, REGISTRY
from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.registry import PluginEntry, Policy, RegistryInfo
from heimnetz_git.storage.canonical import dump

__all__ = ["Universe", "main"]

NEW_RELEASES, NEW_YANKS = 95, 5
INDEX = "universe"
File = tuple[str, bytes]


class Universe:
    """A registry drawn from a seed; also what the resolver asks for releases.

    ``names`` are the plugins, the most wanted first. Nothing is kept but the last few plugins.
    """

    def __init__(self, seed: int, releases: int, *, records: bool = False) -> None:
        """``releases`` in all; ``records`` adds the registry's record of each."""
        self.lives = Lives(seed, releases)
        self.names = tuple(self.lives.names)
        self.records = records
        self.info = RegistryInfo(
            format=1, id=str(uuid.UUID(int=self.lives.chance("id").getrandbits(128), version=4)),
            name=INDEX, title="A made-up registry", store="url",
        )  # fmt: skip
        self._candidates = lru_cache(maxsize=2048)(self._offered)

    def plugins(self) -> Iterator[Drawn]:
        """Every plugin, drawn one at a time."""
        return (draw(self.lives, rank) for rank in range(len(self.names)))

    def releases(self, name: str) -> tuple[Candidate, ...]:
        """Every release of a plugin as an index offers it, newest first; empty if unknown."""
        rank = self.lives.ranks.get(name)
        return () if rank is None else self._candidates(rank)

    def root_sets(self, count: int, most: int = 6) -> tuple[dict[str, str], ...]:
        """Sets of plugins that somebody might ask for: name to range, empty for any version."""
        return tuple(self._root_set(number, most) for number in range(count))

    def shared_files(self) -> Iterator[File]:
        """The files that no plugin owns."""
        yield REGISTRY, dump(self.info)
        yield POLICY, dump(Policy(format=1))

    def files(self) -> Iterator[File]:
        """Every file of the registry, path and bytes."""
        yield from self.shared_files()
        for drawn in self.plugins():
            yield from files(drawn, records=self.records)

    def tip_files(self) -> Iterator[File]:
        """A hundred files to set on top: new releases of some plugins, yanks of others."""
        chance = self.lives.chance("tip")
        ranks = chance.sample(range(len(self.names)), min(len(self.names), 100))
        yanking, growing = ranks[:NEW_YANKS], ranks[NEW_YANKS:]
        for rank in yanking:
            drawn = draw(self.lives, rank)
            yanked = drawn.entry.yanked | {drawn.releases[0].version: "found broken at the tip"}
            yield entry_file(msgspec.structs.replace(drawn.entry, yanked=yanked))
        for number in range(NEW_RELEASES):
            turn, place = divmod(number, len(growing))
            drawn = draw(self.lives, growing[place])
            yield release_file(following(self.lives, drawn, turn + 1))

    def history(self) -> Iterator[tuple[str, list[File]]]:
        """The same files as they came, one event each: a sentence, and the files that it set."""
        steps = [
            (step.moment, rank, place)
            for rank in range(len(self.names))
            for place, step in enumerate(self.lives.life(rank))
        ]
        drawn_of = lru_cache(maxsize=2048)(lambda rank: draw(self.lives, rank))
        for _, rank, place in sorted(steps):
            drawn = drawn_of(rank)
            release = drawn.releases[place]
            found = [release_file(release)]
            if self.records:
                found.append(record_file(release, found[0][1], stamp(drawn.merged[place])))
            if place == 0 or release.version in drawn.entry.yanked:
                found.append(entry_file(_entry_after(drawn, place)))
            yield f"{release.name} {release.version}", found

    def write(self, repository: Path, *, per_commit: int = 0) -> str:
        """The universe as a bare repository; the commit of its ``main``.

        ``per_commit`` releases a commit in the order of time, or all in one when it is 0.
        """
        with importing(repository) as target:
            if per_commit:
                target.commit("main", "Begin", self.shared_files())
                events = self.history()
                while batch := list(islice(events, per_commit)):
                    title = "Publish " + ", ".join(said for said, _ in batch[:3])
                    target.commit("main", title, (file for _, each in batch for file in each))
            else:
                target.commit("main", "Publish everything", self.files())
            target.commit("tip", "Publish a hundred files", self.tip_files(), base="main")
        return git(repository, "rev-parse", "main").strip()

    def _offered(self, rank: int) -> tuple[Candidate, ...]:
        drawn = draw(self.lives, rank)
        return tuple(
            Candidate(
                release=release,
                registry=self.info.id,
                index=INDEX,
                oid=blob_id(release_file(release)[1]),
                yanked=drawn.entry.yanked.get(release.version),
                merged=stamp(merged) if self.records else "",
            )
            for release, merged in reversed([*zip(drawn.releases, drawn.merged, strict=True)])
        )

    def _root_set(self, number: int, most: int) -> dict[str, str]:
        chance = self.lives.chance("roots", number)
        ranks = {self.lives.pick(chance, 0) for _ in range(chance.randint(1, most))}
        return {
            self.names[rank]: range_on(self.lives.life(rank), 1 - chance.random() / 2, chance)
            if chance.random() < 0.5
            else ""
            for rank in sorted(ranks)
        }


def _entry_after(drawn: Drawn, place: int) -> PluginEntry:
    """The plugin's facts once its first releases, up to this place, are there."""
    there = {release.version for release in drawn.releases[: place + 1]}
    yanked = {version: why for version, why in drawn.entry.yanked.items() if version in there}
    return msgspec.structs.replace(drawn.entry, yanked=yanked)


def main() -> int:
    """Write the repository that the command line asks for and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--releases", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="the bare repository to write")
    parser.add_argument("--history", type=int, default=0, metavar="N", help="releases a commit")
    parser.add_argument("--records", action="store_true", help="with the registry's records")
    asked = parser.parse_args()
    began = time.perf_counter()
    universe = Universe(asked.seed, asked.releases, records=asked.records)
    with tempfile.TemporaryDirectory() as folder:
        out = asked.out or Path(folder) / "universe.git"
        commit = universe.write(out, per_commit=asked.history)
        counts = Counter(line.split("/")[0] for line in _paths(out))
        size = sum(pack.stat().st_size for pack in out.glob("objects/pack/*.pack"))
    shown = ", ".join(f"{count} in {top}" for top, count in sorted(counts.items()) if count > 1)
    print(f"{len(universe.names)} plugins; files: {shown}; packs {size / 1e6:.1f} MB")
    print(f"main {commit} in {time.perf_counter() - began:.1f} s")
    return 0


def _paths(repository: Path) -> list[str]:
    return git(repository, "ls-tree", "-r", "--name-only", "main").splitlines()


if __name__ == "__main__":
    sys.exit(main())
