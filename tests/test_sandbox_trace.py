"""What a plugin asked the host for is known afterwards: what it used, what it lacked, how often."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.host.manager import PluginManager
from heimnetz_git.sandbox.levels import LEVELS, Level
from tests.pluginkit import granted, needs_sandbox, plugin

pytestmark = needs_sandbox

BODY = """
    @operation
    def reach(self, port: int, times: int) -> int:
        refused = 0
        for _ in range(times):
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
            except PermissionError:
                refused += 1
        return refused
"""


@pytest.fixture
def port() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_uses_and_denials_are_counted_by_the_grant(tmp_path: Path, port: int) -> None:
    """Ten refusals of one kind are one line with a ten."""
    tmp_path.chmod(0o755)
    spec = plugin(tmp_path, BODY, permissions=granted(connect=(f"127.0.0.1:{port}",)))
    with PluginManager([spec], sandbox="required") as manager:
        manager.start()
        assert manager.call("probe", "reach", port=port, times=3) == 0
        assert manager.call("probe", "reach", port=1, times=10) == 10
        denied, used = manager.trace("probe")
    assert denied == {"network.connect 127.0.0.1:1": 10}
    assert used == {f"network.connect 127.0.0.1:{port}": 3}


@pytest.mark.parametrize("level", LEVELS)
def test_a_plugin_runs_at_every_level(tmp_path: Path, port: int, level: Level) -> None:
    """With its granted network, wherever that comes from."""
    tmp_path.chmod(0o755)
    spec = plugin(tmp_path, BODY, permissions=granted(connect=(f"127.0.0.1:{port}",)))
    with PluginManager([spec], sandbox="required", level=level) as manager:
        manager.start()
        assert manager.call("probe", "reach", port=port, times=1) == 0
