"""An author's project becomes a value, or a list of everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimnetz_git.errors import FileMissing, ProjectInvalid
from heimnetz_git.model.finding import Problem
from heimnetz_git.sdk.project import read_project, source_files
from tests.projectkit import CLASS, Draft, write_project


def problems_of(root: Path) -> dict[str, Problem]:
    """The problems of a project that cannot be read, by code."""
    with pytest.raises(ProjectInvalid) as caught:
        read_project(root)
    return {problem.code: problem for problem in caught.value.problems}


def test_a_project_is_read_from_both_of_its_files(tmp_path: Path) -> None:
    """Name, version and licence come from pyproject.toml, the rest from plugin.yaml."""
    draft = Draft(name="wall-clock", manifest='host: {heimnetz: ">=0.1,<2"}\ntags: [time]')
    project = read_project(write_project(tmp_path, draft))
    assert (project.name, project.version, project.table.license) == ("wall-clock", "1.0.0", "MIT")
    assert project.manifest.tags == ("time",)
    assert project.entry_point == "wall_clock:Clock"
    assert project.package == project.root / "src" / "wall_clock"


def test_a_name_is_taken_in_its_normal_form(tmp_path: Path) -> None:
    """``Wall.Clock`` and ``wall-clock`` are one plugin (PEP 503)."""
    root = write_project(tmp_path, Draft(name="wall-clock"))
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('name = "wall-clock"', 'name = "Wall.Clock"'))
    assert read_project(root).name == "wall-clock"


@pytest.mark.parametrize("place", ["src/clock.py", "clock.py", "clock/__init__.py"])
def test_a_package_may_be_a_module_or_lie_beside_the_project_file(
    tmp_path: Path, place: str
) -> None:
    """The layouts that back ends know are known here."""
    draft = Draft(files={"src/clock/__init__.py": None, place: CLASS})
    project = read_project(write_project(tmp_path, draft))
    assert project.package.relative_to(project.root).as_posix() in place


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    """Nobody mends one line to be told of the next."""
    root = write_project(tmp_path, Draft(files={"src/clock/__init__.py": None}))
    (root / "pyproject.toml").write_text(
        '[project]\nname = "clock"\nversion = "one"\nlicense = 3\n'
        'requires-python = "3.11"\ndependencies = ["what?!"]\n'
    )
    (root / "plugin.yaml").write_text("format: 1\ntype: banana\n")
    with pytest.raises(ProjectInvalid) as caught:
        read_project(root)
    files = {problem.location.file for problem in caught.value.problems}
    codes = {problem.code for problem in caught.value.problems}
    assert files >= {"pyproject.toml", "plugin.yaml"}
    assert codes >= {
        "invalid-version",
        "invalid-requires-python",
        "invalid-dependency",
        "missing-metadata",
        "missing-entry-point",
        "wrong-type",
    }


@pytest.mark.parametrize(
    ("written", "instead", "code"),
    [
        ('version = "1.0.0"', 'version = "one"', "invalid-version"),
        ('version = "1.0.0"', 'dynamic = ["version"]', "dynamic-metadata"),
        ('name = "clock"', 'name = "../etc"', "invalid-name"),
        ('license = "MIT"', "license = 3", "wrong-type"),
        ('clock = "clock:Clock"', 'clock = "clock"', "invalid-entry-point"),
        ('clock = "clock:Clock"', 'watch = "clock:Clock"', "wrong-entry-point"),
        ('clock = "clock:Clock"', 'clock = "os:system"', "wrong-entry-point"),
        ("[project]", "[project", "not-toml"),
    ],
)
def test_a_problem_names_its_line(tmp_path: Path, written: str, instead: str, code: str) -> None:
    """file:line, so that an editor can go there."""
    root = write_project(tmp_path)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace(written, instead, 1))
    problem = problems_of(root)[code]
    assert problem.location.file == "pyproject.toml"
    assert problem.location.line == file.read_text().splitlines().index(instead) + 1


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"a" * (2 << 20), b"a = " + b"[" * 50_000, b"project = 3\n", b"", b"\0"],
)
def test_a_hostile_project_file_is_a_problem_not_a_crash(tmp_path: Path, content: bytes) -> None:
    """Whatever pyproject.toml holds, the answer is a sentence."""
    root = write_project(tmp_path)
    (root / "pyproject.toml").write_bytes(content)
    assert set(problems_of(root)) == {"not-toml"}


def test_missing_files_are_named(tmp_path: Path) -> None:
    """An empty folder lacks two files, a missing folder is another thing."""
    (tmp_path / "empty").mkdir()
    assert set(problems_of(tmp_path / "empty")) == {"file-missing"}
    with pytest.raises(FileMissing):
        read_project(tmp_path / "nowhere")


def test_what_tools_leave_behind_is_not_source(tmp_path: Path) -> None:
    """Caches, environments and earlier output do not reach a build."""
    litter = ("build/lib/clock/old.py", ".venv/x.py", "src/clock/__pycache__/a.pyc", "dist/a.whl")
    root = write_project(tmp_path, Draft(files=dict.fromkeys(litter, "x")))
    names = {file.relative_to(root).as_posix() for file in source_files(root)}
    assert names.isdisjoint(litter)
    assert "src/clock/__init__.py" in names


def test_a_link_in_a_project_is_refused(tmp_path: Path) -> None:
    """A link would bring a file of the author's machine into the wheel."""
    root = write_project(tmp_path)
    (root / "src/clock/data.txt").symlink_to("/etc/hostname")
    with pytest.raises(ProjectInvalid, match="is a link"):
        list(source_files(root))
