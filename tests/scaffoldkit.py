"""New projects for tests, as `new` makes them."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.model.release import Author
from heimnetz_git.sdk.scaffold import Idea, new_project

__all__ = ["ADA", "idea", "scaffolded"]

ADA = Author("Ada Example", "ada@example.org")


def idea(name: str = "rain-gauge", kind: str = "utility", **said: str) -> Idea:
    """An idea of Ada's."""
    return Idea(name=name, type=kind, author=ADA, year=2026, **said)


def scaffolded(folder: Path, name: str = "rain-gauge", kind: str = "utility") -> Path:
    """The project of that idea, in a folder of its own name."""
    return new_project(idea(name, kind), folder / name).root
