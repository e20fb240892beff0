"""What every client holds an update of an index to: published files stay, trees are harmless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from heimnetz_git.errors import HeimnetzError
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.registry import law_tree
from heimnetz_git.registry.law_case import finding
from heimnetz_git.storage.repo import Change, Repository

__all__ = ["MOST_FINDINGS", "judge_update", "of_tree", "ordered", "unreadable"]

MOST_FINDINGS = 100
MOST_ENTRIES = 10_000_000


def judge_update(repo: Repository, old_tree: str | None, new_tree: str) -> tuple[Finding, ...]:
    """What a client has against an update of an index: changed releases, hostile trees.

    Looks at what changed alone, at everything when there is no old tree. Rule ``release-changed``
    is about immutability, every other one about the tree's form. None of them is to be ignored.
    """
    try:
        return ordered(of_tree(repo, new_tree, repo.diff(old_tree, new_tree)))
    except HeimnetzError as error:
        return (unreadable(error),)


def of_tree(repo: Repository, head: str, changes: Iterable[Change]) -> Iterator[Finding]:
    """What the rules for every change find, in one pass; at most a hundred findings."""
    seen: set[str] = set()
    found = 0
    for count, change in enumerate(changes):
        if count > MOST_ENTRIES:
            yield finding("too-many-files", change.path, f"It has more than {MOST_ENTRIES} files.")
            return
        for one in _of_change(repo, head, change, seen):
            found += 1
            yield one
        if found >= MOST_FINDINGS:
            return


def _of_change(repo: Repository, head: str, change: Change, seen: set[str]) -> Iterator[Finding]:
    for rule in law_tree.CHANGE_RULES:
        yield from rule(change)
    if change.new is None:
        return
    for folder in law_tree.folders_of(change.path):
        if folder in seen:
            return
        seen.add(folder)
        yield from islice(law_tree.path_collision(repo, head, folder), MOST_FINDINGS)


def unreadable(error: HeimnetzError) -> Finding:
    """A tree that cannot be read, as a finding: nobody can say that it keeps the law."""
    return Finding("tree-unreadable", Severity.CRITICAL, str(error), Location("/"), error.hint)


def ordered(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, by place."""

    def order(one: Finding) -> tuple[str, int, str, str]:
        return (one.location.file, one.location.line, one.rule, one.message)

    return tuple(sorted(dict.fromkeys(found), key=order))
