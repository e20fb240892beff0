"""The names that registries upstream have given out, kept where the law of an index sees them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from heimnetz_git.errors import StorageError
from heimnetz_git.model.layout import UPSTREAM_NAMES
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry.names import names_of
from heimnetz_git.registry.submission import TIMEOUT, fetch_main, workdir_of
from heimnetz_git.registry.submission_actor import sign_head
from heimnetz_git.registry.submission_value import MAIN, commit_of
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.signatures import SigningKey

__all__ = ["Snapshot", "keep_names", "names_at"]

ATTEMPTS = 20
_HEAD = b"# The plugins of the registries upstream, one a line; made by 'registry upstream'.\n"


class Snapshot(msgspec.Struct, frozen=True):
    """What was written: main's commit, how many names it knows, and how many of them are new."""

    commit: str
    names: int
    added: int


def names_at(
    url: str, workdir: Path, *, reporter: Reporter = SILENT, timeout: float = TIMEOUT
) -> tuple[str, ...]:
    """Every plugin of the registry at ``url``, sorted.

    ``workdir`` is a bare repository of ours, made when it is not there. Raises FileMissing when it
    is no registry, NetworkError.
    """
    with workdir_of(workdir) as repo:
        base = fetch_main(repo, url, reporter, timeout)
        return tuple(sorted(names_of(repo, repo.tree(base))))


def keep_names(
    repo: Repository,
    names: Iterable[str],
    *,
    when: int,
    author: str,
    key: SigningKey | None = None,
) -> Snapshot:
    """Write these names, and those that were kept before, to ``trust/upstream_names`` of main.

    A name that an upstream gave up stays: somebody may have it still. No commit when none is new;
    when main moves meanwhile, all is done again. ``key`` signs the commit.
    """
    wanted = set(names)
    for _ in range(ATTEMPTS):
        base = commit_of(repo, MAIN)
        tree = repo.tree(base)
        known = _known(repo, tree)
        fresh = wanted - known
        if not fresh:
            return Snapshot(base, len(known), 0)
        every = sorted(known | wanted)
        data = _HEAD + "".join(f"{name}\n" for name in every).encode()
        made = repo.write(tree, {UPSTREAM_NAMES: data})
        message = f"Know {len(every)} names of registries upstream"
        commit = sign_head(repo, repo.commit(made, [base], message, author=author, when=when), key)
        if repo.set_branch(MAIN, commit, expect=base):
            return Snapshot(commit, len(every), len(fresh))
    raise StorageError(f"The branch {MAIN!r} of {repo.path} keeps changing.")


def _known(repo: Repository, tree: str) -> set[str]:
    entry = repo.entry(tree, UPSTREAM_NAMES)
    lines = repo.read(entry.oid).decode("utf-8", "replace").splitlines() if entry else ()
    return {line for line in lines if line and not line.startswith("#")}
