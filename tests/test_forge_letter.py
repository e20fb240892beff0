"""Addresses lead to drivers, and what a submission says of itself survives what is around it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import UsageError
from heimnetz_git.forge.driver import Reach, moment
from heimnetz_git.forge.find import driver_for
from heimnetz_git.forge.letter import Body, Letter, letter_of, read_body, submission_in
from heimnetz_git.forge.place import place_of
from heimnetz_git.registry.submission_value import Submission

HEAD = "1" * 40
ASKED = Submission("clock", "1.0.0", "submit/clock/1.0.0", "0" * 40, HEAD)
ADDRESSES = [
    ("https://github.com/acme/plugins", "github", "acme/plugins"),
    ("https://github.com/acme/plugins.git", "github", "acme/plugins"),
    ("git@github.com:acme/plugins.git", "github", "acme/plugins"),
    ("ssh://git@github.com/acme/plugins.git", "github", "acme/plugins"),
    ("https://GitLab.com/group/sub/plugins.git", "gitlab", "group/sub/plugins"),
    ("https://codeberg.org/acme/plugins", "agit", "acme/plugins"),
    ("ssh://git@git.example.invalid/acme/plugins.git", "bare", "acme/plugins"),
    ("git@git.example.invalid:plugins.git", "bare", ""),
]


@pytest.mark.parametrize(("address", "name", "slug"), ADDRESSES)
def test_a_known_address_needs_no_question(address: str, name: str, slug: str) -> None:
    """By the host; ssh is never asked what it is."""
    chosen = driver_for(address, Reach(0.1))
    assert (chosen.driver.name, chosen.driver.address) == (name, address)
    assert chosen.why
    place = place_of(address)
    assert (place.slug if place else "") == slug


def test_a_sibling_is_reached_in_the_same_way() -> None:
    """A fork's address has the form that the user wrote."""
    for address, fork in (
        ("https://github.com/acme/plugins.git", "https://github.com/ada/plugins.git"),
        ("git@github.com:acme/plugins.git", "git@github.com:ada/plugins.git"),
        ("ssh://git@github.com:22/acme/plugins", "ssh://git@github.com:22/ada/plugins"),
    ):
        place = place_of(address)
        assert place is not None
        assert place.sibling("ada/plugins") == fork


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("https://github.com/acme/plugins", {"name": "sourceforge"}),
        ("https://github.com/acme/plugins", {"fork": "https://github.com/ada/plugins"}),
        ("git@git.example.invalid:plugins.git", {"name": "github"}),
        ("https://ada:hush@github.com/acme/plugins", {}),
        ("/folder", {"name": "agit"}),
        ("https://github.com/acme/plugins", {"name": "bundle"}),
    ],
)
def test_what_does_not_fit_is_refused(address: str, options: dict[str, str]) -> None:
    """Before anything is asked of anybody; no password is repeated."""
    with pytest.raises(UsageError) as caught:
        driver_for(address, Reach(0.1), **options)  # type: ignore[arg-type] # names and forks alone
    assert "hush" not in str(caught.value)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200), st.text(max_size=200))
def test_the_body_is_found_in_any_text(before: str, after: str) -> None:
    """In a page or alone on its line; what stands around it does not matter."""
    letter = letter_of(ASKED, "6f1c1f0e-8d35-4d0c-9a53-0d5d1b7f9d11", before)
    for text in (letter.text, f"{before}\n{letter.line}\n{after}"):
        if "heimnetz-submission" not in before:
            assert read_body(text) == letter.body
    assert "\n" not in letter.line
    assert "\n" not in letter.title


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300), st.text(max_size=60))
def test_no_text_of_a_stranger_breaks_the_reading(text: str, branch: str) -> None:
    """A pull request is a submission or it is not."""
    for hostile in (text, f"heimnetz-submission: {{{text}}}", f"heimnetz-submission: {text}"):
        found = submission_in(branch, hostile, HEAD)
        assert found is None or found.head == HEAD


def test_a_body_names_what_is_asked_for_where_no_branch_does() -> None:
    """AGit's requests have no branch; the commit is what the forge says, never the body's."""
    letter = letter_of(ASKED, "x")
    found = submission_in("refs/pull/1/head", letter.text, "2" * 40)
    assert found == Submission("clock", "1.0.0", "submit/clock/1.0.0", "0" * 40, "2" * 40)
    facts = Submission("clock", "", "submit/clock/facts-yank-1.0.0", "", HEAD, "yank-1.0.0")
    assert submission_in("", letter_of(facts, "x").text, HEAD) == facts
    assert submission_in("topic", "Fixes a typo", HEAD) is None


def test_a_long_page_is_cut_and_keeps_the_body() -> None:
    """Forges take some 65,000 characters."""
    letter = Letter(
        Body(registry="x", plugin="clock", topic="1", base="", head=""), "t", "a" * 99999
    )
    assert len(letter.text) < 65_000
    assert read_body(letter.text) == letter.body


def test_times_of_forges() -> None:
    """ISO 8601 with a zone; what is none is no time."""
    assert moment("2026-01-01T00:00:00Z") == moment("2026-01-01T01:00:00+01:00") == 1_767_225_600
    assert moment("yesterday") == moment("") == 0
