"""What a merge writes: main's next commit, and the registry's own record of each release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import record_path, release_path
from heimnetz_git.model.registry import Record
from heimnetz_git.registry import index
from heimnetz_git.registry.rebuilt import read_rebuilt, reproduced
from heimnetz_git.registry.submission_value import Submission
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository

__all__ = ["Taken", "commit_all", "utc", "with_record"]


class Taken(msgspec.Struct, frozen=True):
    """A submission that passed, with the tree that it makes."""

    submission: Submission
    tree: str
    findings: tuple[Finding, ...]
    overridden: tuple[str, ...] = ()
    decided: frozenset[str] = frozenset()
    done: bool = False
    is_proven: bool = False


def commit_all(
    repo: Repository, base: str, taken: Sequence[Taken], *, when: int, author: str
) -> str:
    """One commit with all of them; the tree of the last holds those before it."""
    titles = [one.submission.title for one in taken]
    head = f"Merge {titles[0]}" if len(titles) == 1 else f"Merge {len(titles)} submissions"
    blocks = [_trailers(one) for one in taken]
    tree = with_record(repo, taken[-1], when)
    message = f"{head}\n\n" + "\n".join(blocks)
    return repo.commit(tree, [base], message, author=author, when=when)


def _trailers(one: Taken) -> str:
    asked = one.submission
    kind = f"Version: {asked.version}" if asked.version else f"Facts: {asked.topic}"
    lines = [f"Plugin: {asked.name}", kind, f"Submission: {asked.head}"]
    lines += [f"Override: {line}" for line in one.overridden]
    return "".join(f"{line}\n" for line in lines)


def with_record(repo: Repository, taken: Taken, when: int) -> str:
    """The tree with the registry's own word on the release that it brings."""
    asked = taken.submission
    if not asked.version:
        return taken.tree
    entry = repo.entry(taken.tree, release_path(asked.name, asked.version))
    release = index.release(repo, taken.tree, asked.name, asked.version)
    record = Record(
        format=1,
        name=asked.name,
        version=asked.version,
        release=entry.oid if entry else "",
        merged=utc(when),
        reproduced=reproduced(read_rebuilt(repo), release) if release else "not tried",
    )
    files = {record_path(asked.name, asked.version): yamlfile.dump(record)}
    return repo.write(taken.tree, files)


def utc(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
