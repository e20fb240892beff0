"""An author's project: ``pyproject.toml``, ``plugin.yaml`` and the package they speak of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from heimnetz_git.errors import FileMissing, InvalidFile, ProjectInvalid, printable
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.manifest import ENTRY_POINT_GROUP, Manifest
from heimnetz_git.model.names import import_name, normalise
from heimnetz_git.sdk.pyproject import FILE, LARGEST, ProjectTable, line_of, read_pyproject
from heimnetz_git.storage import yamlfile

__all__ = [
    "MANIFEST",
    "SKIPPED",
    "ProjectSource",
    "examine",
    "package_files",
    "read_project",
    "source_files",
]

MANIFEST = "plugin.yaml"
# What tools leave behind in a project; none of it is the author's source.
SKIPPED = frozenset(
    {
        ".eggs", ".git", ".heimnetz-dev", ".hg", ".hypothesis", ".idea", ".mypy_cache", ".nox",
        ".pytest_cache", ".ruff_cache", ".svn", ".tox", ".venv", ".vscode", "__pycache__", "build",
        "dist", "node_modules", "venv",
    }
)  # fmt: skip
MOST_FILES = 20_000
LARGEST_TREE = 256 << 20


class ProjectSource(msgspec.Struct, frozen=True, kw_only=True):
    """A project that can be read: its facts and where its package lies.

    ``name`` is normalised; ``entry_point`` is ``package.module:Class``; ``package`` is the folder
    (or the one module) with the code, below ``root``.
    """

    root: Path
    name: str
    version: str
    table: ProjectTable
    manifest: Manifest
    entry_point: str
    package: Path


def read_project(path: Path) -> ProjectSource:
    """The project in the folder ``path``.

    Raises FileMissing if there is no such folder, ProjectInvalid with every problem of both files
    and of the layout at once.
    """
    project, problems = examine(path)
    if project is None:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ProjectInvalid(
            f"The project in {printable(str(path))} has {count}.", problems=problems, path=str(path)
        )
    return project


def examine(path: Path) -> tuple[ProjectSource | None, tuple[Problem, ...]]:
    """The project if it can be read, else every problem: what ``validate`` reports."""
    root = Path(path)
    if not root.is_dir():
        raise FileMissing(f"There is no folder {printable(str(path))}.", path=str(path))
    table, problems = _table(root)
    manifest, more = _manifest(root)
    if table is None:
        return None, (*problems, *more)
    name = normalise(table.name)
    package, layout = _package(root, name)
    entry_point, wrong = _entry_point(root, table)
    found = (*problems, *more, *layout, *wrong)
    if found or manifest is None or package is None:
        return None, found
    return ProjectSource(
        root=root,
        name=name,
        version=table.version,
        table=table,
        manifest=manifest,
        entry_point=entry_point,
        package=package,
    ), ()


def source_files(root: Path) -> Iterator[Path]:
    """The author's own files below ``root``, sorted; no caches, no version control, no output.

    Raises ProjectInvalid for a link or a device, and for a tree too large to be a plugin.
    """
    found, size = 0, 0
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not _is_output(name))
        links = [name for name in names if Path(folder, name).is_symlink()]
        for name in sorted([*files, *links]):
            file = Path(folder, name)
            if file.suffix == ".pyc":
                continue
            shown = file.relative_to(root).as_posix()
            if file.is_symlink() or not file.is_file():
                raise _not_a_project(root, "link-in-project", shown, "is a link or a device")
            found, size = found + 1, size + file.stat().st_size
            if found > MOST_FILES or size > LARGEST_TREE:
                said = f"is past {MOST_FILES} files or {LARGEST_TREE} bytes"
                raise _not_a_project(root, "project-too-large", shown, said)
            yield file


def _is_output(name: str) -> bool:
    return name in SKIPPED or name.endswith(".egg-info")


def _not_a_project(root: Path, code: str, file: str, said: str) -> ProjectInvalid:
    message = f"{printable(file)} {said}; a plugin's source is plain files."
    problem = Problem(code=code, message=message, location=Location(file))
    return ProjectInvalid(message, problems=[problem], path=str(root))


def _bytes(file: Path) -> bytes | None:
    """A small file's content, cut just past what is allowed; None when there is none."""
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return stream.read(LARGEST + 1)


def _table(root: Path) -> tuple[ProjectTable | None, tuple[Problem, ...]]:
    data = _bytes(root / FILE)
    if data is None:
        return None, (_missing(FILE, "with a [project] table"),)
    return read_pyproject(data)


def _manifest(root: Path) -> tuple[Manifest | None, tuple[Problem, ...]]:
    data = _bytes(root / MANIFEST)
    if data is None:
        return None, (_missing(MANIFEST, "beside pyproject.toml"),)
    try:
        return yamlfile.read(data, Manifest, MANIFEST, authoring=True), ()
    except InvalidFile as error:
        problem = Problem(code=error.code, message=str(error), location=Location(MANIFEST))
        return None, error.problems or (problem,)


def _missing(file: str, expected: str) -> Problem:
    return Problem(
        code="file-missing",
        message=f"There is no {file}.",
        location=Location(file),
        expected=f"a file {expected}",
    )


def _package(root: Path, name: str) -> tuple[Path | None, tuple[Problem, ...]]:
    """The plugin's one package, in ``src/`` or beside ``pyproject.toml``."""
    module = import_name(name)
    for parent in (root / "src", root):
        for place in (parent / module / "__init__.py", parent / f"{module}.py"):
            if place.is_file():
                return (place.parent if place.name == "__init__.py" else place), ()
    return None, (
        Problem(
            code="missing-package",
            message=f"There is no package {module!r}, which the plugin {name!r} must be.",
            location=Location(f"src/{module}/__init__.py"),
            expected=f"src/{module}/__init__.py",
        ),
    )


def _entry_point(root: Path, table: ProjectTable) -> tuple[str, tuple[Problem, ...]]:
    """The target of the entry point that has the plugin's name, and what is wrong with it."""
    name, module = normalise(table.name), import_name(normalise(table.name))
    target = table.entry_points.get(name, "")
    if not target or len(table.entry_points) > 1:
        names = ", ".join(repr(printable(key)) for key in sorted(table.entry_points))
        message = (
            f"Group '{ENTRY_POINT_GROUP}' must have the one entry point {name!r}, has {names}."
        )
    elif target.partition(":")[0].partition(".")[0] != module:
        message = f"The entry point {printable(target)!r} is not in the plugin's package."
    else:
        return target, ()
    text = (root / FILE).read_text(encoding="utf-8")
    line = line_of(
        text, f"project.entry-points.{ENTRY_POINT_GROUP}", next(iter(table.entry_points), "")
    )
    problem = Problem(
        code="wrong-entry-point",
        message=message,
        location=Location(FILE, line),
        path=f"project.entry-points.{ENTRY_POINT_GROUP}",
        expected=f'{name} = "{module}:Class"',
    )
    return "", (problem,)


def package_files(project: ProjectSource) -> Mapping[str, bytes]:
    """What the wheel's reader will run or read: the package's files, by path below the root."""
    if project.package.is_file():
        return {project.package.relative_to(project.root).as_posix(): project.package.read_bytes()}
    return {
        file.relative_to(project.root).as_posix(): file.read_bytes()
        for file in source_files(project.package)
    }
