"""Plugins that run for long are looked after: their data folder, their memory, their tree."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from heimnetz_git.errors import HeimnetzError
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.model.limits import Limits
from heimnetz_git.sandbox.cgroup import Group, controllers
from tests.pluginkit import needs_sandbox, plugin

pytestmark = needs_sandbox

BODY = """
    @operation
    def fill(self) -> None:
        for n in range(10_000):
            (self.context.data / str(n)).write_bytes(bytes(1 << 20))
            time.sleep(0.005)

    @operation
    def litter(self) -> None:
        for n in range(1_000_000):
            (self.context.data / str(n)).touch()
            n % 200 or time.sleep(0.01)

    @operation
    def answer(self) -> int:
        return 1
"""


@pytest.mark.parametrize("what", ["fill", "litter"])
def test_a_plugin_that_fills_the_disk_is_ended(tmp_path: Path, what: str) -> None:
    """The error says what it used too much of; the next start finds what it left."""
    tmp_path.chmod(0o755)
    limits = Limits(start="20s", call="30s", disk="8M")
    with PluginManager([plugin(tmp_path, BODY, limits=limits)], sandbox="required") as manager:
        manager.start()
        assert manager.call("probe", "answer") == 1
        with pytest.raises(HeimnetzError, match="in its data folder"):
            manager.call("probe", what)


@pytest.mark.skipif("memory" not in controllers(), reason="no control group for memory here")
def test_a_group_bounds_what_is_in_it_and_can_be_taken_away() -> None:
    """Made, filled, emptied and removed."""
    import subprocess
    import sys

    group = Group.make("test-warden", memory=64 << 20, processes=8)
    assert group is not None
    code = 'input(); x = [bytearray(b"x") * (1 << 20) for _ in range(300)]; print("escaped")'
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    group.add(process.pid)
    out, _ = process.communicate(b"\n")
    assert b"escaped" not in out
    assert process.returncode != 0
    begin = time.monotonic()
    group.remove()
    assert time.monotonic() - begin < 10
    again = Group.make("test-warden", memory=64 << 20, processes=8)
    assert again is not None
    again.remove()
