"""The command that holds two releases side by side: what users notice, what version says so."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heimnetz_git.cli.author import build_project
from heimnetz_git.cli.command import command
from heimnetz_git.cli.find import pick, releases_of
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import PluginNotFound, UsageError, printable
from heimnetz_git.model.release import Release

if TYPE_CHECKING:
    from heimnetz_git.model.compatibility import Difference

__all__ = ["compare"]

TOO_SMALL = 9


@command(
    examples=(
        "compare dist/wake_on_lan-1.1.0-py3-none-any.whl",
        "compare wake-on-lan@1.0.0 wake-on-lan@1.1.0",
        "compare . --json",
    )
)
@click.argument("sides", nargs=-1, required=True, metavar="[OLD] NEW")
def compare(session: Session, sides: tuple[str, ...]) -> Answer:
    """Compare two releases, and say which version the changes ask for.

    Each is a wheel, a release file, a project's folder (it is built) or NAME@VERSION. Without OLD
    it is the release before NEW in the indexes. Ends with code 9 when NEW's version says less
    than has changed.
    """
    from heimnetz_git.model import compatibility

    if len(sides) > 2:
        raise UsageError("Two releases are compared, not more.")
    new = release_at(session, sides[-1])
    old = release_at(session, sides[0]) if len(sides) == 2 else _before(session, new)
    if old is None:
        said = f"{new.name} {new.version} is the first release: any version will do."
        return Answer(_document(None, new, (), new.version, enough=True), [said])
    if old.name != new.name:
        raise UsageError(f"{printable(old.name)} and {printable(new.name)} are different plugins.")
    found = compatibility.compare(old, new)
    level = compatibility.level_of(found)
    least = compatibility.least_version(old.version, level)
    enough = compatibility.is_enough(old.version, new.version, level)
    said = f"{old.name} {old.version} to {new.version}: "
    said += "the version says it." if enough else f"the version should be {least} at least."
    lines = [*(_line(item) for item in found), said]
    return Answer(
        _document(old, new, found, least, enough=enough),
        lines,
        exit_code=0 if enough else TOO_SMALL,
    )


def release_at(session: Session, text: str) -> Release:
    """The release that a wheel, a release file, a project or NAME@VERSION stands for.

    Raises FileMissing, InvalidFile, WheelRejected, ProjectInvalid, PluginNotFound, ReleaseNotFound.
    """
    name, at, version = text.partition("@")
    if at and not session.path(text).exists():
        return pick(releases_of(session, name), version, name).release
    path = session.existing(text)
    if path.is_dir():
        with tempfile.TemporaryDirectory(prefix="heimnetz-compare-") as folder:
            built: Release = build_project(session, path, Path(folder)).release
            return built
    if path.suffix == ".whl":
        from heimnetz_git.registry.manifest import open_wheels, release_of_all

        return release_of_all(open_wheels([path]), None, url="")
    from heimnetz_git.storage.yamlfile import read_file

    return read_file(path, Release)


def _before(session: Session, new: Release) -> Release | None:
    """The newest release before this one that the indexes have; None for a new plugin."""
    from heimnetz_git.model.version import parse_version

    try:
        known = [candidate.release for candidate in releases_of(session, new.name)]
    except PluginNotFound:
        return None
    mine = parse_version(new.version)
    earlier = [one for one in known if parse_version(one.version) < mine]
    return max(earlier, key=lambda one: parse_version(one.version), default=None)


def _line(item: Difference) -> str:
    where = click.style(printable(item.path), bold=True)
    return f"{item.level.name.lower():5}  {where}: {printable(item.words, longest=400)}"


def _document(
    old: Release | None,
    new: Release,
    found: tuple[Difference, ...],
    least: str,
    *,
    enough: bool,
) -> dict[str, object]:
    return {
        "name": new.name,
        "old": old.version if old else None,
        "new": new.version,
        "least_version": least,
        "enough": enough,
        "differences": [
            {"level": item.level.name.lower(), "path": item.path, "message": item.words}
            for item in found
        ],
    }
