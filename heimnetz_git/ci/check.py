"""A submission looked at from all sides: the law, the scanner over its wheels, what it may do.

Nothing of the plugin is imported or run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from heimnetz_git.errors import HeimnetzError, InvalidFile, WheelRejected, printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.permission import PermissionChange, Permissions
from heimnetz_git.model.registry import Outcome, Policy
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.registry import index
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.law_report import permission_changes, verdict
from heimnetz_git.registry.replay import replay
from heimnetz_git.registry.submission import check
from heimnetz_git.registry.submission_value import WheelOf, commit_of
from heimnetz_git.scan.engine import Report, scan, scan_wheel, wheel_files
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.wheelfile import open_wheel

__all__ = ["SCANNER", "Examined", "Scanned", "examine", "scanner_findings"]

SCANNER: dict[str, Outcome] = {"scanner-reject": "refuse", "scanner-review": "hold"}
"""What a registry does about the scanner's verdicts; policy.yaml may choose under ``rules``."""
LARGEST_WHEEL = 64 << 20


class Scanned(msgspec.Struct, frozen=True):
    """What the scanner says of one wheel, by its path in the registry or its address."""

    wheel: str
    report: Report


class Examined(msgspec.Struct, frozen=True):
    """What a check found; its verdict is bound to the commits ``base`` and ``head``.

    ``trees`` are main's tree, and that with the submission's files. ``findings`` are those of the
    law and, as ``scanner-...``, the scanner's verdicts; each has its outcome.
    """

    base: str
    head: str
    trees: tuple[str, str]
    release: Release | None
    since: str
    permissions: tuple[PermissionChange, ...]
    findings: tuple[Finding, ...]
    scans: tuple[Scanned, ...]

    @property
    def verdict(self) -> str:
        """``refused``, ``held`` or ``accepted``."""
        return verdict(self.findings)

    def document(self) -> dict[str, Any]:
        """All of it as plain data."""
        release = self.release
        return {
            "verdict": self.verdict,
            "base": self.base,
            "head": self.head,
            "name": release.name if release else "",
            "version": release.version if release else "",
            "since": self.since,
            "permissions": msgspec.to_builtins(self.permissions),
            "findings": msgspec.to_builtins(self.findings),
            "scans": [{"wheel": one.wheel, **one.report.document()} for one in self.scans],
        }


def examine(
    repo: Repository,
    base: str,
    head: str,
    *,
    wheel_of: WheelOf | None = None,
    actor: Actor | None = None,
    at: int | None = None,
) -> Examined:
    """Look at merging ``head`` into ``base``; each a commit or a branch.

    Wheels that are not in the registry come by ``wheel_of``. Raises SubmissionNotFound.
    """
    onto, asked = commit_of(repo, base), commit_of(repo, head)
    found = check(repo, onto, asked, wheel_of=wheel_of, actor=actor, at=at)
    trees = replay(repo, onto, asked)
    release, since, permissions = permission_changes(repo, trees.base, trees.tree)
    scans = tuple(_scans(repo, (trees.base, trees.tree), release, since, wheel_of))
    policy = _policy(repo, trees.base)
    return Examined(
        onto,
        asked,
        (trees.base, trees.tree),
        release,
        since,
        permissions,
        (*found, *scanner_findings(scans, policy)),
        scans,
    )


def scanner_findings(scans: Iterable[Scanned], policy: Policy) -> tuple[Finding, ...]:
    """The scanner's verdicts that are not ``accept``, as findings with the registry's outcome."""
    found = []
    for one in scans:
        rule = f"scanner-{one.report.verdict}"
        if rule not in SCANNER:
            continue
        worst = one.report.findings[0]
        count = len(one.report.findings)
        more = f", and {count - 1} more" if count > 1 else ""
        said = f"The scanner says {one.report.verdict}: {worst.message} [{worst.rule}]{more}."
        outcome = policy.rules.get(rule, SCANNER[rule])
        place = Location(printable(one.wheel))
        found.append(Finding(rule, worst.severity, said, place, outcome=outcome))
    return tuple(found)


def _scans(
    repo: Repository,
    trees: tuple[str, str],
    release: Release | None,
    since: str,
    wheel_of: WheelOf | None,
) -> Iterable[Scanned]:
    """Each wheel of the release scanned, held to what the release and the one before it may do."""
    if release is None:
        return
    base, head = trees
    before = index.release(repo, base, release.name, since) if since else None
    for artifact in release.artifacts:
        data = _wheel(repo, head, artifact, wheel_of)
        place = artifact.path or artifact.url
        if isinstance(data, str):
            seen = Finding("not-scanned", Severity.HIGH, data, Location(printable(place)))
            yield Scanned(place, Report((seen,), ()))
            continue
        yield Scanned(place, _scanned(data, release, before.permissions if before else None))


def _scanned(data: bytes, release: Release, before: Permissions | None) -> Report:
    try:
        files = wheel_files(open_wheel(data))
    except WheelRejected:
        return scan_wheel(data)
    return scan(files, release.permissions, before=before)


def _wheel(
    repo: Repository, tree: str, artifact: Artifact, wheel_of: WheelOf | None
) -> bytes | str:
    """The bytes of a wheel, or why there are none."""
    if artifact.path:
        entry = repo.entry(tree, artifact.path)
        if entry is None or entry.mode != 0o100644:
            return "The wheel is not in the registry."
        return repo.read(entry.oid, max_bytes=LARGEST_WHEEL)
    if wheel_of is None:
        return "The wheel is elsewhere, and was not fetched."
    try:
        return wheel_of(artifact)
    except HeimnetzError as error:
        return f"The wheel cannot be had: {error}"


def _policy(repo: Repository, tree: str) -> Policy:
    try:
        return index.policy(repo, tree)
    except InvalidFile:
        return Policy(format=1)
