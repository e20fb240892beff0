"""Parsing and validating one manifest: the fast reader against ruamel and against itself without.

Every way gets the same files in the same order, turn by turn in slices; the table has the median
of the slices in microseconds of CPU a manifest, and the ratio to ours, paired slice by slice. A way
that is too slow for all slices takes the first files of each. ``first`` is a new process's first
sight of each file, ``again`` the same files once more; ``alone`` forgets all blocks before each
file, as no sync does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from benchmarks.measure import Row, show
from benchmarks.universe import Universe
from benchmarks.universe_plugins import release_file
from heimnetz_git.model.check import check
from heimnetz_git.model.release import Release
from heimnetz_git.storage import canonical_reader
from heimnetz_git.storage.yamlfile_parse import Bounds, values

GOAL = 16.0  # microseconds
INDEX = Path(__file__).resolve().parent.parent / "index"
SLICES = 25
WHY = (
    "of a manifest seen for the first time a third is new text (versions, digests, addresses,"
    " needs) that must be checked; what releases share is read by one look-up"
)


class Way(NamedTuple):
    """One way to a checked Release; ``few`` is how many files of a slice it is given, 0 for all."""

    name: str
    read: Callable[[bytes], object]
    few: int = 0


def checked(plain: Any) -> Release:
    """The plain value of a file as a Release that passed every check."""
    value = msgspec.convert(plain, Release)
    if next(check(value), None) is not None:
        raise ValueError(f"{value.name} {value.version} has faults")
    return value


def ours(data: bytes) -> Release:
    """The fast reader; a file that it leaves to the parser spoils the measure."""
    value = canonical_reader.read(data, Release)
    if value is None:
        raise ValueError("a file is not in canonical form")
    return value


def alone(data: bytes) -> Release:
    """The fast reader without the memory of other files' blocks."""
    value = canonical_reader.Reader(Release).read(data)
    if value is None:
        raise ValueError("a file is not in canonical form")
    return value


def without(data: bytes) -> Release:
    """What reading does with files that are not in canonical form."""
    return checked(values(data, Bounds()))


def ruamel_safe(data: bytes) -> Release:
    """ruamel's safe loader by the book, in C where that is installed."""
    from ruamel.yaml import YAML

    return checked(YAML(typ="safe").load(data))


def ruamel_round_trip(data: bytes) -> object:
    """ruamel's round trip by the book; its values are no plain ones, so nothing is checked."""
    from ruamel.yaml import YAML

    return YAML(typ="rt").load(data)


def microseconds(way: Way, files: Sequence[bytes]) -> float:
    """CPU time a file."""
    files = files[: way.few] if way.few else files
    began = time.process_time()
    for data in files:
        way.read(data)
    return (time.process_time() - began) / len(files) * 1e6


def table(ways: Sequence[Way], files: Sequence[bytes], *, repeat: int = 1) -> list[float]:
    """Print a line for each way and return its microseconds; others are compared with the first."""
    size = max(1, len(files) // SLICES)
    slices = [[*files[at : at + size]] * repeat for at in range(0, len(files), size)]
    times = [[microseconds(way, part) for way in ways] for part in slices]
    base = [row[0] for row in times]
    for place, way in enumerate(ways):
        mine = [row[place] for row in times]
        ratio = median(one / other for one, other in zip(mine, base, strict=True))
        print(f"  {way.name:<34} {median(mine):9.1f} us {ratio:8.1f}x")
    return [median(row[place] for row in times) for place in range(len(ways))]


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few files only, as CI does")
    parser.add_argument("--releases", type=int, default=10_000, help="size of the universe")
    asked = parser.parse_args()
    count = 300 if asked.quick else asked.releases
    universe = Universe(1, count)
    files = [release_file(one)[1] for drawn in universe.plugins() for one in drawn.releases]
    size = sum(map(len, files)) / len(files)
    print(f"{len(files)} manifests of a universe, {size:.0f} bytes each:")
    first = Way("ours, first", ours)
    began = [microseconds(first, [*part]) for part in _parts(files)]
    few = 2 if asked.quick else 10
    peers = [
        Way("ours, again", ours),
        Way("ours, alone", alone, few * 10),
        Way("without the fast reader", without, few),
        Way("ruamel safe (C), checked", ruamel_safe, few),
        Way("ruamel round trip, not checked", ruamel_round_trip, few),
    ]
    times = table(peers, files)
    for path in sorted(INDEX.glob("plugins/*/*/1.0.0.yaml")):
        data = path.read_bytes()
        print(f"{path.parent.name} {path.stem}, {len(data)} bytes, JSON Schemas and all:")
        table(peers, [data] * SLICES, repeat=2 if asked.quick else 100)
    show(rows(len(files), median(began), times))
    return 0


def rows(count: int, first: float, times: Sequence[float]) -> list[Row]:
    """The goal's lines: at first sight, and again as a sync sees the blocks that releases share."""
    again, safe, round_trip = times[0], times[3], times[4]
    peer = f"ruamel safe (C): {safe:.0f} us, round trip {round_trip:.0f} us"
    said = (("first sight", first), ("again", again))
    return [
        Row("G6", f"parse and check, {count:,} manifests, {job}", f"<= {GOAL:.0f} us",
            f"{found:.1f} us", peer, found <= GOAL, WHY)
        for job, found in said
    ]  # fmt: skip


def _parts(files: Sequence[bytes]) -> list[Sequence[bytes]]:
    size = max(1, len(files) // SLICES)
    return [files[at : at + size] for at in range(0, len(files), size)]


if __name__ == "__main__":
    sys.exit(main())
