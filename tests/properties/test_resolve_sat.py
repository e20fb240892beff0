"""The resolver against a SAT solver on universes that brute force cannot go through."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.resolve_sat import Judge, Offers
from heimnetz_git.errors import PluginNotFound, ResolutionImpossible
from heimnetz_git.resolve import Request, resolve
from tests.resolvekit import HERE, Shelf

Data = dict[str, dict[str, dict[str, Any]]]

ROOT = Path(__file__).resolve().parent.parent.parent


def universe(seed: int, plugins: int = 40, releases: int = 8) -> Data:
    """Plugins that need earlier ones, so that there is no circle, in ranges that often conflict."""
    chance = random.Random(seed)
    data: Data = {}
    for number in range(plugins):
        versions = [f"{place // 3}.{place % 3}.0" for place in range(chance.randint(1, releases))]
        data[f"p{number:02}"] = {
            version: {"requires": needs(chance, number)} for version in versions
        }
    return data


def needs(chance: random.Random, number: int) -> dict[str, str]:
    """Up to four of the plugins before, each in some range."""
    targets = {chance.randrange(number) for _ in range(chance.randint(0, min(4, number)))}
    return {f"p{target:02}": span(chance) for target in sorted(targets)}


def span(chance: random.Random) -> str:
    """A range as people write it."""
    low, high = f"{chance.randint(0, 2)}.{chance.randint(0, 2)}", chance.randint(1, 3)
    return chance.choice((f">={low}", f">={low},<{high}", f"~={low}", f"<{high}", f"!={low}.0"))


def wishes(seed: int) -> dict[str, str]:
    """Some of the later plugins, which have most below them."""
    chance = random.Random(seed + 10_000)
    return {f"p{chance.randrange(25, 40):02}": "" for _ in range(chance.randint(1, 5))}


def offers(data: Data) -> Offers:
    """The same as the judge wants it."""
    return {
        name: {version: facts["requires"] for version, facts in versions.items()}
        for name, versions in data.items()
    }


def kept(data: Data, edges: set[tuple[str, str]]) -> Offers:
    """The universe with the rules between these pairs of plugins and no others."""
    return {
        name: {
            version: {
                target: wanted
                for target, wanted in facts["requires"].items()
                if (name, target) in edges
            }
            for version, facts in versions.items()
        }
        for name, versions in data.items()
    }


def refusal(data: Data, requested: dict[str, str]) -> ResolutionImpossible | None:
    """The error for a request; None if there is an answer."""
    try:
        resolve(Request(requested=requested), Shelf(data), HERE)
    except ResolutionImpossible as refused:
        return refused
    return None


@pytest.mark.parametrize("start", range(0, 240, 40))
def test_every_verdict_is_that_of_a_sat_solver(start: int) -> None:
    """Forty universes at a time: an answer exactly where there is one, and no rule broken."""
    pytest.importorskip("pysat", reason="python-sat is not installed")
    for seed in range(start, start + 40):
        data, requested = universe(seed), wishes(seed)
        judge = Judge(offers(data))
        try:
            found = resolve(Request(requested=requested), Shelf(data), HERE)
        except (ResolutionImpossible, PluginNotFound):
            assert not judge.is_satisfiable(requested), seed
        else:
            pinned = {name: f"=={version}" for name, version in found.versions.items()}
            assert judge.is_satisfiable(pinned), seed


@pytest.mark.parametrize("start", range(0, 120, 40))
def test_an_explanation_is_minimal(start: int) -> None:
    """What it blames is impossible by itself, and possible without any one requirement or wish."""
    pytest.importorskip("pysat", reason="python-sat is not installed")
    for seed in range(start, start + 40):
        data, requested = universe(seed), wishes(seed)
        refused = refusal(data, requested)
        if refused is None:
            continue
        causes = refused.facts["causes"]
        edges = {(one["plugin"], one["target"]) for one in causes if one["kind"] == "requires"}
        names = [one["plugin"] for one in causes if one["kind"] == "requested"]
        assert len(refused.problems) <= 12
        roots = {name: requested[name] for name in names}
        assert not Judge(kept(data, edges)).is_satisfiable(roots), seed
        for edge in edges:
            assert Judge(kept(data, edges - {edge})).is_satisfiable(roots), (seed, edge)
        for name in roots:
            rest = {other: wanted for other, wanted in roots.items() if other != name}
            assert Judge(offers(data)).is_satisfiable(rest), (seed, name)


PRINT = """
from tests.properties.test_resolve_sat import *
for seed in range(12):
    try:
        print(resolve(Request(requested=wishes(seed)), Shelf(universe(seed)), HERE).versions)
    except (ResolutionImpossible, PluginNotFound) as error:
        print(error, error.hint, [str(one) for one in error.problems], error.facts)
"""


def test_the_answers_are_the_same_in_every_process() -> None:
    """Python shuffles sets of text from run to run; nothing of that shows."""
    said = {
        subprocess.run(
            [sys.executable, "-c", PRINT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
