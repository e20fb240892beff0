"""Why a plugin is there, what is below it, and what could be newer."""

from __future__ import annotations

from typing import Any

import pytest

from heimnetz_git.errors import PluginNotFound
from heimnetz_git.model.lock import Lock
from heimnetz_git.resolve import Branch, Outdated, outdated, tree, why
from tests.resolvekit import HERE, Shelf, answer, locked

DATA: dict[str, dict[str, dict[str, Any]]] = {
    "app": {"1.0.0": {"requires": {"left": "", "right": ">=1"}}},
    "left": {"1.0.0": {"requires": {"base": "<2"}}},
    "right": {"1.0.0": {"requires": {"base": ""}, "optional": {"tool": ">=1"}}},
    "base": {"1.0.0": {}, "2.0.0": {}},
    "tool": {"1.0.0": {}},
}


def chains(lock: Lock, name: str) -> list[str]:
    """The chains as a person would draw them."""
    return [
        " -> ".join(f"{link.name} {link.specifier}".rstrip() for link in chain)
        for chain in why(lock, name)
    ]


def test_why_names_every_chain_shortest_first() -> None:
    """From each requested plugin down to the one in question, with what each asks for."""
    lock = locked(Shelf(DATA), {"app": "", "base": ">=1", "tool": ""})
    assert chains(lock, "base") == [
        "base >=1",
        "app -> left -> base <2",
        "app -> right >=1 -> base",
    ]
    assert chains(lock, "tool") == ["tool", "app -> right >=1 -> tool >=1"]
    assert chains(lock, "app") == ["app"]


def test_why_reads_a_resolution_as_well_as_its_lock() -> None:
    """Both hold the same answer."""
    shelf, wishes = Shelf(DATA), {"app": ""}
    assert why(answer(shelf, wishes), "base") == why(locked(shelf, wishes), "base")
    assert tree(answer(shelf, wishes)) == tree(locked(shelf, wishes))


def test_why_of_a_stranger_is_not_found() -> None:
    """A plugin that was not chosen has no reason to be there."""
    with pytest.raises(PluginNotFound, match="tool"):
        why(locked(Shelf(DATA), {"app": ""}), "tool")


def test_why_stays_bounded_in_a_ladder() -> None:
    """Thirty rungs have a thousand million ways; a hundred are shown."""
    ladder: dict[str, dict[str, dict[str, Any]]] = {"end": {"1.0.0": {}}}
    for rung in range(30):
        below = {f"l{rung + 1:02}": "", f"r{rung + 1:02}": ""} if rung < 29 else {"end": ""}
        ladder[f"l{rung:02}"] = {"1.0.0": {"requires": below}}
        ladder[f"r{rung:02}"] = {"1.0.0": {"requires": below}}
    assert len(why(locked(Shelf(ladder), {"l00": ""}), "end")) == 100


def test_the_tree_spells_nothing_out_twice() -> None:
    """What stands below two plugins is shown in full below the first."""
    data = DATA | {"base": {"1.0.0": {"requires": {"core": ""}}}, "core": {"1.0.0": {}}}
    (app,) = tree(locked(Shelf(data), {"app": ">=1"}))
    core = Branch("core", "1.0.0", "")
    assert app == Branch(
        "app",
        "1.0.0",
        ">=1",
        branches=(
            Branch(
                "left", "1.0.0", "", branches=(Branch("base", "1.0.0", "<2", branches=(core,)),)
            ),
            Branch("right", "1.0.0", ">=1", branches=(Branch("base", "1.0.0", "", repeated=True),)),
        ),
    )


def test_optional_plugins_that_use_each_other_end_in_the_tree() -> None:
    """A circle of optional plugins is drawn once."""
    data: dict[str, dict[str, dict[str, Any]]] = {
        "a": {"1.0.0": {"optional": {"b": ""}}},
        "b": {"1.0.0": {"optional": {"a": ""}}},
    }
    (first, second) = tree(locked(Shelf(data), {"a": "", "b": ""}))
    assert [first.branches[0].name, first.branches[0].branches[0].repeated] == ["b", True]
    assert second.repeated


def row(data: dict[str, Any], requested: dict[str, str], before: dict[str, Any]) -> Outdated:
    """The one outdated plugin when ``data`` came after ``before``."""
    (found,) = outdated(locked(Shelf(before), requested), Shelf(data), HERE)
    return found


OUTDATED: list[tuple[dict[str, Any], dict[str, str], dict[str, Any], Outdated]] = [
    (
        {"clock": {"1.0.0": {}, "1.1.0": {}}},
        {"clock": ""},
        {"clock": {"1.0.0": {}}},
        Outdated("clock", "1.0.0", "1.1.0", "1.1.0"),
    ),
    (
        {"clock": {"1.0.0": {}, "1.1.0": {}, "2.0.0": {}}},
        {"clock": "<2"},
        {"clock": {"1.0.0": {}}},
        Outdated("clock", "1.0.0", "1.1.0", "2.0.0", "You ask for clock <2."),
    ),
    (
        {"clock": {"1.0.0": {}, "2.0.0": {"python": ">=3.13"}}},
        {"clock": ""},
        {"clock": {"1.0.0": {}}},
        Outdated(
            "clock",
            "1.0.0",
            "1.0.0",
            "2.0.0",
            "clock 2.0.0 needs Python >=3.13 (this is Python 3.11.7).",
        ),
    ),
    (
        {"a": {"1.0.0": {"requires": {"x": "<2"}}}, "x": {"1.0.0": {}, "2.0.0": {}}},
        {"a": ""},
        {"a": {"1.0.0": {"requires": {"x": "<2"}}}, "x": {"1.0.0": {}}},
        Outdated("x", "1.0.0", "1.0.0", "2.0.0", "a requires x <2."),
    ),
    (
        {
            "a": {"1.0.0": {}, "2.0.0": {"requires": {"x": ">=2"}}},
            "x": {"1.0.0": {}},
        },
        {"a": ""},
        {"a": {"1.0.0": {}}},
        Outdated(
            "a",
            "1.0.0",
            "1.0.0",
            "2.0.0",
            "Because a 2.0.0 requires x >=2 and x has only 1.0.0, a 2.0.0 cannot be used.",
        ),
    ),
    (
        {"clock": {"1.0.0": {}, "1.1.0": {"yanked": "broken"}}},
        {"clock": ""},
        {"clock": {"1.1.0": {}}},
        Outdated("clock", "1.1.0", "1.0.0", "1.0.0", yanked="broken"),
    ),
]


@pytest.mark.parametrize(("data", "requested", "before", "expected"), OUTDATED)
def test_outdated_says_what_is_newer_and_what_keeps_it_away(
    data: dict[str, Any], requested: dict[str, str], before: dict[str, Any], expected: Outdated
) -> None:
    """Current, what an upgrade would bring, the newest, and the reason if these differ."""
    assert row(data, requested, before) == expected


def test_what_is_up_to_date_is_not_listed() -> None:
    """Pre-releases count only for who wants them."""
    lock = locked(Shelf({"clock": {"1.0.0": {}}}), {"clock": ""})
    later = Shelf({"clock": {"1.0.0": {}, "2.0.0rc1": {}}})
    assert outdated(lock, later, HERE) == ()
    (found,) = outdated(lock, later, HERE, prereleases=True)
    assert found.newest == "2.0.0rc1"


def test_a_plugin_that_was_pulled_in_as_optional_is_compared_as_such() -> None:
    """The upgrade that it is measured by pulls it in, too."""
    data: dict[str, dict[str, Any]] = {"a": {"1.0.0": {"optional": {"n": ""}}}, "n": {"1.0.0": {}}}
    lock = locked(Shelf(data), {"a": ""}, with_optional=True)
    (found,) = outdated(lock, Shelf(data | {"n": {"1.0.0": {}, "1.1.0": {}}}), HERE)
    assert (found.name, found.compatible) == ("n", "1.1.0")
