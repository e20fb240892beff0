"""A shelf of plugin wheels and the shortest way from it into a home, for tests of installing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heimnetz_git.install.generations import installed
from heimnetz_git.install.planning import Plan, plan
from heimnetz_git.install.transaction import apply
from heimnetz_git.model.lock import Candidate, Generation, LockedPlugin
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.storage.home import Home
from tests.wheelkit import make_candidate, make_lock, make_release, make_wheel

__all__ = ["Shelf", "files_of", "only_wheel"]

WHEN = 1_700_000_000


class Shelf:
    """Real wheels in a folder, with what an index would say of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.candidates: dict[str, Candidate] = {}
        self.wheels: dict[str, Path] = {}
        self.fetched: list[str] = []

    def add(self, name: str, version: str = "1.0.0", **about: Any) -> Candidate:
        """Make a plugin's wheel; this version is then the one that ``plan`` takes."""
        requires = about.pop("requires", {})
        manifest = {"requires": requires} | about.pop("manifest", {})
        wheel = make_wheel(self.folder, name, version, manifest=manifest, **about)
        release = make_release(wheel)
        self.wheels[release.artifacts[0].sha256] = wheel
        self.candidates[name] = make_candidate(release)
        return self.candidates[name]

    def plan(self, home: Home, *names: str) -> Plan:
        """The plan for these plugins and all that they require."""
        order = self._order(names)
        chosen = {name: self.candidates[name] for name in order}
        lock = make_lock(chosen.values(), requested=dict.fromkeys(names, ""))
        return plan(lock, chosen, order, have=installed(home), pick=only_wheel)

    def fetch(self, plugin: LockedPlugin, artifact: Artifact) -> Path:
        """The wheel as it lies on the shelf."""
        self.fetched.append(plugin.name)
        return self.wheels[artifact.sha256]

    def install(self, home: Home, *names: str, **more: Any) -> Generation:
        """Plan and apply with a gate that lets everything through."""
        arguments: dict[str, Any] = {
            "fetch": self.fetch,
            "gate": lambda _: None,
            "when": WHEN,
            "reason": f"install {' '.join(names)}",
        }
        return apply(home, self.plan(home, *names), **(arguments | more))

    def _order(self, names: tuple[str, ...]) -> tuple[str, ...]:
        order: list[str] = []

        def visit(name: str) -> None:
            if name in order:
                return
            for need in sorted(self.candidates[name].release.requires):
                visit(need)
            order.append(name)

        for name in names:
            visit(name)
        return tuple(order)


def only_wheel(release: Release) -> Artifact | None:
    """The choice where there is none."""
    return release.artifacts[0] if release.artifacts else None


def files_of(folder: Path) -> list[str]:
    """All files below a folder, sorted, as relative paths."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
