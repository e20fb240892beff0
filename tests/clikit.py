"""A registry, a home and the program on them: what the tests of the commands stand on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from heimnetz_git.cli.program import program
from tests.wheelkit import make_wheel

__all__ = ["LAN", "World", "copy_of", "make_world"]

LAN = {"permissions": {"network": {"connect": ["lan:9/udp"]}}}
CODE = '''"""A plugin for tests."""

import time

from heimnetz_git import BasePlugin, operation


class Clock(BasePlugin):
    """Tells the time."""

    @operation
    def add(self, left: int, right: int = 1) -> int:
        """Add."""
        return left + right

    @operation
    def rows(self) -> list[dict[str, str]]:
        """A table."""
        return [{"name": "a", "text": "\\x1b[2Jclear"}]

    @operation
    def wait(self) -> None:
        """Hang."""
        time.sleep(60)

    @operation
    def read(self, path: str) -> str:
        """Read a file."""
        with open(path) as file:
            return file.read()
'''


def operation(summary: str, **parameters: str) -> dict[str, Any]:
    """An operation as the build would compile it."""
    return {
        "summary": summary,
        "parameters": {
            "type": "object",
            "properties": {name: {"type": kind} for name, kind in parameters.items()},
            "required": [name for name in parameters if name != "right"],
            "additionalProperties": False,
        },
        "result": {},
    }


OPERATIONS = {
    "add": operation("Add.", left="integer", right="integer"),
    "rows": operation("A table."),
    "wait": operation("Hang."),
    "read": operation("Read a file.", path="string"),
}


class World:
    """A registry, a home, and the program on them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.registry = root / "registry.git"
        self.home = root / "home"
        self.environ = {
            "HEIMNETZ_GIT_HOME": str(self.home),
            "XDG_CONFIG_DIRS": str(root / "site"),
            "PATH": "/usr/bin:/bin",
        }

    def run(self, line: str, *more: str) -> Result:
        """One command line, in this process."""
        return CliRunner(env=self.environ).invoke(program, [*line.split(), *more])

    def do(self, line: str, *more: str) -> str:
        """One that must work; what it printed."""
        result = self.run(line, *more)
        assert result.exit_code == 0, (line, result.stdout, result.stderr)
        return result.stdout

    def json(self, line: str, *more: str) -> dict[str, Any]:
        """One document, whatever the exit code."""
        result = self.run(line, *more, "--json")
        found: dict[str, Any] = json.loads(result.stdout)
        assert result.stderr == "", line
        return found

    def start(self, line: str, **options: Any) -> subprocess.Popen[str]:
        """One command line in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "heimnetz_git", *line.split()],
            env={**os.environ, **self.environ},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def release(self, version: str, name: str = "clock", **options: Any) -> None:
        """Publish and merge a release."""
        wheel = make_wheel(self.root / "dist", name, version, **options)
        self.do(f"publish {wheel} --to {self.registry}")
        self.do(f"merge {self.registry} --all --override permissions-grown")


def make_world(root: Path) -> None:
    """A registry with clock 1.0.0 and lamp 1.0.0, which requires it; added to a home."""
    world = World(root)
    world.do(f"index init {world.registry} --name home-lab")
    world.release("1.0.0", files={"clock/__init__.py": CODE}, operations=OPERATIONS)
    world.release(
        "1.0.0",
        "lamp",
        manifest={"requires": {"clock": ">=1.0,<2"}, **LAN},
        summary="Switches a light",
    )
    world.do(f"index add home-lab {world.registry}")


def copy_of(made: Path, target: Path) -> World:
    """A world of its own for one test."""
    shutil.copytree(made, target, dirs_exist_ok=True)
    config = target / "home" / "config.yaml"
    text = config.read_text(encoding="utf-8").replace(str(made), str(target))
    config.write_text(text, encoding="utf-8")
    return World(target)
