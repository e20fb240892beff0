"""Publish every version of the first-party plugins that ``index/`` does not have yet into it.

It goes the way of any author and maintainer: build, submit, merge under the law of the index; then
the files of the registry's tree are written back to ``index/``. Published files are never touched.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from heimnetz_git.errors import HeimnetzError
from heimnetz_git.model.layout import release_path
from heimnetz_git.registry.create import import_tree
from heimnetz_git.registry.submission import merge, publish
from heimnetz_git.sdk.build import build
from heimnetz_git.sdk.project import read_project
from heimnetz_git.storage.repo import Repository

ROOT = Path(__file__).resolve().parent.parent
INDEX = ROOT / "index"
PLUGINS = ROOT / "plugins"
OWNER = "heimnetz-git"
AUTHOR = "heimnetz-git <>"


def main() -> int:
    """Publish what is new; the exit code."""
    now = int(time.time())
    try:
        with tempfile.TemporaryDirectory(prefix="heimnetz-index-") as folder:
            for project in unpublished(INDEX):
                print(f"Publishing {project.name}")
                publish_into(INDEX, project, Path(folder) / project.name, when=now)
    except HeimnetzError as error:
        print(f"error[{error.code}]: {error}", *error.problems, sep="\n  ", file=sys.stderr)
        return error.exit_code
    return 0


def unpublished(index: Path) -> list[Path]:
    """The projects whose present version is not in the index, by name."""
    found = []
    for project in sorted(PLUGINS.iterdir()):
        read = read_project(project)
        if not (index / release_path(read.name, read.version)).exists():
            found.append(project)
    return found


def publish_into(index: Path, project: Path, work: Path, *, when: int) -> None:
    """Build ``project`` and merge it into the registry that the folder ``index`` holds."""
    with Repository.create(work / "registry.git") as repo:
        import_tree(repo, index, when=when, message="The index so far")
        wheel = build(project, work / "dist").wheel
        made = publish(
            str(repo.path), wheel, work / "author.git", owner=OWNER, when=when, author=AUTHOR
        )
        merged = merge(repo, made, when=when, author=AUTHOR)
        for entry in repo.entries(repo.tree(merged.commit)):
            file = index / entry.path
            data = repo.read(entry.oid)
            if not file.exists() or file.read_bytes() != data:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
