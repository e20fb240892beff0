"""Commands of the maintainer: submissions, merge, registry check."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.author import fail_on as fail_on_option
from heimnetz_git.cli.author import findings_answer
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer, plain
from heimnetz_git.cli.publishing import (
    chosen_driver,
    driver_options,
    key_of,
    reachable,
    sign_option,
)
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.terminal import table
from heimnetz_git.errors import SubmissionNotFound, UsageError, printable

if TYPE_CHECKING:
    from heimnetz_git.forge.collect import Standing
    from heimnetz_git.model.finding import Finding
    from heimnetz_git.registry.submission import Submission
    from heimnetz_git.storage.repo import Repository

__all__ = ["merge", "registry_check", "registry_receive", "submissions"]


@command(examples=("submissions registry.git", "submissions acme --json"))
@click.argument("registry", metavar="INDEX|PATH|URL", shell_complete=completion.indexes)
@driver_options
def submissions(session: Session, registry: str, **options: Any) -> Answer:
    """List what waits to be merged, and what for.

    A branch submit/NAME/VERSION brings a release, submit/NAME/facts-TOPIC changes a plugin's
    facts; on a forge each is a pull request.
    """
    from heimnetz_git.forge.collect import standings
    from heimnetz_git.registry.submission import workdir_of

    address = reachable(session, registry)
    driver = chosen_driver(session, address, name=options["driver"] or "").driver
    with tempfile.TemporaryDirectory(prefix="heimnetz-") as folder:
        work = Path(folder) / "registry.git"
        timeout = session.settings.timeout
        found = standings(driver, lambda: workdir_of(work), when=session.now(), timeout=timeout)
    rows = [
        (one.submission.name, one.submission.version or one.submission.topic,
         one.state, printable(one.words, longest=300), one.url or one.submission.branch)
        for one in found
    ]  # fmt: skip
    head = ("NAME", "WHAT", "STATE", "WAITS FOR", "WHERE")
    lines = table(head, rows, columns=session.output.columns) if rows else ["Nothing waits."]
    documents = [{**plain(one.submission), **_details(one)} for one in found]
    return Answer({"driver": driver.name, "submissions": documents}, lines)


def _details(one: Standing) -> dict[str, Any]:
    """What is known of a submission beside what it asks for."""
    found: dict[str, Any] = plain(one)
    found.pop("submission")
    return found


@command(
    examples=(
        "merge registry.git --auto",
        "merge registry.git submit/wake-on-lan/1.0.0",
        "merge registry.git submit/clok/1.0.0 --override name-similar --by max",
    )
)
@click.argument("registry", metavar="PATH")
@click.argument("branches", nargs=-1, metavar="[BRANCH]...")
@click.option("--all", "everything", is_flag=True, help="Every submission that waits.")
@click.option("--auto", is_flag=True, help="Every one that needs nobody's word, by policy.yaml.")
@click.option("--override", multiple=True, metavar="RULE", help="Decide what this rule holds.")
@click.option("--by", default="", metavar="NAME", help="The maintainer who decides.")
@sign_option
def merge(session: Session, registry: str, branches: tuple[str, ...], **options: Any) -> Answer:
    """Check submissions once more and take them in.

    PATH is the registry's bare repository. Each submission becomes one commit on main, with the
    registry's own record of it; the first that breaks the law ends it. With --auto those that are
    ready become few commits, and the rest is listed with what it waits for. --sign signs the
    commit, and proves who decides what a rule holds.
    """
    from heimnetz_git.registry.submission import merge as take
    from heimnetz_git.storage.repo import Repository

    auto, everything = options["auto"], options["everything"]
    if bool(branches) + auto + everything != 1:
        raise UsageError("Say which submission to merge, or --all, or --auto.")
    if auto:
        return _merge_ready(session, registry, options["override"], options["sign"])
    merged = []
    with Repository.open(session.existing(registry)) as repository:
        for submission in _wanted(session, registry, branches, everything=everything):
            done = take(
                repository,
                submission,
                when=session.now(),
                author=session.author(),
                override=options["override"],
                by=options["by"] or _whoever(session, options["sign"]),
                key=key_of(session, options["sign"]),
            )
            merged.append(done)
    lines = [f"Merged {one.title} as {one.commit[:12]}." for one in merged]
    return Answer({"merged": merged}, lines or ["Nothing waits."], narrates=True)


def _whoever(session: Session, sign: str | None) -> str:
    """Who merges when nobody says: the key tells, or else Git's own variable."""
    return "" if sign else session.environ.get("GIT_AUTHOR_NAME", "")


def _merge_ready(
    session: Session, registry: str, override: tuple[str, ...], sign: str | None
) -> Answer:
    from heimnetz_git.registry.submission_merge import merge_ready
    from heimnetz_git.storage.repo import Repository

    if override:
        raise UsageError("What --auto takes in, nobody decides; name the submission.")
    with Repository.open(session.existing(registry)) as repository:
        swept = merge_ready(
            repository,
            when=session.now(),
            author=session.author(),
            key=key_of(session, sign),
        )
    lines = [f"Merged {one.title} as {one.commit[:12]}." for one in swept.merged]
    for one in swept.waiting:
        title = printable(one.submission.title if one.submission.name else one.submission.branch)
        lines.append(f"{title} waits: {printable(one.words, longest=1000)}")
    data = {"merged": swept.merged, "waiting": swept.waiting}
    return Answer(data, lines or ["Nothing waits."], narrates=True)


@command(examples=("registry check registry.git --base main --head submit/wake-on-lan/1.0.0",))
@click.argument("registry", metavar="PATH")
@click.option("--base", default="main", show_default=True, help="What it was: branch or commit.")
@click.option("--head", required=True, help="What it would be: branch or commit.")
@click.option("--update", is_flag=True, help="Judge as a client does, not as a submission.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "github"]),
    default="text",
    show_default=True,
    help="A page for a pull request, or annotations of a workflow; --json is for programs.",
)
@fail_on_option("low")
def registry_check(session: Session, registry: str, **options: Any) -> Answer:
    """Judge a change of a registry by its law.

    For hooks and continuous integration: published files never change, a submission is one
    release of one plugin, and its file says what the wheel says.
    """
    from heimnetz_git.registry.law import judge_update
    from heimnetz_git.registry.law_report import verdict
    from heimnetz_git.registry.submission import check
    from heimnetz_git.storage.repo import Repository

    base, head = options["base"], options["head"]
    with Repository.open(session.existing(registry)) as repository:
        if options["update"]:
            old, new = (repository.tree(commit_of(repository, one)) for one in (base, head))
            findings = judge_update(repository, old, new)
        else:
            findings = check(repository, base, head)
        lines = _report(repository, base, head, findings, options["form"])
    said = findings_answer(tuple(findings), options["fail_on"], head)
    data = {**said.data, "verdict": verdict(findings)}
    return Answer(data, lines or said.lines, exit_code=said.exit_code)


def _report(
    repository: Repository, base: str, head: str, findings: tuple[Finding, ...], form: str
) -> list[str]:
    """The lines of a report; none for plain text."""
    from heimnetz_git.registry.law_report import annotation_lines, markdown
    from heimnetz_git.registry.replay import replay

    if form == "github":
        return [*annotation_lines(findings)]
    if form == "text":
        return []
    trees = replay(repository, commit_of(repository, base), commit_of(repository, head))
    return markdown(repository, trees.base, trees.tree, findings).splitlines()


@command(
    examples=("registry receive . < lines", "registry receive registry.git --bundle clock.bundle")
)
@click.argument("registry", metavar="PATH")
@click.option("--bundle", metavar="FILE", help="Receive the submission in this file instead.")
@click.option("--settle", is_flag=True, help="Make branches of what was taken into the inbox.")
def registry_receive(
    session: Session, registry: str, *, bundle: str | None, settle: bool
) -> Answer:
    """Judge a push, as a hook.

    Reads lines OLD NEW REF. Submissions are held to the law; main is pushed by nobody but a
    maintainer whom the server knows (REMOTE_USER); a push to refs/for/main/NAME/VERSION is one of a
    submission, and becomes its branch with --settle; other refs are not taken.
    """
    from heimnetz_git.forge.receiving import receive_bundle
    from heimnetz_git.registry.request_receive import receive

    path, now = session.existing(registry), session.now()
    if settle:
        from heimnetz_git.registry.request_inbox import settle as make_branches

        moved = make_branches(path)
        return Answer({"settled": moved}, [f"Made {one}." for one in moved], narrates=True)
    if bundle is not None:
        found = receive_bundle(path, session.existing(bundle), now=now)
        lines = [f"Received {printable(one.title)} as {one.branch}." for one in found]
        return Answer({"taken": len(found), "submissions": found}, lines, narrates=True)
    taken = receive(path, sys.stdin.read().splitlines(), session.environ, now=now)
    return Answer({"taken": taken}, [], narrates=True)


def waiting(session: Session, registry: str) -> tuple[Submission, ...]:
    """The open submissions of a registry."""
    from heimnetz_git.registry.submission import submissions as find

    address = session.address(registry)
    session.hold_offline(address)
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
