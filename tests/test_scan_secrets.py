"""Keys are told from look-alikes, by form and place; none is repeated, one can be allowed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.scan.engine import scan
from heimnetz_git.scan.secrets import secrets_in
from tests.secretkit import Case, cases, fill, is_found

KNOWN, HELD = tuple(cases("known")), tuple(cases("held"))
SEEDS = range(3)


@pytest.mark.parametrize("case", [it for it in KNOWN if it.is_key], ids=lambda case: case.name)
def test_a_key_is_found(case: Case) -> None:
    """By its form, or by the name and the place that it has."""
    assert is_found(case, 1)


@pytest.mark.parametrize(
    "case", [it for it in (*KNOWN, *HELD) if not it.is_key], ids=lambda case: case.name
)
def test_a_look_alike_is_left_alone(case: Case) -> None:
    """Placeholders, labels, templates, digests, addresses, public keys."""
    assert not any(is_found(case, seed) for seed in SEEDS)


@pytest.mark.parametrize(("half", "least"), [("known", 0.96), ("held", 0.8)])
def test_nearly_every_key_is_found(half: str, least: float) -> None:
    """Whatever the random parts are; fewer of the cases that no pattern was written after."""
    keys = [case for case in cases(half) if case.is_key]
    found = sum(is_found(case, seed) for case in keys for seed in SEEDS)
    assert found >= least * len(keys) * len(SEEDS)


def test_a_key_is_never_repeated() -> None:
    """Neither in the message nor in the hint."""
    for case in (case for case in KNOWN if case.is_key):
        text = fill(case.template, 2)
        said = " ".join(
            f"{it.message} {it.hint}" for it in scan({case.file: text.encode()}).findings
        )
        assert not any(word in said for word in text.split() if len(word) > 20)


def test_a_key_has_its_own_fingerprint() -> None:
    """Wherever it stands: what allows it in one file allows it in another, and no other key."""
    one, other = (fill('password = "{pass:16}"\n', seed).encode() for seed in (1, 2))
    prints = [
        {it.fingerprint for it in scan({file: data}).findings if it.rule == "secret"}
        for file, data in (("a.py", one), ("b/c.py", b"import os\n" + one), ("a.py", other))
    ]
    assert prints[0] == prints[1] != prints[2]
    assert len(prints[0] | prints[2]) == 2


def test_a_token_whose_check_digits_do_not_hold_is_a_note() -> None:
    """It was altered or invented: low, where a true one is high."""
    true = fill("{crc:ghp_}", 1)
    altered = true[:-1] + ("a" if true[-1] != "a" else "b")
    severities = [
        [str(it.severity) for it in scan({"a.txt": token.encode()}).findings]
        for token in (true, altered)
    ]
    assert severities == [["high"], ["low"]]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.sampled_from(["a.py", "a.yaml", ".env", "a.md"]))
def test_any_text_can_be_searched(text: str, file: str) -> None:
    """And what is found lies in it, in order."""
    found = list(secrets_in(f"password = '{text}' ghp_ {text}", file))
    assert [it.offset for it in found] == sorted({it.offset for it in found})
