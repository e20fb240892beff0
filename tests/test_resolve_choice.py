"""Why a version was chosen, why another was not, and what locks keep of overrides."""

from __future__ import annotations

from typing import Any

import pytest

from heimnetz_git.errors import LockOutOfDate, PluginNotFound, ReleaseNotFound, UsageError
from heimnetz_git.resolve import (
    Edge,
    Refusal,
    Request,
    explain_choice,
    from_lock,
    resolve,
    to_lock,
    why_not,
)
from tests.resolvekit import HERE, HOME, Shelf, answer

Data = dict[str, dict[str, dict[str, Any]]]

DATA: Data = {
    "app": {"1.0.0": {"requires": {"x": "<2"}}},
    "x": {
        "1.0.0": {},
        "1.1.0": {"yanked": "loses data"},
        "2.0.0": {},
        "2.1.0": {"python": ">=3.13"},
    },
}

BECAUSE = "Because app 1.0.0 requires x <2 and you asked for x ==2.0.0, app 1.0.0 cannot be used."
NO_APP = "You asked for app, and no other release of it is left."
PYTHON = "x 2.1.0 needs Python >=3.13 (this is Python 3.11.7)."
HELPS = "x 1.0.0 would work with app 1.0.0: ask for 'x<2.0.0'."
REFUSALS = [
    Refusal("x", "1.0.0", "1.0.0"),
    Refusal("x", "1.1.0", "1.0.0"),
    Refusal("x", "2.0.0", "1.0.0", (BECAUSE, NO_APP), (HELPS,)),
    Refusal("x", "2.1.0", "1.0.0", (PYTHON,)),
]


@pytest.mark.parametrize("expected", REFUSALS)
def test_why_not_says_what_keeps_a_release_away(expected: Refusal) -> None:
    """The release itself, or the rest of the set; nothing if it would be taken when asked for."""
    request = Request(requested={"app": ""})
    assert why_not(expected.plugin, expected.version, request, Shelf(DATA), HERE) == expected
    assert expected.is_possible == (not expected.lines)


def test_why_not_of_what_there_is_not() -> None:
    """A plugin or a version that no index has is told as such."""
    request = Request(requested={"app": ""})
    with pytest.raises(PluginNotFound):
        why_not("nowhere", "1.0.0", request, Shelf(DATA), HERE)
    with pytest.raises(ReleaseNotFound, match=r"no release 9\.9\.9 of x"):
        why_not("x", "9.9.9", request, Shelf(DATA), HERE)


def test_a_choice_is_explained_by_who_asked_and_what_kept_newer_ones_away() -> None:
    """The data behind an explanation of one line of a lock."""
    request = Request(requested={"app": ""})
    found = explain_choice(answer(Shelf(DATA), {"app": ""}), "x", request, Shelf(DATA), HERE)
    assert (found.version, found.wanted) == ("1.0.0", None)
    assert found.asked_by == (Edge("app", "x", "<2"),)
    assert [[link.name for link in chain] for chain in found.chains] == [["app", "x"]]
    assert [(one.version, one.is_possible) for one in found.newer] == [
        ("2.1.0", False),
        ("2.0.0", False),
        ("1.1.0", True),
    ]


def test_a_lock_made_with_overrides_holds_with_them_and_not_without() -> None:
    """What was overridden is what the lock says, so that it does not contradict itself."""
    request = Request(requested={"app": ""}, overrides={"x": ">=2"})
    found = resolve(request, Shelf(DATA), HERE)
    assert found.versions == {"app": "1.0.0", "x": "2.0.0"}
    lock = to_lock(found, request, HERE, {HOME: "home"})
    again = from_lock(lock, Shelf(DATA), HERE, requested={"app": ""}, overrides={"x": ">=2"})
    assert again == found
    with pytest.raises(LockOutOfDate):
        from_lock(lock, Shelf(DATA), HERE)


@pytest.mark.parametrize("moment", ["yesterday", "2026-1-1", "2026-01-01T00:00:00+01:00"])
def test_a_time_of_another_form_is_refused(moment: str) -> None:
    """Only UTC dates and times can be compared with a registry's records."""
    with pytest.raises(UsageError, match="is no UTC date or time"):
        answer(Shelf(DATA), {"app": ""}, exclude_newer=moment)


def test_a_range_that_is_none_is_refused_in_constraints_and_overrides() -> None:
    """They are ranges like any other."""
    with pytest.raises(UsageError, match="Cannot ask for x"):
        answer(Shelf(DATA), {"app": ""}, constraints={"x": "1.0"})
    with pytest.raises(UsageError, match="Cannot ask for x"):
        answer(Shelf(DATA), {"app": ""}, overrides={"x": ">>1"})
