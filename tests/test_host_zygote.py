"""Plugins forked from a process that has the SDK loaded: as confined, as mortal, only sooner."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.errors import PluginCrashed
from heimnetz_git.host.lifecycle import Restart
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.usage import usage
from tests.pluginkit import alive, family, plugin

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the zygote is Linux's")

BODY = """
    @operation
    def look(self) -> dict[str, Any]:
        status = open("/proc/self/status").read()
        return {
            "environ": sorted(os.environ),
            "descriptors": sorted(int(one) for one in os.listdir("/proc/self/fd")),
            "parent": os.getppid(),
            "session": os.getsid(0) == os.getpid(),
            "seccomp": status.partition("Seccomp:")[2].split()[0],
            "uid": os.getuid(),
            "privileges": status.partition("NoNewPrivs:")[2].split()[0],
            "modules": sorted(sys.modules),
            "path": sys.path,
        }

    @operation
    def nap(self) -> None:
        time.sleep(10)

    @operation
    def die(self) -> None:
        os._exit(5)

    @operation
    def breed(self) -> int:
        child = os.fork()
        if child == 0:
            os.setsid()
            time.sleep(60)
        return child
"""


def quiet(_text: str) -> None:
    """Nobody needs to be warned here."""


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginManager]:
    """Three plugins that were forked."""
    specs = [plugin(tmp_path, BODY, name=name) for name in ("one", "two", "three")]
    restart = Restart(first=0.01, cap=0.01)
    with PluginManager(
        specs, preload=True, restart=restart, sandbox="off", on_warning=quiet
    ) as manager:
        manager.start()
        yield manager


def wait_until_gone(pids: list[int]) -> list[int]:
    """Those that still run after a while."""
    deadline = time.monotonic() + 10
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.005)
    return alive(pids)


def test_a_forked_plugin_is_as_confined_as_one_that_was_executed(
    plugins: PluginManager, tmp_path: Path
) -> None:
    """The same user, filter, environment and descriptors; nothing of the host or of another."""
    alone = plugin(tmp_path / "alone", BODY, name="one")
    with PluginManager([alone], sandbox="off", on_warning=quiet, preload=False) as manager:
        manager.start()
        executed = manager.call("one", "look")
    forked = plugins.call("one", "look")
    for key in ("environ", "session", "seccomp", "privileges"):
        assert forked[key] == executed[key], key
    assert len(forked["descriptors"]) == len(executed["descriptors"])
    assert (forked["uid"] == 0) == (executed["uid"] == 0)
    assert not [name for name in forked["modules"] if name in {"two", "three"}]
    assert [path for path in forked["path"] if "two" in path] == []
    assert forked["parent"] not in {0, os.getpid()}


def test_how_a_forked_plugin_ended_is_known(plugins: PluginManager) -> None:
    """Its exit status comes by way of the zygote."""
    with pytest.raises(PluginCrashed, match="exit status 5"):
        plugins.call("one", "die")
    os.kill(plugins.pid("two"), signal.SIGKILL)
    with pytest.raises(PluginCrashed, match="SIGKILL"):
        plugins.call("two", "nap")


def back(plugins: PluginManager, before: list[int]) -> bool:
    """Do all three run, in other processes than before?"""
    try:
        return all(plugins.pid(name) not in before for name in ("one", "two", "three"))
    except PluginCrashed:
        return False


def test_when_the_zygote_dies_plugins_are_started_from_another(plugins: PluginManager) -> None:
    """They die with it, so that none is left without care, and come back by themselves."""
    pids = [plugins.pid(name) for name in plugins.running()]
    zygote = plugins.call("one", "look")["parent"]
    os.kill(zygote, signal.SIGKILL)
    assert wait_until_gone(pids) == []
    deadline = time.monotonic() + 20
    while not back(plugins, pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert plugins.call("three", "look")["parent"] != zygote


def test_nothing_is_left_of_plugins_or_zygote(tmp_path: Path) -> None:
    """Not even a child of a plugin in a session of its own."""
    specs = [plugin(tmp_path, BODY, name=name) for name in ("one", "two")]
    grants = msgspec.structs.replace(specs[0].permissions, run=("/bin/true",))
    specs[0] = msgspec.structs.replace(specs[0], permissions=grants)
    with PluginManager(specs, preload=True, sandbox="off", on_warning=quiet) as manager:
        manager.start()
        zygote = manager.call("two", "look")["parent"]
        manager.call("one", "breed")
        pids = family(zygote)
        assert len(pids) >= 4
    assert alive(pids) == []


def test_a_forked_plugin_shares_what_all_have_in_common(plugins: PluginManager) -> None:
    """Its proportional share of memory is a fraction of what an executed one takes."""
    shares = [usage(plugins.pid(name)).memory for name in ("one", "two", "three")]
    assert all(0 < share < 12_000_000 for share in shares)
