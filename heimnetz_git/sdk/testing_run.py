"""An author's tests run by pytest, in a process of its own, with the test kit and a report."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec

from heimnetz_git.errors import UsageError

__all__ = ["TestRun", "run_tests"]

KIT = "heimnetz_git.sdk.testing"


class TestRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to: pytest's exit code, what it printed (if that was kept), its report.

    ``report`` is a ``testing_report.TestReport`` as plain values; empty if pytest did not get far
    enough to write one.
    """

    __test__ = False  # no test, for all its name

    code: int
    output: str = ""
    report: dict[str, object] = {}


def run_tests(
    project: Path,
    *,
    sandbox: str,
    environ: Mapping[str, str],
    arguments: Sequence[str] = (),
    keep_output: bool = False,
) -> TestRun:
    """Run the tests of the project in the folder ``project``.

    ``sandbox`` is ``auto``, ``required`` or ``off``, ``arguments`` are pytest's own. What pytest
    prints goes where ours goes unless it is kept. Raises UsageError where pytest is missing.
    """
    if find_spec("pytest") is None:
        raise UsageError(
            "The program pytest, which runs the tests, is not installed here.",
            hint="Install the project's tools: 'python -m pip install --group dev'.",
        )
    with tempfile.TemporaryDirectory(prefix="heimnetz-test-") as folder:
        file = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pytest", "-p", KIT, "--sandbox", sandbox]
        command += ["--heimnetz-report", str(file), *arguments]
        done = subprocess.run(
            command,
            cwd=project,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if keep_output else None,
            stderr=subprocess.STDOUT if keep_output else None,
            check=False,
        )
        report = msgspec.json.decode(file.read_bytes(), type=dict) if file.is_file() else {}
    output = done.stdout.decode("utf-8", "replace") if keep_output else ""
    return TestRun(code=done.returncode, output=output, report=report)
