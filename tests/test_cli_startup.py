"""What looks and locks from the cache loads neither Git nor YAML, nor what draws or renders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clikit import World, copy_of, make_world

HEAVY = {"cryptography", "dulwich", "jinja2", "packaging", "rich", "ruamel", "urllib3"}
LOADED = (
    "import sys; from heimnetz_git.cli.main import main; code = main(sys.argv[1:]);"
    "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
)
PROJECT = """\
# What the lamp in the hall needs.
format: 1
plugins:

  # The newest that fits.
  lamp: ">=1"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world that tests copy."""
    root = tmp_path_factory.mktemp("world")
    make_world(root)
    return root


@pytest.fixture
def world(made: Path, tmp_path: Path) -> World:
    """Its own registry and home, whose settings have a comment, and a project."""
    world = copy_of(made, tmp_path / "world")
    settings = world.home / "config.yaml"
    settings.write_text(f"# Für zu Hause.\n\n{settings.read_text('utf-8')}", encoding="utf-8")
    (world.root / "heimnetz.yaml").write_text(PROJECT, encoding="utf-8")
    return world


@pytest.mark.parametrize(
    "line", ["search light", "search --json", "info lamp", "info clock@1.0.0", "lock", "list"]
)
def test_looking_and_locking_load_nothing_heavy(world: World, line: str) -> None:
    """With settings that a person commented, the first time and with what the first left behind."""
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", LOADED, *line.split()],
            cwd=world.root,
            env={**os.environ, **world.environ},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert not HEAVY & {*ended.stderr.split()}
    if line == "lock":
        assert "name: clock" in (world.root / "heimnetz.lock").read_text("utf-8")
