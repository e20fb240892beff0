"""Taking submissions in: the law once more on main as it is now, then one commit, records and all.

The merge is the single writer of a registry. Killed at any point, main is the old or the new one,
and merging again ends what was begun.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import msgspec

from heimnetz_git.errors import (
    HeimnetzError,
    StorageError,
    SubmissionNotFound,
    SubmissionRefused,
    printable,
)
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import plugin_path, record_path, release_path
from heimnetz_git.model.limits import period
from heimnetz_git.model.registry import Policy, Record
from heimnetz_git.registry import index
from heimnetz_git.registry.law_outcome import held, may_override
from heimnetz_git.registry.replay import Replayed, replay_onto
from heimnetz_git.registry.submission_actor import actor_of
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
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository

__all__ = ["Merged", "Swept", "Waits", "merge", "merge_ready", "survey"]

ATTEMPTS = 20
BATCH = 50
NEVER: frozenset[str] = frozenset()


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


class _Taken(msgspec.Struct, frozen=True):
    """A submission that passed, with the tree that it makes."""

    submission: Submission
    tree: str
    findings: tuple[Finding, ...]
    overridden: tuple[str, ...] = ()
    done: bool = False
    is_proven: bool = False


def merge(
    repo: Repository,
    submission: Submission | str,
    *,
    when: int,
    author: str,
    wheel_of: WheelOf | None = None,
    override: Collection[str] = NEVER,
    by: str = "",
) -> Merged:
    """Take a submission in: one commit on main with its files and the registry's record of it.

    The law is applied to main as it is at that moment; when main moves meanwhile, all is done
    again. A submission given as a value must still have that head. ``override`` names the rules
    whose hold the maintainer ``by`` decides against, which the commit records. Raises
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
        taken = _take(repo, base, repo.tree(base), asked, wheel_of=wheel_of, seen=seen, when=when)
        if taken.done:
            repo.delete_branch(branch, expect=asked.head)
            return _merged(asked, base)
        refuse(taken.findings, branch)
        taken = _overridden(repo, base, taken, override, by)
        commit = _commit(repo, base, [taken], when=when, author=author, by=by)
        if repo.set_branch(MAIN, commit, expect=base):
            repo.delete_branch(branch, expect=asked.head)
            return _merged(asked, commit, taken.findings)
    raise StorageError(f"The branch {MAIN!r} of {repo.path} keeps changing.")


def merge_ready(
    repo: Repository,
    *,
    when: int,
    author: str,
    wheel_of: WheelOf | None = None,
    most: int = BATCH,
) -> Swept:
    """Take in every submission that needs nobody's word, up to ``most`` of them in one commit.

    Ready is what the law neither refuses nor holds, what a proven owner brings (or nobody owns
    yet), and what has waited as policy.yaml says since the registry first saw its head. ``when``
    is now. Nothing that changed since it was looked at is merged.
    """
    with single_writer(repo):
        heads = repo.branches(PREFIX)
        seen = note_seen(repo, heads, now=when)
        merged: list[Merged] = []
        waiting: dict[str, Waits] = {}
        left = sorted(heads)
        while left:
            batch, left = left[:most], left[most:]
            done, waits = _sweep(repo, batch, heads, seen, wheel_of, when=when, author=author)
            merged += done
            waiting.update(waits)
        forget(repo, repo.branches(PREFIX))
    return Swept(tuple(merged), tuple(waiting[branch] for branch in sorted(waiting)))


def survey(repo: Repository, *, when: int, wheel_of: WheelOf | None = None) -> tuple[Waits, ...]:
    """What each open submission waits for at ``when``, by branch; nothing is changed.

    Each is judged on main as it is. One that was not seen before counts as seen now.
    """
    base = commit_of(repo, MAIN)
    tree, seen = repo.tree(base), read_seen(repo)
    found = []
    for branch, head in repo.branches(PREFIX).items():
        known = seen.get(branch)
        known = known if known is not None and known.head == head else Seen(head, when)
        try:
            asked = submission_of(branch, head, "".join(repo.parents(head)[:1]))
            taken = _take(repo, base, tree, asked, wheel_of=wheel_of, seen=known, when=when)
            wait = None if taken.done else _obstacle(repo, tree, taken, known, when)
        except HeimnetzError as error:
            asked = Submission("", "", branch, "", head)
            wait = Waits(asked, "refused", str(error))
        found.append(wait or Waits(asked, "ready", "The next merge takes it in."))
    return tuple(found)


def _sweep(
    repo: Repository,
    branches: Sequence[str],
    heads: dict[str, str],
    seen: dict[str, Seen],
    wheel_of: WheelOf | None,
    *,
    when: int,
    author: str,
) -> tuple[list[Merged], dict[str, Waits]]:
    """One batch: each on top of those before it, all as one commit by compare and swap."""
    for _ in range(ATTEMPTS):
        base = commit_of(repo, MAIN)
        tree = repo.tree(base)
        taken: list[_Taken] = []
        waits: dict[str, Waits] = {}
        for branch in branches:
            try:
                asked = submission_of(branch, heads[branch])
                found = _take(
                    repo, base, tree, asked, wheel_of=wheel_of, seen=seen[branch], when=when
                )
                wait = None if found.done else _obstacle(repo, tree, found, seen[branch], when)
            except HeimnetzError as error:
                odd = Submission("", "", branch, "", heads[branch])
                wait, found = Waits(odd, "refused", str(error)), None
            if wait is not None:
                waits[branch] = wait
            elif found is not None and repo.branch(branch) == heads[branch]:
                taken.append(found)
                tree = tree if found.done else _with_record(repo, found, when)
        fresh = [one for one in taken if not one.done]
        commit = _commit(repo, base, fresh, when=when, author=author) if fresh else base
        if not fresh or repo.set_branch(MAIN, commit, expect=base):
            return [_ended(repo, one, commit) for one in taken], waits
    raise StorageError(f"The branch {MAIN!r} of {repo.path} keeps changing.")


def _ended(repo: Repository, one: _Taken, commit: str) -> Merged:
    asked = one.submission
    repo.delete_branch(asked.branch, expect=asked.head)
    return _merged(asked, commit, one.findings)


def _merged(asked: Submission, commit: str, found: tuple[Finding, ...] = ()) -> Merged:
    return Merged(asked.name, asked.version, asked.branch, commit, found, asked.topic)


def _obstacle(repo: Repository, tree: str, taken: _Taken, seen: Seen, when: int) -> Waits | None:
    """What keeps a submission from being merged by itself; None when it is ready."""
    asked, policy = taken.submission, index.policy(repo, tree)
    try:
        refuse(taken.findings, asked.branch)
    except SubmissionRefused as error:
        return Waits(asked, "refused", str(error), findings=taken.findings)
    holding = held(taken.findings)
    if holding:
        words = f"A maintainer decides: {', '.join(sorted({one.rule for one in holding}))}."
        return Waits(asked, "held", words, findings=holding)
    is_new = repo.entry(tree, plugin_path(asked.name)) is None
    if not is_new and not taken.is_proven:
        return Waits(asked, "unproven", "Nothing proves that an owner submits it.")
    ready = seen.at + period(policy.waiting.new_name if is_new else policy.waiting.version)
    if when < ready:
        return Waits(asked, "period", f"Its waiting period ends at {_time(ready)}.", ready)
    return None


def _take(
    repo: Repository,
    base: str,
    tree: str,
    asked: Submission,
    *,
    wheel_of: WheelOf | None,
    seen: Seen | None,
    when: int,
) -> _Taken:
    """A submission on top of ``tree``, which is that of main's commit ``base`` or a later one."""
    replayed = replay_onto(repo, base, tree, asked.head)
    if _is_merged(repo, replayed, asked):
        return _Taken(asked, tree, (), done=True)
    actor = actor_of(repo, base, asked.head, seen, at=when)
    found = judge_replayed(repo, replayed, wheel_of=wheel_of, expected=asked, actor=actor, at=when)
    return _Taken(asked, replayed.tree, found, is_proven=actor is not None)


def _is_merged(repo: Repository, replayed: Replayed, asked: Submission) -> bool:
    """Did an earlier merge of it end before its branch was removed?"""
    version = asked.version
    path = release_path(asked.name, version) if version else plugin_path(asked.name)
    there, theirs = repo.entry(replayed.base, path), repo.entry(repo.tree(asked.head), path)
    unchanged = not replayed.findings and replayed.tree == replayed.base
    return there is not None and there == theirs and unchanged


def _overridden(
    repo: Repository, base: str, taken: _Taken, override: Collection[str], by: str
) -> _Taken:
    """The submission with the holds that a maintainer decided against; each rule by its name."""
    policy = index.policy(repo, repo.tree(base))
    rules = sorted({one.rule for one in held(taken.findings)})
    left = [rule for rule in rules if rule not in override]
    if left:
        raise SubmissionRefused(
            f"{printable(taken.submission.branch)!r} waits for a maintainer: {', '.join(left)}.",
            hint=f"Decide with {' '.join(f'--override {rule}' for rule in left)}.",
            problems=[one for one in held(taken.findings) if one.rule in left],
            branch=printable(taken.submission.branch),
        )
    _check_may(policy, rules, by)
    return msgspec.structs.replace(taken, overridden=tuple(rules))


def _check_may(policy: Policy, rules: Sequence[str], by: str) -> None:
    for rule in rules:
        if not may_override(policy, rule, by):
            raise SubmissionRefused(
                f"{printable(by or 'Nobody')!r} may not override {rule!r}.",
                hint="policy.yaml names who may, under 'override' or 'maintainers'.",
                rule=rule,
            )


def _commit(
    repo: Repository, base: str, taken: Sequence[_Taken], *, when: int, author: str, by: str = ""
) -> str:
    """One commit with all of them; the tree of the last holds those before it."""
    titles = [one.submission.title for one in taken]
    head = f"Merge {titles[0]}" if len(titles) == 1 else f"Merge {len(titles)} submissions"
    blocks = [_trailers(one, by) for one in taken]
    tree = _with_record(repo, taken[-1], when)
    message = f"{head}\n\n" + "\n".join(blocks)
    return repo.commit(tree, [base], message, author=author, when=when)


def _trailers(one: _Taken, by: str) -> str:
    asked = one.submission
    kind = f"Version: {asked.version}" if asked.version else f"Facts: {asked.topic}"
    lines = [f"Plugin: {asked.name}", kind, f"Submission: {asked.head}"]
    who = f" by {printable(by)}" if by else ""
    lines += [f"Override: {rule}{who}" for rule in one.overridden]
    return "".join(f"{line}\n" for line in lines)


def _with_record(repo: Repository, taken: _Taken, when: int) -> str:
    """The tree with the registry's own word on the release that it brings."""
    asked = taken.submission
    if not asked.version:
        return taken.tree
    entry = repo.entry(taken.tree, release_path(asked.name, asked.version))
    record = Record(
        format=1,
        name=asked.name,
        version=asked.version,
        release=entry.oid if entry else "",
        merged=_time(when),
    )
    files = {record_path(asked.name, asked.version): yamlfile.dump(record)}
    return repo.write(taken.tree, files)


def _time(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _head(repo: Repository, branch: str) -> str:
    head = repo.branch(branch)
    if head is None:
        raise SubmissionNotFound(f"There is no submission {printable(branch)!r}.", branch=branch)
    return head
