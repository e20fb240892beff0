"""Submissions: a release as a branch with one commit, checked by the law and merged as one commit.

Publishing makes the branch ``submit/<name>/<version>`` on top of main; whoever merges holds it to
the law once more, on main as it is then. Only files travel from a submission to main, never its
history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from heimnetz_git.errors import (
    FileMissing,
    StorageError,
    SubmissionNotFound,
    SubmissionRefused,
    UsageError,
    printable,
)
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import (
    REGISTRY,
    artifact_path,
    plugin_path,
    record_path,
    release_path,
    submission_branch,
)
from heimnetz_git.model.names import plugin_name
from heimnetz_git.model.registry import Owner, Record, RegistryInfo
from heimnetz_git.model.release import Artifact, Source
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry.law import judge, refuses
from heimnetz_git.registry.law_case import finding
from heimnetz_git.registry.manifest import open_wheels, plugin_entry_of, release_of_all
from heimnetz_git.registry.replay import Replayed, replay
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository, local_folder, remote_heads

__all__ = ["Merged", "Submission", "check", "merge", "prepare", "publish", "submissions"]

MAIN = "main"
PREFIX = "submit/"
TIMEOUT = 30.0
ATTEMPTS = 20

WheelOf = Callable[[Artifact], bytes]
Wheels = Path | Sequence[Path]


class Submission(msgspec.Struct, frozen=True):
    """An open submission: the commit that it asks for and the one that it builds on.

    ``base`` is empty when only the branches of a server on the network were asked for.
    """

    name: str
    version: str
    branch: str
    base: str
    head: str


class Merged(msgspec.Struct, frozen=True):
    """A submission that was taken in: main's commit, and findings that are for reading only."""

    name: str
    version: str
    branch: str
    commit: str
    findings: tuple[Finding, ...] = ()


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
) -> Submission:
    """Make the branch of a release: one commit on ``base`` with its files.

    ``wheels`` are one wheel or one for each platform. They go into the registry, or with
    ``embedded=False`` stay at ``url`` (ending in ``/``: the folder that they lie in). ``owner`` is
    needed for a new plugin. Raises WheelRejected, UsageError, SubmissionRefused when the release is
    published already.
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
    if embedded:
        files |= {artifact_path(name, wheel.file): wheel.data for wheel in opened}
    if repo.entry(tree, plugin_path(name)) is None:
        files[plugin_path(name)] = yamlfile.dump(plugin_entry_of(opened[0].wheel, [_owner(owner)]))
    message = f"Publish {name} {version}\n\nPlugin: {name}\nVersion: {version}\n"
    commit = repo.commit(repo.write(tree, files), [base], message, author=author, when=when)
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
    reporter: Reporter = SILENT,
    timeout: float = TIMEOUT,
) -> Submission:
    """Submit a release to the registry at ``url``; publishing it again updates the submission.

    ``workdir`` is a bare repository of ours, made when it is not there; it keeps what was fetched.
    With ``artifact_url`` the wheels stay there, else they go into the registry. Nothing is sent
    that the law refuses: SubmissionRefused with every finding. RemoteRefused with the server's
    words when it does not take it.
    """
    with _workdir(workdir) as repo:
        base = _fetch_main(repo, url, reporter, timeout)
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
        )
        opened = open_wheels([wheels] if isinstance(wheels, Path) else wheels)
        by_digest = {each.wheel.sha256: each.data for each in opened}
        found = judge(
            repo,
            repo.tree(base),
            repo.tree(made.head),
            submission=True,
            wheel_of=lambda artifact: by_digest[artifact.sha256],
        )
        _refuse(found, made.branch)
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
    named = ((branch, head, branch.split("/")) for branch, head in sorted(heads.items()))
    return tuple(
        Submission(parts[1], parts[2], branch, bases.get(head, ""), head)
        for branch, head, parts in named
        if len(parts) == 3
    )


def check(
    repo: Repository, base: str, head: str, *, wheel_of: WheelOf | None = None
) -> tuple[Finding, ...]:
    """What the law has against merging ``head`` into ``base``; each a commit or a branch.

    Raises SubmissionNotFound when there is no such branch or commit. See ``law.refuses``.
    """
    return _judge(repo, replay(repo, _commit(repo, base), _commit(repo, head)), wheel_of)


def merge(
    repo: Repository,
    submission: Submission | str,
    *,
    when: int,
    author: str,
    wheel_of: WheelOf | None = None,
) -> Merged:
    """Take a submission in: one commit on main with its files and the registry's record of it.

    The law is applied to main as it is at that moment; when main moves meanwhile, all is done
    again. A submission given as a value must still have that head. Raises SubmissionNotFound,
    SubmissionRefused with every finding. Killed at any point, main is the old or the new one, and
    merging again ends what was begun.
    """
    branch = submission if isinstance(submission, str) else submission.branch
    branch = branch if branch.startswith(PREFIX) else PREFIX + branch
    name, version = _name_of(branch)
    head = repo.branch(branch)
    if head is None:
        raise SubmissionNotFound(f"There is no submission {printable(branch)!r}.", branch=branch)
    if isinstance(submission, Submission) and submission.head != head:
        raise SubmissionRefused(
            f"The submission {branch!r} was changed after it was read.",
            hint="Read it again, then merge it.",
        )
    for _ in range(ATTEMPTS):
        base = _commit(repo, MAIN)
        replayed = replay(repo, base, head)
        if _is_merged(repo, replayed, head, name, version):
            repo.delete_branch(branch, expect=head)
            return Merged(name, version, branch, base)
        found = _judge(repo, replayed, wheel_of, expected=(name, version))
        _refuse(found, branch)
        tree = _with_record(repo, replayed.tree, name, version, when)
        message = (
            f"Merge {name} {version}\n\nPlugin: {name}\nVersion: {version}\nSubmission: {head}\n"
        )
        commit = repo.commit(tree, [base], message, author=author, when=when)
        if repo.set_branch(MAIN, commit, expect=base):
            repo.delete_branch(branch, expect=head)
            return Merged(name, version, branch, commit, found)
    raise StorageError(f"The branch {MAIN!r} of {repo.path} keeps changing.")


def _judge(
    repo: Repository,
    replayed: Replayed,
    wheel_of: WheelOf | None,
    expected: tuple[str, str] | None = None,
) -> tuple[Finding, ...]:
    if replayed.findings:
        return replayed.findings
    found = judge(repo, replayed.base, replayed.tree, submission=True, wheel_of=wheel_of)
    if expected and repo.entry(replayed.tree, release_path(*expected)) is None:
        said = f"The branch says {printable(' '.join(expected))}, which it does not bring."
        found = (*found, finding("branch-name", release_path(*expected), said))
    return found


def _is_merged(repo: Repository, replayed: Replayed, head: str, name: str, version: str) -> bool:
    """Did an earlier merge of it end before its branch was removed?"""
    path = release_path(name, version)
    there, theirs = repo.entry(replayed.base, path), repo.entry(repo.tree(head), path)
    unchanged = not replayed.findings and replayed.tree == replayed.base
    return there is not None and there == theirs and unchanged


def _with_record(repo: Repository, tree: str, name: str, version: str, when: int) -> str:
    entry = repo.entry(tree, release_path(name, version))
    record = Record(
        format=1,
        name=name,
        version=version,
        release=entry.oid if entry else "",
        merged=datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return repo.write(tree, {record_path(name, version): yamlfile.dump(record)})


def _refuse(found: Iterable[Finding], branch: str) -> None:
    against = tuple(one for one in found if refuses(one))
    if against:
        count = "one finding" if len(against) == 1 else f"{len(against)} findings"
        raise SubmissionRefused(
            f"The law of the index refuses {printable(branch)!r}: {count}.",
            problems=against,
            branch=printable(branch),
        )


def _name_of(branch: str) -> tuple[str, str]:
    parts = branch.split("/")
    if len(parts) != 3 or not parts[2]:
        raise SubmissionNotFound(f"{printable(branch)!r} is not the branch of a submission.")
    return plugin_name(parts[1]), parts[2]


def _commit(repo: Repository, word: str) -> str:
    """A commit by its branch or its id."""
    found = repo.branch(word)
    if found is None and len(word) == 40 and word in repo.objects:
        found = word
    if found is None:
        raise SubmissionNotFound(f"There is no branch or commit {printable(word)!r}.", commit=word)
    return found


def _workdir(path: Path) -> Repository:
    is_new = not path.exists() or not any(path.iterdir())
    return Repository.create(path) if is_new else Repository.open(path)


def _fetch_main(repo: Repository, url: str, reporter: Reporter, timeout: float) -> str:
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
