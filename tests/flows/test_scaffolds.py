"""Every type of plugin, freshly begun, is what this house asks of a finished one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heimnetz_git.model.release import PLUGIN_TYPES
from heimnetz_git.sandbox.launcher import find_sandbox
from heimnetz_git.sdk.build import build
from heimnetz_git.sdk.testing_run import run_tests
from heimnetz_git.sdk.validate import scan_project, validate
from tests.clikit import World
from tests.scaffoldkit import scaffolded

ISOLATED = bool(find_sandbox()[0])
QUICK = {"analysis", "extension"}  # their tests use the most of the test kit
LONGEST = "a-word-" * 9 + "x"


def name_of(kind: str) -> str:
    """A plugin of that type."""
    return f"my-{kind}-thing"


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new project of each type."""
    folder = tmp_path_factory.mktemp("scaffolds")
    for kind in PLUGIN_TYPES:
        scaffolded(folder, name_of(kind), kind)
    return folder


@pytest.mark.parametrize("kind", PLUGIN_TYPES)
def test_a_new_plugin_is_valid_and_builds_to_the_same_bytes_twice(
    projects: Path, tmp_path: Path, kind: str
) -> None:
    """Nothing but remarks from the validator, and the scanner accepts it: source and wheel."""
    project = projects / name_of(kind)
    first = build(project, tmp_path / "one", isolation="never")
    second = build(project, tmp_path / "two", isolation="never")
    assert first.wheel.read_bytes() == second.wheel.read_bytes()
    assert first.release.type == kind
    for subject in (project, first.wheel):
        assert [str(found) for found in validate(subject) if found.severity != "info"] == []
        report = scan_project(subject)
        assert (report.verdict, report.findings) == ("accept", ())


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow)
        for kind in PLUGIN_TYPES
    ],
)
def test_a_new_plugin_passes_its_own_tests(projects: Path, kind: str) -> None:
    """In the real sandbox, where this machine has one."""
    ended = run_tests(
        projects / name_of(kind),
        sandbox="required" if ISOLATED else "auto",
        environ=os.environ,
        arguments=["-p", "no:cacheprovider"],
        keep_output=True,
    )
    assert ended.code == 0, ended.output
    assert ended.report["isolated"] is ISOLATED
    assert ended.report["failed"] == 0


def run(folder: Path, *words: str) -> None:
    """A tool that must find nothing."""
    ended = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]


def test_new_plugins_are_typed(projects: Path, tmp_path: Path) -> None:
    """mypy --strict is content with all of them and their tests."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    folders = [f"{name_of(kind)}/{part}" for kind in PLUGIN_TYPES for part in ("src", "tests")]
    run(projects, "mypy", "--strict", "--cache-dir", str(tmp_path), *folders)


def test_new_plugins_are_formatted_and_linted(projects: Path, tmp_path: Path) -> None:
    """By the rules of their own pyproject.toml; the longest of names is linted clean as well."""
    pytest.importorskip("ruff", reason="ruff is not installed")
    run(projects, "ruff", "format", "--no-cache", "--check", ".")
    run(projects, "ruff", "check", "--no-cache", ".")
    for kind in PLUGIN_TYPES:
        scaffolded(tmp_path / kind, LONGEST, kind)
    run(tmp_path, "ruff", "check", "--no-cache", ".")


def test_their_workflow_gives_no_attacker_a_hold(projects: Path) -> None:
    """zizmor finds nothing in it."""
    zizmor = Path(sys.executable).with_name("zizmor")
    if not zizmor.exists():
        pytest.skip("zizmor is not installed")
    workflow = projects / name_of("utility") / ".github/workflows/ci.yml"
    command = [str(zizmor), "--quiet", "--offline", str(workflow)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_from_an_idea_to_an_installed_plugin(tmp_path: Path) -> None:
    """new, build, publish, merge, install, run: nothing is edited in between."""
    world = World(tmp_path)
    project = tmp_path / "subnets"
    world.do(f"new subnets --type utility --author Ada --path {project}")
    world.do(f"validate {project} --fail-on low")
    world.do(f"index init {world.registry} --name home-lab")
    world.do(f"publish {project} --to {world.registry}")
    world.do(f"merge {world.registry} --all")
    world.do(f"index add home-lab {world.registry}")
    world.do("install subnets --yes")
    found = world.json("run subnets describe --param network=10.0.0.0/30")
    assert found["result"]["last"] == "10.0.0.2"
