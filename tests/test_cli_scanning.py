"""The command `scan`: releases, baselines, profiles and forms, on a real, tiny registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimnetz_git.storage.repo import Repository
from tests.clikit import CODE, OPERATIONS, World, copy_of, make_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world, made once."""
    root = tmp_path_factory.mktemp("made")
    make_world(root)
    return root


@pytest.fixture
def world(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy that a test may change, worked in."""
    monkeypatch.chdir(tmp_path)
    return copy_of(made, tmp_path)


def test_a_release_of_an_index_is_scanned(world: World) -> None:
    """By name and version, as its wheel is."""
    found = world.json("scan clock@1.0.0 --fail-on never")
    assert found["verdict"] in ("accept", "review")
    assert found["status"] in ("passed", "warning")


def test_every_release_of_an_index_is_scanned_once(world: World) -> None:
    """By the rules of today; what came since a commit is told from the rest."""
    found = world.json("scan --index home-lab --workers 1")
    names = [it["wheel"] for it in found["scans"]]
    assert names == ["clock-1.0.0-py3-none-any.whl", "lamp-1.0.0-py3-none-any.whl"]
    kept = list((world.home / "scans" / found["rules"]).glob("*/*.json"))
    assert len(kept) == 2
    assert world.json("scan --index home-lab --workers 1") == found
    with Repository.open(world.registry) as repo:
        head = repo.branch("main")
    world.release("1.1.0", files={"clock/__init__.py": CODE}, operations=OPERATIONS)
    world.do("index update")
    later = world.json(f"scan --index home-lab --workers 1 --since {head}")
    assert [it["wheel"] for it in later["scans"]] == ["clock-1.1.0-py3-none-any.whl"]


def test_a_commit_that_is_not_there_is_a_usage_error(world: World) -> None:
    """And an index that is not there says which there are."""
    done = world.run(f"scan --index home-lab --since {'0' * 40}")
    assert done.exit_code == 2
    assert "no commit" in done.stderr
    assert world.run("scan --index nowhere").exit_code != 0
    assert world.run("scan . --since abc").exit_code == 2


def test_a_baseline_makes_the_next_scan_quiet(world: World) -> None:
    """What was written down is left out, with its reason; something new is told."""
    (world.root / "a.py").write_text("exec(x)\n")
    first = world.json("scan a.py --write-baseline known.yaml --fail-on never")
    second = world.json("scan a.py --baseline known.yaml --fail-on info")
    assert len(first["findings"]) == len(second["suppressed"]) == 1
    assert second["findings"] == []
    (world.root / "a.py").write_text("exec(x)\neval(y)\n")
    assert len(world.json("scan a.py --baseline known.yaml --fail-on never")["findings"]) == 1


def test_a_profile_that_is_not_met_ends_with_9(world: World) -> None:
    """And says which requirement, with the place."""
    (world.root / "a.py").write_text("exec(x)\n")
    done = world.run("scan a.py --profile strict --fail-on never")
    assert done.exit_code == 9
    assert "NO  no-dynamic-code" in done.stdout
    assert "a.py:1" in done.stdout


def test_all_forms_are_written_at_once(world: World) -> None:
    """Each to its file."""
    (world.root / "a.py").write_text("exec(x)\n")
    world.do("scan a.py --sarif s --markdown m --junit j --cyclonedx c --fail-on never")
    assert all((world.root / name).stat().st_size > 100 for name in "smjc")
