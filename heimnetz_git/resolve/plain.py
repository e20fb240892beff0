"""Makes an outlined universe of any: works the outlines out of the releases themselves."""

from __future__ import annotations

from collections.abc import Sequence

from heimnetz_git.errors import PluginNotFound
from heimnetz_git.model.lock import Candidate
from heimnetz_git.model.outline import Outline
from heimnetz_git.registry.outlining import outline_of_candidates
from heimnetz_git.resolve.request import Outlined, Universe

__all__ = ["outlined"]


def outlined(universe: Universe) -> Outlined:
    """The universe itself if it has outlines, else one that asks it once for each plugin."""
    return universe if isinstance(universe, Outlined) else _Plain(universe)


class _Plain:
    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._found: dict[str, tuple[Candidate, ...]] = {}

    def releases(self, name: str) -> Sequence[Candidate]:
        """As the universe has them."""
        if name not in self._found:
            self._found[name] = tuple(self._universe.releases(name))
        return self._found[name]

    def outline(self, name: str) -> Outline | None:
        """Worked out of all releases. Raises PluginNotFound if none of them can be read."""
        found = outline_of_candidates(name, self.releases(name))
        if found is None and self.releases(name):
            raise PluginNotFound(
                f"no release of {name} can be read by this version of heimnetz-git", name=name
            )
        return found

    def candidate(self, name: str, version: str) -> Candidate | None:
        """The one of that version."""
        offered = self.releases(name)
        return next((one for one in offered if one.release.version == version), None)
