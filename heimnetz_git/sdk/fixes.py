"""What ``validate --fix`` mends: the least permissions and bounded ranges.

Only ``plugin.yaml`` is touched, once and whole, by edits that keep its comments and its order. A
mend never takes a meaning away that the author may have wanted: permissions that the code was not
seen to use go only where the scanner is sure of all imports, ranges get the bound that the next
major version is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from heimnetz_git.model.manifest import Manifest
from heimnetz_git.model.permission import Permissions, difference, normal_form
from heimnetz_git.scan.engine import Report
from heimnetz_git.scan.rules_permissions import proposed
from heimnetz_git.sdk.project import MANIFEST, read_project
from heimnetz_git.sdk.validate import scan_project
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.home import storage_errors, write_atomic

__all__ = ["Mend", "fix"]

_HIGHEST = Version("999999!0")


class Mend(NamedTuple):
    """One thing mended: the dotted key, its new value (None: taken out), and what that means."""

    key: str
    value: Any
    words: str


def fix(root: Path) -> tuple[Mend, ...]:
    """Mend the manifest of the project in ``root``; what was mended, nothing if all is well.

    Raises ProjectInvalid or FileMissing for what cannot be read, StorageError.
    """
    manifest = read_project(root).manifest
    mends = (*_permissions(manifest, scan_project(root)), *_ranges(manifest))
    if mends:
        path = root / MANIFEST
        data = yamlfile.edit(path.read_bytes(), {one.key: one.value for one in mends}, MANIFEST)
        yamlfile.read(data, Manifest, MANIFEST, authoring=True)  # nothing worse is left behind
        with storage_errors(path):
            write_atomic(path, data)
    return mends


def _permissions(manifest: Manifest, report: Report) -> Iterator[Mend]:
    """What the code is known to do is declared, and what nothing uses is not."""
    declared = manifest.permissions
    undeclared = [one for one in report.findings if one.rule == "permission-undeclared"]
    unused = [one.capability for one in report.findings if one.rule == "permission-unused"]
    wanted = declared
    if undeclared:
        missing = {one.capability for one in undeclared}
        known = proposed(one for one in report.capabilities if one.kind in missing)
        wanted = _joined(declared, _valid(known))
    for kind in unused:
        wanted = _without(wanted, kind)
    wanted = normal_form(wanted)
    changes = difference(declared, wanted)
    if changes:
        said = ", ".join(f"{'+' if it.kind == 'gained' else '-'}{it.grant}" for it in changes)
        plain = msgspec.to_builtins(wanted)
        yield Mend("permissions", plain or None, f"Permissions are what the code uses: {said}.")


def _joined(one: Permissions, other: Permissions) -> Permissions:
    left, right = msgspec.to_builtins(one), msgspec.to_builtins(other)
    return msgspec.convert(_union(left, right), Permissions)


def _union(left: Any, right: Any) -> Any:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return {
            key: _union(left[key], right[key]) if key in left and key in right
            else left.get(key, right.get(key))
            for key in (*left, *(key for key in right if key not in left))
        }  # fmt: skip
    return [*left, *right] if isinstance(left, list | tuple) else left or right


def _valid(known: Permissions) -> Permissions:
    """Only grants that can be written: what the scanner read may be no host and no path."""
    plain = msgspec.to_builtins(known)
    return msgspec.convert(_kept(plain, ()), Permissions)


def _kept(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {key: _kept(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [item for item in value if _may_stand(path, item)]
    return value


def _may_stand(path: tuple[str, ...], item: str) -> bool:
    plain: Any = [item]
    for key in reversed(path):
        plain = {key: plain}
    try:
        normal_form(msgspec.convert(plain, Permissions))
    except (ValueError, msgspec.ValidationError):
        return False
    return True


def _without(permissions: Permissions, kind: str) -> Permissions:
    """All grants of one kind, such as ``network.connect`` or ``run``, taken out."""
    plain = msgspec.to_builtins(permissions)
    head, _, tail = kind.partition(".")
    if tail:
        plain.get(head, {}).pop(tail, None)
    else:
        plain.pop(head, None)
    return msgspec.convert(plain, Permissions)


def _ranges(manifest: Manifest) -> Iterator[Mend]:
    """A range with a lower bound and no upper one ends before the next major version."""
    for key in ("host", "requires", "optional"):
        for name, text in getattr(manifest, key).items():
            bound = _bounded(text)
            if bound:
                yield Mend(f"{key}.{name}", bound, f"{key}.{name} is bounded: {bound}.")


def _bounded(text: str) -> str:
    """The range with its upper bound; empty where it has one or none can be told."""
    try:
        given = SpecifierSet(text)
    except InvalidSpecifier:
        return ""
    lower = [Version(one.version) for one in given if one.operator in (">=", ">")]
    if not lower or not given.contains(_HIGHEST, prereleases=True):
        return ""
    return f"{text.strip()},<{max(lower).major + 1}"
