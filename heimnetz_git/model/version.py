"""Versions, ranges and sets of versions (PEP 440), parsed once and kept."""

from __future__ import annotations

from functools import lru_cache

from packaging.ranges import VersionRange
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

__all__ = ["parse_range", "parse_version", "release_version", "version_set"]

_LONGEST = 200


@lru_cache(maxsize=1 << 16)
def parse_version(text: str) -> Version:
    """``text`` as a PEP 440 version, in any spelling. Raises ValueError with a sentence."""
    if len(text) > _LONGEST:
        raise ValueError("a version this long is none")
    try:
        return Version(text)
    except InvalidVersion:
        raise ValueError(f"{text!r} is not a version such as 1.2.0") from None


@lru_cache(maxsize=1 << 16)
def parse_range(text: str) -> SpecifierSet:
    """``text`` as a PEP 440 specifier set; empty text allows every version. Raises ValueError."""
    if len(text) > _LONGEST:
        raise ValueError("a version range this long is none")
    try:
        found = SpecifierSet(text)
    except InvalidSpecifier:
        raise ValueError(f"{text!r} is not a version range such as '>=1.2,<2'") from None
    if any(specifier.operator == "===" for specifier in found):
        raise ValueError("'===' compares text, not versions; write '=='")
    return found


@lru_cache(maxsize=1 << 16)
def version_set(text: str) -> VersionRange:
    """The versions that a specifier allows, as a set with union, intersection and difference.

    Raises ValueError as ``parse_range``.
    """
    return parse_range(text).to_range()


def release_version(text: str) -> Version:
    """``text`` as the version of a release: MAJOR.MINOR.PATCH in normal form.

    No epoch, no local part; pre-, post- and development releases are allowed. Raises ValueError
    with a sentence.
    """
    version = parse_version(text)
    if version.epoch or version.local:
        raise ValueError(f"{text!r} has an epoch or a local part, which releases do not have")
    if len(version.release) != 3:
        raise ValueError(f"{text!r} is not MAJOR.MINOR.PATCH")
    if str(version) != text:
        raise ValueError(f"{text!r} is not in its normal form {str(version)!r}")
    return version
