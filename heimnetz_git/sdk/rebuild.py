"""Is a release what its source makes? Its wheel is built anew from the commit, and compared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from heimnetz_git.errors import HeimnetzError, printable
from heimnetz_git.model.release import Release
from heimnetz_git.registry.rebuilt import Reproduced
from heimnetz_git.sdk.build import build
from heimnetz_git.sdk.build_confined import confined_wheel
from heimnetz_git.sdk.project import MANIFEST, read_project
from heimnetz_git.storage.repo import Repository, remote_heads

__all__ = ["Rebuilt", "rebuild"]

MOST_FILES = 20_000
LARGEST = 128 << 20
MOST_BRANCHES = 50
TIMEOUT = 60.0
_FILES = {0o100644, 0o100755}


class Rebuilt(msgspec.Struct, frozen=True):
    """``yes`` when the same bytes came out, ``no`` when others did; else why it was not tried.

    ``sha256`` is that of the wheel that was made, empty when none was.
    """

    state: Reproduced
    why: str = ""
    sha256: str = ""


def rebuild(
    release: Release,
    work: Path,
    *,
    timeout: float = TIMEOUT,
    may_fetch: Callable[[str], bool] = lambda _: True,
) -> Rebuilt:
    """Build the wheel of a release from its source, in the sandbox, and compare it byte for byte.

    ``work`` is a folder for what is fetched; ``may_fetch`` says which addresses may be asked. Never
    raises for what a source is like: that is ``no`` or ``not tried`` with the reason.
    """
    source = release.source
    if source is None or not source.commit:
        return Rebuilt("not tried", "The release names no commit of its source.")
    if not may_fetch(source.repository):
        return Rebuilt("not tried", "The source's address is not to be asked.")
    try:
        with tempfile.TemporaryDirectory(prefix="source-", dir=_made(work)) as folder:
            tree = Path(folder) / "tree"
            _checked_out(source.repository, source.commit, Path(folder) / "git", tree, timeout)
            project = _project(tree, release.name)
            built = build(
                project, Path(folder) / "out", back_end=confined_wheel, sandbox="required"
            )
            return _compared(release, built.wheel.name, built.release.artifacts[0].sha256)
    except (HeimnetzError, OSError) as error:
        return Rebuilt("not tried", printable(str(error), longest=500))


def _compared(release: Release, file: str, sha256: str) -> Rebuilt:
    if any(one.sha256 == sha256 for one in release.artifacts):
        return Rebuilt("yes", "", sha256)
    if not any(one.file == file for one in release.artifacts):
        said = f"The source makes {printable(file)}, which the release has not."
        return Rebuilt("not tried", said, sha256)
    return Rebuilt("no", "The source makes another wheel than the release has.", sha256)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _checked_out(url: str, commit: str, git: Path, tree: Path, timeout: float) -> None:
    """The files of a commit that some branch of ``url`` contains; links and submodules left out."""
    branches = tuple(sorted(remote_heads(url, timeout=timeout)))[:MOST_BRANCHES]
    with Repository.create(git) as repo:
        repo.fetch(url, branches=branches, timeout=timeout)
        if commit not in repo.objects:
            raise HeimnetzError(f"No branch of the source has the commit {printable(commit)}.")
        size = 0
        for count, entry in enumerate(repo.entries(repo.tree(commit))):
            if entry.mode not in _FILES:
                continue
            data = repo.read(entry.oid)
            size += len(data)
            if count > MOST_FILES or size > LARGEST:
                raise HeimnetzError("The source is larger than anybody would look at.")
            target = tree / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def _project(tree: Path, name: str) -> Path:
    """The folder of the plugin in a source: the top, or the one below that has its name."""
    for manifest in (tree / MANIFEST, *sorted(tree.rglob(MANIFEST))):
        try:
            if manifest.is_file() and read_project(manifest.parent).name == name:
                return manifest.parent
        except HeimnetzError:
            continue
    raise HeimnetzError(f"The source has no project of the name {printable(name)!r}.")
