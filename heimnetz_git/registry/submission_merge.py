"""Taking submissions in: the law once more on main as it is now, then one commit, records and all.

The merge is the single writer of a registry. Killed at any point, main is the old or the new one,
and merging again ends what was begun.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from heimnetz_git.errors import (
    HeimnetzError,
    StorageError,
    SubmissionNotFound,
    SubmissionRefused,
    printable,
)
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import plugin_path, release_path
from heimnetz_git.model.limits import period
from heimnetz_git.registry import index
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.law_outcome import held
from heimnetz_git.registry.replay import Replayed, replay_onto
from heimnetz_git.registry.submission_actor import actor_of, sign_head
from heimnetz_git.registry.submission_approve import (
    APPROVALS,
    UNPROVEN,
    Approval,
    approvals_of,
    decided,
)
from heimnetz_git.registry.submission_commit import Taken, commit_all, utc, with_record
from heimnetz_git.registry.submission_decide import decider_of, overrides
from heimnetz_git.registry.submission_seen import (
    Seen,
    forget,
    note_seen,
    read_seen,
    single_writer,
)
from heimnetz_git.registry.submission_value import (
    MAIN,
    PREFIX,
    Submission,
    WheelOf,
    commit_of,
    judge_replayed,
    refuse,
    submission_of,
)
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.signatures import SigningKey

__all__ = ["Merged", "Swept", "Waits", "merge", "merge_ready", "survey"]

ATTEMPTS = 20
BATCH = 50
NEVER: frozenset[str] = frozenset()
NOBODY: Mapping[str, Actor] = {}


class Merged(msgspec.Struct, frozen=True):
    """A submission that was taken in: main's commit, and findings that were no obstacle."""

    name: str
    version: str
    branch: str
    commit: str
    findings: tuple[Finding, ...] = ()
    topic: str = "release"

    @property
    def title(self) -> str:
        """``clock 1.0.0`` or ``clock: yank-1.0.0``."""
        return f"{self.name} {self.version}" if self.version else f"{self.name}: {self.topic}"


class Waits(msgspec.Struct, frozen=True, omit_defaults=True):
    """A submission that was not taken in by itself, and what it waits for.

    ``why`` is ``refused``, ``held``, ``unproven`` or ``period``, which ends at ``until`` (unix s);
    in a survey also ``ready``: it waits for the next merge alone.
    """

    submission: Submission
    why: str
    words: str
    until: int = 0
    findings: tuple[Finding, ...] = ()


class Swept(msgspec.Struct, frozen=True):
    """What ``merge_ready`` did: what it took in, and what still waits."""

    merged: tuple[Merged, ...]
    waiting: tuple[Waits, ...]


def merge(  # noqa: PLR0913 # what is merged, by whom, and what was decided
    repo: Repository,
    submission: Submission | str,
    *,
    when: int,
    author: str,
    wheel_of: WheelOf | None = None,
    override: Collection[str] = NEVER,
    by: str = "",
    key: SigningKey | None = None,
    actor: Actor | None = None,
) -> Merged:
    """Take a submission in: one commit on main with its files and the registry's record of it.

    The law is applied to main as it is at that moment; when main moves meanwhile, all is done
    again. A submission given as a value must still have that head. ``override`` names the rules
    whose hold the maintainer ``by`` decides against, which the commit records beside approvals;
    ``key`` signs it and proves who that is. ``actor`` is who a forge says that asks. Raises
    SubmissionNotFound, SubmissionRefused with every finding.
    """
    branch = submission if isinstance(submission, str) else submission.branch
    branch = branch if branch.startswith(PREFIX) else PREFIX + branch
    asked = submission_of(branch, _head(repo, branch))
    if isinstance(submission, Submission) and submission.head != asked.head:
        raise SubmissionRefused(
            f"The submission {branch!r} was changed after it was read.",
            hint="Read it again, then merge it.",
        )
    for _ in range(ATTEMPTS):
        base = commit_of(repo, MAIN)
        seen = read_seen(repo).get(branch)
        who = actor or actor_of(repo, base, asked.head, seen, at=when)
        tree = repo.tree(base)
        taken = _take(repo, base, tree, asked, wheel_of=wheel_of, actor=who, when=when)
        if taken.done:
            return _ended(repo, taken, base)
        refuse(taken.findings, branch)
        decider = decider_of(repo, base, by, key, at=when)
        approvals = approvals_of(repo, base, _approving(repo, branch), at=when).get(branch, ())
        lines = overrides(
            index.policy(repo, repo.tree(base)), asked, taken.findings,
            chosen=override, decider=decider, approvals=approvals,
        )  # fmt: skip
        taken = msgspec.structs.replace(taken, overridden=lines)
        commit = sign_head(repo, commit_all(repo, base, [taken], when=when, author=author), key)
        if repo.set_branch(MAIN, commit, expect=base):
            return _ended(repo, taken, commit)
    raise StorageError(f"The branch {MAIN!r} of {repo.path} keeps changing.")


def merge_ready(
    repo: Repository,
    *,
    when: int,
    author: str,
    wheel_of: WheelOf | None = None,
    most: int = BATCH,
    actors: Mapping[str, Actor] = NOBODY,
    key: SigningKey | None = None,
) -> Swept:
    """Take in every submission that needs nobody's word, up to ``most`` of them in one commit.

    Ready is what the law neither refuses nor holds, what a proven owner brings (or nobody owns
    yet), and what has waited as policy.yaml says since the registry first saw its head. ``when``
    is now; ``actors`` are who a forge says that asks, by branch and account; ``key`` signs the
    commits. What a maintainer approved is decided. Nothing that changed since it was looked at is
    merged.
    """
    with single_writer(repo):
        heads = repo.branches(PREFIX)
        sweep = _Sweep(heads, note_seen(repo, heads, now=when), actors, wheel_of, when, author, key)
        merged: list[Merged] = []
        waiting: dict[str, Waits] = {}
        left = sorted(heads)
        while left:
            batch, left = left[:most], left[most:]
            done, waits = _sweep(repo, batch, sweep)
            merged += done
            waiting.update(waits)
        forget(repo, repo.branches(PREFIX))
    return Swept(tuple(merged), tuple(waiting[branch] for branch in sorted(waiting)))


def survey(repo: Repository, *, when: int, wheel_of: WheelOf | None = None) -> tuple[Waits, ...]:
    """What each open submission waits for at ``when``, by branch; nothing is changed.

    Each is judged on main as it is. One that was not seen before counts as seen now.
    """
    base = commit_of(repo, MAIN)
    heads, known = repo.branches(PREFIX), read_seen(repo)
    seen = {
        branch: known[branch]
        if branch in known and known[branch].head == head
        else Seen(head, when)
        for branch, head in heads.items()
    }
    approvals = approvals_of(repo, base, _approving(repo), at=when)
    sweep = _Sweep(heads, seen, NOBODY, wheel_of, when, "", None, approvals)
    found = []
    for branch, head in heads.items():
        wait, taken = _looked_at(repo, base, repo.tree(base), branch, sweep)
        asked = taken.submission if taken else Submission("", "", branch, "", head)
        wait = wait or Waits(asked, "ready", "The next merge takes it in.")
        fork = "".join(repo.parents(head)[:1]) if asked.name else ""
        on_top = msgspec.structs.replace(wait.submission, base=fork)
        found.append(msgspec.structs.replace(wait, submission=on_top))
    return tuple(found)


class _Sweep(NamedTuple):
    """What one run of ``merge_ready`` goes by."""

    heads: Mapping[str, str]
    seen: Mapping[str, Seen]
    actors: Mapping[str, Actor]
    wheel_of: WheelOf | None
    when: int
    author: str
    key: SigningKey | None
    approvals: Mapping[str, Sequence[Approval]] = {}


def _sweep(
    repo: Repository, branches: Sequence[str], sweep: _Sweep
) -> tuple[list[Merged], dict[str, Waits]]:
    """One batch: each on top of those before it, all as one commit by compare and swap."""
    for _ in range(ATTEMPTS):
        base = commit_of(repo, MAIN)
        tree = repo.tree(base)
        approvals = approvals_of(repo, base, _approving(repo), at=sweep.when)
        sweep = sweep._replace(approvals=approvals)
        taken: list[Taken] = []
        waits: dict[str, Waits] = {}
        for branch in branches:
            wait, found = _looked_at(repo, base, tree, branch, sweep)
            if wait is not None:
                waits[branch] = wait
            elif found is not None and repo.branch(branch) == sweep.heads[branch]:
                taken.append(found)
                tree = tree if found.done else with_record(repo, found, sweep.when)
        fresh = [one for one in taken if not one.done]
        commit = base
        if fresh:
            made = commit_all(repo, base, fresh, when=sweep.when, author=sweep.author)
            commit = sign_head(repo, made, sweep.key)
        if not fresh or repo.set_branch(MAIN, commit, expect=base):
            return [_ended(repo, one, commit) for one in taken], waits
    raise StorageError(f"The branch {MAIN!r} of {repo.path} keeps changing.")


def _looked_at(
    repo: Repository,
    base: str,
    tree: str,
    branch: str,
    sweep: _Sweep,
) -> tuple[Waits | None, Taken | None]:
    """One submission on top of ``tree``: what it waits for, or what it makes."""
    head, seen = sweep.heads[branch], sweep.seen[branch]
    try:
        asked = submission_of(branch, head)
        who = sweep.actors.get(branch) or actor_of(repo, base, head, seen, at=sweep.when)
        found = _take(repo, base, tree, asked, wheel_of=sweep.wheel_of, actor=who, when=sweep.when)
        if found.done:
            return None, found
        found = _with_approvals(repo, tree, found, sweep.approvals.get(branch, ()))
        return _obstacle(repo, tree, found, seen, sweep.when), found
    except HeimnetzError as error:
        return Waits(Submission("", "", branch, "", head), "refused", str(error)), None


def _with_approvals(
    repo: Repository, tree: str, taken: Taken, approvals: Sequence[Approval]
) -> Taken:
    """With what maintainers decided about exactly this commit."""
    rules = [*{one.rule for one in held(taken.findings)}, UNPROVEN]
    words = decided(index.policy(repo, tree), approvals, taken.submission.head, rules)
    lines = tuple(f"{rule} by {printable(by)}" for rule, by in sorted(words.items()))
    return msgspec.structs.replace(
        taken,
        overridden=lines,
        decided=frozenset(words),
        is_proven=taken.is_proven or UNPROVEN in words,
    )


def _ended(repo: Repository, one: Taken, commit: str) -> Merged:
    """Remove what is not needed any more: the branch, and approvals of it."""
    asked = one.submission
    repo.delete_branch(asked.branch, expect=asked.head)
    for branch, head in _approving(repo, asked.branch).items():
        repo.delete_branch(branch, expect=head)
    return Merged(asked.name, asked.version, asked.branch, commit, one.findings, asked.topic)


def _approving(repo: Repository, branch: str = PREFIX) -> dict[str, str]:
    """The branches of approvals, of one submission or of all."""
    return repo.branches(f"{APPROVALS}{branch.removeprefix(PREFIX)}".rstrip("/") + "/")


def _obstacle(repo: Repository, tree: str, taken: Taken, seen: Seen, when: int) -> Waits | None:
    """What keeps a submission from being merged by itself; None when it is ready."""
    asked, policy = taken.submission, index.policy(repo, tree)
    try:
        refuse(taken.findings, asked.branch)
    except SubmissionRefused as error:
        return Waits(asked, "refused", str(error), findings=taken.findings)
    holding = tuple(one for one in held(taken.findings) if one.rule not in taken.decided)
    if holding:
        words = f"A maintainer decides: {', '.join(sorted({one.rule for one in holding}))}."
        return Waits(asked, "held", words, findings=holding)
    is_new = repo.entry(tree, plugin_path(asked.name)) is None
    if not is_new and not taken.is_proven:
        return Waits(asked, "unproven", "Nothing proves that an owner submits it.")
    ready = seen.at + period(policy.waiting.new_name if is_new else policy.waiting.version)
    if when < ready:
        return Waits(asked, "period", f"Its waiting period ends at {utc(ready)}.", ready)
    return None


def _take(  # two trees, what is asked, and what is known around it
    repo: Repository,
    base: str,
    tree: str,
    asked: Submission,
    *,
    wheel_of: WheelOf | None,
    actor: Actor | None,
    when: int,
) -> Taken:
    """A submission on top of ``tree``, which is that of main's commit ``base`` or a later one."""
    replayed = replay_onto(repo, base, tree, asked.head)
    if _is_merged(repo, replayed, asked):
        return Taken(asked, tree, (), done=True)
    found = judge_replayed(repo, replayed, wheel_of=wheel_of, expected=asked, actor=actor, at=when)
    return Taken(asked, replayed.tree, found, is_proven=actor is not None)


def _is_merged(repo: Repository, replayed: Replayed, asked: Submission) -> bool:
    """Did an earlier merge of it end before its branch was removed?"""
    version = asked.version
    path = release_path(asked.name, version) if version else plugin_path(asked.name)
    there, theirs = repo.entry(replayed.base, path), repo.entry(repo.tree(asked.head), path)
    unchanged = not replayed.findings and replayed.tree == replayed.base
    return there is not None and there == theirs and unchanged


def _head(repo: Repository, branch: str) -> str:
    head = repo.branch(branch)
    if head is None:
        raise SubmissionNotFound(f"There is no submission {printable(branch)!r}.", branch=branch)
    return head
