"""What may stand against a release that exists, and which releases of an outline it hits."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from heimnetz_git.model.lock import Environment
from heimnetz_git.model.outline import Fits, Outline, from_mask
from heimnetz_git.model.ranges import contains

__all__ = ["HARD", "Excuse", "Obstacle", "found_against", "latest_moment", "unmet_hosts"]


class Obstacle(StrEnum):
    """Why a release that exists may not be chosen here."""

    HOST = "host"
    PYTHON = "python"
    PLATFORM = "platform"
    NEWER = "newer"
    CONSTRAINT = "constraint"
    YANKED = "yanked"
    PRERELEASE = "prerelease"


HARD = frozenset(Obstacle) - {Obstacle.YANKED, Obstacle.PRERELEASE}
"""Obstacles that no way of asking for a range gets past."""

Excuse = tuple[str, Obstacle]


def unmet_hosts(host: Mapping[str, str], environment: Environment) -> dict[str, str]:
    """The host APIs in a range that the environment does not have: name to range."""
    return {
        api: wanted
        for api, wanted in sorted(host.items())
        if api not in environment.host or not contains(wanted, environment.host[api])
    }


def latest_moment(exclude_newer: str) -> str:
    """The last time that counts, in the form of a registry's records; a date counts whole."""
    return exclude_newer if len(exclude_newer) > 10 else f"{exclude_newer}T23:59:59Z"


def found_against(
    outline: Outline, environment: Environment, exclude_newer: str
) -> dict[Obstacle, int]:
    """The releases that each obstacle stops, as masks; 0 for none."""
    masks = dict.fromkeys(Obstacle, 0)
    for fits in outline.fits:
        mask = from_mask(fits.mask)
        for obstacle in _unfit(fits, environment):
            masks[obstacle] |= mask
    masks[Obstacle.YANKED] = from_mask(outline.yanked)
    masks[Obstacle.PRERELEASE] = from_mask(outline.prereleases)
    if exclude_newer:
        masks[Obstacle.NEWER] = _newer(outline, latest_moment(exclude_newer))
    return masks


def _unfit(fits: Fits, environment: Environment) -> list[Obstacle]:
    found = []
    for api, wanted in fits.host:
        if api not in environment.host or not contains(wanted, environment.host[api]):
            found.append(Obstacle.HOST)
            break
    if not contains(fits.python, environment.python):
        found.append(Obstacle.PYTHON)
    if not any(tag in environment.tags for tag in fits.tags):
        found.append(Obstacle.PLATFORM)
    return found


def _newer(outline: Outline, last: str) -> int:
    if not outline.merged:
        return (1 << len(outline.keys)) - 1
    return sum(
        1 << place
        for place, merged in enumerate(outline.merged.split(" "))
        if merged == "-" or merged > last
    )
