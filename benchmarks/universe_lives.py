"""Who lives in a universe of plugins: names, how many releases each has, their versions and times.

Every plugin is a pure function of the seed and its rank, so that a million releases are drawn one
plugin at a time, in any order, and always the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, pairwise
from random import Random
from typing import NamedTuple

__all__ = ["FEWEST", "Lives", "Step"]

FEWEST = 20
_MOST_OF_ONE = 400
_SPOKEN = (
    "al an ar ba be bi bo ca ce co cu da de di do el en er fa fi fo ga ge gi go ha he hi ho in is"
    " jo ka ke ki ko la le li lo lu ma me mi mo na ne ni no nu ol on or pa pe pi po ra re ri ro ru"
    " sa se si so sta sto su ta te ti to tra tri tu un ur va ve vi vo wa we wi wo xe ya yo za ze zo"
)
_SYLLABLES = _SPOKEN.split()
_FIRST = ((0, 1, 0), (0, 1, 0), (1, 0, 0), (1, 0, 0), (0, 0, 1))


class Step(NamedTuple):
    """One release in a plugin's life.

    ``numbers`` are major, minor, patch; ``pre`` counts its release candidates, 0 for a final one;
    ``moment`` is a time from 0 to 1 over the universe's age.
    """

    numbers: tuple[int, int, int]
    pre: int
    moment: float

    @property
    def version(self) -> str:
        """The version in its PEP 440 normal form."""
        major, minor, patch = self.numbers
        return f"{major}.{minor}.{patch}" + (f"rc{self.pre}" if self.pre else "")


class Lives:
    """All plugins by rank: 0 is the one that most others want; ``names`` and ``counts`` by rank."""

    def __init__(self, seed: int, releases: int) -> None:
        """``releases`` in all, at least 20, on a tenth as many plugins; few have many of them."""
        if releases < FEWEST:
            raise ValueError(f"a universe has at least {FEWEST} releases")
        self.seed = seed
        plugins = max(FEWEST, releases // 10)
        self.names = _names(self.chance("names"), plugins)
        self.ranks = {name: rank for rank, name in enumerate(self.names)}
        self.counts = _counts(self.chance("counts"), plugins, releases)
        # Zipf's law, a little flatter: who is wanted by others.
        self._wanted = list(accumulate((rank + 3) ** -0.85 for rank in range(plugins)))
        self.life = lru_cache(maxsize=4096)(self._life)

    def chance(self, *about: object) -> Random:
        """Chance for one purpose: the same words under the same seed give the same draws."""
        return Random("/".join(map(str, (self.seed, *about))))

    def pick(self, chance: Random, below: int) -> int:
        """A rank, popular ones more often; mostly one before ``below``, so circles are rare."""
        most = len(self.names) if not below or chance.random() < 0.03 else below
        return min(bisect_left(self._wanted, chance.random() * self._wanted[most - 1]), most - 1)

    def _life(self, rank: int) -> tuple[Step, ...]:
        """The releases of a plugin, oldest first."""
        chance, count = self.chance("life", rank), self.counts[rank]
        birth = chance.random() * 0.6 * (0.3 + 0.7 * rank / len(self.names))
        moments = sorted(birth + chance.random() * (1 - birth) for _ in range(count))
        versions = _versions(chance, count)
        return tuple(
            Step(numbers, pre, moment)
            for (numbers, pre), moment in zip(versions, moments, strict=True)
        )


def _names(chance: Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        name = "".join(chance.choices(_SYLLABLES, k=chance.choice((2, 3, 3, 4))))
        if chance.random() < 0.45:
            name += "-" + "".join(chance.choices(_SYLLABLES, k=2))
        if chance.random() < 0.1:
            name = f"heimnetz-{name}"
        found[name] = None
    return list(found)


def _counts(chance: Random, plugins: int, releases: int) -> list[int]:
    """Releases by rank, a Pareto law, exactly ``releases`` in all; wanted plugins tend to more."""
    weights = [min(_MOST_OF_ONE, chance.paretovariate(1.15) - 0.9) for _ in range(plugins)]
    weights.sort(key=lambda weight: -weight * chance.lognormvariate(0, 1))
    shared, total = releases - plugins, sum(weights)
    marks = [round(mark * shared / total) for mark in accumulate(weights, initial=0.0)]
    marks[-1] = shared
    return [1 + after - before for before, after in pairwise(marks)]


def _versions(chance: Random, count: int) -> Iterator[tuple[tuple[int, int, int], int]]:
    """Numbers and release candidate of each release; a feature may begin with candidates."""
    numbers, pre = chance.choice(_FIRST), 0
    breaking = min(0.035, 3 / count)
    for place in range(count):
        if place and not pre:
            numbers = _after(chance, numbers, breaking)
        if pre:
            pre = pre + 1 if pre < 3 and chance.random() < 0.3 else 0
        elif numbers[2] == 0 and chance.random() < 0.12:
            pre = 1
        yield numbers, pre


def _after(chance: Random, numbers: tuple[int, int, int], breaking: float) -> tuple[int, int, int]:
    major, minor, patch = numbers
    dice = chance.random()
    if dice < 0.6:
        return major, minor, patch + 1
    return (major, minor + 1, 0) if dice < 1 - breaking else (major + 1, 0, 0)
