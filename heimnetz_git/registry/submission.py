"""Submissions: a release as a branch with one commit, checked by the law and merged as one commit.

Publishing makes the branch ``submit/<name>/<version>`` on top of main; whoever merges holds it to
the law once more, on main as it is then. Only files travel from a submission to main, never its
history.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from heimnetz_git.errors import (
    FileMissing,
    HeimnetzError,
    StorageError,
    SubmissionRefused,
    UsageError,
)
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import (
    REGISTRY,
    artifact_path,
    plugin_path,
    release_path,
    signature_path,
    submission_branch,
)
from heimnetz_git.model.registry import Owner, RegistryInfo
from heimnetz_git.model.release import Source
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry import index
from heimnetz_git.registry.law import judge
from heimnetz_git.registry.law_case import Actor
from heimnetz_git.registry.manifest import open_wheels, plugin_entry_of, release_of_all
from heimnetz_git.registry.replay import replay
from heimnetz_git.registry.submission_actor import actor_of, registry_trailer, sign_head
from heimnetz_git.registry.submission_merge import Merged, merge
from heimnetz_git.registry.submission_value import (
    MAIN,
    PREFIX,
    Submission,
    WheelOf,
    Wheels,
    commit_of,
    judge_replayed,
    refuse,
    submission_of,
)
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository, local_folder, remote_heads
from heimnetz_git.trust.signatures import SigningKey, sign

__all__ = [
    "Merged",
    "Send",
    "Submission",
    "check",
    "fetch_main",
    "merge",
    "prepare",
    "publish",
    "submissions",
    "workdir_of",
]

TIMEOUT = 30.0

Send = Callable[[Repository, Submission, tuple[Finding, ...]], None]
"""What brings a submission to its registry, given what the law found; a push of its branch, or what
a forge wants instead."""


def prepare(  # noqa: PLR0913 # what a release is made from
    repo: Repository,
    base: str,
    wheels: Wheels,
    *,
    source: Source | None = None,
    owner: str | Owner = "",
    embedded: bool = True,
    url: str = "",
    when: int,
    author: str,
    key: SigningKey | None = None,
) -> Submission:
    """Make the branch of a release: one commit on ``base`` with its files.

    ``wheels`` are one wheel or one for each platform. They go into the registry, or with
    ``embedded=False`` stay at ``url`` (ending in ``/``: the folder that they lie in). ``owner`` is
    needed for a new plugin. ``key`` signs the commit and the
    release file. Raises WheelRejected, UsageError, SubmissionRefused when the release is published
    already.
    """
    opened = open_wheels([wheels] if isinstance(wheels, Path) else wheels)
    release = release_of_all(opened, source, url="" if embedded else url)
    if not embedded and not url:
        raise UsageError("A wheel that is not kept in the registry needs an address.")
    name, version = release.name, release.version
    tree = repo.tree(base)
    if repo.entry(tree, release_path(name, version)) is not None:
        raise SubmissionRefused(
            f"{name} {version} is published already.",
            hint="Published releases never change: choose a later version.",
            name=name,
            version=version,
        )
    files: dict[str, bytes | None] = {release_path(name, version): yamlfile.dump(release)}
    if key is not None:
        files[signature_path(name, version)] = sign(yamlfile.dump(release), key).encode()
    if embedded:
        files |= {artifact_path(name, wheel.file): wheel.data for wheel in opened}
    if repo.entry(tree, plugin_path(name)) is None:
        files[plugin_path(name)] = yamlfile.dump(plugin_entry_of(opened[0].wheel, [_owner(owner)]))
    message = f"Publish {name} {version}\n\nPlugin: {name}\nVersion: {version}\n"
    message += registry_trailer(index.registry_info(repo, tree))
    made = repo.commit(repo.write(tree, files), [base], message, author=author, when=when)
    commit = sign_head(repo, made, key)
    branch = submission_branch(name, version)
    if not repo.set_branch(branch, commit, expect=repo.branch(branch)):
        raise StorageError(f"The branch {branch!r} was changed by another program meanwhile.")
    return Submission(name, version, branch, base, commit)


def publish(  # noqa: PLR0913 # what a release is made from, and where it goes
    url: str,
    wheels: Wheels,
    workdir: Path,
    *,
    source: Source | None = None,
    owner: str | Owner = "",
    artifact_url: str = "",
    when: int,
    author: str,
    key: SigningKey | None = None,
    reporter: Reporter = SILENT,
    timeout: float = TIMEOUT,
    send: Send | None = None,
) -> Submission:
    """Submit a release to the registry at ``url``; publishing it again updates the submission.

    ``workdir`` is a bare repository of ours, made when it is not there; it keeps what was fetched.
    With ``artifact_url`` the wheels stay there, else they go into the registry. Nothing is sent
    that the law refuses: SubmissionRefused with every finding. RemoteRefused with the server's
    words when it does not take it. ``send`` takes it there instead of a push.
    """
    with workdir_of(workdir) as repo:
        base = fetch_main(repo, url, reporter, timeout)
        made = prepare(
            repo,
            base,
            wheels,
            source=source,
            owner=owner,
            embedded=not artifact_url,
            url=artifact_url,
            when=when,
            author=author,
            key=key,
        )
        opened = open_wheels([wheels] if isinstance(wheels, Path) else wheels)
        by_digest = {each.wheel.sha256: each.data for each in opened}
        found = judge(
            repo,
            repo.tree(base),
            repo.tree(made.head),
            submission=True,
            wheel_of=lambda artifact: by_digest[artifact.sha256],
            actor=actor_of(repo, base, made.head, at=when),
            at=when,
        )
        refuse(found, made.branch)
        if send is not None:
            send(repo, made, found)
        else:
            repo.push(url, made.branch, made.head, force=True, timeout=timeout)
    return made


def submissions(where: Repository | str, *, timeout: float = TIMEOUT) -> tuple[Submission, ...]:
    """The open submissions of a repository or an address, sorted by branch."""
    if isinstance(where, Repository):
        heads = where.branches(PREFIX)
        bases = {head: "".join(where.parents(head)[:1]) for head in heads.values()}
    elif (folder := local_folder(where)) is not None:
        with Repository.open(folder) as repo:
            return submissions(repo)
    else:
        heads, bases = remote_heads(where, prefix=PREFIX, timeout=timeout), {}
    found = []
    for branch, head in sorted(heads.items()):
        with contextlib.suppress(HeimnetzError):  # anybody may push a branch of another form
            found.append(submission_of(branch, head, bases.get(head, "")))
    return tuple(found)


def check(
    repo: Repository,
    base: str,
    head: str,
    *,
    wheel_of: WheelOf | None = None,
    actor: Actor | None = None,
    at: int | None = None,
) -> tuple[Finding, ...]:
    """What the law has against merging ``head`` into ``base``; each a commit or a branch.

    ``actor`` is who a forge says that asks, by its own account id; else a signature tells. ``at``
    is the Unix time to judge keys by, that of ``base`` by default. Raises SubmissionNotFound when
    there is no such branch or commit. See ``law_outcome``.
    """
    onto, asked = commit_of(repo, base), commit_of(repo, head)
    moment = repo.commit_time(onto) if at is None else at
    actor = actor or actor_of(repo, onto, asked, at=moment)
    trees = replay(repo, onto, asked)
    return judge_replayed(repo, trees, wheel_of=wheel_of, actor=actor, at=moment)


def workdir_of(path: Path) -> Repository:
    """The bare repository at ``path``, made when there is none; close it."""
    is_new = not path.exists() or not any(path.iterdir())
    return Repository.create(path) if is_new else Repository.open(path)


def fetch_main(repo: Repository, url: str, reporter: Reporter, timeout: float) -> str:
    """Bring main of a registry here; its commit. Raises FileMissing when it is no registry."""
    heads = repo.fetch(url, branches=(MAIN,), reporter=reporter, timeout=timeout)
    base = heads.get(MAIN)
    entry = repo.entry(repo.tree(base), REGISTRY) if base else None
    if base is None or entry is None:
        raise FileMissing(
            "There is no registry at that address: it has no registry.yaml on its branch main.",
            hint="Check the address; 'heimnetz-git index init' makes a new registry.",
        )
    yamlfile.read(repo.read(entry.oid), RegistryInfo, REGISTRY)
    return base


def _owner(owner: str | Owner) -> Owner:
    value = Owner(owner) if isinstance(owner, str) else owner
    if not value.name.strip():
        raise UsageError(
            "A new plugin needs an owner.",
            hint="Name one with --owner, such as your account's name.",
        )
    return value
