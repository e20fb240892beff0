"""What the command line tells of plugins that ran: figures, limits, and who is to blame."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.clikit import World, copy_of, make_world

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="plugins run on Linux and macOS")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """With clock and lamp installed."""
    (tmp_path / "made").mkdir()
    make_world(tmp_path / "made")
    world = copy_of(tmp_path / "made", tmp_path / "world")
    world.do("install lamp --yes")
    return world


def test_what_ran_is_told(world: World) -> None:
    """Calls of all runs, per plugin and per operation; nothing before the first."""
    assert "No plugin has run yet" in world.do("stats")
    for left in (1, 2):
        world.do(f"run clock add --param left={left}")
    found = json.loads(world.do("stats --json"))
    assert found["plugins"]["clock"]["operations"]["add"]["calls"] == 2
    shown = world.do("stats clock")
    assert "OPERATION" in shown
    assert "add" in shown
    assert 'heimnetz_plugin_call_seconds_count{plugin="clock",operation="add"} 2' in (
        world.do("stats --prometheus")
    )
    assert "fit what was measured" in world.do("stats --limits")
    assert "No host runs any plugin" in world.do("top")


def test_bisect_names_the_plugin_that_a_probe_fails_with(world: World, tmp_path: Path) -> None:
    """The probe sees which plugins are left out."""
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import os, sys\nsys.exit('clock' not in os.environ['HEIMNETZ_GIT_WITHOUT'].split(','))\n"
    )
    said = world.do("bisect --probe", f"{sys.executable} {probe}")
    assert "clock" in said
    assert "probes" in said
    assert "nothing to find" in world.do("bisect --probe true")
    refused = world.run("bisect --probe false")
    assert refused.exit_code == 9
    assert "none of them is to blame" in refused.stderr
