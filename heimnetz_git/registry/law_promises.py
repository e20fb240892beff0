"""The law about what a release asks for and promises: permissions, licence, host versions."""

from __future__ import annotations

from collections.abc import Iterator

from heimnetz_git.errors import HeimnetzError, printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import release_path
from heimnetz_git.model.permission import PermissionChange, Permissions, difference
from heimnetz_git.model.release import Release
from heimnetz_git.model.version import parse_version, version_set
from heimnetz_git.registry import index
from heimnetz_git.registry.law_case import Case, finding
from heimnetz_git.registry.law_facts import versions_in
from heimnetz_git.registry.law_needs import is_bounded
from heimnetz_git.registry.law_release import opened, wheels_of
from heimnetz_git.storage.repo import Repository

__all__ = [
    "gained_permissions",
    "host_range",
    "host_unbounded",
    "license_file_missing",
    "not_reproduced",
    "permissions_grown",
]


def permissions_grown(case: Case) -> Iterator[Finding]:
    """A new version that may do more than the one before it waits for a maintainer.

    Before it is the latest earlier version. What a plugin's first release may do is no growth.
    """
    release = case.release
    if release is None or case.owned is None or case.base is None:
        return
    before, changes = gained_permissions(case.repo, case.base, release)
    for change in changes:
        if change.kind == "gained":
            said = f"More than {before or 'any earlier version'}: {change.words} ({change.grant})."
            path = release_path(release.name, release.version)
            yield finding("permissions-grown", path, printable(said), severity=Severity.MEDIUM)


def gained_permissions(
    repo: Repository, base: str, release: Release
) -> tuple[str, tuple[PermissionChange, ...]]:
    """The latest earlier version of a plugin in the tree ``base``, and how permissions differ.

    Empty text and all that it may do when none is earlier.
    """
    new = parse_version(release.version)
    before = [one for one in versions_in(repo, base, release.name) if parse_version(one) < new]
    last = max(before, key=parse_version, default="")
    old = index.release(repo, base, release.name, last) if last else None
    return last, difference(old.permissions if old else Permissions(), release.permissions)


def license_file_missing(case: Case) -> Iterator[Finding]:
    """The text of a plugin's licence is in its wheel, as METADATA says: ``License-File`` (PEP 639).

    Most licences ask for it: who passes a wheel on passes the licence on.
    """
    for path, artifact, data in wheels_of(case):
        try:
            wheel = opened(case, artifact, data)
        except HeimnetzError:
            continue  # another rule speaks of it
        named = [f"{wheel.dist_info}/licenses/{one}" for one in wheel.metadata.license_files or ()]
        there = {member.name for member in wheel.members if member.size}
        missing = [one for one in named if one not in there]
        if missing or not named:
            what = printable(missing[0]) if missing else "one that METADATA names"
            said = f"The wheel has no licence file, {what}."
            hint = "Put a LICENSE file beside pyproject.toml, and 'license-files' into it."
            yield finding("license-file-missing", path, said, severity=Severity.MEDIUM, hint=hint)


def host_range(case: Case) -> Iterator[Finding]:
    """A release is for a host that the registry serves, in versions that there can be."""
    release = case.release
    if release is None:
        return
    path = release_path(release.name, release.version)
    served = case.registry.host if case.registry else ()
    if served and not set(served) & set(release.host):
        said = f"It is for {printable(', '.join(sorted(release.host)) or 'no host')}."
        hint = f"This registry serves {', '.join(served)}."
        yield finding("host-range", path, said, hint=hint)
    for host, text in release.host.items():
        if version_set(text).is_empty:
            said = f"No version of {printable(host)} is {printable(text)}."
            yield finding("host-range", path, said)


def host_unbounded(case: Case) -> Iterator[Finding]:
    """A range of host versions has an upper end: the next major version may change it all."""
    release = case.release
    for host, text in release.host.items() if release else ():
        if not is_bounded(text):
            said = f"It says to work with any later {printable(host)}."
            path = release_path(case.names[0], release.version if release else "")
            yield finding("host-unbounded", path, said, severity=Severity.INFO)


def not_reproduced(case: Case) -> Iterator[Finding]:
    """A wheel is what its source makes: where it was built anew and differs, a maintainer decides.

    'registry rebuild' does that, in the sandbox; what was not tried is no finding.
    """
    release = case.release
    for artifact in release.artifacts if release else ():
        if case.rebuilt.get(artifact.sha256) is False:
            said = f"The source makes another wheel than {printable(artifact.file)}."
            path = release_path(case.names[0], release.version if release else "")
            yield finding("not-reproduced", path, said, severity=Severity.MEDIUM)
