"""Two releases side by side, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clikit import World, copy_of, make_world, operation
from tests.wheelkit import make_wheel


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny registry and a home that knows it; not to be changed."""
    root = tmp_path_factory.mktemp("made")
    make_world(root)
    return root


@pytest.fixture
def world(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy that a test may change, as the working folder."""
    copied = copy_of(made, tmp_path)
    monkeypatch.chdir(copied.root)
    return copied


def test_a_break_under_a_small_version_is_told(world: World) -> None:
    """The release before it is found in the indexes; too small a number ends with code 9."""
    wheel = make_wheel(world.root / "dist", "clock", "1.0.1", operations={})
    said = world.run(f"compare {wheel}")
    assert said.exit_code == 9
    assert "operations.add: The operation is gone." in said.output
    assert "should be 2.0.0 at least" in said.output


def test_two_files_are_compared_without_an_index(world: World) -> None:
    """OLD and NEW may be wheels; an operation more is a minor version."""
    old = make_wheel(world.root / "dist", "gong", "1.0.0", operations={})
    new = make_wheel(
        world.root / "dist",
        "gong",
        "1.1.0",
        operations={"ring": operation("Ring.", times="integer")},
    )
    found = world.json(f"compare {old} {new}")
    assert (found["enough"], found["least_version"]) == (True, "1.1.0")
    assert [item["path"] for item in found["differences"]] == ["operations.ring"]


def test_the_first_release_has_nothing_to_be_held_against(world: World) -> None:
    """A plugin that no index knows: any version will do."""
    wheel = make_wheel(world.root / "dist", "gong", "0.1.0")
    assert world.json(f"compare {wheel}")["old"] is None


def test_two_plugins_are_not_two_releases(world: World) -> None:
    """Different names are refused as wrong usage."""
    assert world.run("compare lamp@1.0.0 clock@1.0.0").exit_code == 2
