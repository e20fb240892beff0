"""The law about what plugins need of one another: ranges with ends, met here, and left unbroken."""

from __future__ import annotations

from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import plugin_path, release_path
from heimnetz_git.model.version import parse_range, parse_version
from heimnetz_git.registry.law_case import Case, finding
from heimnetz_git.registry.law_facts import versions_of
from heimnetz_git.registry.reverse import Installable, broken_by

__all__ = [
    "is_bounded",
    "plugin_broken",
    "requirement_unbounded",
    "requirement_unmet",
    "version_skipped",
]

_ENDING = {"<", "<=", "==", "~="}


def requirement_unbounded(case: Case) -> Iterator[Finding]:
    """A required plugin has a range with an upper end: its next major version may change it all."""
    release = case.release
    for name, text in release.requires.items() if release else ():
        if not is_bounded(text):
            said = f"It requires {printable(name)} in any later version."
            hint = f"Give the range an end, such as '{text + ',' if text else ''}<2'."
            yield _note("requirement-unbounded", case, said, hint)


def is_bounded(text: str) -> bool:
    """Has a range an upper end?"""
    return any(one.operator in _ENDING for one in parse_range(text))


def requirement_unmet(case: Case) -> Iterator[Finding]:
    """A required plugin is in the registry, in a version of the range that is not yanked."""
    release = case.release
    if release is None:
        return
    offers = Installable(case.repo, case.head)
    for name, text in release.requires.items():
        if not offers.has(name):
            yield _note("requirement-unmet", case, f"There is no plugin {printable(name)} here.")
        elif not offers.fitting(name, text):
            said = f"No version of {printable(name)} here is {printable(text)}."
            yield _note("requirement-unmet", case, said)


def version_skipped(case: Case) -> Iterator[Finding]:
    """A version is the next after one that is there: 1.2.4, 1.3.0 or 2.0.0 after 1.2.3."""
    release = case.release
    if release is None or case.base is None:
        return
    new = parse_version(release.version)
    before = [parse_version(one) for one in versions_of(case, release.name)]
    last = max((one for one in before if one < new), default=None)
    if last is None or new.is_prerelease or last.is_prerelease:
        return
    major, minor, patch = last.release[:3]
    steps = {(major, minor, patch + 1), (major, minor + 1, 0), (major + 1, 0, 0), last.release[:3]}
    if new.release[:3] not in steps:
        said = f"{release.version} skips versions after {last}."
        yield _note("version-skipped", case, said)


def plugin_broken(case: Case) -> Iterator[Finding]:
    """A yank takes no plugin that can be installed now the last release that it needs.

    Every such plugin is named, those behind it too. Releases only add: they break none.
    """
    if case.facts is None:
        return
    old, new = case.facts
    if set(new.yanked) <= set(old.yanked) or case.base is None:
        return
    path = plugin_path(new.name)
    if case.dependents is None:
        said = "Which plugins need it was not looked up."
        yield finding("plugin-broken", path, said, severity=Severity.MEDIUM)
        return
    for name in broken_by(case.repo, case.base, case.head, new.name, case.dependents):
        said = f"{printable(name)} could not be installed any more."
        hint = "Publish a version that it can use first."
        yield finding("plugin-broken", path, said, severity=Severity.MEDIUM, hint=hint)


def _note(rule: str, case: Case, said: str, hint: str = "") -> Finding:
    release = case.release
    path = release_path(release.name, release.version) if release else ""
    return finding(rule, path, said, severity=Severity.INFO, hint=hint)
