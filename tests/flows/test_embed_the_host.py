"""The guide for applications that run plugins does what it says: each of its programs is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clikit import copy_of, make_world

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "embed-the-host.md"
PROGRAMS = re.findall(
    r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
SAYS = ("5", "198", "42", "'clock'")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="plugins run on Linux and macOS")


def test_each_program_of_the_guide_runs_plugins(tmp_path: Path) -> None:
    """With what is installed in a home, and prints what the plugins answer."""
    (tmp_path / "made").mkdir()
    make_world(tmp_path / "made")
    world = copy_of(tmp_path / "made", tmp_path / "world")
    world.do("install lamp --yes")
    assert len(PROGRAMS) == len(SAYS)
    for number, (program, says) in enumerate(zip(PROGRAMS, SAYS, strict=True)):
        place = tmp_path / f"program{number}.py"
        place.write_text(program, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", str(place)],
            env={**os.environ, **world.environ},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert says in done.stdout, (program, done.stdout, done.stderr)
    assert (tmp_path / "plugins.journal").read_text().count('"active"') >= 1
