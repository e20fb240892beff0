"""Open submissions brought to one repository: to be listed with what they wait for, or merged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from heimnetz_git.errors import HeimnetzError, RemoteRefused
from heimnetz_git.forge.driver import Driver, Open
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry import index
from heimnetz_git.registry.law_outcome import refuses
from heimnetz_git.registry.submission import TIMEOUT, fetch_main
from heimnetz_git.registry.submission_merge import Merged, Waits, merge, merge_ready, survey
from heimnetz_git.registry.submission_seen import (
    Seen,
    note_seen,
    read_seen,
    replace_seen,
    single_writer,
)
from heimnetz_git.registry.submission_value import MAIN, PREFIX, Submission, WheelOf, commit_of
from heimnetz_git.storage.repo import Repository, local_folder

__all__ = ["Job", "Standing", "bring_in", "merge_open", "standings"]

ATTEMPTS = 5

Gate = Callable[[Repository, Open], tuple[str, str]]
"""Why a submission must wait that the law would take in: ``refused`` or ``held``, which a
maintainer's approval ends, and the words; two empty texts when it need not."""


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """An open submission and what it waits for.

    ``state`` is ``ready`` (with its ``position`` in the queue, from 1), ``draft``, ``check``,
    ``changed`` (its forge told of another commit than it has), ``duplicate`` (an older request asks
    for the same), or as in ``Waits``: ``refused``, ``held``, ``unproven``, ``period``.
    """

    submission: Submission
    state: str
    words: str
    until: int = 0
    position: int = 0
    number: int = 0
    url: str = ""
    by: str = ""
    check: str = ""
    approved: tuple[str, ...] = ()


class Job(msgspec.Struct, frozen=True):
    """What a merge job did: main's commit after it, what it took in, and what still waits."""

    commit: str
    merged: tuple[Merged, ...]
    waiting: tuple[Standing, ...]


def standings(
    driver: Driver, workdir: Callable[[], Repository], *, when: int, timeout: float = TIMEOUT
) -> tuple[Standing, ...]:
    """Every open submission of a registry with what it waits for, in the order of the queue.

    A folder is looked at where it is; of another registry main and the submissions are fetched
    into the repository that ``workdir`` makes. Nothing is changed there or here.
    """
    folder = local_folder(driver.address) if driver.name == "bare" else None
    found = driver.open(details=True)
    if folder is not None:
        with Repository.open(folder) as repo:
            waits = survey(repo, when=when)
        return _ordered(found, {one.submission.branch: one for one in waits}, {})
    with workdir() as repo:
        fetch_main(repo, driver.address, SILENT, timeout)
        brought, odd = bring_in(repo, driver, found, when=when, timeout=timeout)
        waits = survey(repo, when=when)
    return _ordered(brought.values(), {one.submission.branch: one for one in waits}, odd)


def bring_in(
    repo: Repository,
    driver: Driver,
    found: Sequence[Open],
    *,
    when: int,
    timeout: float = TIMEOUT,
) -> tuple[dict[str, Open], dict[int, Standing]]:
    """Make ``repo`` hold the registry's main and its submissions as branches of their names.

    What the forge knows of each counts as seen. By branch those that came; by number those that
    did not, and why: their commit is another one by now, or an older request asks for the same.
    """
    address = driver.address
    refs = {one.ref for one in found}
    heads = repo.fetch(address, branches=(MAIN, *sorted(refs)), timeout=timeout)
    _point(repo, MAIN, heads[MAIN])
    brought: dict[str, Open] = {}
    odd: dict[int, Standing] = {}
    for one in sorted(found, key=lambda each: each.number):
        asked = one.submission
        if heads.get(one.ref) != asked.head:
            odd[one.number] = _standing(one, "changed", "It is changing right now.")
        elif asked.branch in brought:
            older = brought[asked.branch]
            words = f"An older request asks for the same: {older.url or older.number}."
            odd[one.number] = _standing(one, "duplicate", words)
        else:
            brought[asked.branch] = one
    for branch in repo.branches(PREFIX):
        if branch not in brought:
            repo.delete_branch(branch)
    for branch, one in brought.items():
        _point(repo, branch, one.submission.head)
    known = read_seen(repo)
    replace_seen(
        repo, {branch: _seen(one, known.get(branch), when) for branch, one in brought.items()}
    )
    return brought, odd


def _seen(one: Open, known: Seen | None, when: int) -> Seen:
    """Since when the commit waits: as the forge says, else since it was first fetched here."""
    head = one.submission.head
    first = known.at if known is not None and known.head == head else when
    return Seen(head, min(one.since or first, when), one.by, one.account)


def merge_open(  # noqa: PLR0913 # the job's whole world
    driver: Driver,
    repo: Repository,
    *,
    when: int,
    author: str,
    gate: Gate | None = None,
    needs_check: bool = False,
    wheel_of: WheelOf | None = None,
    reporter: Reporter = SILENT,
    timeout: float = TIMEOUT,
) -> Job:
    """Merge what is ready at a registry anywhere: read again, judged again, pushed if main stayed.

    ``repo`` is a bare repository of ours. Main is pushed by compare and swap; when it moved
    meanwhile all is done again. Nothing of a plugin is run. A maintainer's approval of exactly the
    head decides what the law holds or nobody proved. What was merged is closed at the forge.
    """
    _note(driver, when)
    for _ in range(ATTEMPTS):
        base = fetch_main(repo, driver.address, reporter, timeout)
        brought, odd = bring_in(repo, driver, driver.open(details=True), when=when, timeout=timeout)
        for branch, one in list(brought.items()):
            wait = _not_yet(repo, one, gate, needs_check=needs_check)
            if wait is not None:
                odd[one.number] = wait
                repo.delete_branch(branch)
                del brought[branch]
        swept = merge_ready(repo, when=when, author=author, wheel_of=wheel_of)
        merged, waits = _approved(
            repo, brought, swept.merged, swept.waiting, when=when, author=author
        )
        commit = commit_of(repo, MAIN)
        if commit == base or _pushed(repo, driver, base, commit, timeout):
            break
    else:
        raise RemoteRefused("Main of the registry keeps changing.", url=driver.address)
    for done in merged:
        words = f"Merged as {commit}: {done.title}. Only its files were taken, not its commits."
        driver.finish(repo, brought[done.branch], words)
    left = {branch: one for branch, one in brought.items() if branch in waits}
    return Job(commit, tuple(merged), _ordered(left.values(), waits, odd))


def _note(driver: Driver, when: int) -> None:
    """In a folder, remember since when its submissions wait."""
    folder = local_folder(driver.address) if driver.name == "bare" else None
    if folder is not None:
        with Repository.open(folder) as there, single_writer(there):
            note_seen(there, there.branches(PREFIX), now=when)


def _pushed(repo: Repository, driver: Driver, base: str, commit: str, timeout: float) -> bool:
    """Main pushed, if it still was ``base``."""
    heads = repo.fetch(driver.address, branches=(MAIN,), timeout=timeout)
    if heads.get(MAIN) != base:
        return False
    repo.push(driver.address, MAIN, commit, timeout=timeout)
    return True


def _not_yet(
    repo: Repository, one: Open, gate: Gate | None, *, needs_check: bool
) -> Standing | None:
    """Why a submission is not even looked at by the law; None when it is."""
    if one.draft:
        return _standing(one, "draft", "It is a draft.")
    if needs_check and one.check != "passed":
        words = "Its check failed." if one.check == "failed" else "Its check has not ended yet."
        return _standing(one, "check", words)
    state, words = gate(repo, one) if gate is not None else ("", "")
    if state == "refused" or (state == "held" and not _deciders(repo, one)):
        return _standing(one, state, words)
    return None


def _approved(
    repo: Repository,
    brought: Mapping[str, Open],
    merged: Sequence[Merged],
    waiting: Sequence[Waits],
    *,
    when: int,
    author: str,
) -> tuple[list[Merged], dict[str, Waits]]:
    """What a maintainer approved at the forge is taken in too, by the maintainer's name."""
    done, left = list(merged), {}
    for wait in waiting:
        branch = wait.submission.branch
        deciders = _deciders(repo, brought[branch])
        rules = sorted({one.rule for one in wait.findings}) if wait.why == "held" else []
        if wait.why not in {"held", "unproven"} or not deciders:
            left[branch] = wait
            continue
        try:
            done.append(
                merge(
                    repo,
                    wait.submission,
                    when=when,
                    author=author,
                    override=rules,
                    by=deciders[0],
                )
            )
        except HeimnetzError as error:
            left[branch] = msgspec.structs.replace(wait, words=str(error))
    return done, left


def _deciders(repo: Repository, one: Open) -> tuple[str, ...]:
    """The maintainers, by policy.yaml of main, who approved exactly this commit."""
    maintainers = index.policy(repo, repo.tree(commit_of(repo, MAIN))).maintainers
    return tuple(name for name in one.approved if name in maintainers and name != one.by)


def _ordered(
    found: Iterable[Open], waits: Mapping[str, Waits], odd: Mapping[int, Standing]
) -> tuple[Standing, ...]:
    """Ready ones first, in the order in which the merge takes them, with their positions."""
    rows = [_of(one, waits.get(one.submission.branch)) for one in found]
    ready = sorted((row for row in rows if row.state == "ready"), key=_branch)
    placed = [
        msgspec.structs.replace(
            row, position=number, words=f"The next merge takes it in; it is number {number}."
        )
        for number, row in enumerate(ready, 1)
    ]
    rest = sorted([*(row for row in rows if row.state != "ready"), *odd.values()], key=_branch)
    return (*placed, *rest)


def _branch(row: Standing) -> tuple[str, int]:
    return row.submission.branch, row.number


def _of(one: Open, wait: Waits | None) -> Standing:
    if wait is None:
        return _standing(one, "changed", "It is changing right now.")
    if one.draft:
        return _standing(one, "draft", "It is a draft.")
    if one.check == "failed":
        return _standing(one, "check", "Its check failed.")
    if one.check == "pending" and wait.why == "ready":
        return _standing(one, "check", "Its check has not ended yet.")
    words = wait.words
    against = [finding for finding in wait.findings if refuses(finding)]
    if wait.why == "refused" and against:
        words = f"{words} {against[0].location}: {against[0].message} [{against[0].rule}]"
    return msgspec.structs.replace(_standing(one, wait.why, words), until=wait.until)


def _standing(one: Open, state: str, words: str) -> Standing:
    return Standing(
        one.submission,
        state,
        words,
        number=one.number,
        url=one.url,
        by=one.by,
        check=one.check,
        approved=one.approved,
    )


def _point(repo: Repository, branch: str, commit: str) -> None:
    repo.set_branch(branch, commit, expect=repo.branch(branch))
