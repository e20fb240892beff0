"""The same attacks once more as an ordinary user, when the tests run as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pluginkit import needs_sandbox
from tests.sandboxkit import NOBODY, REPOSITORY, as_nobody, interpreter

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


SUITES = {
    "plugins": ("tests/test_host_attacks.py",),
    "scripts": ("tests/attacks/sandbox/test_trials.py", "tests/attacks/sandbox/test_controls.py"),
}


@pytest.mark.parametrize("suite", SUITES)
def test_an_ordinary_user_is_as_safe_as_root(scratch: Path, suite: str) -> None:
    """Every attack once more, run by a host without rights."""
    command = [
        *(interpreter(scratch), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
        *("--rootdir", str(REPOSITORY), "-c", str(REPOSITORY / "pyproject.toml"), "-o", "addopts="),
        *("--import-mode=importlib", "--basetemp", str(scratch / "t")),
        *(str(REPOSITORY / file) for file in SUITES[suite]),
    ]
    done = as_nobody(command, scratch)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
