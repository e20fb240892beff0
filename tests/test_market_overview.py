"""An index can be taken in at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from heimnetz_git.market.overview import Newcomer, overview
from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.registry import PluginEntry
from heimnetz_git.model.release import Artifact, PluginType, Release


def release(name: str, version: str, kind: PluginType = "utility", **facts: str) -> Candidate:
    """A candidate; ``facts`` are its yanked, deprecated and merged."""
    wheel = Artifact(path=f"a/{name}-{version}-py3-none-any.whl", size=1, sha256="0" * 64)
    made = Release(
        format=1,
        name=name,
        version=version,
        type=kind,
        summary="Does a thing",
        license="MIT",
        host={},
        python=">=3.11",
        artifacts=(wheel,),
    )
    return Candidate(release=made, registry="r", index="home", oid="0" * 40, **facts)


class FakeShelf:
    """An index with the releases that a test names, newest first."""

    def __init__(self, *candidates: Candidate) -> None:
        self.candidates = candidates

    def names(self) -> Sequence[str]:
        """Each plugin once."""
        return sorted({candidate.release.name for candidate in self.candidates})

    def plugin(self, name: str) -> PluginEntry | None:
        """Every plugin has empty facts."""
        return PluginEntry(format=1, name=name, owners=())

    def releases(self, name: str) -> Sequence[Candidate]:
        """In the order that the test gave."""
        return [found for found in self.candidates if found.release.name == name]


def test_plugins_are_counted_by_their_newest_release() -> None:
    """A plugin that changed its type counts once, as what it is now."""
    seen = overview(
        FakeShelf(
            release("clock", "2.0.0", "system"),
            release("clock", "1.0.0", "utility"),
            release("lamp", "1.0.0", "system", deprecated="use light"),
            release("news", "1.0.0", "analysis", yanked="broken"),
        )
    )
    assert (seen.plugins, seen.releases, seen.yanked, seen.deprecated) == (3, 4, 1, 1)
    assert list(seen.types.items()) == [("system", 2), ("analysis", 1)]
    assert seen.licenses == {"MIT": 3}


def test_the_newest_are_those_that_the_registry_merged_last() -> None:
    """The registry's record decides, never a time that an author wrote; no record, no place."""
    seen = overview(
        FakeShelf(
            release("clock", "1.0.0", merged="2026-01-01T00:00:00Z"),
            release("lamp", "1.0.0", merged="2026-03-01T00:00:00Z"),
            release("news", "9.0.0"),
        ),
        newest=1,
    )
    assert seen.newest == (Newcomer("lamp", "1.0.0", "2026-03-01T00:00:00Z"),)


def test_an_empty_index_has_an_overview() -> None:
    """Nothing is counted and nothing breaks."""
    assert overview(FakeShelf()).plugins == 0
