"""Many artifacts at once: on all cores or many machines, by any ``concurrent.futures.Executor``.

A worker that is killed loses nothing: what it had is scanned again, alone, so that an artifact that
kills its worker is told from those that were beside it, and is a finding: fail closed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple, Protocol

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.engine import scan_wheel
from heimnetz_git.scan.report import SCANNER_FAILED, Report

__all__ = ["Cache", "Job", "on_this_machine", "scan_all", "scan_job"]

Scan = Callable[[bytes], Report]
MOST_TRIES = 2
IN_FLIGHT = 64


class Job(NamedTuple):
    """A wheel to scan: what it is called, its SHA-256, and how to get its bytes here."""

    name: str
    digest: str
    load: Callable[[], bytes]


class Cache(Protocol):
    """Keeps reports by digests."""

    def get(self, digest: str, /) -> Report | None:
        """The report of before, if there is one."""

    def put(self, digest: str, report: Report, /) -> None:
        """Keep a report."""


def on_this_machine(workers: int) -> Callable[[], Executor]:
    """Makes pools of so many processes, which share nothing with this one."""
    return lambda: ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def scan_job(data: bytes) -> Report:
    """What a worker does: one wheel, from its bytes."""
    return scan_wheel(data)


def scan_all(
    jobs: Iterable[Job],
    make_pool: Callable[[], Executor],
    cache: Cache | None = None,
    *,
    scan: Scan = scan_job,
) -> Iterator[tuple[Job, Report]]:
    """Each job with its report, in the order in which they are done.

    What ``cache`` knows is not scanned; a job without bytes or without an answer has a finding that
    says so, which no cache keeps. Raises what ``load`` raises.
    """
    run = _Run(make_pool, scan)
    try:
        for job in jobs:
            known = cache.get(job.digest) if cache else None
            if known is not None:
                yield job, known
                continue
            run.submit(job)
            while len(run.flying) >= IN_FLIGHT:
                yield from _kept(run.collect(), cache)
        while run.flying or run.suspects:
            yield from _kept(run.collect(), cache)
    finally:
        run.close()


def _kept(done: Iterable[tuple[Job, Report]], cache: Cache | None) -> Iterator[tuple[Job, Report]]:
    for job, report in done:
        if cache is not None and report.status != "error":
            cache.put(job.digest, report)
        yield job, report


class _Run:
    """Jobs in a pool that may break, and is made anew then."""

    def __init__(self, make_pool: Callable[[], Executor], scan: Scan) -> None:
        self._make = make_pool
        self._scan = scan
        self._pool: Executor | None = None
        self.flying: dict[Future[Report], Job] = {}
        self.suspects: list[tuple[Job, int]] = []

    def submit(self, job: Job) -> None:
        """Hand a job to the pool; a pool that is broken is made anew first."""
        data = job.load()
        for _ in range(MOST_TRIES):
            if self._pool is None:
                self._pool = self._make()
            try:
                self.flying[self._pool.submit(self._scan, data)] = job
            except BrokenProcessPool:
                self._set_aside()
            else:
                return
        self.suspects.append((job, 0))

    def collect(self) -> Iterator[tuple[Job, Report]]:
        """What is done by now; waits for one. After a break, suspects are scanned one by one."""
        if self.flying:
            done, _ = wait(self.flying, return_when=FIRST_COMPLETED)
            broken = [future for future in done if _is_broken(future)]
            for future in done - set(broken):
                yield self.flying.pop(future), _report_of(future)
            if broken:
                self._set_aside()
        while self.suspects and not self.flying:
            yield from self._alone(*self.suspects.pop())

    def _alone(self, job: Job, tries: int) -> Iterator[tuple[Job, Report]]:
        """One suspect by itself: if its worker dies again, the artifact is to blame."""
        pool = self._pool = self._pool or self._make()
        future = pool.submit(self._scan, job.load())
        wait([future])
        if not _is_broken(future):
            yield job, _report_of(future)
            return
        self.close()
        if tries + 1 < MOST_TRIES:
            self.suspects.append((job, tries + 1))
        else:
            yield job, _failed("ended the process that scanned it")

    def _set_aside(self) -> None:
        """All that is under way, when the pool broke."""
        self.suspects += [(job, 0) for job in self.flying.values()]
        self.flying.clear()
        self.close()

    def close(self) -> None:
        """End the pool; nothing that was handed in goes on."""
        for future in self.flying:
            future.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=True)  # not every executor can cancel here itself
        self._pool = None


def _is_broken(future: Future[Report]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _report_of(future: Future[Report]) -> Report:
    error = future.exception()
    return future.result() if error is None else _failed(f"could not be scanned: {error}")


def _failed(said: str) -> Report:
    message = f"The artifact {printable(said, longest=300)}."
    return Report((Finding(SCANNER_FAILED, Severity.HIGH, message, Location("")),), ())
