"""Scanning every release of an index, or what came since a commit, on all cores or a cluster."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from heimnetz_git.cli.ci import fetcher
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.terminal import table
from heimnetz_git.cli.words import count
from heimnetz_git.errors import UsageError, printable
from heimnetz_git.model.layout import classify
from heimnetz_git.model.release import Release

if TYPE_CHECKING:
    from heimnetz_git.model.release import Artifact
    from heimnetz_git.scan.pool import Job
    from heimnetz_git.scan.report import Report
    from heimnetz_git.storage.repo import Repository
    from heimnetz_git.storage.repo_trees import Entry

__all__ = ["scan_index"]

CACHE = "scans"
PLUGINS = "plugins"
REJECTED = 9


def scan_index(
    session: Session, index: str, *, since: str = "", workers: int = 0, cluster: str = ""
) -> Answer:
    """Every wheel of the index scanned, those released since the commit ``since`` if it is given.

    What these rules have scanned before is not scanned again. Code 9 when one is rejected. Raises
    IndexNotFound, UsageError for an index that is no Git repository or lacks the commit.
    """
    from heimnetz_git.scan.cachedir import ReportCache
    from heimnetz_git.scan.pool import scan_all
    from heimnetz_git.scan.ruleset import rule_set

    repo = _repository(session, index)
    rows: dict[str, Report] = {}
    with tempfile.TemporaryDirectory(prefix="heimnetz-scan-") as folder:
        fetch = fetcher(session, Path(folder))
        jobs = list(_jobs(repo, index, since, fetch))
        session.reporter.start(f"Scanning {index}", len(jobs))
        with _pools(workers or os.cpu_count() or 1, cluster) as make_pool:
            cache = ReportCache(session.home.root / CACHE)
            for job, report in scan_all(jobs, make_pool, cache):
                rows[job.name] = report
                session.reporter.advance()
        session.reporter.done()
    found = sorted(rows.items())
    bad = [name for name, report in found if report.verdict == "reject"]
    data = {
        "index": index,
        "rules": rule_set(),
        "scans": [{"wheel": name, **report.document()} for name, report in found],
    }
    return Answer(data, _lines(session, found), exit_code=REJECTED if bad else 0)


def _lines(session: Session, found: list[tuple[str, Report]]) -> list[str]:
    head = ("WHEEL", "VERDICT", "SCORE", "GRADE", "WORST")
    rows = [
        (
            printable(name),
            report.verdict,
            str(report.score),
            report.grade,
            printable(report.findings[0].message) if report.findings else "",
        )
        for name, report in found
    ]
    return [
        *(table(head, rows, columns=session.output.columns) if rows else ()),
        f"{count(len(rows), 'wheel')} scanned.",
    ]


def _repository(session: Session, index: str) -> Repository:
    from heimnetz_git.registry.exported_address import is_export

    settings = session.settings.indexes.get(index)
    if settings is not None and is_export(settings.url):
        raise UsageError(
            f"The index {printable(index)} is an export, which has no commits.",
            hint="Scan the registry that it was made of.",
        )
    return session.catalog.repository(index)


def _jobs(
    repo: Repository, index: str, since: str, fetch: Callable[[Artifact], bytes]
) -> Iterator[Job]:
    """The wheels of releases, newest files first asked for by their digest, each once."""
    from heimnetz_git.registry.index import read_file
    from heimnetz_git.registry.wheel import wheel_of
    from heimnetz_git.scan.pool import Job

    seen: set[str] = set()
    for entry in _entries(repo, since):
        if classify(entry.path).kind != "release":
            continue
        release = read_file(repo, entry).value
        for artifact in release.artifacts if isinstance(release, Release) else ():
            if artifact.sha256 in seen:
                continue
            seen.add(artifact.sha256)
            load = (
                partial(wheel_of, repo, artifact, index)
                if artifact.path
                else partial(fetch, artifact)
            )
            yield Job((artifact.path or artifact.url).rpartition("/")[2], artifact.sha256, load)


def _entries(repo: Repository, since: str) -> Iterator[Entry]:
    head = repo.branch("main")
    if head is None:
        return
    if not since:
        yield from repo.entries(repo.tree(head), PLUGINS)
        return
    old = repo.tree(_commit(repo, since))
    for change in repo.diff(old, repo.tree(head)):
        if change.new is not None and change.old is None:
            yield change.new


def _commit(repo: Repository, text: str) -> str:
    from heimnetz_git.errors import HeimnetzError

    try:
        repo.tree(text)
    except (HeimnetzError, ValueError, KeyError) as error:
        raise UsageError(
            f"There is no commit '{printable(text)}' in the index.",
            hint="Give the 40 digits of a commit of its branch main.",
        ) from error
    return text


@contextmanager
def _pools(workers: int, cluster: str) -> Iterator[Callable[[], Executor]]:
    """What makes pools: of processes here, or the one of a cluster, which is not made anew."""
    if not cluster:
        from heimnetz_git.scan.pool import on_this_machine

        yield on_this_machine(workers)
        return
    from heimnetz_git.scan.cluster import on_cluster

    with on_cluster(cluster) as executor:
        yield lambda: executor
