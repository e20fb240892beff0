"""Commands of the maintainer: submissions, merge, registry check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.author import fail_on as fail_on_option
from heimnetz_git.cli.author import findings_answer
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.terminal import table
from heimnetz_git.errors import Offline, SubmissionNotFound, UsageError, printable

if TYPE_CHECKING:
    from heimnetz_git.registry.submission import Submission
    from heimnetz_git.storage.repo import Repository

__all__ = ["merge", "registry_check", "submissions"]


@command(examples=("submissions registry.git", "submissions acme --json"))
@click.argument("registry", metavar="INDEX|PATH|URL", shell_complete=completion.indexes)
def submissions(session: Session, registry: str) -> Answer:
    """List what waits to be merged.

    Each submission is a branch submit/NAME/VERSION of the registry's repository.
    """
    found = waiting(session, registry)
    rows = [(one.name, one.version, one.branch, one.head[:12]) for one in found]
    head = ("NAME", "VERSION", "BRANCH", "COMMIT")
    lines = table(head, rows, columns=session.output.columns) if rows else ["Nothing waits."]
    return Answer({"submissions": found}, lines)


@command(examples=("merge registry.git --all", "merge registry.git submit/wake-on-lan/1.0.0"))
@click.argument("registry", metavar="PATH")
@click.argument("branches", nargs=-1, metavar="[BRANCH]...")
@click.option("--all", "everything", is_flag=True, help="Every submission that waits.")
def merge(session: Session, registry: str, branches: tuple[str, ...], everything: bool) -> Answer:
    """Check submissions once more and take them in.

    PATH is the registry's bare repository. Each submission becomes one commit on main, with the
    registry's own record of it; the first that breaks the law ends it.
    """
    from heimnetz_git.registry.submission import merge as take
    from heimnetz_git.storage.repo import Repository

    if not branches and not everything:
        raise UsageError("Say which submission to merge, or --all.")
    merged = []
    with Repository.open(session.existing(registry)) as repository:
        for submission in _wanted(session, registry, branches, everything=everything):
            done = take(repository, submission, when=session.now(), author=session.author())
            merged.append(done)
    lines = [f"Merged {one.name} {one.version} as {one.commit[:12]}." for one in merged]
    return Answer({"merged": merged}, lines or ["Nothing waits."], narrates=True)


@command(examples=("registry check registry.git --base main --head submit/wake-on-lan/1.0.0",))
@click.argument("registry", metavar="PATH")
@click.option("--base", default="main", show_default=True, help="What it was: branch or commit.")
@click.option("--head", required=True, help="What it would be: branch or commit.")
@click.option("--update", is_flag=True, help="Judge as a client does, not as a submission.")
@fail_on_option("low")
def registry_check(
    session: Session, registry: str, *, base: str, head: str, update: bool, fail_on: str
) -> Answer:
    """Judge a change of a registry by its law.

    For hooks and continuous integration: published files never change, a submission is one
    release of one plugin, and its file says what the wheel says.
    """
    from heimnetz_git.registry.law import judge_update
    from heimnetz_git.registry.submission import check
    from heimnetz_git.storage.repo import Repository

    with Repository.open(session.existing(registry)) as repository:
        if update:
            old, new = (repository.tree(commit_of(repository, one)) for one in (base, head))
            findings = judge_update(repository, old, new)
        else:
            findings = check(repository, base, head)
    return findings_answer(tuple(findings), fail_on, head)


def waiting(session: Session, registry: str) -> tuple[Submission, ...]:
    """The open submissions of a registry."""
    from heimnetz_git.registry.submission import submissions as find

    address = session.address(registry)
    if session.settings.offline and "://" in address:
        raise Offline(f"The registry is at {printable(address)}, which needs the network.")
    return find(address, timeout=session.settings.timeout)


def _wanted(
    session: Session, registry: str, branches: tuple[str, ...], *, everything: bool
) -> list[Submission]:
    found = {one.branch: one for one in waiting(session, registry)}
    if everything:
        return list(found.values())
    missing = [branch for branch in branches if branch not in found]
    if missing:
        raise SubmissionNotFound(
            f"There is no submission '{printable(missing[0])}'.", branch=missing[0]
        )
    return [found[branch] for branch in branches]


def commit_of(repository: Repository, name: str) -> str:
    """The commit that a branch points at; 40 hex digits are one themselves."""
    found = repository.branch(name)
    if found:
        return found
    if len(name) == 40 and all(char in "0123456789abcdef" for char in name):
        return name
    raise SubmissionNotFound(f"There is no branch or commit '{printable(name)}'.", name=name)
