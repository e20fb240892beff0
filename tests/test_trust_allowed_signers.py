"""allowed_signers: what a line means, and what is no line."""

from __future__ import annotations

import base64
import contextlib
import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimnetz_git.errors import InvalidFile
from heimnetz_git.trust.allowed_signers import matches, parse_allowed_signers
from heimnetz_git.trust.wire import string

KEY = base64.b64encode(string(b"ssh-ed25519") + string(bytes(32))).decode()
GOOD = [
    (f"ada@example.org ssh-ed25519 {KEY}", ("ada@example.org",), ()),
    (f"ada,eve*,!mallory ssh-ed25519 {KEY} a comment", ("ada", "eve*", "!mallory"), ()),
    (f'"Ada Example" ssh-ed25519 {KEY}', ("Ada Example",), ()),
    (f'* namespaces="git,file" ssh-ed25519 {KEY}', ("*",), ("git", "file")),
    (f'* NAMESPACES="git",valid-after="20200101Z" ssh-ed25519 {KEY}', ("*",), ("git",)),
]
BAD = [
    "ada@example.org",
    "ada@example.org ssh-ed25519",
    "ada@example.org ssh-ed25519 AAAA",
    f"ada@example.org ssh-rsa {KEY}",
    f"ada,,eve ssh-ed25519 {KEY}",
    f'ada verify-required="yes" ssh-ed25519 {KEY}',
    f'ada cert-authority="yes" ssh-ed25519 {KEY}',
    f'ada namespaces="git",namespaces="file" ssh-ed25519 {KEY}',
    f'ada namespaces="" ssh-ed25519 {KEY}',
    f'ada valid-after="yesterday" ssh-ed25519 {KEY}',
    f'ada valid-after="20269999" ssh-ed25519 {KEY}',
]


@pytest.mark.parametrize(("line", "principals", "namespaces"), GOOD)
def test_a_line_is_principals_options_and_a_key(
    line: str, principals: tuple[str, ...], namespaces: tuple[str, ...]
) -> None:
    """As ssh-keygen(1) describes it."""
    (signer,) = parse_allowed_signers(f"# people\n\n{line}\n".encode())
    assert (signer.principals, signer.namespaces, signer.line) == (principals, namespaces, 3)


def test_an_authority_is_marked() -> None:
    """``cert-authority`` alone, and with other options after it."""
    lines = (
        f'* cert-authority ssh-ed25519 {KEY}\n* cert-authority,namespaces="git" ssh-ed25519 {KEY}'
    )
    assert [signer.authority for signer in parse_allowed_signers(lines.encode())] == [True, True]


def test_times_are_the_same_on_every_machine() -> None:
    """With and without Z, to the day, the minute and the second."""
    said = [
        f'* valid-after="{text}" ssh-ed25519 {KEY}'
        for text in ("20260131", "20260131Z", "202601310000", "20260131000000Z")
    ]
    signers = parse_allowed_signers("\n".join(said).encode())
    assert {signer.valid_after for signer in signers} == {1769817600}


def test_every_wrong_line_is_named() -> None:
    """All at once, each by its number; a file with one is not used."""
    text = "\n".join([f"good ssh-ed25519 {KEY}", *BAD])
    with pytest.raises(InvalidFile) as caught:
        parse_allowed_signers(text.encode(), "trust/allowed_signers")
    lines = [problem.location.line for problem in caught.value.problems]
    assert lines == list(range(2, len(BAD) + 2))


@given(st.text("ab?*", max_size=8), st.text("ab", max_size=8))
def test_patterns_match_as_a_shell_does(pattern: str, text: str) -> None:
    """``*`` any number of characters, ``?`` one."""
    assert matches(text, [pattern]) == fnmatch.fnmatchcase(text, pattern)


def test_patterns_of_stars_cost_little() -> None:
    """No pattern takes forever."""
    assert not matches("a" * 5_000, ["*a" * 40 + "b"])


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    """A file of anything is signers or a list of problems."""
    problems: tuple[object, ...] = ("none yet",)
    with contextlib.suppress(InvalidFile):
        try:
            parse_allowed_signers(data)
        except InvalidFile as error:
            problems = error.problems
            raise
    assert problems
