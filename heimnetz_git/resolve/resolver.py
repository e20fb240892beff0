"""Resolves a request: which release of which plugin, in which order."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from heimnetz_git.errors import PluginNotFound, ResolutionImpossible, UsageError, printable
from heimnetz_git.model.lock import Environment
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.ranges import check_range
from heimnetz_git.resolve.graph import start_order
from heimnetz_git.resolve.notes import notes_on
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.request import Request, Resolution, Universe
from heimnetz_git.resolve.search import MAX_STEPS, Outcome, find
from heimnetz_git.resolve.system import Premises

__all__ = ["resolve"]

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")


def resolve(
    request: Request,
    universe: Universe,
    environment: Environment,
    *,
    max_steps: int = MAX_STEPS,
) -> Resolution:
    """The releases that meet everything that is asked; the same for the same input.

    Raises ResolutionImpossible with an explanation, PluginNotFound if a requested plugin has no
    releases anywhere, UsageError for a range or a time that is none, and AmbiguousName as the
    universe does.
    """
    requested = dict(sorted(request.requested.items()))
    for ranges in (requested, request.constraints, request.overrides):
        for name, wanted in ranges.items():
            _check(name, wanted)
    _check_moment(request.exclude_newer)
    pool = Pool(universe, environment, msgspec.structs.replace(request, requested=requested))
    for name in requested:
        if not pool.table(name).full:
            raise PluginNotFound(_sentence(pool.table(name).missing), name=name)
    outcome = find(pool, max_steps=max_steps)
    if outcome.plan is None:
        raise _failure(pool, outcome, max_steps)
    return _resolution(pool, outcome.plan)


def _check(name: str, wanted: str) -> None:
    plugin_name(name)
    try:
        check_range(wanted)
    except ValueError as error:
        raise UsageError(
            f"Cannot ask for {printable(name)} {printable(wanted)}: {printable(str(error))}.",
            hint="Write a range such as '>=1.2,<2' or '==1.2.0'.",
            name=name,
        ) from None


def _check_moment(text: str) -> None:
    if text and not _MOMENT.fullmatch(text):
        raise UsageError(
            f"{printable(text)!r} is no UTC date or time.",
            hint="Write it as 2026-01-31 or 2026-01-31T12:00:00Z.",
        )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _failure(pool: Pool, outcome: Outcome, max_steps: int) -> ResolutionImpossible:
    if outcome.cycle:
        circle = " -> ".join(outcome.cycle)
        return ResolutionImpossible(
            f"These plugins need each other in a circle, so none can start first: {circle}.",
            hint="One of their authors must make a requirement optional.",
            cycle=list(outcome.cycle),
        )
    if outcome.gave_up:
        return ResolutionImpossible(
            f"No set of releases was found in {max_steps} steps; there may be one.",
            hint="Ask for narrower ranges, such as the versions that you know to work.",
            steps=max_steps,
        )
    from heimnetz_git.resolve.explain import explanation

    return explanation(pool, outcome.blame or Premises(pool.request.requested))


def _resolution(pool: Pool, plan: Mapping[str, int]) -> Resolution:
    from heimnetz_git.resolve.provider import verified_edges  # loads resolvelib

    request = pool.request
    roots = {name: request.range_on(name) for name in request.requested}
    chosen = {name: pool.candidate(name, place) for name, place in sorted(plan.items())}
    edges = verified_edges(pool, plan, chosen, roots)
    return Resolution(
        requested=request.requested,
        chosen=chosen,
        order=start_order(chosen, edges),
        edges=edges,
        notes=tuple(note for one in chosen.values() for note in notes_on(one)),
    )
