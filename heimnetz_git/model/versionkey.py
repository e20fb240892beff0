"""The order of versions as bytes: a key that any database, or ``bisect``, sorts as PEP 440 does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = [
    "FINAL",
    "PAST_POSTS",
    "check_version",
    "final_numbers",
    "is_prerelease",
    "prefix",
    "quick_key",
    "sort_key",
]

FINAL = b"\xff\x00\xff"
"""What follows the numbers of a final release in its key."""

PAST_POSTS = b"\xff\xff"
"""What follows the numbers of a release in a key that lies behind all its post-releases."""

_FIRST, _LAST = b"\x00", b"\xff"
_LETTER = {"a": b"\x01", "b": b"\x02", "rc": b"\x03"}
_LONGEST_NUMBER = 250  # bytes
_NO_MORE = _FIRST + _LAST  # neither a post-release nor a development release
_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_USUAL = re.compile(rf"({_NUMBER}(?:\.{_NUMBER}){{0,2}})(?:(a|b|rc)({_NUMBER}))?")


@lru_cache(maxsize=1 << 13)  # plugins share most of their versions
def sort_key(version: str) -> bytes:
    """Bytes whose plain order is the order of releases' versions (PEP 440, "Summary of permitted
    suffixes and relative ordering"): ``1.0.0.dev1 < 1.0.0a1.dev1 < 1.0.0a1 < 1.0.0 < 1.0.0.post1``.

    Raises ValueError when ``version`` is not that of a release.
    """
    return (quick_key(version) if version.count(".") == 2 else None) or _sort_key(version)


def quick_key(text: str) -> bytes | None:
    """The key of a version such as ``1.2``, ``1.2.3`` or ``1.2.3rc1``, the usual ones; None for
    every other text, which may be a version all the same."""
    found = _USUAL.fullmatch(text)
    if found is None:
        return None
    numbers = tuple(map(int, found[1].split(".")))
    key = prefix(numbers + (0,) * (3 - len(numbers)))
    return key + (_LETTER[found[2]] + _number(int(found[3])) + _NO_MORE if found[2] else FINAL)


def check_version(text: str) -> None:
    """Raises ValueError with a sentence when ``text`` is no PEP 440 version, in any spelling."""
    if quick_key(text) is None:
        from heimnetz_git.model.version import parse_version  # loads packaging

        parse_version(text)


def _sort_key(version: str) -> bytes:
    from heimnetz_git.model.version import release_version  # loads packaging

    parsed = release_version(version)
    dev = _LAST if parsed.dev is None else _number(parsed.dev)
    post = _FIRST if parsed.post is None else _number(parsed.post)
    if parsed.pre is not None:
        pre = _LETTER[parsed.pre[0]] + _number(parsed.pre[1])
    else:
        pre = _FIRST if parsed.dev is not None and parsed.post is None else _LAST
    return b"".join((prefix(parsed.release), pre, post, dev))


@lru_cache(maxsize=1 << 13)
def is_prerelease(version: str) -> bool:
    """Whether ``version`` is a pre-release or a development release. Raises ValueError."""
    usual = _USUAL.fullmatch(version)
    if usual is not None:
        return usual[2] is not None
    from heimnetz_git.model.version import release_version

    return release_version(version).is_prerelease


def final_numbers(text: str) -> tuple[int, ...] | None:
    """The numbers of a final version such as ``1.2`` or ``1.2.3``, at most three of them.

    None for every other text, which may be a version all the same.
    """
    found = _USUAL.fullmatch(text)
    return tuple(map(int, text.split("."))) if found and not found[2] else None


def prefix(numbers: Iterable[int]) -> bytes:
    """With what the keys of all releases begin whose versions begin with these numbers."""
    return b"".join(map(_number, numbers))


def _number(value: int) -> bytes:
    """Its length in bytes, then those bytes: shorter numbers sort first, none begins with 0."""
    length = (value.bit_length() + 7) // 8
    if length > _LONGEST_NUMBER:
        raise ValueError("a number of the version is too long")
    return bytes((length + 1,)) + value.to_bytes(length, "big")
