"""Which of many versions are in a range, as the bits of an int; plain ranges without packaging.

A range as people mostly write it (``>=1.2,<2``) is worked out on sorted keys, by bisection. Every
other text goes to packaging, version by version: slower, the same answer.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache

from heimnetz_git.model.versionkey import FINAL, PAST_POSTS, final_numbers, prefix, quick_key

__all__ = ["check_range", "contains", "interval", "matching", "names_prerelease", "pins"]

Span = tuple[bytes, bytes | None, bool]
"""The keys from the first on and before the second; with True all others instead."""

_CLAUSE = re.compile(r"(~=|==|!=|<=|>=|<|>) ?([0-9.]+(?:(?:a|b|rc)[0-9]+)?)(?<!\.)(\.\*)?")
_LETTER = re.compile(r"[A-Za-z]")
_LONGEST = 200


def matching(keys: Sequence[bytes], versions: Callable[[], Sequence[str]], text: str) -> int:
    """The places in ``keys`` of the versions that a range allows, pre-releases too, as a mask.

    ``keys`` are sorted (versionkey.sort_key); ``versions`` gives the same versions as text and is
    called for an unusual range only. Raises ValueError when ``text`` is no range.
    """
    spans = _spans(text)
    if spans is None:
        return _mask(text, versions())
    mask = (1 << len(keys)) - 1
    for low, high, negated in spans:
        first = bisect_left(keys, low)
        last = len(keys) if high is None else bisect_left(keys, high)
        inside = (1 << last) - (1 << first) if last > first else 0
        mask &= ~inside if negated else inside
    return mask


@lru_cache(maxsize=1 << 14)
def interval(text: str) -> tuple[bytes, bytes] | None:
    """A range as the keys from the first on and before the second, empty for no end.

    None for a range that is not of one piece, pins one version, names a pre-release or is written
    in an unusual way.
    """
    spans = _spans(text)
    if (
        spans is None
        or pins(text)
        or names_prerelease(text)
        or any(negated for _, _, negated in spans)
    ):
        return None
    low = max((low for low, _, _ in spans), default=b"")
    return low, min((high for _, high, _ in spans if high is not None), default=b"")


@lru_cache(maxsize=1 << 12)
def contains(text: str, version: str) -> bool:
    """Whether a range allows a version of any form, pre-releases too. Raises ValueError."""
    key, spans = quick_key(version), _spans(text)
    if key is None or spans is None:
        return bool(_mask(text, [version]))
    return all((low <= key and (high is None or key < high)) != no for low, high, no in spans)


@lru_cache(maxsize=1 << 14)
def check_range(text: str) -> None:
    """Raises ValueError with a sentence when ``text`` is no range."""
    if _spans(text) is None:
        _parsed(text)


@lru_cache(maxsize=1 << 14)
def names_prerelease(text: str) -> bool:
    """Does a range ask for a pre-release by name? ``<2.0.dev0`` does not."""
    if not _LETTER.search(text):
        return False
    if _spans(text) is not None:
        named = (part for part in text.split(",") if _LETTER.search(part))
        return any(not part.lstrip().startswith("!=") for part in named)
    from heimnetz_git.model.version import parse_range, parse_version

    return any(
        one.operator not in {"<", "!="}
        and parse_version(one.version.removesuffix(".*")).is_prerelease
        for one in parse_range(text)
    )


@lru_cache(maxsize=1 << 14)
def pins(text: str) -> bool:
    """Does a range allow one version alone (``==1.2.0``)?"""
    return any(
        one.lstrip().startswith("==") and not one.rstrip().endswith(".*") for one in text.split(",")
    )


def _parsed(text: str) -> object:
    from heimnetz_git.model.version import parse_range  # loads packaging

    return parse_range(text)


def _mask(text: str, versions: Sequence[str]) -> int:
    from heimnetz_git.model.version import parse_range, parse_version

    wanted = parse_range(text)
    return sum(
        1 << place
        for place, version in enumerate(versions)
        if wanted.contains(parse_version(version), prereleases=True)
    )


@lru_cache(maxsize=1 << 14)
def _spans(text: str) -> tuple[Span, ...] | None:
    """The parts of a range, all of which must hold; None if it is not of the usual form."""
    if not text:
        return ()
    if len(text) > _LONGEST:
        return None
    spans: list[Span] = []
    for part in text.split(","):
        clause = _CLAUSE.fullmatch(part.strip())
        span = _span(*clause.groups()) if clause else None
        if span is None:
            return None
        spans.append(span)
    return tuple(spans)


def _span(operator: str, version: str, star: str | None) -> Span | None:
    numbers, key = final_numbers(version), quick_key(version)
    if key is None:
        return None
    if numbers is None:
        return None if star else _around(operator, key)
    return _any_below(operator, numbers) if star else _one_span(operator, numbers)


def _any_below(operator: str, numbers: tuple[int, ...]) -> Span | None:
    """``==1.2.*`` and ``!=1.2.*``."""
    if operator not in {"==", "!="}:
        return None
    return prefix(numbers), _after(numbers), operator == "!="


def _one_span(operator: str, numbers: tuple[int, ...]) -> Span | None:
    """A clause about a final version (PEP 440, "Version specifiers"): ``<`` leaves out its
    pre-releases and ``>`` its post-releases."""
    base = prefix(_three(numbers))
    match operator:
        case ">":
            return base + PAST_POSTS, None, False
        case "<":
            return b"", base, False
        case "~=":
            return (base + FINAL, _after(numbers[:-1]), False) if len(numbers) > 1 else None
        case _:
            return _around(operator, base + FINAL)


def _around(operator: str, key: bytes) -> Span | None:
    """The clauses that mean the same for a final version and for a pre-release."""
    match operator:
        case ">=":
            return key, None, False
        case "<=":
            return b"", key + b"\x00", False
        case "==" | "!=":
            return key, key + b"\x00", operator == "!="
        case _:
            return None


def _three(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return numbers + (0,) * (3 - len(numbers))


def _after(numbers: tuple[int, ...]) -> bytes:
    """The first key behind all versions that begin with these numbers."""
    return prefix((*numbers[:-1], numbers[-1] + 1))
