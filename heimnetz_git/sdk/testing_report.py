"""What a run of an author's tests came to, as a file that ``heimnetz-git test`` reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.sdk.testing_trace import Trace
from heimnetz_git.sdk.testing_workshop import Denied, Workshop

__all__ = ["Recorder", "TestReport"]

LONGEST_MESSAGE = 500


class TestReport(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of tests, the ids of those that failed, and what the sandbox did.

    ``isolated`` is None when no plugin ran; ``denied`` is what the sandbox refused in this process
    (not what workers of pytest-xdist saw), ``traces`` what became of the declared permissions.
    """

    __test__ = False  # no test, for all its name

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[str, ...] = ()
    isolated: bool | None = None
    warnings: tuple[str, ...] = ()
    denied: tuple[Denied, ...] = ()
    traces: tuple[Trace, ...] = ()


class Recorder:
    """Counts outcomes and writes them at the end of the run."""

    def __init__(self, file: Path, workshop: Callable[[], Workshop | None]) -> None:
        self._file = file
        self._workshop = workshop
        self._outcome: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a phase of a test ended; the worst counts."""
        before = self._outcome.get(report.nodeid, "")
        if report.failed or (not before and (report.skipped or report.when == "call")):
            self._outcome[report.nodeid] = report.outcome

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that could not be read as tests."""
        if report.failed:
            self._outcome[report.nodeid] = "failed"

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        self._file.write_bytes(msgspec.json.encode(self._report()))

    def _report(self) -> TestReport:
        outcomes = list(self._outcome.values())
        workshop = self._workshop()
        return TestReport(
            passed=outcomes.count("passed"),
            failed=outcomes.count("failed"),
            skipped=outcomes.count("skipped"),
            failures=tuple(node for node, said in self._outcome.items() if said == "failed"),
            isolated=workshop.isolated if workshop else None,
            warnings=tuple(workshop.warnings) if workshop else (),
            denied=tuple(workshop.denied) if workshop else (),
            traces=workshop.traces if workshop else (),
        )
