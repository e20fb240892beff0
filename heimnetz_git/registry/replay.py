"""A submission's files on top of main as it is now: a tree, or what stands against it."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from heimnetz_git.model.finding import Finding
from heimnetz_git.registry.law_case import finding
from heimnetz_git.storage.repo import Entry, Repository

__all__ = ["Replayed", "replay", "replay_onto"]

MOST_FILES = 1000
MOST_COMMITS = 5000


class Replayed(NamedTuple):
    """Two trees: main's, and main's with the submission's files; the same when there is nothing.

    ``paths`` are those that differ, None where nobody has looked.
    """

    base: str
    tree: str
    findings: tuple[Finding, ...] = ()
    paths: tuple[str, ...] | None = None


def replay(repo: Repository, base: str, head: str) -> Replayed:
    """What main's commit ``base`` becomes with the files that ``head`` changed since it left main.

    Files alone count: commits and merges within the submission do not come along. A file that main
    changed as well since then is a finding.
    """
    return replay_onto(repo, base, repo.tree(base), head)


def replay_onto(repo: Repository, base: str, base_tree: str, head: str) -> Replayed:
    """As ``replay``, onto a tree that is main's with more than ``base`` already taken in."""
    fork = _fork(repo, base, head)
    if fork is None:
        said = "Its history does not begin at one commit of main; build it on main anew."
        return Replayed(base_tree, base_tree, (finding("history-tangled", "/", said),))
    files: dict[str, bytes | Entry | None] = {}
    found: list[Finding] = []
    count = 0
    for change in islice(repo.diff(repo.tree(fork), repo.tree(head)), MOST_FILES + 1):
        count += 1
        now = repo.entry(base_tree, change.path)
        if now == change.new:
            continue
        if now != change.old or (now and _was_other(repo, base, fork, change.path)):
            said = "Main changed this file too since the submission was made; build it anew."
            found.append(finding("conflict", change.path, said))
        files[change.path] = change.new
    if len(files) > MOST_FILES:
        said = f"It changes more than {MOST_FILES} files."
        found = [finding("too-many-files", "/", said)]
    if found:
        return Replayed(base_tree, base_tree, tuple(found))
    if len(files) == count and base_tree == repo.tree(fork):
        return Replayed(base_tree, repo.tree(head), paths=tuple(files))
    tree = repo.write(base_tree, files) if files else base_tree
    return Replayed(base_tree, tree, paths=tuple(files))


def _was_other(repo: Repository, base: str, fork: str, path: str) -> bool:
    """Was this file another at some time between ``fork`` and main's commit ``base``?

    Then what is asked for was already decided on: a yank that was taken back since, say, must not
    come again because somebody kept the signed commit. What is too old to tell counts as such.
    """
    then = repo.entry(repo.tree(fork), path)
    for _ in range(MOST_COMMITS):
        if base == fork:
            return False
        if repo.entry(repo.tree(base), path) != then:
            return True
        parents = repo.parents(base)
        if not parents:
            return True
        base = parents[0]
    return True


def _fork(repo: Repository, base: str, head: str) -> str | None:
    """The last commit of main that ``head`` builds on; None when there is not one alone."""
    own = repo.commits_since(head, base)
    if not own:
        return head
    edge = {parent for oid in own for parent in repo.parents(oid)}.difference(own)
    last = [one for one in edge if all(repo.is_ancestor(other, one) for other in edge)]
    return last[0] if last else None
