"""Many artifacts at once: nothing is lost, nothing is scanned twice, what fails is never passed."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from heimnetz_git.scan.cachedir import ReportCache
from heimnetz_git.scan.engine import scan
from heimnetz_git.scan.pool import Job, on_this_machine, scan_all
from heimnetz_git.scan.report import Report
from heimnetz_git.scan.ruleset import rule_set
from tests.poolkit import DEADLY, ONCE, scan_or_die
from tests.wheelkit import make_wheel

CODES = [f"exec(x)  # {number}\n".encode() for number in range(12)]


def job(data: bytes, name: str = "") -> Job:
    """A job for these bytes."""
    digest = hashlib.sha256(data).hexdigest()
    return Job(name or digest[:8], digest, lambda: data)


def threads() -> Executor:
    """The plainest pool there is."""
    return ThreadPoolExecutor(2)


def never() -> Executor:
    """No pool is needed where everything is known."""
    raise AssertionError("a pool was made")


def test_every_job_has_its_report() -> None:
    """The same as when each is scanned by itself."""
    done = dict(scan_all(map(job, CODES), threads, scan=scan_or_die))
    assert {it.name: report for it, report in done.items()} == {
        job(code).name: scan({"a.py": code}) for code in CODES
    }


def test_a_wheel_crosses_to_another_process_and_back(tmp_path: Path) -> None:
    """With findings and capabilities."""
    code = "import socket\nsocket.create_connection(('192.168.1.9', 80))\n"
    data = make_wheel(tmp_path, files={"clock/__init__.py": code}).read_bytes()
    [(_, report)] = scan_all([job(data)], on_this_machine(1))
    assert "permission-undeclared" in {it.rule for it in report.findings}
    assert [it.target for it in report.capabilities] == ["192.168.1.9:80"]


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    """What it had is scanned by another, and so is what waited."""
    once = ONCE + str(tmp_path / "mark").encode() + b"\n"
    done = list(
        scan_all(map(job, [*CODES[:3], once, *CODES[3:6]]), on_this_machine(2), scan=scan_or_die)
    )
    assert len(done) == 7
    assert {report.status for _, report in done} <= {"passed", "warning"}


def test_an_artifact_that_kills_its_workers_is_an_error_and_the_rest_is_scanned(
    tmp_path: Path,
) -> None:
    """It alone; and no cache keeps that."""
    cache = ReportCache(tmp_path)
    jobs = [job(DEADLY, "deadly"), *map(job, CODES[:3])]
    done = {
        it.name: report
        for it, report in scan_all(jobs, on_this_machine(2), cache, scan=scan_or_die)
    }
    assert done.pop("deadly").status == "error"
    assert len(done) == 3
    assert all(report.status != "error" for report in done.values())
    assert cache.get(jobs[0].digest) is None


def test_what_raises_is_an_error_and_rejected() -> None:
    """Fail closed."""

    def broken(data: bytes) -> Report:
        raise RecursionError("too deep")

    [(_, report)] = scan_all([job(b"x")], threads, scan=broken)
    assert (report.status, report.verdict) == ("error", "reject")


def test_nothing_is_scanned_twice(tmp_path: Path) -> None:
    """By the same rules; by others it is."""
    first = list(scan_all(map(job, CODES), threads, ReportCache(tmp_path), scan=scan_or_die))
    again = list(scan_all(map(job, CODES), never, ReportCache(tmp_path), scan=scan_or_die))
    assert {it.digest: report for it, report in first} == {
        it.digest: report for it, report in again
    }
    other = ReportCache(tmp_path, "other-rules")
    assert other.get(first[0][0].digest) is None


def test_a_damaged_report_is_none(tmp_path: Path) -> None:
    """It is made again."""
    cache = ReportCache(tmp_path)
    cache.put("a" * 64, scan({"a.py": CODES[0]}))
    assert cache.get("a" * 64) == scan({"a.py": CODES[0]})
    (tmp_path / rule_set() / "aa" / f"{'a' * 64}.json").write_bytes(b'{"findings": [')
    assert cache.get("a" * 64) is None


def test_reports_of_long_gone_rules_are_dropped(tmp_path: Path) -> None:
    """Two sets of rules are kept: the last and the one before."""
    for rules in ("one", "two", "three"):
        ReportCache(tmp_path, rules).put("a" * 64, scan({"a.py": CODES[0]}))
    assert len(list(tmp_path.iterdir())) == 2
    assert ReportCache(tmp_path, "three").get("a" * 64) is not None


@pytest.fixture
def cluster() -> Iterator[tuple[str, Callable[[], None]]]:
    """A scheduler with two workers of their own processes: its address, and how to kill one."""
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("the extra 'cluster' is not installed")
    from distributed import LocalCluster

    def kill() -> None:
        next(iter(made.workers.values())).process.process.kill()

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as made:  # type: ignore[no-untyped-call] # no annotations
        yield made.scheduler_address, kill


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_scans_and_loses_nothing_with_a_worker(
    cluster: tuple[str, Callable[[], None]],
) -> None:
    """Two real workers; one is killed after the first report."""
    from heimnetz_git.scan.cluster import on_cluster

    address, kill = cluster
    with on_cluster(address) as executor:
        done: list[tuple[Job, Report]] = []
        for one in scan_all(map(job, CODES), lambda: executor, scan=scan_or_die):
            if not done:
                kill()
            done.append(one)
    assert {it.name: report for it, report in done} == {
        job(code).name: scan({"a.py": code}) for code in CODES
    }
