"""The law about a release: its file is what its wheel says, and its version comes next."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import msgspec
from packaging.version import Version

from heimnetz_git.errors import HeimnetzError, printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import artifact_path, classify, plugin_folder, release_path
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.model.version import parse_version
from heimnetz_git.registry.law_case import Case, finding, of_problem
from heimnetz_git.registry.manifest import release_of
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.wheelfile import Wheel, open_wheel

__all__ = [
    "artifact_missing",
    "artifact_place",
    "artifact_unnamed",
    "license_not_allowed",
    "opened",
    "release_canonical",
    "release_differs",
    "release_misplaced",
    "release_valid",
    "version_order",
    "wheels_of",
]

_ID = re.compile(r"[A-Za-z0-9.+-]+")
_OPERATORS = {"AND", "OR", "WITH"}


def release_valid(case: Case) -> Iterator[Finding]:
    """A release file has every field that it needs, and no other."""
    for problem in case.reading[2]:
        yield of_problem("release-valid", problem)


def release_canonical(case: Case) -> Iterator[Finding]:
    """A release file is written in the one canonical form, so that equal means equal bytes."""
    release, data, _ = case.reading
    if release is not None and yamlfile.dump(release) != data:
        yield finding(
            "release-canonical",
            _path(case),
            "It is not in the canonical form.",
            hint="Let 'heimnetz-git publish' write it.",
        )


def release_misplaced(case: Case) -> Iterator[Finding]:
    """A release file lies where its name and version say."""
    release = case.release
    if release is not None and release_path(release.name, release.version) != _path(case):
        said = f"It says {printable(release.name)} {printable(release.version)}."
        yield finding("release-misplaced", _path(case), said)


def version_order(case: Case) -> Iterator[Finding]:
    """A version is free and later than the last of its series, MAJOR.MINOR.

    So 1.1.9 may follow 1.2.0, and 1.1.3 may not follow 1.1.4.
    """
    release = case.release
    if release is None or case.base is None:
        return
    new = parse_version(release.version)
    for text, version in _versions(case, release.name):
        if version == new and text != release.version:
            yield finding("version-order", _path(case), f"It is the same version as {text}.")
        elif version > new and version.release[:2] == new.release[:2]:
            said = f"{release.version} comes after {text}, which is later in its series."
            yield finding("version-order", _path(case), said, hint="Choose a later version.")


def _versions(case: Case, name: str) -> Iterator[tuple[str, Version]]:
    """The versions of a plugin in the base, merged or recorded."""
    for entry in case.repo.entries(case.base or "", plugin_folder(name)):
        kind = classify(entry.path)
        if kind.kind == "release":
            try:
                yield kind.version, parse_version(kind.version)
            except ValueError:
                continue


def license_not_allowed(case: Case) -> Iterator[Finding]:
    """A registry may name the licences that it takes, in policy.yaml."""
    allowed = set(case.policy.allow_licenses)
    if case.release is None or not allowed:
        return
    words = set(_ID.findall(case.release.license)) - _OPERATORS
    if case.release.license not in allowed and not words <= allowed:
        said = f"The registry does not take the licence {printable(case.release.license)!r}."
        yield finding("license-not-allowed", _path(case), said)


def artifact_place(case: Case) -> Iterator[Finding]:
    """A wheel lies in the registry at its own place, or at an address, as registry.yaml says."""
    store = case.registry.store if case.registry else "either"
    for release, artifact in _artifacts(case):
        if artifact.path and artifact.path != artifact_path(release.name, artifact.file):
            said = f"The wheel belongs at {artifact_path(release.name, artifact.file)}."
            yield finding("artifact-place", artifact.path, said)
        if store != "either" and bool(artifact.path) != (store == "embedded"):
            want = "in the registry" if store == "embedded" else "at an address"
            yield finding("artifact-place", _path(case), f"Wheels of this registry lie {want}.")


def artifact_missing(case: Case) -> Iterator[Finding]:
    """The wheel that a release names is there, with the size and digest that it says."""
    for _, artifact in _artifacts(case):
        place = artifact.path or _path(case)
        if not artifact.path and case.wheel_of is None:
            said = f"The wheel at {printable(artifact.url)} was not fetched and not compared."
            yield finding("artifact-missing", place, said, severity=Severity.INFO)
            continue
        data = _bytes(case, artifact)
        if data is None:
            yield finding("artifact-missing", place, "There is no such wheel.")
        elif len(data) != artifact.size:
            said = f"The wheel has {len(data)} bytes; the release says {artifact.size}."
            yield finding("artifact-missing", place, said)
        elif hashlib.sha256(data).hexdigest() != artifact.sha256:
            said = "The wheel's SHA-256 is not what the release says."
            yield finding("artifact-missing", place, said)


def artifact_unnamed(case: Case) -> Iterator[Finding]:
    """No wheel or signature comes without the release that it belongs to."""
    named = {artifact.path for _, artifact in _artifacts(case)}
    version = case.added[0].kind.version if len(case.added) == 1 else ""
    for each in case.of("artifact", "signature"):
        if each.old is not None or each.new is None:
            continue
        belongs = (
            each.path in named if each.kind.kind == "artifact" else each.kind.version == version
        )
        if not belongs:
            said = "It belongs to no release of this submission."
            yield finding("artifact-unnamed", each.path, said)


def release_differs(case: Case) -> Iterator[Finding]:
    """A release file is exactly what its wheel says: made anew from the wheel, and compared."""
    for release, artifact in _artifacts(case):
        place = artifact.path or _path(case)
        try:
            data = _wheel(case, artifact)
            if data is None:
                continue
            told = release_of(opened(case, artifact, data), artifact, release.source)
        except HeimnetzError as error:
            for problem in error.problems or ():
                yield finding("release-differs", place, f"{problem.path} {problem.message}".strip())
            if not error.problems:
                yield finding("release-differs", place, str(error))
            continue
        told = msgspec.structs.replace(told, artifacts=release.artifacts)
        for field in _differing(told, release):
            said = f"'{field}' is not what the wheel says."
            yield finding("release-differs", _path(case), said, severity=Severity.CRITICAL)


def opened(case: Case, artifact: Artifact, data: bytes) -> Wheel:
    """A wheel of the release, opened once for all rules. Raises WheelRejected."""
    key = (artifact.sha256, artifact.file)
    if key not in case.wheels:
        try:
            case.wheels[key] = open_wheel(data, file=artifact.file)
        except HeimnetzError as error:
            case.wheels[key] = error
    found = case.wheels[key]
    if isinstance(found, HeimnetzError):
        raise found
    return found


def wheels_of(case: Case) -> Iterator[tuple[str, Artifact, bytes]]:
    """Each wheel of the new release that is what the release says: its place, and its bytes."""
    for _, artifact in _artifacts(case):
        data = _wheel(case, artifact)
        if data is not None:
            yield artifact.path or _path(case), artifact, data


def _differing(told: Release, release: Release) -> list[str]:
    fields = Release.__struct_fields__
    return [field for field in fields if getattr(told, field) != getattr(release, field)]


def _artifacts(case: Case) -> Iterator[tuple[Release, Artifact]]:
    if case.release is not None:
        for artifact in case.release.artifacts:
            yield case.release, artifact


def _bytes(case: Case, artifact: Artifact) -> bytes | None:
    """A wheel from the head tree or from its address, whatever it holds; None without one."""
    if not artifact.path:
        return case.wheel_of(artifact) if case.wheel_of else None
    entry = case.repo.entry(case.head, artifact.path)
    return case.repo.read(entry.oid) if entry and entry.mode == 0o100644 else None


def _wheel(case: Case, artifact: Artifact) -> bytes | None:
    """The wheel's bytes when they are what the release says; another rule speaks of it if not."""
    data = _bytes(case, artifact)
    if data is None or hashlib.sha256(data).hexdigest() != artifact.sha256:
        return None
    return data


def _path(case: Case) -> str:
    return case.added[0].path if case.added else ""
