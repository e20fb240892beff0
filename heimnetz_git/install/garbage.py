"""Removes what no generation that is kept needs: old generations, plugin folders, cached wheels."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from heimnetz_git.errors import UsageError
from heimnetz_git.install.generations import CODE, current, generations
from heimnetz_git.model.lock import Generation
from heimnetz_git.storage.home import Home, storage_errors

__all__ = ["Collected", "collect_garbage"]


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed: numbers of generations, store folders, artifact digests; bytes freed."""

    generations: tuple[int, ...] = ()
    folders: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    freed: int = 0


def collect_garbage(home: Home, *, keep: int = 5, timeout: float = 10.0) -> Collected:
    """Removes all but the newest ``keep`` generations and the active one, then what none needs.

    Data and configuration of plugins stay. Killed anywhere, everything that a remaining generation
    needs is there, and the next run goes on. Raises UsageError when ``keep`` is below 1.
    """
    if keep < 1:
        raise UsageError("At least one generation must be kept.")
    with home.lock(timeout):
        active = current(home)
        there = generations(home)
        kept = [each for each in there[-keep:] if active is None or each.number != active.number]
        kept += [active] if active is not None else []
        numbers = {each.number for each in kept}
        old = [each.number for each in there if each.number not in numbers]
        freed = sum(_discard(home, home.generation(number)) for number in old)
        folders = sorted(set(_folders(home)) - {f for each in kept for f in each.active.values()})
        freed += sum(_discard(home, home.store / folder) for folder in folders)
        artifacts = sorted(_unneeded(home, kept))
        freed += sum(_discard(home, home.artifacts / name) for name in artifacts)
    return Collected(
        generations=tuple(old), folders=tuple(folders), artifacts=tuple(artifacts), freed=freed
    )


def _folders(home: Home) -> Iterator[str]:
    """``name/version-digest`` of everything in the store."""
    for folder in home.store.glob("*/*"):
        yield folder.relative_to(home.store).as_posix()


def _unneeded(home: Home, kept: list[Generation]) -> Iterator[str]:
    """Cached artifacts, and parts of some, that no lock of a kept generation names."""
    plugins = (plugin for each in kept for plugin in each.lock.plugins)
    needed = {artifact.sha256 for plugin in plugins for artifact in plugin.artifacts}
    for path in home.artifacts.glob("*"):
        if path.name not in needed:
            yield path.name


def _discard(home: Home, path: Path) -> int:
    """Remove a file or a folder in one step that is seen; how many bytes it had."""
    with storage_errors(path):
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        size = sum(file.lstat().st_size for file in files)
        if not path.is_dir():
            path.unlink()
            return size
        aside = home.new_staging("garbage")
        path.rename(aside / CODE)
        shutil.rmtree(aside)
        if path.parent != home.store and not any(path.parent.iterdir()):
            path.parent.rmdir()
    return size
