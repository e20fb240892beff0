"""What the releases of a universe need: other plugins in ranges, host APIs, Python."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from benchmarks.universe_lives import Lives, Step

__all__ = ["Needs", "host_range", "needs", "python_range", "range_on"]

_COUNTS = tuple(range(9))
_COUNT_WEIGHTS = (25, 20, 18, 13, 9, 6, 4, 3, 2)
_MOST = 8
# How people write ranges: {low} was there when it was written, {high} was the newest.
_RANGES = {
    ">={low[0]}.{low[1]}": 58.0,
    ">={low[0]}.{low[1]}.{low[2]},<{next}": 20.0,
    "~={low[0]}.{low[1]}": 8.0,
    ">={low[0]}.{low[1]},!={high[0]}.{high[1]}.{high[2]}": 6.0,
    ">={low[0]}.{low[1]}.{low[2]},<={high[0]}.{later}.0": 3.0,
    ">={low[0]}.{low[1]},<{next}": 2.5,
    ">={newest}": 1.0,
    "=={high[0]}.{high[1]}.*": 0.6,
    "=={high[0]}.{high[1]}.{high[2]}": 0.5,
    "~={low[0]}.{low[1]}.{low[2]}": 0.4,
}


class Needs(NamedTuple):
    """What one release needs of other plugins, and what it uses when present: name to range."""

    requires: dict[str, str]
    optional: dict[str, str]


def needs(lives: Lives, rank: int) -> Iterator[Needs]:
    """The needs of each release of a plugin, oldest first: mostly those of the one before."""
    chance = lives.chance("needs", rank)
    count = chance.choices(_COUNTS, _COUNT_WEIGHTS)[0]
    wanted = dict.fromkeys((lives.pick(chance, rank) for _ in range(count)), "")
    extra = {lives.pick(chance, rank): ""} if chance.random() < 0.1 else {}
    for place, step in enumerate(lives.life(rank)):
        if place and chance.random() < 0.08:
            _change(lives, rank, wanted, chance)
        for group in (wanted, extra):
            for other in group:
                if not group[other] or chance.random() < 0.35:
                    group[other] = range_on(lives.life(other), step.moment, chance)
        yield Needs(
            _named(lives, wanted, {rank}),
            _named(lives, extra, {rank, *wanted}),
        )


def _change(lives: Lives, rank: int, wanted: dict[int, str], chance: Random) -> None:
    if wanted and chance.random() < 0.45:
        del wanted[chance.choice(list(wanted))]
    elif len(wanted) < _MOST:
        wanted.setdefault(lives.pick(chance, rank), "")


def _named(lives: Lives, ranges: dict[int, str], without: set[int]) -> dict[str, str]:
    found = {lives.names[rank]: text for rank, text in ranges.items() if rank not in without}
    return dict(sorted(found.items()))


def range_on(life: tuple[Step, ...], moment: float, chance: Random) -> str:
    """A range on a plugin, as its dependant would write it at ``moment``."""
    newest = max(0, bisect_right(life, moment, key=lambda step: step.moment) - 1)
    high = _final(life, newest)
    low = high
    if chance.random() < 0.7:
        low = _final(life, chance.randint(max(0, high - 8), high))
        if life[low].numbers[0] != life[high].numbers[0]:
            low = high
    shape = chance.choices(list(_RANGES), list(_RANGES.values()))[0]
    numbers = life[high].numbers
    return shape.format(
        low=life[low].numbers,
        high=numbers,
        next=numbers[0] + 1,
        later=numbers[1] + 2,
        newest=life[newest].version,
    )


def _final(life: tuple[Step, ...], place: int) -> int:
    """The last final release up to ``place``, or the first of all."""
    while place and life[place].pre:
        place -= 1
    return place


def host_range(step: Step, chance: Random) -> str:
    """A range on the host's API, whose major version went from 1 to 5 in the universe's age."""
    now = 1 + int(step.moment * 4.999)
    return f">={max(1, now - 1)}.0,<{now + chance.choice((1, 1, 2))}"


def python_range(step: Step, chance: Random) -> str:
    """A range on Python: newer releases ask for newer ones, few have a ceiling."""
    floor = (9, 10, 11)[min(2, int(step.moment * 3))]
    return f">=3.{floor}" + (",<3.14" if chance.random() < 0.04 else "")
