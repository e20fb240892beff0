"""The how-to page about keys does what it says: its commands are run, in their order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.kit import Machine
from tests.gitkit import fsck, git
from tests.wheelkit import make_wheel

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "prove-who-is-asking.md"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the page is for a POSIX shell")


@pytest.fixture
def desk(tmp_path: Path) -> Machine:
    """A machine with two wheels of clock, with the program on its PATH."""
    machine = Machine(tmp_path / "desk")
    make_wheel(machine.work / "dist", "clock", "1.0.0")
    make_wheel(machine.work / "dist", "clock", "1.1.0")
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "heimnetz-git"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m heimnetz_git "$@"\n')
    program.chmod(0o755)
    machine.environ["PATH"] = f"{tools}{os.pathsep}{machine.environ['PATH']}"
    machine.environ["PYTHONPATH"] = str(PAGE.parents[2])
    machine.environ["GIT_CONFIG_GLOBAL"] = os.devnull
    return machine


def typed(desk: Machine, line: str) -> subprocess.CompletedProcess[str]:
    """A line as it would be typed."""
    return subprocess.run(
        ["sh", "-c", line], cwd=desk.work, env=desk.environ, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")
def test_the_page_about_keys_does_what_it_says(desk: Machine) -> None:
    """From two keys to a merged, signed release, and to a key that counts no more."""
    text = PAGE.read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    *story, rebuilding = blocks
    for line in "".join(story).splitlines():
        done = typed(desk, line)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    registry = desk.work / "registry.git"
    fsck(registry)
    assert "gpgsig -----BEGIN SSH" in git(registry, "cat-file", "commit", "main~1")
    files = git(registry, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert any(path.endswith("clock/1.0.0.yaml.sig") for path in files)

    publish = "heimnetz-git publish dist/clock-1.1.0-py3-none-any.whl --to registry.git"
    revoked = typed(desk, f"{publish} --sign ada")
    assert revoked.returncode != 0
    assert "taken back" in revoked.stderr
    assert typed(desk, publish).returncode == 0
    told = typed(desk, rebuilding)
    assert told.returncode == 0, told.stderr
    assert "not tried" in told.stdout
