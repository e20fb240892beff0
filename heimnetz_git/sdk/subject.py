"""What the validator looks at: a project or a built wheel, seen as the same facts."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from pathlib import Path

import msgspec

from heimnetz_git.errors import InvalidFile, WheelRejected, printable
from heimnetz_git.model.finding import Finding, Location, Problem, Severity
from heimnetz_git.model.manifest import Manifest
from heimnetz_git.scan.engine import wheel_files
from heimnetz_git.sdk.project import MANIFEST, ProjectSource, examine, package_files, source_files
from heimnetz_git.sdk.pyproject import FILE, line_of
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.wheelfile import Wheel, open_wheel

__all__ = ["Subject", "as_finding", "project_subject", "wheel_subject"]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a plugin, wherever they were read.

    ``files`` is what runs or is read once installed, by its path in the project or the wheel;
    ``names`` every path that travels; ``notes`` the licence and readme files that were found.
    """

    name: str
    version: str
    summary: str
    license: str
    authors: tuple[str, ...]
    python: str
    packages: tuple[str, ...]
    manifest: Manifest
    entry_point: str
    files: Mapping[str, bytes]
    names: tuple[str, ...]
    has_license_file: bool
    has_readme: bool
    built: bool
    pyproject: str = ""

    def place(self, key: str, table: str = "project") -> Location:
        """Where a fact of the metadata stands: its line in a project, METADATA in a wheel."""
        if self.built:
            return Location("METADATA")
        return Location(FILE, line_of(self.pyproject, table, key))

    def module(self, dotted: str) -> tuple[str, ast.Module] | None:
        """The path and tree of one of the plugin's own modules; None if it cannot be read."""
        base = dotted.replace(".", "/")
        for path in (f"{base}.py", f"{base}/__init__.py"):
            for name in (path, f"src/{path}"):
                if name in self.files:
                    return _parsed(name, self.files[name])
        return None


def _parsed(name: str, source: bytes) -> tuple[str, ast.Module] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return name, ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # the scanner says so


def project_subject(root: Path) -> Subject | tuple[Finding, ...]:
    """The project in ``root``; its problems as findings when it cannot be read."""
    project, problems = examine(root)
    if project is None:
        return tuple(as_finding(problem) for problem in problems)
    table = project.table
    return Subject(
        name=project.name,
        version=project.version,
        summary=table.summary,
        license=table.license,
        authors=tuple(author.name for author in table.authors),
        python=table.python,
        packages=table.packages,
        manifest=project.manifest,
        entry_point=project.entry_point,
        files=package_files(project),
        names=tuple(file.relative_to(root).as_posix() for file in source_files(root)),
        has_license_file=_has_license(project),
        has_readme=bool(table.readme) and (root / table.readme).is_file(),
        built=False,
        pyproject=(root / FILE).read_text(encoding="utf-8"),
    )


def wheel_subject(path: Path) -> Subject | tuple[Finding, ...]:
    """The plugin in a wheel; what is wrong with the wheel as findings when it cannot be opened."""
    try:
        wheel = open_wheel(path)
        manifest = yamlfile.read(wheel.plugin_yaml or b"", Manifest, MANIFEST)
    except (WheelRejected, InvalidFile) as error:
        problem = Problem(error.code, str(error), Location(printable(path.name)))
        return tuple(as_finding(it) for it in error.problems or (problem,))
    return _of_wheel(wheel, manifest)


def _of_wheel(wheel: Wheel, manifest: Manifest) -> Subject:
    said = wheel.metadata
    files = wheel_files(wheel)
    return Subject(
        name=wheel.name,
        version=wheel.version,
        summary=said.summary or "",
        license=str(said.license_expression or ""),
        authors=tuple(filter(None, (said.author, said.author_email))),
        python=str(said.requires_python or ""),
        packages=tuple(str(requirement) for requirement in said.requires_dist or ()),
        manifest=manifest,
        entry_point=wheel.entry_point,
        files=files,
        names=tuple(files),
        has_license_file=any(name.startswith(f"{wheel.dist_info}/licenses/") for name in files),
        has_readme=bool((said.description or "").strip()),
        built=True,
    )


def _has_license(project: ProjectSource) -> bool:
    patterns = project.table.license_files or ("LICEN[CS]E*", "COPYING*")
    safe = (pattern for pattern in patterns if not pattern.startswith("/") and ".." not in pattern)
    return any(path.is_file() for pattern in safe for path in project.root.glob(pattern))


def as_finding(problem: Problem) -> Finding:
    """A problem in a file as a finding that a registry would refuse."""
    expected = f"Expected {problem.expected}." if problem.expected else ""
    meant = f"Did you mean {problem.suggestion!r}?" if problem.suggestion else ""
    where = f"{problem.path}: " if problem.path else ""
    return Finding(
        problem.code,
        Severity.HIGH,
        f"{where}{problem.message}",
        problem.location,
        hint=" ".join(filter(None, (expected, meant))),
    )
