"""The same attacks once more as an ordinary user, when the tests run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pluginkit import needs_sandbox

NOBODY = 65_534
REPOSITORY = Path(__file__).parent.parent

pytestmark = [
    needs_sandbox,
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="runs as an ordinary user already"
    ),
]


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder that an ordinary user can come to and write in."""
    folder = Path(tempfile.mkdtemp(prefix="heimnetz-user-"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def as_nobody(command: list[str], scratch: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as an ordinary user without any rights."""
    libraries = Path(pytest.__file__).parent.parent
    return subprocess.run(
        command,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=scratch,
        env={
            "PYTHONPATH": f"{REPOSITORY}:{libraries}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(scratch),
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def interpreter(scratch: Path) -> str:
    """An interpreter of our version that an ordinary user can start, with our libraries."""
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    code = "import sys, msgspec, pytest; print('%d.%d' % sys.version_info[:2])"
    for program in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        try:
            done = as_nobody([program, "-c", code], scratch)
        except OSError:
            continue
        if done.stdout.strip() == wanted:
            return program
    pytest.skip("no interpreter that an ordinary user may start has our libraries")


def test_an_ordinary_user_is_as_safe_as_root(scratch: Path) -> None:
    """Every attack of test_host_attacks, run by a host without rights."""
    command = [
        *(interpreter(scratch), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
        *("--rootdir", str(REPOSITORY), "-c", str(REPOSITORY / "pyproject.toml"), "-o", "addopts="),
        *("--import-mode=importlib", "--basetemp", str(scratch / "t")),
        str(REPOSITORY / "tests" / "test_host_attacks.py"),
    ]
    done = as_nobody(command, scratch)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
