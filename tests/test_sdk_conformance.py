"""The checks that every plugin must pass: a good one does, and each bad habit is caught by name."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from heimnetz_git.sdk.conformance import Conformance, examine
from heimnetz_git.sdk.conformance_checks import CHECKS
from tests.clikit import World
from tests.projectkit import Draft, write_project

ROOT = Path(__file__).resolve().parent.parent

HEAD = '''"""A clock with a habit."""

import os
import threading
import time

import msgspec

from heimnetz_git import BasePlugin, Context, operation


class Clock(BasePlugin):
    """Tells the time."""

    class Config(msgspec.Struct):
        """Its settings."""

        zone: str = "UTC"

    @operation
    def tell(self, digits: int = 0) -> float:
        """Tell the time."""
        return round(time.time(), digits)

'''

# the check that must fail, and the habit
HABITS = {
    "starts-soon": "def initialize(self, context): time.sleep(2.2)",
    "starts-quietly": "def initialize(self, context): context.logger.error('nothing is wrong')",
    "stops-soon": "def cleanup(self): time.sleep(1.5)",
    "rests-when-nobody-calls": (
        "def initialize(self, context):\n"
        "    def spin():\n"
        "        while True: pass\n"
        "    threading.Thread(target=spin, daemon=True).start()"
    ),
    "keeps-its-data": (
        "def initialize(self, context):\n"
        "    for old in context.data.iterdir(): old.unlink()\n"
        "    (context.data / str(time.time_ns())).write_text('new')"
    ),
    "survives-foreign-data": (
        "def initialize(self, context):\n    for old in context.data.iterdir(): os._exit(3)"
    ),
}


def put_to(path: Path, checks: Iterable[str]) -> Conformance:
    """The outcome of some checks."""
    return examine(path, {name: CHECKS[name] for name in checks})


def test_a_first_party_plugin_passes_every_check() -> None:
    """None fails, and what is skipped says why."""
    found = examine(ROOT / "plugins" / "wake-on-lan", CHECKS)
    assert [(one.check, one.reason) for one in found.failed] == []
    skipped = [one for one in found.outcomes if one.result == "skipped"]
    assert all(one.reason for one in skipped)
    assert len(found.outcomes) - len(skipped) > 30


@pytest.mark.parametrize("check", HABITS)
def test_a_bad_habit_is_caught(tmp_path: Path, check: str) -> None:
    """By its check, which says what is wrong."""
    body = "\n".join(f"    {line}" for line in HABITS[check].splitlines())
    files = {"src/clock/__init__.py": HEAD + body + "\n"}
    root = write_project(tmp_path, Draft(files=files))
    found = put_to(root, ["starts", check])
    assert [(one.check, one.result) for one in found.outcomes] == [
        ("starts", "passed"),
        (check, "failed"),
    ], found.outcomes


def test_a_plugin_that_does_not_start_fails_once(tmp_path: Path) -> None:
    """The start fails; what needs a running plugin is skipped, not failed again."""
    body = "    def initialize(self, context): raise RuntimeError('no luck')\n"
    root = write_project(tmp_path, Draft(files={"src/clock/__init__.py": HEAD + body}))
    found = put_to(root, ["starts", "swap", "killed", "junk"])
    assert [one.result for one in found.outcomes] == ["failed", "skipped", "skipped", "skipped"]
    assert "no luck" in found.outcomes[0].reason


def test_the_command_ends_with_9_when_a_check_fails(tmp_path: Path) -> None:
    """And names the check."""
    world = World(tmp_path)
    good = shutil.copytree(ROOT / "plugins" / "wake-on-lan", tmp_path / "good")
    assert "passed" in world.do(f"test {good} --conformance")
    text = (good / "src" / "wake_on_lan" / "plugin.py").read_text("utf-8")
    habit = "    def cleanup(self):\n        import time\n        time.sleep(1.5)\n\n"
    slow = text.replace("    @operation", f"{habit}    @operation", 1)
    (good / "src" / "wake_on_lan" / "plugin.py").write_text(slow, "utf-8")
    ended = world.run(f"test {good} --conformance")
    assert ended.exit_code == 9, ended.stdout
    assert "failed  stops-soon" in ended.stdout
