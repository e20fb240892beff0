"""``validate --fix``: what is mended in plugin.yaml, and what is left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimnetz_git.sdk.fixes import fix
from heimnetz_git.sdk.project import read_project
from heimnetz_git.sdk.validate import validate
from tests.projectkit import Draft, write_project

NETWORK = '''"""Asks."""

import socket

from heimnetz_git import BasePlugin, operation


class Clock(BasePlugin):
    """Asks a server."""

    @operation
    def ask(self) -> bytes:
        """Ask it."""
        with socket.create_connection(("time.example.org", 13)) as line:
            return line.recv(64)
'''
BOUND = 'host: {heimnetz: ">=1,<2"}\n'

# what the manifest says, the code, what it says afterwards
CASES = {
    "undeclared": (BOUND, NETWORK, ["connect:", "time.example.org:13"]),
    "unbounded": ('host: {heimnetz: ">=1.2"} # ours\n', None, [">=1.2,<2", "# ours"]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_can_be_mended_is(tmp_path: Path, name: str) -> None:
    """The finding goes, the rest of the file stays, and a second run has nothing to do."""
    manifest, code, wanted = CASES[name]
    files = {"src/clock/__init__.py": code} if code else {}
    root = write_project(tmp_path, Draft(manifest=manifest, files=files))
    before = {found.rule for found in validate(root)}
    assert fix(root)
    text = (root / "plugin.yaml").read_text("utf-8")
    assert [part for part in wanted if part not in text] == []
    assert {found.rule for found in validate(root)} < before
    assert fix(root) == ()


def test_a_permission_that_nothing_uses_goes(tmp_path: Path) -> None:
    """Where all imports are known; what is used stays."""
    manifest = BOUND + (
        "permissions:\n  network:\n    connect: ['time.example.org:13']\n  run: [/usr/bin/ip]\n"
    )
    root = write_project(
        tmp_path, Draft(manifest=manifest, files={"src/clock/__init__.py": NETWORK})
    )
    assert "run" in fix(root)[0].words
    left = read_project(root).manifest.permissions
    assert (left.run, left.network.connect) == ((), ("time.example.org:13",))


def test_a_good_manifest_is_not_touched(tmp_path: Path) -> None:
    """Not even its time."""
    root = write_project(tmp_path, Draft(manifest=BOUND))
    before = (root / "plugin.yaml").stat().st_mtime_ns
    assert fix(root) == ()
    assert (root / "plugin.yaml").stat().st_mtime_ns == before
