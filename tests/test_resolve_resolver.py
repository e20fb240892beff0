"""What is chosen, in which order, and what is refused: cases as data in ``cases/resolve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from heimnetz_git.errors import (
    AmbiguousName,
    InvalidName,
    PluginNotFound,
    ResolutionImpossible,
    UsageError,
)
from heimnetz_git.model.lock import Candidate, Lock, LockedPlugin
from heimnetz_git.resolve import Edge, Request, resolve
from heimnetz_git.storage import yamlfile
from tests.resolvekit import HERE, HOME, Shelf, answer, candidate, words

MORE_WISHES = ("constraints", "overrides", "exclude_newer", "resolution")
CASES = Path(__file__).parent / "cases" / "resolve"


def cases(file: str) -> list[Any]:
    """The cases of a file, known by their titles."""
    found: Any = yamlfile.parse((CASES / file).read_bytes(), file)
    return [pytest.param(case, id=case["title"]) for case in found]


def earlier_lock(versions: dict[str, str]) -> Lock:
    """A lock that holds these versions, all from one registry."""
    plugins = [
        LockedPlugin(
            name=name,
            version=version,
            registry=HOME,
            release="0" * 40,
            artifacts=candidate(name, version).release.artifacts,
        )
        for name, version in sorted(versions.items())
    ]
    return Lock(requested={}, host={}, python="3.11", plugins=tuple(plugins))


@pytest.mark.parametrize("case", cases("choice.yaml"))
def test_the_right_releases_are_chosen(case: dict[str, Any]) -> None:
    """Each case's versions and notes come out."""
    upgrade = case.get("upgrade", [])
    request = Request(
        requested=case["requested"],
        locked=earlier_lock(case["locked"]) if "locked" in case else None,
        upgrade=upgrade if isinstance(upgrade, bool) else frozenset(upgrade),
        prereleases=case.get("prereleases", False),
        with_optional=case.get("with_optional", False),
        **{name: case[name] for name in MORE_WISHES if name in case},
    )
    machine = msgspec.structs.replace(HERE, **case.get("machine", {}))
    found = resolve(request, Shelf(case["universe"]), machine)
    assert found.versions == case["chosen"]
    assert [str(note) for note in found.notes] == case.get("notes", [])


@pytest.mark.parametrize("case", cases("conflict.yaml"))
def test_a_conflict_is_explained(case: dict[str, Any]) -> None:
    """Each case's sentences are said, and each way out is named."""
    more = {name: case[name] for name in MORE_WISHES if name in case}
    with pytest.raises(ResolutionImpossible) as caught:
        answer(Shelf(case["universe"]), case["requested"], **more)
    assert words(caught.value) == case["says"]
    assert [one["message"] for one in caught.value.facts["advice"]] == case["helps"]
    assert caught.value.hint == " ".join(case["helps"])


def test_a_conflict_carries_its_causes_as_facts() -> None:
    """A program reads what a person reads: who was asked for, and who requires what."""
    shelf = Shelf(
        {
            "a": {"1.0.0": {"requires": {"x": ">=2"}}, "0.9.0": {"requires": {"x": ">=1"}}},
            "x": {"1.0.0": {}, "2.0.0": {"python": ">=3.13"}},
        }
    )
    with pytest.raises(ResolutionImpossible) as caught:
        answer(shelf, {"a": ">=1"})
    assert caught.value.facts["causes"] == [
        {"kind": "python", "plugin": "x", "versions": ("2.0.0",)},
        {"kind": "requested", "plugin": "a", "specifier": ">=1"},
        {
            "kind": "requires",
            "plugin": "a",
            "versions": ("1.0.0",),
            "target": "x",
            "specifier": ">=2",
        },
    ]
    assert msgspec.json.encode(caught.value.facts)


def test_dependencies_come_first_in_the_order() -> None:
    """What others need is started before them; equals are in alphabetical order."""
    shelf = Shelf(
        {
            "app": {"1.0.0": {"requires": {"middle": "", "base": ""}}},
            "middle": {"1.0.0": {"requires": {"base": ""}, "optional": {"zebra": ""}}},
            "base": {"1.0.0": {}},
            "zebra": {"1.0.0": {}},
        }
    )
    found = answer(shelf, {"app": "", "zebra": ""})
    assert found.order == ("base", "zebra", "middle", "app")
    assert found.edges == (
        Edge("app", "base", ""),
        Edge("app", "middle", ""),
        Edge("middle", "base", ""),
        Edge("middle", "zebra", "", optional=True),
    )


def test_an_optional_circle_does_not_stop_the_start() -> None:
    """Of two plugins that can use each other, one starts first all the same."""
    shelf = Shelf(
        {"a": {"1.0.0": {"optional": {"b": ""}}}, "b": {"1.0.0": {"optional": {"a": ""}}}}
    )
    assert sorted(answer(shelf, {"a": "", "b": ""}).order) == ["a", "b"]


def test_a_circle_is_refused_by_name() -> None:
    """Plugins that need each other cannot be started, and are named in turn."""
    shelf = Shelf(
        {
            "a": {"1.0.0": {"requires": {"b": ""}}},
            "b": {"1.0.0": {"requires": {"c": ""}}},
            "c": {"1.0.0": {"requires": {"b": ""}}},
        }
    )
    with pytest.raises(ResolutionImpossible, match="b -> c -> b") as caught:
        answer(shelf, {"a": ""})
    assert caught.value.facts["cycle"] == ["b", "c", "b"]


def test_an_unknown_plugin_is_not_found() -> None:
    """A requested name that no index has is a matter of spelling, not of versions."""
    with pytest.raises(PluginNotFound, match="There is no plugin clokc"):
        answer(Shelf({"clock": {"1.0.0": {}}}), {"clokc": ""})


@pytest.mark.parametrize(
    ("requested", "kind"),
    [({"clock": "1.0"}, UsageError), ({"clock": ">=1 <2"}, UsageError), ({"": ""}, InvalidName)],
)
def test_a_wish_that_is_none_is_refused(requested: dict[str, str], kind: type[Exception]) -> None:
    """A range or a name of the wrong form is told before anything is looked up."""
    shelf = Shelf({})
    with pytest.raises(kind):
        answer(shelf, requested)
    assert shelf.asked == []


class TwoIndexes(Shelf):
    """A universe where two indexes of equal standing have the plugin ``twice``."""

    def releases(self, name: str) -> list[Candidate]:
        """The candidates, or the refusal to choose an index."""
        if name == "twice":
            raise AmbiguousName("'twice' is in the indexes home and acme.")
        return list(super().releases(name))


def test_an_ambiguous_wish_is_refused_as_such() -> None:
    """The user is asked to say which index is meant."""
    with pytest.raises(AmbiguousName):
        answer(TwoIndexes({}), {"twice": ""})


def test_an_ambiguous_requirement_is_part_of_the_explanation() -> None:
    """An old release that needs an ambiguous plugin harms nobody, until it must be that one."""
    data = {"a": {"1.0.0": {"requires": {"twice": ""}}, "1.1.0": {}}}
    assert answer(TwoIndexes(data), {"a": ""}).versions == {"a": "1.1.0"}
    with pytest.raises(ResolutionImpossible) as caught:
        answer(TwoIndexes(data), {"a": "<1.1"})
    assert "'twice' is in the indexes home and acme" in words(caught.value)[0]


def test_each_plugin_is_asked_for_once() -> None:
    """A universe may be slow: a resolution asks it once for each plugin that it can reach."""
    shelf = Shelf(
        {
            "a": {"1.0.0": {"requires": {"x": ""}}, "2.0.0": {"requires": {"x": "", "y": ""}}},
            "x": {"1.0.0": {}},
            "y": {"1.0.0": {}},
            "unrelated": {"1.0.0": {}},
        }
    )
    answer(shelf, {"a": "", "x": ""})
    assert sorted(shelf.asked) == ["a", "x", "y"]


def pigeonholes(count: int) -> dict[str, dict[str, dict[str, Any]]]:
    """``count`` plugins that each take one of ``count - 1`` places, no two the same: impossible,
    and known to take exponential search."""
    universe: dict[str, dict[str, dict[str, Any]]] = {}
    for bird in range(count):
        universe[f"bird{bird}"] = {}
        for place in range(1, count):
            needs = {}
            for other in set(range(count)) - {bird}:
                pair = f"pair{min(bird, other)}x{max(bird, other)}at{place}"
                needs[pair] = "==0.0.0" if bird < other else "==1.0.0"
                universe[pair] = {"0.0.0": {}, "1.0.0": {}}
            universe[f"bird{bird}"][f"{place}.0.0"] = {"requires": needs}
    return universe


def test_the_work_is_bounded() -> None:
    """A set that would take ages to decide ends with an error that says so."""
    requested = {f"bird{number}": "" for number in range(8)}
    request = Request(requested=requested)
    with pytest.raises(ResolutionImpossible, match="in 200 steps; there may be one") as caught:
        resolve(request, Shelf(pigeonholes(8)), HERE, max_steps=200)
    assert caught.value.facts["steps"] == 200


def test_a_long_explanation_is_shortened() -> None:
    """A chain through many plugins keeps its beginning and its end, in at most twelve lines."""
    chain: dict[str, dict[str, dict[str, Any]]] = {
        f"p{number:02}": {"1.0.0": {"requires": {f"p{number + 1:02}": ">=1"}}}
        for number in range(30)
    }
    with pytest.raises(ResolutionImpossible) as caught:
        answer(Shelf(chain), {"p00": ""})
    said = words(caught.value)
    assert len(said) == 12
    assert said[0].startswith("Because p29 1.0.0 requires p30 >=1 and there is no plugin p30")
    assert said[-1] == "You asked for p00, and no other release of it is left."


def test_control_characters_of_an_index_are_not_passed_on() -> None:
    """The reason of a yank comes from outside and is printed on a terminal."""
    shelf = Shelf({"clock": {"1.0.0": {"yanked": "bad\x1b[31m\nline"}}})
    with pytest.raises(ResolutionImpossible) as caught:
        answer(shelf, {"clock": ""})
    assert "bad\\x1b[31m\\x0aline" in words(caught.value)[0]
