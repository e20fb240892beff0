"""Advisories in the OSV format, and whether a version is affected by one.

Source: the Open Source Vulnerability schema 1.7 (ossf.github.io/osv-schema), its section
"Evaluation" for the algorithm. Unknown fields are passed over, so records of newer minor versions
can be read.
Versions are compared as PEP 440 says, which is the order of the PyPI ecosystem and of plugins.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

__all__ = [
    "PLUGINS",
    "PYPI",
    "Affected",
    "Event",
    "Package",
    "Range",
    "Record",
    "Score",
    "State",
    "covers",
    "decode",
    "escapes",
    "fixed_versions",
    "normal_name",
]

PYPI = "PyPI"
PLUGINS = "Heimnetz"
"""The ecosystem of plugins, in a registry's own advisories."""
_COMPARED = ("ECOSYSTEM", "SEMVER")
_LOWEST = Version("0.dev0")
_HIGHEST = Version("999999!0")


class State(StrEnum):
    """What an advisory says of a version; ``unknown`` when its range cannot be read."""

    AFFECTED = "affected"
    UNAFFECTED = "unaffected"
    UNKNOWN = "unknown"


class Package(msgspec.Struct, frozen=True):
    """What an advisory is about: an ecosystem (``PyPI``, ``Debian:12``) and a name in it."""

    ecosystem: str = ""
    name: str = ""
    purl: str = ""


class Event(msgspec.Struct, frozen=True):
    """One point of a range; exactly one of the fields is set. ``introduced`` may be ``0``."""

    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None


class Range(msgspec.Struct, frozen=True):
    """Versions between events; ``GIT`` ranges name commits and are not compared."""

    type: str = ""
    events: tuple[Event, ...] = ()


class Score(msgspec.Struct, frozen=True):
    """A severity: ``type`` such as ``CVSS_V3``, ``score`` the vector."""

    type: str = ""
    score: str = ""


class Affected(msgspec.Struct, frozen=True):
    """One package of an advisory, its ranges, and versions listed one by one."""

    package: Package | None = None
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()
    severity: tuple[Score, ...] = ()
    database_specific: dict[str, Any] | None = None


class Record(msgspec.Struct, frozen=True):
    """One advisory. ``withdrawn`` is a time, empty when it stands."""

    id: str
    modified: str = ""
    published: str = ""
    withdrawn: str | None = None
    aliases: tuple[str, ...] | None = None
    summary: str = ""
    details: str = ""
    affected: tuple[Affected, ...] | None = None
    severity: tuple[Score, ...] | None = None
    database_specific: dict[str, Any] | None = None


def decode(data: bytes) -> Record:
    """A record from its JSON. Raises ValueError with a sentence when it is none."""
    try:
        return msgspec.json.decode(data, type=Record)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not an OSV record: {error}") from error


def normal_name(ecosystem: str, name: str) -> str:
    """The spelling that two names of a package share; PyPI's and plugins' by PEP 503."""
    return str(canonicalize_name(name)) if ecosystem in (PYPI, PLUGINS) else name


def covers(affected: Affected, version: str) -> State:
    """Whether a version is affected: listed, or inside a range that is compared."""
    try:
        mine = Version(version)
    except InvalidVersion:
        return State.AFFECTED if version in affected.versions else State.UNKNOWN
    if any(text == version or _version(text) == mine for text in affected.versions):
        return State.AFFECTED
    ranges = [one for one in affected.ranges if one.type in _COMPARED]
    states = {_within(one, mine) for one in ranges}
    if State.AFFECTED in states:
        return State.AFFECTED
    return State.UNKNOWN if State.UNKNOWN in states else State.UNAFFECTED


def escapes(affected: Affected, wanted: str) -> State:
    """Whether a range of versions (PEP 440; empty: any) has room behind every weakness.

    What is not chosen yet is unaffected when a fixed version is among those that may be, and else
    unknown: the one that is chosen decides.
    """
    try:
        allowed = SpecifierSet(wanted)
    except InvalidSpecifier:
        return State.UNKNOWN
    ranges = [one for one in affected.ranges if one.type in _COMPARED]
    if not ranges:
        listed = any(allowed.contains(text, prereleases=True) for text in affected.versions)
        return State.UNKNOWN if listed else State.UNAFFECTED
    newest = allowed.contains(_HIGHEST, prereleases=True)
    for one in ranges:
        fixes = [event.fixed for event in one.events if event.fixed]
        ended = newest and any(event.last_affected for event in one.events)
        if not ended and not any(allowed.contains(fix, prereleases=True) for fix in fixes):
            return State.UNKNOWN
    return State.UNAFFECTED


def _within(span: Range, mine: Version) -> State:
    limits = [event.limit for event in span.events if event.limit is not None]
    if limits and "*" not in limits:
        ends = [end for end in map(_version, limits) if end is not None]
        if not any(mine < end for end in ends):
            return State.UNAFFECTED
    points: list[tuple[Version, int, Event]] = []
    for event in span.events:
        text = event.introduced or event.fixed or event.last_affected
        if text is None:
            continue
        version = _LOWEST if event.introduced == "0" else _version(text)
        if version is None:
            return State.UNKNOWN
        points.append((version, _rank(event), event))
    inside = False
    for version, _, event in sorted(points, key=lambda point: point[:2]):
        if event.introduced is not None:
            inside = inside or mine >= version
        elif mine > version or (event.fixed is not None and mine == version):
            inside = False
    return State.AFFECTED if inside else State.UNAFFECTED


def _rank(event: Event) -> int:
    """At one version an end comes before a new beginning."""
    return 1 if event.introduced is not None else 0


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def fixed_versions(affected: Iterable[Affected], version: str) -> tuple[str, ...]:
    """The versions after ``version`` that end a range it is in, lowest first."""
    mine = _version(version)
    found: set[Version] = set()
    for one in affected:
        for span in one.ranges:
            if span.type in _COMPARED:
                ends = (_version(event.fixed or "") for event in span.events)
                found |= {end for end in ends if end is not None and (mine is None or end > mine)}
    return tuple(str(end) for end in sorted(found))
