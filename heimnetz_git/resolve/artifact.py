"""Which of a release's wheels this machine takes (wheel names: PEP 427; tags: PEP 425)."""

from __future__ import annotations

from functools import lru_cache

from heimnetz_git.model.lock import Environment
from heimnetz_git.model.release import Artifact, Release

__all__ = ["best_artifact"]

Build = tuple[int, str]


def best_artifact(release: Release, environment: Environment) -> Artifact | None:
    """The wheel whose tag stands first in the environment's list, None if none of them fits.

    Of two that fit equally well the higher build number wins, then the later file name.
    """
    ranks = _ranks(tuple(environment.tags))
    best: tuple[int, Build, str] | None = None
    chosen: Artifact | None = None
    for artifact in release.artifacts:
        merit = _merit(artifact.file, ranks)
        if merit is not None and (best is None or merit > best):
            best, chosen = merit, artifact
    return chosen


def _merit(file: str, ranks: dict[str, int]) -> tuple[int, Build, str] | None:
    """A sort key, the greatest is the best wheel; None if the machine does not take it."""
    tags, build = _wheel(file)
    places = [ranks[tag] for tag in tags if tag in ranks]
    return (-min(places), build, file) if places else None


@lru_cache(maxsize=64)
def _ranks(tags: tuple[str, ...]) -> dict[str, int]:
    return {tag: place for place, tag in reversed(list(enumerate(tags)))}


@lru_cache(maxsize=1 << 14)
def _wheel(file: str) -> tuple[frozenset[str], Build]:
    """The tags and the build number in a wheel's name; no tags if it is not a wheel's name."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        _, _, build, tags = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return frozenset(), (0, "")
    return frozenset(map(str, tags)), build or (0, "")
