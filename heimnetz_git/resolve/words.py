"""Turns sets of releases, requirements and obstacles into words for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from heimnetz_git.errors import printable
from heimnetz_git.model.lock import Candidate, Environment
from heimnetz_git.resolve.obstacle import Obstacle, unmet_hosts
from heimnetz_git.resolve.pool import Pool, bits

__all__ = ["asks", "joined", "named", "obstacle_words", "requires", "some"]

_MOST_CLAUSES = 3


def joined(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(items[:-1]), *items[-1:]) if part)


def asks(name: str, specifier: str) -> str:
    """A plugin with a range, as a sentence names it: ``device-registry >=1,<2``."""
    return f"{printable(name)} {specifier}".rstrip()


def some(pool: Pool, name: str, mask: int) -> str:
    """The versions of a mask: all of one or two, the ends of a longer row, a few of the rest."""
    texts = pool.table(name).at(mask)
    if len(texts) <= 2:
        return joined(texts)
    places = list(bits(mask))
    if places[-1] - places[0] == len(places) - 1:
        return f"{texts[0]} to {texts[-1]}"
    if len(texts) == 3:
        return joined(texts)
    return f"{texts[0]}, {texts[1]} and {len(texts) - 2} more"


def named(pool: Pool, name: str, mask: int) -> str:
    """A plugin with the versions of a mask."""
    return f"{printable(name)} {some(pool, name, mask)}"


def requires(pool: Pool, name: str, mask: int, target: str) -> str:
    """What the releases of a mask say about ``target``, a clause for each range they name."""
    clauses: dict[tuple[str, bool], int] = {}
    for group, rule in pool.rules(name):
        if group & mask and rule.target == target:
            key = rule.specifier, rule.optional
            clauses[key] = clauses.get(key, 0) | group & mask
    newest_first = sorted(clauses.items(), key=lambda one: -one[1])
    texts = [
        f"{named(pool, name, part)} {_verb(part, optional=optional)} {asks(target, specifier)}"
        for (specifier, optional), part in newest_first[:_MOST_CLAUSES]
    ]
    if len(newest_first) > _MOST_CLAUSES:
        texts.append("other releases say the like")
    return joined(texts)


def _verb(mask: int, *, optional: bool) -> str:
    if mask.bit_count() == 1:
        return "goes only with" if optional else "requires"
    return "go only with" if optional else "require"


def obstacle_words(pool: Pool, name: str, obstacle: Obstacle, mask: int) -> str:
    """Why the releases of a mask cannot be chosen here, those with the same reason together."""
    reasons: dict[tuple[str, str], int] = {}
    for place in bits(mask):
        said = _SAID[obstacle](pool, pool.candidate(name, place))
        reasons[said] = reasons.get(said, 0) | 1 << place
    newest_first = sorted(reasons.items(), key=lambda one: -one[1])
    texts = [
        f"{named(pool, name, part)} {one if part.bit_count() == 1 else many}"
        for (one, many), part in newest_first[:_MOST_CLAUSES]
    ]
    return joined(texts)


def _host(pool: Pool, candidate: Candidate) -> tuple[str, str]:
    apis = unmet_hosts(candidate.release.host, pool.environment)
    texts = [_host_words(pool.environment, api, wanted) for api, wanted in apis.items()]
    return f"needs {joined(texts)}", f"need {joined(texts)}"


def _host_words(environment: Environment, api: str, wanted: str) -> str:
    here = environment.host.get(api)
    shown = asks(api, wanted)
    return f"{shown} (this machine has {here})" if here else f"{shown} (this machine has none)"


def _python(pool: Pool, candidate: Candidate) -> tuple[str, str]:
    needed = f"Python {candidate.release.python} (this is Python {pool.environment.python})"
    return f"needs {needed}", f"need {needed}"


def _platform(pool: Pool, _: Candidate) -> tuple[str, str]:
    machine = pool.environment
    here = f"no wheel for this machine ({machine.platform}, Python {machine.python})"
    return f"has {here}", f"have {here}"


def _newer(pool: Pool, candidate: Candidate) -> tuple[str, str]:
    if not candidate.merged:
        said = "of unknown time, and you leave out what is newer than"
    else:
        said = f"of {printable(candidate.merged)}, and you leave out what is newer than"
    return f"is {said} {pool.request.exclude_newer}", f"are {said} {pool.request.exclude_newer}"


def _constraint(pool: Pool, candidate: Candidate) -> tuple[str, str]:
    name = candidate.release.name
    said = f"outside your constraint {asks(name, pool.request.constraints[name])}"
    return f"is {said}", f"are {said}"


def _yanked(_: Pool, candidate: Candidate) -> tuple[str, str]:
    reason = printable(candidate.yanked or "").rstrip(".")
    because = f" ({reason})" if reason else ""
    return f"was yanked{because}", f"were yanked{because}"


def _prerelease(_: Pool, __: Candidate) -> tuple[str, str]:
    return "is a pre-release", "are pre-releases"


_SAID: dict[Obstacle, Callable[[Pool, Candidate], tuple[str, str]]] = {
    Obstacle.HOST: _host,
    Obstacle.PYTHON: _python,
    Obstacle.PLATFORM: _platform,
    Obstacle.NEWER: _newer,
    Obstacle.CONSTRAINT: _constraint,
    Obstacle.YANKED: _yanked,
    Obstacle.PRERELEASE: _prerelease,
}
"""What is said of one release that an obstacle stops, and of several."""
