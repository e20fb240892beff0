"""The resolver against brute force on small random universes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from heimnetz_git.errors import PluginNotFound, ResolutionImpossible
from heimnetz_git.model.lock import Candidate
from heimnetz_git.resolve import Request, Resolution, from_lock, resolve, to_lock
from tests.resolvekit import HERE, HOME, Shelf

NAMES = ("a", "b", "c", "d")
VERSIONS = ("1.0.0", "1.1.0", "2.0.0rc1", "2.0.0")
RANGES = ("", ">=1.1", "<2", ">=2", "==1.0.0", "!=1.1.0", ">=2.0.0rc1", "==1.1.0")

Facts = dict[str, Any]
Data = dict[str, dict[str, Facts]]

needs = st.dictionaries(st.sampled_from((*NAMES, "nowhere")), st.sampled_from(RANGES), max_size=2)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """One release: what it needs, and now and then an obstacle."""
    requires = draw(needs)
    optional = {name: span for name, span in draw(needs).items() if name not in requires}
    made: Facts = {"requires": requires, "optional": optional if draw(st.booleans()) else {}}
    obstacle = draw(st.integers(0, 12))
    if obstacle == 0:
        made["yanked"] = "broken"
    elif obstacle == 1:
        made["python"] = ">=3.13"
    elif obstacle == 2:
        made["host"] = {"heimnetz": ">=9"}
    elif obstacle == 3:
        made["wheels"] = ["py3-none-win_amd64"]
    return made


universes = st.dictionaries(
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(VERSIONS), facts(), min_size=1, max_size=4),
    min_size=1,
    max_size=4,
)
wishes = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(RANGES), min_size=1, max_size=3)


def fits(span: str, one: Candidate, data: Data, requested: Mapping[str, str]) -> bool:
    """May a release be chosen by someone who asks for this range? Written down as plainly as can
    be, from the rules for pre-releases and yanks."""
    name, version = one.release.name, Version(one.release.version)
    if not SpecifierSet(span).contains(version, prereleases=True):
        return False
    spans = {span, requested.get(name, "")}
    finals = [
        text
        for text, facts in data[name].items()
        if "yanked" not in facts and not Version(text).is_prerelease
    ]
    if version.is_prerelease and finals and not any("rc" in each for each in spans):
        return False
    return one.yanked is None or any(each.startswith("==") for each in spans)


def is_fit_for_here(one: Candidate) -> bool:
    """Does nothing of this machine stand against it?"""
    release = one.release
    return (
        SpecifierSet(release.python).contains(HERE.python)
        and SpecifierSet(release.host["heimnetz"]).contains(HERE.host["heimnetz"])
        and release.artifacts[0].file.endswith("none-any.whl")
    )


def is_answer(
    chosen: Mapping[str, Candidate], data: Data, requested: Mapping[str, str], *, pull: bool
) -> bool:
    """Does a set of releases meet everything?"""
    asked = [(name, span, True) for name, span in requested.items()]
    for one in chosen.values():
        asked += [(name, span, True) for name, span in one.release.requires.items()]
        asked += [(name, span, pull) for name, span in one.release.optional.items()]
    for name, span, must in asked:
        if name not in chosen:
            if must:
                return False
        elif not fits(span, chosen[name], data, requested):
            return False
    return all(map(is_fit_for_here, chosen.values())) and not has_circle(chosen, pull=pull)


def has_circle(chosen: Mapping[str, Candidate], *, pull: bool) -> bool:
    """Does any plugin need itself through others?"""
    left = {
        name: set(one.release.requires) | (set(one.release.optional) if pull else set())
        for name, one in chosen.items()
    }
    while free := [name for name, targets in left.items() if not targets & set(left)]:
        for name in free:
            del left[name]
    return bool(left)


def all_sets(data: Data) -> Iterator[dict[str, Candidate]]:
    """Every choice of at most one release of each plugin."""
    shelf = Shelf(data)
    options = [[None, *shelf.releases(name)] for name in data]
    for choice in product(*options):
        yield {one.release.name: one for one in choice if one}


def attempt(data: Data, requested: dict[str, str], **more: Any) -> Resolution | Exception:
    """The answer or the refusal."""
    try:
        return resolve(Request(requested=requested, **more), Shelf(data), HERE)
    except (ResolutionImpossible, PluginNotFound) as error:
        return error


@settings(max_examples=250, deadline=None)
@given(universes, wishes, st.booleans())
def test_the_verdict_is_that_of_brute_force(
    data: Data, requested: dict[str, str], pull: bool
) -> None:
    """There is an answer exactly when trying everything finds one, and it meets everything."""
    found = attempt(data, requested, with_optional=pull)
    possible = any(is_answer(one, data, requested, pull=pull) for one in all_sets(data))
    assert isinstance(found, Resolution) == possible, found
    if isinstance(found, Resolution):
        assert is_answer(found.chosen, data, requested, pull=pull)


@settings(max_examples=150, deadline=None)
@given(universes, wishes, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    data: Data, requested: dict[str, str], pull: bool, chance: random.Random
) -> None:
    """A shuffled universe and shuffled wishes give the same answer, or the same words."""

    def shuffled(mapping: dict[str, Any]) -> dict[str, Any]:
        items = list(mapping.items())
        chance.shuffle(items)
        return dict(items)

    first = attempt(data, requested, with_optional=pull)
    mixed = {name: shuffled(versions) for name, versions in shuffled(data).items()}
    second = attempt(mixed, shuffled(requested), with_optional=pull)
    if isinstance(first, Resolution):
        assert first == second
        assert isinstance(second, Resolution)
        assert list(first.chosen) == list(second.chosen)
    else:
        assert isinstance(second, type(first))
        assert (str(first), vars(first)) == (str(second), vars(second))


@settings(max_examples=150, deadline=None)
@given(universes, wishes, st.booleans())
def test_nothing_starts_before_what_it_needs(
    data: Data, requested: dict[str, str], pull: bool
) -> None:
    """The order holds each chosen plugin once, after its requirements; none is superfluous."""
    found = attempt(data, requested, with_optional=pull)
    if not isinstance(found, Resolution):
        return
    assert sorted(found.order) == list(found.chosen)
    for place, name in enumerate(found.order):
        assert set(found.chosen[name].release.requires) <= set(found.order[:place])
    needed = {edge.target for edge in found.edges} | set(requested)
    assert needed == set(found.chosen)


YANKED: Facts = {"requires": {}, "optional": {}, "yanked": "broken"}
GOOD: Facts = {"requires": {}, "optional": {}}
ONLY_C_AND_D: Data = {
    "a": {"1.0.0": YANKED, "1.1.0": GOOD},
    "c": {"1.0.0": YANKED, "1.1.0": {"requires": {"d": ">=1.1"}, "optional": {}}},
    "d": {"1.0.0": YANKED, "1.1.0": GOOD},
}


@settings(max_examples=150, deadline=None)
@given(universes, wishes)
@example(ONLY_C_AND_D, {"a": "", "c": "", "d": "==1.0.0"})
def test_an_explanation_blames_no_one_in_vain(data: Data, requested: dict[str, str]) -> None:
    """The wishes that are blamed are impossible by themselves, and possible without any one."""
    refused = attempt(data, requested)
    if not isinstance(refused, ResolutionImpossible) or "causes" not in refused.facts:
        return
    blamed = blamed_in(refused, requested)
    assert blamed
    assert refused.problems
    assert len(refused.problems) <= 12
    for name in blamed:
        rest = {other: span for other, span in blamed.items() if other != name}
        possible = any(is_answer(one, data, rest, pull=False) for one in all_sets(data))
        assert possible or has_only_circles(data, rest)


def blamed_in(refused: ResolutionImpossible, requested: dict[str, str]) -> dict[str, str]:
    """The wishes that an error blames."""
    return {
        cause["plugin"]: requested[cause["plugin"]]
        for cause in refused.facts["causes"]
        if cause["kind"] == "requested"
    }


def has_only_circles(data: Data, requested: dict[str, str]) -> bool:
    """Is a circle all that stands in the way? Then the words name that one, not the wishes."""
    refused = attempt(data, requested)
    return isinstance(refused, ResolutionImpossible) and "cycle" in refused.facts


@settings(max_examples=200, deadline=None)
@given(universes, wishes)
def test_advice_helps(data: Data, requested: dict[str, str]) -> None:
    """Whoever does what an error advises gets an answer with the version that it names."""
    refused = attempt(data, requested)
    if not isinstance(refused, ResolutionImpossible):
        return
    for advice in refused.facts.get("advice", ()):
        changed = blamed_in(refused, requested) if "partial" in advice else dict(requested)
        if advice["kind"] == "leave":
            del changed[advice["plugin"]]
        elif advice["kind"] in {"ask", "yanked", "prerelease"}:
            changed[advice["plugin"]] = advice["specifier"]
        else:
            continue
        found = attempt(data, changed)
        assert isinstance(found, Resolution), (advice, found)
        if "version" in advice:
            assert found.versions[advice["plugin"]] == advice["version"]


@settings(max_examples=150, deadline=None)
@given(universes, wishes, st.booleans())
def test_a_lock_is_as_good_as_the_resolution(
    data: Data, requested: dict[str, str], pull: bool
) -> None:
    """A lock gives its resolution back, and resolving anew with it changes nothing."""
    request = Request(requested=requested, with_optional=pull)
    found = attempt(data, requested, with_optional=pull)
    if not isinstance(found, Resolution):
        return
    lock = to_lock(found, request, HERE, {HOME: "home"})
    assert from_lock(lock, Shelf(data), HERE, requested=requested) == found
    again = resolve(msgspec.structs.replace(request, locked=lock), Shelf(data), HERE)
    assert again.versions == found.versions
