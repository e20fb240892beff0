"""What resolving needs to know of a plugin's releases and no more, worked out beforehand.

Releases stand in the order of their versions, oldest first; masks hold them as bits, the lowest
for the oldest, in bytes (little-endian), so that an outline can be stored as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from heimnetz_git.model.names import import_name
from heimnetz_git.model.ranges import check_range, interval
from heimnetz_git.model.versionkey import is_prerelease, sort_key

__all__ = ["Fits", "Outline", "Range", "Written", "from_mask", "outline_of", "to_mask"]

Pairs = tuple[tuple[str, str], ...]

_WHEEL = re.compile(r"(?:-([0-9][0-9a-z_]*))?-([a-z0-9_.]+)-([a-z0-9_.]+)-([a-z0-9_.]+)\.whl")


class Written(NamedTuple):
    """The facts of one release as it is written; ``files`` are the names of its wheels."""

    version: str
    requires: Mapping[str, str]
    optional: Mapping[str, str]
    host: Mapping[str, str]
    python: str
    files: tuple[str, ...]
    yanked: bool
    merged: str


class Range(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A plugin in a range, and the releases that require it or use it if it is present.

    If it ``is_plain``, its releases are those with a key from ``low`` on and before ``high`` (empty
    for no end), and it neither names a pre-release nor pins one release.
    """

    target: str
    specifier: str
    required_by: bytes
    used_by: bytes
    is_plain: bool
    low: bytes
    high: bytes


class Fits(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The releases that fit the same machines: host APIs and Python in ranges, wheel tags."""

    mask: bytes
    host: Pairs
    python: str
    tags: tuple[str, ...]


class Outline(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A plugin's releases in short. ``versions`` and ``merged`` (``-`` for an unknown time; empty
    when none is known) have a space between releases; ``keys`` are sorted; ``ranges`` are all that
    some release names, sorted."""

    registry: str
    versions: str
    keys: tuple[bytes, ...]
    ranges: tuple[Range, ...]
    fits: tuple[Fits, ...]
    prereleases: bytes
    yanked: bytes
    merged: str


def to_mask(bits: int) -> bytes:
    """An int's bits as bytes."""
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def from_mask(mask: bytes) -> int:
    """The int of ``to_mask``."""
    return int.from_bytes(mask, "little")


def outline_of(name: str, releases: Iterable[Written], *, registry: str = "") -> Outline | None:
    """The outline of these releases, which may come in any order; None if there are none.

    Leaves out those with a version or a range that cannot be read: an index of a newer format may
    have such.
    """
    keyed = [(sort_key(one.version), one) for one in releases if _is_readable(one)]
    if not keyed:
        return None
    keyed.sort(key=lambda pair: pair[0])
    ordered = [one for _, one in keyed]
    fits: dict[tuple[Pairs, str, tuple[str, ...]], int] = {}
    for place, one in enumerate(ordered):
        fit = (_pairs(one.host), one.python, _tags(name, one))
        fits[fit] = fits.get(fit, 0) | 1 << place
    return Outline(
        registry=registry,
        versions=" ".join(one.version for one in ordered),
        keys=tuple(key for key, _ in keyed),
        ranges=tuple(_ranges(ordered)),
        fits=tuple(Fits(to_mask(mask), *fit) for fit, mask in fits.items()),
        prereleases=_where(is_prerelease(one.version) for one in ordered),
        yanked=_where(one.yanked for one in ordered),
        merged=" ".join(one.merged or "-" for one in ordered)
        if any(one.merged for one in ordered)
        else "",
    )


def _where(answers: Iterable[bool]) -> bytes:
    return to_mask(sum(1 << place for place, answer in enumerate(answers) if answer))


def _pairs(wanted: Mapping[str, str]) -> Pairs:
    return tuple(sorted(wanted.items()))


def _ranges(ordered: Sequence[Written]) -> Iterator[Range]:
    required: dict[tuple[str, str], int] = {}
    used: dict[tuple[str, str], int] = {}
    for place, one in enumerate(ordered):
        for wanted, by in ((one.requires, required), (one.optional, used)):
            for pair in wanted.items():
                by[pair] = by.get(pair, 0) | 1 << place
    for pair in sorted(required.keys() | used.keys()):
        low, high = interval(pair[1]) or (None, b"")
        yield Range(
            *pair,
            required_by=to_mask(required.get(pair, 0)),
            used_by=to_mask(used.get(pair, 0)),
            is_plain=low is not None,
            low=low or b"",
            high=high,
        )


def _is_readable(one: Written) -> bool:
    try:
        sort_key(one.version)
        check_range(one.python)
        for wanted in (one.host, one.requires, one.optional):
            for text in wanted.values():
                check_range(text)
    except ValueError:
        return False
    return True


def _tags(name: str, one: Written) -> tuple[str, ...]:
    """All tags of the release's wheels, sorted."""
    start = f"{import_name(name)}-{one.version}"
    found: set[str] = set()
    for file in one.files:
        plain = _WHEEL.fullmatch(file, len(start)) if file.startswith(start) else None
        found.update(_product(*plain.groups()[1:]) if plain else _tags_of(file))
    return tuple(sorted(found))


@lru_cache(maxsize=1 << 10)
def _product(python: str, abi: str, platform: str) -> tuple[str, ...]:
    """The tags that a compressed set stands for (PEP 425)."""
    return tuple(
        f"{one}-{two}-{three}"
        for one in python.split(".")
        for two in abi.split(".")
        for three in platform.split(".")
    )


def _tags_of(file: str) -> Iterable[str]:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return map(str, parse_wheel_filename(file)[3])
    except InvalidWheelFilename:
        return ()
