"""Blocks that are new in every release, each with one strict grammar that is its own proof.

A shape takes fewer texts than the canonical form has: printable ASCII, no escapes, the usual
fields. All that it takes is in canonical form and passes model/check; what it does not take is
None, and is read the general way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from heimnetz_git.model.ranges import check_range
from heimnetz_git.model.release import Artifact, Change, Release, Source

__all__ = ["SHAPES"]

_VISIBLE = r"[!$%'()*+,\-./0-9;<=>?@A-Z^_a-z~]"
_PLAIN = rf"[A-Z_a-z/]{_VISIBLE}*+(?:[ :]{_VISIBLE}++)*+"
_NUMBERS = r"[0-9]+\.[0-9]+\.[0-9][0-9A-Za-z.+\-]*"
# Plain text is longer than `false`, the longest word that needs quotes; text in quotes needs them.
_TEXT = rf'(?:(?=[^\n]{{6}})({_PLAIN})|"(?!(?:{_PLAIN}|{_NUMBERS})")(?! *")([ !#-\[\]-~]+)")'
# Hex digits stand plain when the first is a letter.
_HEX = r'(?:"([0-9][0-9a-f]{{{0}}})"|([a-f][0-9a-f]{{{0}}}))'
_ADDRESS = r"https://[a-z0-9][a-z0-9.\-]*/[A-Za-z0-9._~/\-]*"
_IN_INDEX = r"[a-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-][A-Za-z0-9._+\-]*)*"

_SOURCE = re.compile(
    rf"source:\n  repository: ({_ADDRESS})\n  commit: {_HEX.format(39)}"
    r"\n  tag: (v[0-9][0-9A-Za-z.+\-]*)"
)
_ARTIFACT = re.compile(  # twelve digits are less than the terabyte that a wheel may have
    rf"(?:path: ({_IN_INDEX}\.whl)|url: ({_ADDRESS}\.whl))\n    size: ([1-9][0-9]{{0,11}})"
    rf"\n    sha256: {_HEX.format(63)}"
)
_CHANGE = re.compile(rf"kind: (added|changed|deprecated|removed|fixed|security)\n    text: {_TEXT}")
_NEED = re.compile(  # a range begins with a sign, so it stands in quotes
    r"(?!(?:null|true|false|yes|no|on|off|y|n):)([a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
    r': "([<>=!~][ !#-\[\]-~]*)"'
)
_LONGEST = 300  # characters of one entry: less than any check allows for the texts in it
_MOST_NEEDS = 100


def _source(block: str) -> Source | None:
    match = _SOURCE.fullmatch(block)
    if match is None or len(block) > _LONGEST:
        return None
    repository, digits, letters, tag = match.groups()
    return Source(repository, digits or letters, tag)


def _artifacts(block: str) -> tuple[Artifact, ...] | None:
    found = []
    head, *entries = block.split("\n  - ")
    for entry in entries:
        match = _ARTIFACT.fullmatch(entry)
        if match is None or len(entry) > _LONGEST:
            return None
        path, url, size, digits, letters = match.groups()
        found.append(
            Artifact(path=path or "", url=url or "", size=int(size), sha256=digits or letters)
        )
    return tuple(found) if found and head == "artifacts:" else None


def _changes(block: str) -> tuple[Change, ...] | None:
    found = []
    head, *entries = block.split("\n  - ")
    for entry in entries:
        match = _CHANGE.fullmatch(entry)
        if match is None or len(entry) > _LONGEST:
            return None
        kind, plain, quoted = match.groups()
        found.append(Change(kind, plain or quoted))  # type: ignore[arg-type] # the pattern has its kinds
    return tuple(found) if found and head == "changes:" else None


def _requires(block: str) -> dict[str, str] | None:
    head, *lines = block.split("\n  ")
    if head != "requires:" or not 0 < len(lines) <= _MOST_NEEDS:
        return None
    if max(map(len, lines)) > _LONGEST:
        return None
    needs = [_need(line) for line in lines]
    found = {need[0]: need[1] for need in needs if need is not None}
    names = [*found]
    return found if len(names) == len(lines) and names == sorted(names) else None


@lru_cache(maxsize=1 << 14)
def _need(line: str) -> tuple[str, str] | None:
    match = _NEED.fullmatch(line)
    if match is None or len(match[1]) > 64:
        return None
    try:
        check_range(match[2])
    except ValueError:
        return None
    return match[1], match[2]


SHAPES: dict[tuple[type, str], Callable[[str], Any]] = {
    (Release, "requires"): _requires,
    (Release, "source"): _source,
    (Release, "artifacts"): _artifacts,
    (Release, "changes"): _changes,
}
"""By type and field: a function from a block without its last line end to the field's value."""
