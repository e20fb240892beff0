"""The test kit's faults, budgets, snapshots and registry, as an author's own tests use them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import cast

import pytest

from tests.projectkit import write_project
from tests.test_sdk_testing import ISOLATED, author_runs, project

FAULTS = """
def test_little_memory(plugin, faults):
    plugin.call("grow", size=1 << 20)
    faults.out_of_memory("16M")
    with pytest.raises(OperationFailed, match="MemoryError"):
        plugin.call("grow", size=1 << 30)
    faults.mend()
    assert plugin.call("greet") == "hello you"

def test_little_disk(plugin, faults):
    faults.little_disk("16K")
    with pytest.raises(OperationFailed, match="File too large"):
        plugin.call("keep", text="x" * 40_000)
    faults.mend()
    plugin.call("keep", text="x" * 40_000)
    assert len(plugin.call("kept")) == 40_000

def test_kill(plugin, faults):
    faults.kill()
    with pytest.raises(PluginCrashed):
        plugin.call("greet")

@pytest.mark.plugin_limits(call="300ms")
def test_hang(plugin, faults):
    faults.hang()
    with pytest.raises(PluginTimedOut):
        plugin.call("greet")
"""
GROW = '''
    @operation
    def grow(self, size: int) -> int:
        """Use memory."""
        return len(bytearray(size))

    @operation
    def dial(self, port: int) -> str:
        """Connect to this machine."""
        import socket
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError as error:
            return type(error).__name__
        return "connected"
'''


def growing(folder: Path, tests: str) -> Path:
    """The project whose plugin also takes memory and dials."""
    root = project(folder, tests)
    with (root / "src/clock/__init__.py").open("a", encoding="utf-8") as file:
        file.write(GROW)
    return root


@pytest.mark.skipif(not ISOLATED, reason="there is no sandbox here")
def test_what_can_go_wrong_goes_wrong_until_it_is_mended(tmp_path: Path) -> None:
    """Memory and disk run out in the plugin's own process; it is killed and hung."""
    ended = author_runs(growing(tmp_path, FAULTS), sandbox="required")
    assert (ended.code, ended.report["passed"]) == (0, 4), ended.output


@pytest.mark.skipif(not ISOLATED, reason="there is no sandbox here")
def test_the_network_is_taken_away_and_given_back(tmp_path: Path) -> None:
    """What connected before does not, and does again."""
    tests = """
import socket

def test_network(plugin, faults):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        plugin.restart(connect=[f"localhost:{port}"])
        assert plugin.call("dial", port=port) == "connected"
        faults.no_network()
        assert plugin.call("dial", port=port) == "PermissionError"
"""
    ended = author_runs(growing(tmp_path, tests), sandbox="required")
    assert ended.code == 0, ended.output


@pytest.mark.skipif(not ISOLATED, reason="there is no sandbox here")
def test_the_use_of_permissions_is_traced(tmp_path: Path) -> None:
    """Used, never used, used by grant of the test alone, and asked for in vain."""
    with (
        socket.create_server(("127.0.0.1", 0)) as granted,
        socket.create_server(("127.0.0.1", 0)) as lent,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        ports = [one.getsockname()[1] for one in (granted, lent, other)]
        tests = f"""
def test_declared(plugin):
    assert plugin.call("dial", port={ports[0]}) == "connected"

def test_lent(plugin):
    plugin.restart(connect=["localhost:{ports[1]}"])
    assert plugin.call("dial", port={ports[1]}) == "connected"
    assert plugin.call("dial", port={ports[2]}) == "PermissionError"
"""
        root = growing(tmp_path, tests)
        manifest = root / "plugin.yaml"
        grants = (
            f"permissions: {{network: {{connect: ['localhost:{ports[0]}', 'example.org:443']}}}}"
        )
        manifest.write_text(f"{manifest.read_text('utf-8')}{grants}\n", "utf-8")
        ended = author_runs(root, sandbox="required")
    assert ended.code == 0, ended.output
    (trace,) = cast("list[dict[str, object]]", ended.report["traces"])
    assert trace["used"] == {
        f"network.connect 127.0.0.1:{port}": 1 for port in sorted(ports[:2], key=str)
    }
    assert trace["refused"] == {f"network.connect 127.0.0.1:{ports[2]}": 1}
    assert trace["unused"] == ["network.connect example.org:443"]
    assert trace["undeclared"] == [f"network.connect 127.0.0.1:{ports[1]}"]
    assert "declared and used in no test by clock: network.connect example.org:443" in ended.output


def test_a_budget_is_held(tmp_path: Path) -> None:
    """By a marker and by a call; who is over it fails, with what it cost."""
    tests = """
@pytest.mark.plugin_budget(start="60s", cpu="60s", memory="500M")
def test_within(plugin):
    plugin.start()
    assert plugin.cost.start > 0

@pytest.mark.plugin_budget(start="1ms")
def test_over(plugin):
    plugin.start()

def test_said(plugin):
    with pytest.raises(AssertionError, match="clock is over its budget: it started in"):
        plugin.stays_within(start="1ms")
"""
    ended = author_runs(project(tmp_path, tests))
    assert (ended.code, ended.report["passed"]) == (1, 2), ended.output
    assert ended.report["failures"] == ["tests/test_clock.py::test_over"]
    assert "allowed are 1ms" in ended.output


def test_a_manifest_is_compared_with_what_it_was(tmp_path: Path) -> None:
    """Written when asked for, equal afterwards, and shown where it differs."""
    tests = (
        "def test_face(plugin, manifest_snapshot):\n    manifest_snapshot.check(plugin.release)\n"
    )
    root = project(tmp_path, tests)
    first = author_runs(root)
    assert first.code == 1
    assert "There is no manifest.snapshot.json yet" in first.output
    assert author_runs(root, "--manifest-snapshot-update").code == 0
    assert '"greet"' in (root / "tests/manifest.snapshot.json").read_text("utf-8")
    assert author_runs(root).code == 0
    manifest = root / "plugin.yaml"
    manifest.write_text(manifest.read_text("utf-8") + "permissions: {env: [LANG]}\n", "utf-8")
    changed = author_runs(root)
    assert changed.code == 1
    assert '+      "LANG"' in changed.output


def test_a_plugin_is_published_installed_and_called(tmp_path: Path) -> None:
    """In a registry and a home of the test's own; what the registry refuses says why."""
    tests = """
def test_published(registry):
    registry.publish(".")
    registry.host_is("0.0.5")
    with pytest.raises(CommandFailed, match="needs heimnetz >=0.1,<2"):
        registry.install("clock")
    registry.host_is("1.0")
    registry.install("clock")
    assert registry.installed() == {"clock": "1.0.0"}
    assert registry.call("clock", "uptime") >= 0
    with pytest.raises(CommandFailed) as caught:
        registry.install("nothing")
    assert caught.value.code == "plugin-not-found"
"""
    root = write_project(tmp_path)
    ours = "import pytest\nfrom heimnetz_git.sdk.testing import CommandFailed\n" + tests
    (root / "tests").mkdir()
    (root / "tests/test_clock.py").write_text(ours, encoding="utf-8")
    ended = author_runs(root)
    assert (ended.code, ended.report["passed"]) == (0, 1), ended.output
