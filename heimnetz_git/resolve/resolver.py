"""Resolves a request: which release of which plugin, in which order."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from heimnetz_git.errors import PluginNotFound, ResolutionImpossible, UsageError, printable
from heimnetz_git.model.lock import Environment
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.version import parse_range
from heimnetz_git.resolve.explain import explanation
from heimnetz_git.resolve.graph import start_order
from heimnetz_git.resolve.notes import notes_on
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.request import Request, Resolution, Universe
from heimnetz_git.resolve.search import MAX_STEPS, Outcome, search
from heimnetz_git.resolve.system import Premises

__all__ = ["resolve"]


def resolve(
    request: Request,
    universe: Universe,
    environment: Environment,
    *,
    max_steps: int = MAX_STEPS,
) -> Resolution:
    """The releases that meet everything that is asked; the same for the same input.

    Raises ResolutionImpossible with an explanation, PluginNotFound if a requested plugin has no
    releases anywhere, UsageError for a range that is none, and AmbiguousName as the universe does.
    """
    requested = dict(sorted(request.requested.items()))
    for name, wanted in requested.items():
        _check(name, wanted)
    pool = Pool(universe, environment, msgspec.structs.replace(request, requested=requested))
    for name in requested:
        if not pool.table(name).candidates:
            raise PluginNotFound(_sentence(pool.table(name).missing), name=name)
    outcome = search(pool, Premises(requested), max_steps=max_steps)
    if outcome.plan is None:
        raise _failure(pool, outcome, max_steps)
    return _resolution(pool, outcome.plan, requested)


def _check(name: str, wanted: str) -> None:
    plugin_name(name)
    try:
        parse_range(wanted)
    except ValueError as error:
        raise UsageError(
            f"Cannot ask for {printable(name)} {printable(wanted)}: {printable(str(error))}.",
            hint="Write a range such as '>=1.2,<2' or '==1.2.0'.",
            name=name,
        ) from None


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
    return explanation(pool)


def _resolution(pool: Pool, plan: Mapping[str, int], roots: Mapping[str, str]) -> Resolution:
    from heimnetz_git.resolve.provider import verified_edges  # loads resolvelib

    edges = verified_edges(pool, plan, roots)
    chosen = {name: pool.table(name).candidates[place] for name, place in sorted(plan.items())}
    return Resolution(
        requested=dict(roots),
        chosen=chosen,
        order=start_order(chosen, edges),
        edges=edges,
        notes=tuple(note for one in chosen.values() for note in notes_on(one)),
    )
