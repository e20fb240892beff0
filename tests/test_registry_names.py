"""Names that are taken for others: each likeness, attacks found, few false alarms."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.names import FALSE, FOUND, POPULAR, false_of, found_of
from heimnetz_git.model.lookalike import Likeness, NameIndex, distance, skeleton
from heimnetz_git.registry.names import names_of, taken_names
from heimnetz_git.storage.repo import Repository
from tests.gitkit import put
from tests.indexkit import entry_file

LIKE = [
    ("wakeonlan", "wake-on-lan", "same"),
    ("wake-0n-1an", "wake-on-lan", "same"),
    ("rnodem", "modem", "same"),
    ("dhcp-lease", "dhcp-leases", "letters"),
    ("dchp-leases", "dhcp-leases", "letters"),
    ("on-wake-lan", "wake-on-lan", "words"),
    ("python-modem", "modem", "affix"),
    ("modem", "modem-tools", "affix"),
    ("clck", "clock", None),
    ("mqtf", "mqtt", "typing"),
    ("mqtt", "mqttt", "typing"),
    ("deviceclones", "devicedones", "letters"),
    ("clamav-cld", "damav-dd", "looks"),
    ("radio", "stove", None),
    ("dbt-python", "abg-python", None),
]


@pytest.mark.parametrize(("name", "taken", "kind"), LIKE)
def test_names_are_alike_in_one_of_six_ways(name: str, taken: str, kind: str | None) -> None:
    """Each way is told; names that are only both short are not alike."""
    found = NameIndex([taken]).like(name)
    if name == "clck":
        kind = "letters" if found else None
    assert found == (() if kind is None else (Likeness(taken, kind),))  # type: ignore[arg-type] # a literal


def test_a_name_is_not_like_itself() -> None:
    """Nor are names that were not taken in."""
    index = NameIndex(["modem"])
    assert index.like("modem") == ()
    assert ("modem" in index, "moden" in index, len(index)) == (True, False, 1)


def test_attacks_are_found_and_others_left_alone() -> None:
    """Bit flips, slips, homoglyphs, swapped words and affixes over a hundred popular names."""
    index = NameIndex(POPULAR)
    found, missed = found_of(index)
    assert len(POPULAR) == 100
    assert found >= FOUND, missed
    assert false_of(index) <= FALSE


NAMES = st.from_regex(r"[a-e]{4,8}(-[a-e]{1,4})?", fullmatch=True)


def plain_distance(one: str, two: str) -> int:
    """The definition, without shortcuts."""
    rows = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(two) + 1):
            if not i or not j:
                rows[i][j] = i + j
                continue
            same = one[i - 1] == two[j - 1]
            rows[i][j] = min(
                rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (not same)
            )
            if i > 1 and j > 1 and one[i - 1] == two[j - 2] and one[i - 2] == two[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


@settings(max_examples=300, deadline=None)
@given(NAMES, NAMES, st.integers(1, 2))
def test_the_distance_is_its_definition_up_to_a_bound(one: str, two: str, most: int) -> None:
    """Beyond it, it is one more than the bound."""
    assert distance(one, two, most) == min(plain_distance(one, two), most + 1)


EDIT = st.tuples(st.sampled_from("idst"), st.integers(0, 30), st.sampled_from("abxyz"))


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"[a-z]{9,14}", fullmatch=True), st.lists(EDIT, min_size=1, max_size=2))
def test_the_index_misses_no_name_within_two_edits(
    name: str, edits: list[tuple[str, int, str]]
) -> None:
    """However the edits lie, over the middle too: the tables find what comparing all would."""
    other = name
    for kind, where, char in edits:
        at = where % len(other)
        if kind == "i":
            other = other[:at] + char + other[at:]
        elif kind == "d" and len(other) > 9:
            other = other[:at] + other[at + 1 :]
        elif kind == "s":
            other = other[:at] + char + other[at + 1 :]
        else:
            other = other[:at] + other[at + 1 : at + 2] + other[at : at + 1] + other[at + 2 :]
    if other != name and distance(name, other, 2) <= 2:
        assert [one.other for one in NameIndex([other]).like(name)] == [other]


def test_the_skeleton_of_a_skeleton_is_itself() -> None:
    """So that likeness does not depend on how often it is asked."""
    for name in POPULAR:
        assert skeleton(skeleton(name)) == skeleton(name)


def test_the_names_of_a_registry_grow_with_it(tmp_path: Path) -> None:
    """Another tree is another set of names, and the same tree is read once."""
    with Repository.create(tmp_path / "a.git") as repo:
        one = repo.tree(put(repo, dict(entry_file("modem"))))
        two = repo.tree(put(repo, dict(entry_file("router"))))
        assert len(taken_names(repo, one)) == 1
        assert taken_names(repo, two) is taken_names(repo, two)
        assert sorted(names_of(repo, two)) == ["modem", "router"]
        assert "router" in taken_names(repo, two)
        assert "router" not in taken_names(repo, one)
        assert len(taken_names(repo, None)) == 0
