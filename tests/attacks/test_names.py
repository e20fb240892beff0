"""Look-alike names, submitted: tricks on a hundred popular names, and real names left alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.names import POPULAR, attacks, unrelated
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import plugin_path
from heimnetz_git.model.registry import Owner, PluginEntry
from heimnetz_git.registry.law import judge
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from tests.gitkit import WHEN
from tests.indexkit import index_files

BY_NAME = {"name-same", "name-similar"}
RULES = BY_NAME | {"name-reserved", "path-characters", "plugin-file-valid"}


class Town:
    """A registry whose plugins have the names of popular projects."""

    def __init__(self, folder: Path) -> None:
        self.repo = Repository.create(folder / "town.git")
        self.base = self.repo.write(None, index_files(dict.fromkeys(POPULAR, ("1.0.0",))))

    def judged(self, name: str) -> list[Finding]:
        """What the law says of a new plugin of this name."""
        value = PluginEntry(format=1, name=name, owners=(Owner("eve"),))
        head = self.repo.write(self.base, {plugin_path(name): yamlfile.dump(value)})
        found = judge(self.repo, self.base, head, submission=True, at=WHEN)
        return [one for one in found if one.rule in RULES]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Made once."""
    made = Town(tmp_path_factory.mktemp("town"))
    yield made
    made.repo.close()


def tricks() -> list[tuple[str, str, str]]:
    """One trick of each kind on every popular name: the kind, the name that is asked for, whose."""
    chance = random.Random(7)
    found = []
    for target in POPULAR:
        made = [(trick, name) for trick, name in attacks(target, chance)
                if name not in POPULAR and name.isascii() and name.strip("-") == name]  # fmt: skip
        found += [(trick, name, target) for trick, name in made]
    return found


def test_a_name_that_is_taken_for_a_popular_one_never_merges_by_itself(town: Town) -> None:
    """Refused or held, with the name that it is like, in at least 95 of 100 cases."""
    missed: Counter[str] = Counter()
    made = tricks()[::3]
    for trick, name, target in made:
        found = town.judged(name)
        told = any(repr(target) in one.message for one in found)
        if not told and not any(one.rule not in BY_NAME for one in found):
            missed[trick] += 1
        assert all(one.outcome in {"refuse", "hold"} for one in found)
    assert len(made) > 280
    assert missed.total() <= 0.05 * len(made), missed


ODD = ["bo|o3", "a~b", "x" * 70, "Clock", "cl_ock", "-", "a--b", "café", "1\u200b2", "a b", "nul"]


@pytest.mark.parametrize("name", ODD)
def test_a_name_that_is_none_is_refused_for_that(town: Town, name: str) -> None:
    """By a rule, never by a fault: the other submissions are still judged."""
    value = PluginEntry(format=1, name=name, owners=(Owner("eve"),))
    files = {plugin_path(name): yamlfile.dump(value)}
    head = town.repo.write(town.base, dict(files))
    found = judge(town.repo, town.base, head, submission=True, at=WHEN)
    rules = {one.rule for one in found if one.outcome == "refuse"}
    assert rules & {"name-reserved", "path-characters", "shared-file", "plugin-file-valid"}, found
    assert "rule-failed" not in rules, found


def test_unrelated_names_are_left_alone(town: Town) -> None:
    """Of real names at most one in a hundred is thought to be like a popular one."""
    names = [name for name in unrelated() if name not in POPULAR][::5]
    alarmed = [
        name for name in names if any(one.rule in BY_NAME for one in town.judged(name))
    ]  # fmt: skip
    assert len(names) > 390
    assert len(alarmed) <= 0.01 * len(names), alarmed
