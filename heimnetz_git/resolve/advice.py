"""Small changes to a request that would make it possible, each tried before it is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec

from heimnetz_git.model.versionkey import is_prerelease
from heimnetz_git.resolve.obstacle import Obstacle
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.search import find
from heimnetz_git.resolve.system import Premises
from heimnetz_git.resolve.words import asks, joined, obstacle_words

__all__ = ["Advice", "advise"]

_MOST = 3
_MOST_EXCUSES = 4  # each costs a resolution
_STEPS_PER_TRY, _CYCLES_PER_TRY = 2_000, 4


class Advice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way out: ``kind`` is ``ask`` (for ``plugin`` in another range, ``specifier``), ``leave``
    (it out), ``machine`` (another one), or the obstacle to remove; ``version`` is the release that
    would then be chosen. If it is ``partial``, what else is asked for has a conflict of its own."""

    kind: str
    plugin: str
    message: str
    version: str = ""
    specifier: str = ""
    partial: bool = False

    def __str__(self) -> str:
        """One sentence for a person."""
        return self.message


def advise(pool: Pool, core: Premises) -> tuple[Advice, ...]:
    """Up to three ways out, the ones that change least first.

    ``core`` are the premises that are to blame. A way out holds for the whole request; if there is
    none for that, it holds for the wishes in the core, and ``partial`` says so.
    """
    found = _ways_out(pool, core)
    if found or len(core.roots) == len(pool.request.requested):
        return found
    alone = _ways_out(pool.asking(dict(core.roots)), core)
    if not alone:
        alone = tuple(
            Advice("leave", name, f"Do without {asks(name, '')}.") for name in sorted(core.roots)
        )[:1]
    return tuple(
        msgspec.structs.replace(
            one, partial=True, message=f"{one.message} What else is asked for has its own conflict."
        )
        for one in alone
    )


def _ways_out(pool: Pool, core: Premises) -> tuple[Advice, ...]:
    found: list[Advice] = []
    for way in (_other_range, _without_obstacle, _missing, _other_machine, _left_out):
        if found and way in {_other_machine, _left_out}:
            break
        found += islice(way(pool, core), _MOST - len(found))
    return tuple(found)


def _tried(pool: Pool, name: str, wanted: str) -> dict[str, int] | None:
    """The plan for the same wishes, but with ``name`` in another range; None if there is none."""
    changed = pool.asking(pool.request.requested | {name: wanted})
    return find(changed, max_steps=_STEPS_PER_TRY, max_cycles=_CYCLES_PER_TRY).plan


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
        version = pool.table(name).versions[plan[name]]
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
        f"{other} {pool.table(other).versions[plan[other]]}"
        for other in sorted(core.roots)
        if other != name
    ]
    return f" with {joined(others)}" if others else ""


def _range_around(pool: Pool, name: str, place: int, refused: str) -> str:
    """A range that holds the release at ``place`` and none of those in the ``refused`` range."""
    table = pool.table(name)
    matching = pool.matching(name, refused)
    version = table.versions[place]
    if matching and not matching & ((1 << place) - 1) and not is_prerelease(version):
        first = (matching & -matching).bit_length() - 1
        return f"<{table.versions[first]}"
    if matching.bit_length() <= place and matching:
        return f">={version}"
    return f"=={version}"


def _without_obstacle(pool: Pool, core: Premises) -> Iterator[Advice]:
    """The same, if the machine were another or the release were not held back."""
    names = {*core.roots, *(target for _, target in core.edges or ())}
    excuses = [
        (name, obstacle)
        for name in sorted(names, key=lambda name: (name not in core.roots, name))
        for obstacle in pool.table(name).blocked
        if name in core.roots or (name, obstacle) not in core.excused
    ]
    for name, obstacle in excuses[:_MOST_EXCUSES]:
        free = pool.excusing(frozenset({(name, obstacle)}))
        plan = find(free, max_steps=_STEPS_PER_TRY, max_cycles=_CYCLES_PER_TRY).plan
        blocked = pool.table(name).blocked[obstacle]
        if plan is not None and name in plan and blocked >> plan[name] & 1:
            yield from _past(pool, name, obstacle, plan[name])


def _past(pool: Pool, name: str, obstacle: Obstacle, place: int) -> Iterator[Advice]:
    version = pool.table(name).versions[place]
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


def _other_machine(pool: Pool, core: Premises) -> Iterator[Advice]:
    """The same on a machine that has all that is lacking of one kind."""
    reached = {*core.roots, *(target for _, target in core.edges or ())}
    to_blame = {
        obstacle
        for name in reached
        for obstacle in pool.table(name).blocked
        if (name, obstacle) not in core.excused
    }
    for obstacle in (one for one in _LACKING if one in to_blame):
        names = [name for name in pool.known if obstacle in pool.table(name).blocked]
        plan = find(pool.excusing(frozenset((name, obstacle) for name in names))).plan
        if plan is None:
            continue
        blocked = [n for n in sorted(plan) if pool.table(n).blocked.get(obstacle, 0) >> plan[n] & 1]
        root = min(core.roots, key=lambda name: (name not in blocked, name))
        version = pool.table(root).versions[plan[root]]
        said = [obstacle_words(pool, name, obstacle, 1 << plan[name]) for name in blocked[:3]]
        more = f", and so on for {len(blocked) - 3} more" if len(blocked) > 3 else ""
        yield Advice(
            kind="machine",
            plugin=root,
            version=version,
            message=f"{root} {version} would work with {_LACKING[obstacle]}: {joined(said)}{more}.",
        )


_LACKING = {
    Obstacle.HOST: "other versions of the host APIs",
    Obstacle.PYTHON: "another Python",
    Obstacle.PLATFORM: "wheels for this machine",
}


def _left_out(pool: Pool, core: Premises) -> Iterator[Advice]:
    """The rest of what was asked for."""
    for name in sorted(core.roots):
        rest = {one: wanted for one, wanted in pool.request.requested.items() if one != name}
        without = pool.asking(rest)
        if (
            rest
            and find(without, max_steps=_STEPS_PER_TRY, max_cycles=_CYCLES_PER_TRY).plan is not None
        ):
            yield Advice(
                kind="leave",
                plugin=name,
                message=f"Everything else would work without {asks(name, '')}.",
            )
