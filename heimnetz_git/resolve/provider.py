"""Holds a plan against resolvelib: an independent check, and the graph of who needs whom.

The search decides, because resolvelib learns nothing from its dead ends and gives no verdict on
deep sets; resolvelib reads each chosen release's own words once more and must agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from resolvelib import AbstractProvider, BaseReporter, Resolver
from resolvelib.resolvers import ResolverException
from resolvelib.structs import RequirementInformation

from heimnetz_git.errors import ResolutionImpossible
from heimnetz_git.model.lock import Candidate
from heimnetz_git.resolve.pool import Pool
from heimnetz_git.resolve.request import Edge

__all__ = ["verified_edges"]

_Information = RequirementInformation["Asked", "Chosen"]


class Asked(NamedTuple):
    """A plugin in a range, asked for by the user (``source`` is empty) or by another plugin."""

    name: str
    specifier: str
    source: str
    optional: bool = False


class Chosen(NamedTuple):
    """The plan's release of a plugin."""

    name: str
    place: int


class PlanProvider(AbstractProvider[Asked, Chosen, str]):
    """Shows resolvelib the plan as the only release of each plugin that there is."""

    def __init__(
        self, pool: Pool, plan: Mapping[str, int], chosen: Mapping[str, Candidate]
    ) -> None:
        self._pool = pool
        self._plan = plan
        self._chosen = chosen

    def identify(self, requirement_or_candidate: Asked | Chosen) -> str:
        """Both are known by the plugin's name."""
        return requirement_or_candidate.name

    def get_preference(
        self,
        identifier: str,
        resolutions: Mapping[str, Chosen],
        candidates: Mapping[str, Iterator[Chosen]],
        information: Mapping[str, Iterator[_Information]],
        backtrack_causes: Sequence[_Information],
    ) -> str:
        """Any order will do; the alphabet is the same everywhere."""
        del resolutions, candidates, information, backtrack_causes
        return identifier

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Asked]],
        incompatibilities: Mapping[str, Iterator[Chosen]],
    ) -> list[Chosen]:
        """The plan's release, if there is one and it meets everything."""
        place = self._plan.get(identifier)
        if place is None or any(incompatibilities[identifier]):
            return []
        chosen = Chosen(identifier, place)
        met = all(self.is_satisfied_by(asked, chosen) for asked in requirements[identifier])
        return [chosen] if met else []

    def is_satisfied_by(self, requirement: Asked, candidate: Chosen) -> bool:
        """Is the release in the range, and may it be chosen by someone who asks like that?"""
        allowed = self._pool.allowed(requirement.name, requirement.specifier)
        return bool(allowed >> candidate.place & 1)

    def get_dependencies(self, candidate: Chosen) -> Iterable[Asked]:
        """What the release needs; optional plugins if the plan has them."""
        release, request = self._chosen[candidate.name].release, self._pool.request
        for target, wanted in release.requires.items():
            yield Asked(target, request.overrides.get(target, wanted), release.name)
        for target, wanted in release.optional.items():
            if request.with_optional or target in self._plan:
                span = request.overrides.get(target, wanted)
                yield Asked(target, span, release.name, optional=True)


def verified_edges(
    pool: Pool, plan: Mapping[str, int], chosen: Mapping[str, Candidate], roots: Mapping[str, str]
) -> tuple[Edge, ...]:
    """Who needs whom in a plan, sorted, after resolvelib has accepted it in full.

    Raises ResolutionImpossible if it does not, which would be a fault of this program.
    """
    resolver = Resolver(PlanProvider(pool, plan, chosen), BaseReporter[Asked, Chosen, str]())
    asked = [Asked(name, wanted, "") for name, wanted in sorted(roots.items())]
    try:
        result = resolver.resolve(asked, max_rounds=2 * len(plan) + 2)
    except ResolverException as error:
        raise _disagreement(plan, roots) from error
    if set(result.mapping) != set(plan):
        raise _disagreement(plan, roots)
    return tuple(
        sorted(
            Edge(one.source, one.name, one.specifier, one.optional)
            for criterion in result.criteria.values()
            for one in criterion.iter_requirement()
            if one.source
        )
    )


def _disagreement(plan: Mapping[str, int], roots: Mapping[str, str]) -> ResolutionImpossible:
    return ResolutionImpossible(
        "The set of releases that was found does not pass its own check.",
        hint="This is a fault of heimnetz-git; please report it with the names of the plugins.",
        plan=dict(plan),
        requested=dict(roots),
    )
