"""The real pip and uv, run without anybody's configuration, cache or index."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

__all__ = ["INSTALLERS", "PYLOCK_SINCE", "installed", "pip", "uv"]

INSTALLERS = ("pip", "uv")
PYLOCK_SINCE = Version("26.1")  # the first pip that takes `-r pylock.toml`
_KEPT = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "LANG", "PYTHONPATH")


def _run(words: list[str], scratch: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: os.environ[key] for key in _KEPT if key in os.environ}
    more = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(scratch / "uv-cache"),
        "NO_COLOR": "1",
    }
    return subprocess.run(
        words, env=environ | more, cwd=scratch, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def pip(*words: str, scratch: Path, since: Version | None = None) -> str:
    """What pip says; it must succeed. Skips where there is no pip, or one before ``since``."""
    try:
        here = Version(importlib.metadata.version("pip"))
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("no pip")
    if since is not None and here < since:
        pytest.skip(f"pip {here} is older than {since}")
    return _said(_run([sys.executable, "-m", "pip", *words], scratch))


def uv(*words: str, scratch: Path) -> str:
    """What uv says; it must succeed. Skips where there is no uv."""
    folder = Path(sys.executable).parent
    program = shutil.which("uv", path=os.pathsep.join([str(folder), os.environ.get("PATH", "")]))
    if program is None:
        pytest.skip("no uv")
    return _said(_run([program, *words], scratch))


def installed(folder: Path) -> dict[str, str]:
    """The projects in a target folder and their versions."""
    found = importlib.metadata.distributions(path=[str(folder)])
    return {one.name: one.version for one in found}


def _said(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout + done.stderr
