"""Commands for continuous integration of a registry: check a submission, merge what is ready."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.publishing import chosen_driver, driver_options, reachable
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import SubmissionNotFound, UsageError, printable
from heimnetz_git.storage.home import write_atomic

if TYPE_CHECKING:
    from heimnetz_git.ci.check import Examined
    from heimnetz_git.forge.collect import Gate
    from heimnetz_git.model.release import Artifact
    from heimnetz_git.storage.repo import Repository

__all__ = ["ci_check", "ci_merge"]

FOUND_FAULT = 9
FORMS = ("text", "markdown", "json", "sarif", "github")


@command(
    examples=(
        "ci check registry.git --head submit/clock/1.0.0",
        "ci check . --base main --head HEAD_COMMIT --format github --write markdown=page.md",
        "ci check https://github.com/acme/plugins --ref refs/pull/7/head --head COMMIT",
    )
)
@click.argument("registry", metavar="PATH|INDEX|URL", shell_complete=completion.indexes)
@click.option("--base", default="main", show_default=True, help="What it was: branch or commit.")
@click.option("--head", required=True, help="What is asked for: branch or commit.")
@click.option("--ref", default="", help="Where HEAD is fetched, at a URL.")
@click.option("--by", default="", metavar="NAME", help="Who asks, as the forge says.")
@click.option("--account", default="", metavar="ID", help="The forge's id of who asks.")
@click.option("--links", default="", metavar="URL", help="Where the commit's files can be seen.")
@click.option(
    "--format", "form", type=click.Choice(FORMS), default="text", show_default=True,
    help="What is printed.",
)  # fmt: skip
@click.option("--write", multiple=True, metavar="FORMAT=FILE", help="Also write it there.")
def ci_check(session: Session, registry: str, **options: Any) -> Answer:
    """Check a submission: the law, the scanner, permissions.

    The verdict is bound to the commit that was looked at. Nothing of the plugin is imported or run,
    and no work tree is needed. Ends with code 9 when the submission is refused; one that is held
    for a maintainer is none the worse.
    """
    from heimnetz_git.ci.page import FORMS as PAGES

    written = [_form_and_file(session, one) for one in options["write"]]
    with (
        tempfile.TemporaryDirectory(prefix="heimnetz-ci-") as folder,
        _opened(session, registry, options, Path(folder)) as repo,
    ):
        found = _examined(session, repo, options, Path(folder))
        pages = {form: PAGES[form](repo, found, options["links"]) for form, _ in written}
        shown = PAGES[options["form"]](repo, found, options["links"])
    for form, target in written:
        write_atomic(target, pages[form].encode())
    code = FOUND_FAULT if found.verdict == "refused" else 0
    return Answer(found.document(), shown.splitlines(), exit_code=code)


@command(
    examples=(
        "ci merge https://github.com/acme/plugins --needs-check",
        "ci merge registry.git --json",
    )
)
@click.argument("registry", metavar="INDEX|PATH|URL", shell_complete=completion.indexes)
@click.option("--needs-check", is_flag=True, help="Only what its forge's check has passed.")
@click.option("--workdir", metavar="DIR", help="Keep what was fetched and seen there.")
@driver_options
def ci_merge(
    session: Session, registry: str, *, needs_check: bool, workdir: str | None, **options: Any
) -> Answer:
    """Merge what is ready at a registry, on any forge.

    Reads main and every submission anew, applies the law and the scanner again, runs nothing of a
    plugin, and pushes main only if it stayed what was read. What policy.yaml wants to wait, waits;
    what a maintainer approved at the forge, by exactly its commit, need not. A plain Git server
    does not know since when a submission waits: keep --workdir between the runs there.
    """
    from heimnetz_git.forge.collect import merge_open
    from heimnetz_git.registry.submission import workdir_of

    address = reachable(session, registry)
    driver = chosen_driver(
        session, address, name=options["driver"] or "", fork=options["fork"]
    ).driver
    with tempfile.TemporaryDirectory(prefix="heimnetz-ci-") as folder:
        wheel_of = fetcher(session, Path(folder))
        place = session.path(workdir) if workdir else Path(folder) / "registry.git"
        with workdir_of(place) as repo:
            done = merge_open(
                driver,
                repo,
                when=session.now(),
                author=session.author(),
                gate=scanner_gate(wheel_of),
                needs_check=needs_check,
                wheel_of=wheel_of,
                reporter=session.reporter,
                timeout=session.settings.timeout,
            )
    lines = [f"Merged {printable(one.title)} as {one.commit[:12]}." for one in done.merged]
    lines += [
        f"{printable(one.submission.title)} waits: {printable(one.words, longest=1000)}"
        for one in done.waiting
    ]
    data = {
        "driver": driver.name,
        "commit": done.commit,
        "merged": done.merged,
        "waiting": done.waiting,
    }
    return Answer(data, lines or ["Nothing waits."], narrates=True)


def scanner_gate(wheel_of: Callable[[Artifact], bytes]) -> Gate:
    """Why the scanner keeps a submission from being merged by itself."""
    from heimnetz_git.ci.check import examine

    def gate(repo: Repository, one: Any) -> tuple[str, str]:
        found = examine(repo, "main", one.submission.head, wheel_of=wheel_of)
        for outcome, state in (("refuse", "refused"), ("hold", "held")):
            said = [it.message for it in found.findings if it.rule.startswith("scanner-")
                    and it.outcome == outcome]  # fmt: skip
            if said:
                return state, " ".join(said)
        return "", ""

    return gate


def fetcher(session: Session, folder: Path) -> Callable[[Artifact], bytes]:
    """Fetches a wheel that a release names by address, by its size and digest."""
    from heimnetz_git.storage.download import download

    def fetch(artifact: Artifact) -> bytes:
        target = folder / "wheels" / artifact.sha256
        if not target.exists():
            download(
                artifact.url,
                target,
                size=artifact.size,
                sha256=artifact.sha256,
                timeout=session.settings.timeout,
                offline=session.settings.offline,
                proxy=session.proxy,
            )
        return target.read_bytes()

    return fetch


@contextmanager
def _opened(
    session: Session, registry: str, options: dict[str, Any], folder: Path
) -> Iterator[Repository]:
    """The repository to look into: a folder as it is, else a copy of what is needed."""
    from heimnetz_git.registry.submission import workdir_of
    from heimnetz_git.storage.repo import Repository
    from heimnetz_git.storage.repo_address import local_folder

    address = reachable(session, registry)
    local = local_folder(address)
    if local is not None and not options["ref"]:
        with Repository.open(local) as repo:
            yield repo
        return
    ref = options["ref"] or options["head"]
    with workdir_of(folder / "registry.git") as repo:
        names = ("main", ref)
        heads = repo.fetch(address, branches=names, timeout=session.settings.timeout)
        for name in names:
            if name not in heads:
                raise SubmissionNotFound(f"There is no {printable(name)!r} there.", ref=name)
        if len(options["head"]) == 40 and heads[ref] != options["head"]:
            raise SubmissionNotFound(
                f"{printable(ref)!r} is {heads[ref]} by now, not {printable(options['head'])}.",
                hint="It was pushed again: its new commit has a check of its own.",
            )
        repo.set_branch("main", heads["main"], expect=None)
        options["head"] = heads[ref]
        yield repo


def _examined(
    session: Session, repo: Repository, options: dict[str, Any], folder: Path
) -> Examined:
    from heimnetz_git.ci.check import examine
    from heimnetz_git.registry.law_case import Actor

    if options["account"] and not options["by"]:
        raise UsageError("--account says the id of whom --by names.")
    by = options["by"]
    return examine(
        repo,
        options["base"],
        options["head"],
        wheel_of=fetcher(session, folder),
        actor=Actor(by, options["account"], proof="transport") if by else None,
        at=session.now(),
    )


def _form_and_file(session: Session, text: str) -> tuple[str, Path]:
    form, _, file = text.partition("=")
    if form not in FORMS or not file:
        raise UsageError(
            f"{printable(text)!r} is not FORMAT=FILE.", hint=f"Formats are {', '.join(FORMS)}."
        )
    return form, session.path(file)
