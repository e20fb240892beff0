"""Small changes to a request that would make it possible, each tried before it is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from heimnetz_git.resolve.pool import Obstacle, Pool
from heimnetz_git.resolve.search import search
from heimnetz_git.resolve.system import Premises
from heimnetz_git.resolve.words import asks, joined, obstacle_words

__all__ = ["Advice", "advise"]

_MOST = 3
_STEPS_PER_TRY = 2_000


class Advice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way out: ``kind`` is ``ask`` (for ``plugin`` in another range, ``specifier``), ``leave``
    (it out), or the obstacle to remove; ``version`` is the release that would then be chosen."""

    kind: str
    plugin: str
    message: str
    version: str = ""
    specifier: str = ""

    def __str__(self) -> str:
        """One sentence for a person."""
        return self.message


def advise(pool: Pool, core: Premises) -> tuple[Advice, ...]:
    """Up to three ways out, the ones that change least first; empty if no single change helps.

    ``core`` are the premises that are to blame; the way out holds for the whole request.
    """
    found: list[Advice] = []
    for way in (_other_range, _without_obstacle, _missing, _left_out):
        if found and way is _left_out:
            break
        found += way(pool, core)
    return tuple(found[:_MOST])


def _tried(pool: Pool, name: str, wanted: str) -> dict[str, int] | None:
    """The plan for the same wishes, but with ``name`` in another range; None if there is none."""
    changed = pool.asking(pool.request.requested | {name: wanted})
    return search(changed, Premises(changed.request.requested), max_steps=_STEPS_PER_TRY).plan


def _other_range(pool: Pool, core: Premises) -> Iterator[Advice]:
    """Another release of one of the plugins that were asked for."""
    for name, refused in sorted(core.roots.items()):
        free = _tried(pool, name, "") if refused else None
        if free is None:
            continue
        wanted = _range_around(pool, name, free[name], refused)
        plan = _tried(pool, name, wanted)
        if plan is None:
            continue
        version = pool.table(name).candidates[plan[name]].release.version
        fitting = _company(pool, core, plan, name)
        yield Advice(
            kind="ask",
            plugin=name,
            version=version,
            specifier=wanted,
            message=f"{name} {version} would work{fitting}: ask for '{name}{wanted}'.",
        )


def _company(pool: Pool, core: Premises, plan: Mapping[str, int], name: str) -> str:
    """The other requested plugins of the conflict, in the versions that would go with it."""
    others = [
        f"{other} {pool.table(other).candidates[plan[other]].release.version}"
        for other in sorted(core.roots)
        if other != name
    ]
    return f" with {joined(others)}" if others else ""


def _range_around(pool: Pool, name: str, place: int, refused: str) -> str:
    """A range that holds the release at ``place`` and none of those in the ``refused`` range."""
    table = pool.table(name)
    matching = pool.matching(name, refused)
    version = table.candidates[place].release.version
    if matching and not matching & ((1 << place) - 1) and not table.versions[place].is_prerelease:
        first = (matching & -matching).bit_length() - 1
        return f"<{table.candidates[first].release.version}"
    if matching.bit_length() <= place and matching:
        return f">={version}"
    return f"=={version}"


def _without_obstacle(pool: Pool, core: Premises) -> Iterator[Advice]:
    """The same, if the machine were another or the release were not held back."""
    names = {*core.roots, *(target for _, target in core.edges or ())}
    for name in sorted(names):
        for obstacle, blocked in pool.table(name).blocked.items():
            excuse = (name, obstacle)
            if excuse in core.excused:
                continue
            premises = Premises(pool.request.requested, excused=frozenset({excuse}))
            plan = search(pool, premises, max_steps=_STEPS_PER_TRY).plan
            if plan is not None and name in plan and blocked >> plan[name] & 1:
                yield from _past(pool, name, obstacle, plan[name])


def _past(pool: Pool, name: str, obstacle: Obstacle, place: int) -> Iterator[Advice]:
    version = pool.table(name).candidates[place].release.version
    said = obstacle_words(pool, name, obstacle, 1 << place).removeprefix(f"{name} {version} ")
    wanted, way = _ways_past(name, obstacle, version)
    if wanted and _tried(pool, name, wanted) is None:
        return
    yield Advice(
        kind=obstacle.value,
        plugin=name,
        version=version,
        specifier=wanted,
        message=f"{name} {version} would work, but {said}{way}.",
    )


def _ways_past(name: str, obstacle: Obstacle, version: str) -> tuple[str, str]:
    """The range to ask for and the words for it, both empty if asking does not help."""
    if obstacle is Obstacle.YANKED:
        wanted = f"=={version}"
        return wanted, f": ask for '{name}{wanted}' to have it all the same"
    if obstacle is Obstacle.PRERELEASE:
        wanted = f"=={version}"
        return wanted, f": ask for '{name}{wanted}' or allow pre-releases"
    return "", ""


def _missing(pool: Pool, core: Premises) -> Iterator[Advice]:
    """A plugin that no index has."""
    for name in sorted({target for _, target in core.edges or ()}):
        if pool.table(name).missing:
            yield Advice("missing", name, f"Add or update an index that has {name}.")


def _left_out(pool: Pool, core: Premises) -> Iterator[Advice]:
    """The rest of what was asked for."""
    for name in sorted(core.roots):
        rest = {one: wanted for one, wanted in pool.request.requested.items() if one != name}
        without = pool.asking(rest)
        if rest and search(without, Premises(rest), max_steps=_STEPS_PER_TRY).plan is not None:
            yield Advice(
                kind="leave",
                plugin=name,
                message=f"Everything else would work without {asks(name, '')}.",
            )
