"""Ranges on sorted keys against packaging, version by version."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from heimnetz_git.model.ranges import check_range, contains, matching, names_prerelease, pins
from heimnetz_git.model.version import parse_range
from heimnetz_git.model.versionkey import is_prerelease, sort_key

SUFFIXES = ("", "", "", ".dev1", "a1", "rc1", "rc2.dev3", ".post1", ".post1.dev2", "b0")
digits = st.integers(0, 3)
versions = st.builds(
    lambda major, minor, patch, end: f"{major}.{minor}.{patch}{end}",
    digits,
    digits,
    digits,
    st.sampled_from(SUFFIXES),
)
clauses = st.builds(
    lambda operator, numbers, end: f"{operator}{'.'.join(map(str, numbers))}{end}",
    st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "~=", ">= "]),
    st.lists(digits, min_size=1, max_size=4),
    st.sampled_from(["", "", "", ".*", "rc1", ".post1", "a1", ".dev0"]),
)
ranges = st.lists(clauses, max_size=3).map(",".join)


def is_range(text: str) -> bool:
    """Does the checker take it?"""
    try:
        check_range(text)
    except ValueError:
        return False
    return True


@settings(max_examples=600, deadline=None)
@given(st.lists(versions, max_size=8, unique=True), ranges)
def test_a_range_allows_what_packaging_says(offered: list[str], text: str) -> None:
    """The same versions, the same text refused, however the range is written."""
    ordered = sorted(offered, key=sort_key)
    keys = [sort_key(version) for version in ordered]
    try:
        wanted = parse_range(text)
    except ValueError:
        assert not is_range(text)
        return
    inside = [wanted.contains(version, prereleases=True) for version in ordered]
    assert is_range(text)
    assert matching(keys, lambda: ordered, text) == sum(
        1 << place for place, is_in in enumerate(inside) if is_in
    )
    assert [contains(text, version) for version in ordered] == inside
    assert pins(text) == any(
        one.operator == "==" and not one.version.endswith(".*") for one in wanted
    )
    assert names_prerelease(text) == any(
        one.operator not in {"<", "!="} and Version(one.version.removesuffix(".*")).is_prerelease
        for one in wanted
    )


@settings(max_examples=300, deadline=None)
@given(versions, versions)
def test_keys_are_in_the_order_of_versions(first: str, second: str) -> None:
    """Bytes compare as PEP 440 does."""
    assert (sort_key(first) < sort_key(second)) == (Version(first) < Version(second))
    assert is_prerelease(first) == Version(first).is_prerelease
