"""Whether a wheel is the release that the index promised."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.errors import WheelRejected, printable
from heimnetz_git.install.fetch import check_artifact
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.registry.manifest import release_of
from heimnetz_git.storage.home import storage_errors
from heimnetz_git.storage.wheelfile import Wheel, open_wheel

__all__ = ["open_verified"]

_ELSEWHERE = {"source", "artifacts"}  # not said by the wheel itself


def open_verified(path: Path, artifact: Artifact, release: Release) -> Wheel:
    """The checked wheel in ``path``, after everything the release says was compared with it.

    Raises SizeMismatch or DigestMismatch when the file is not ``artifact``, and WheelRejected when
    it may not be installed or says something else than ``release``, such as other permissions.
    """
    with storage_errors(path), path.open("rb") as file:
        data = file.read(artifact.size + 1)
    check_artifact(data, artifact)
    wheel = open_wheel(data, file=artifact.file)
    said = release_of(wheel, artifact, release.source)
    fields = (field for field in Release.__struct_fields__ if field not in _ELSEWHERE)
    problems = [
        Problem("not-the-release", f"The index says otherwise of {field!r}.", Location(wheel.file))
        for field in fields
        if getattr(said, field) != getattr(release, field)
    ]
    if problems:
        raise WheelRejected(
            f"{printable(wheel.file)} is not the {release.name} {release.version} that the index"
            f" describes. {problems[0].message}",
            problems=problems,
            wheel=wheel.file,
        )
    return wheel
