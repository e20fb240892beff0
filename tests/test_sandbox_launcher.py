"""Starting and ending processes, and choosing how."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heimnetz_git.errors import SandboxUnavailable
from heimnetz_git.sandbox.launcher import Launcher, end_tree
from heimnetz_git.sandbox.levels import Abilities
from heimnetz_git.sandbox.users import RANGES, give, plugin_user, reachable
from tests.pluginkit import alive, family

EVERYBODY = [(0, 1 << 32)]
CONTAINER = [(0, 65_536)]


def nowhere() -> Abilities:
    """A machine that forbids namespaces, without bubblewrap and Landlock."""
    return Abilities(
        system="linux",
        processor="x86_64",
        seccomp=True,
        users=True,
        reasons={"namespaces": "user namespaces are forbidden"},
    )


def test_without_a_sandbox_auto_warns_and_goes_on() -> None:
    """The warning says why, and what that means."""
    said: list[str] = []
    launcher = Launcher("auto", on_warning=said.append, abilities=nowhere)
    assert not launcher.isolated
    assert len(said) == 1
    assert "user namespaces are forbidden" in said[0]


def test_without_a_sandbox_required_refuses() -> None:
    """With the reason, and what to install."""
    with pytest.raises(SandboxUnavailable, match="user namespaces are forbidden") as caught:
        Launcher("required", abilities=nowhere)
    assert "apt install bubblewrap" in caught.value.hint


def test_off_never_looks_for_one() -> None:
    """Off is off, and is said too."""
    said: list[str] = []

    def never() -> Abilities:
        raise AssertionError

    assert not Launcher("off", on_warning=said.append, abilities=never).isolated
    assert "switched off" in said[0]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_tree_is_ended_with_all_its_branches() -> None:
    """A child in a session of its own, and a grandchild that ignores SIGTERM."""
    stubborn = "trap '' TERM; sleep 60 & wait"
    process = subprocess.Popen(
        ["sh", "-c", f'setsid sh -c "{stubborn}" & {stubborn}'], start_new_session=True
    )
    deadline = time.monotonic() + 5
    while len(family(process.pid)) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    pids = family(process.pid)
    assert len(pids) >= 4
    end_tree(process)
    assert alive(pids) == []


def test_a_plugin_is_always_the_same_user() -> None:
    """Its files stay its own; another plugin is another user; never one of the system's."""
    first = plugin_user("wake-on-lan", EVERYBODY)
    assert first == plugin_user("wake-on-lan", EVERYBODY)
    assert first != plugin_user("device-registry", EVERYBODY)
    assert first >= RANGES[0][0]


def test_a_small_container_has_users_to_spare_too() -> None:
    """One with 65,536 users gives one of those; one with a single user none."""
    assert 60_000 < plugin_user("wake-on-lan", CONTAINER) < 65_534
    assert plugin_user("wake-on-lan", [(0, 1)]) == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may")
def test_a_data_folder_is_given_to_the_plugin_without_following_links(tmp_path: Path) -> None:
    """A link in it may lead anywhere, and what it leads to stays whose it was."""
    data, outside = tmp_path / "data", tmp_path / "outside"
    (data / "deep").mkdir(parents=True)
    outside.write_text("mine")
    (data / "deep" / "link").symlink_to(outside)
    (data / "file").write_text("its")
    give(data, 1_900_000_001)
    assert (data / "file").stat().st_uid == 1_900_000_001
    assert (data / "deep" / "link").lstat().st_uid == 1_900_000_001
    assert outside.stat().st_uid == 0


def test_a_folder_behind_a_closed_one_cannot_be_reached(tmp_path: Path) -> None:
    """As any interpreter in root's own home."""
    (tmp_path / "closed" / "inside").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    assert not reachable([str(tmp_path / "closed" / "inside")])
    assert reachable(["/usr/lib"])
