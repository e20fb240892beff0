"""Commands that begin a plugin and run its tests: new, test."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer, safe_lines
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.words import count
from heimnetz_git.errors import FileMissing, HeimnetzError, UsageError, printable
from heimnetz_git.model.release import PLUGIN_TYPES, Author

__all__ = ["new", "test"]

# How pytest ends (docs.pytest.org, reference/exit-codes), and how we do.
PASSED, FAILED, INTERRUPTED, NO_TESTS = 0, 1, 2, 5
FOUND_FAULT = 9
MEANINGS = {
    "system": "reads the state of this machine",
    "network": "discovers something in the home network",
    "security": "checks something and reports what is risky",
    "analysis": "turns events into a series",
    "integration": "bridges a service",
    "utility": "computes something for people and other plugins",
    "extension": "makes something of what another plugin knows",
}


@command(
    examples=(
        "new",
        "new printer-watch --type network",
        'new printer-watch --type network --summary "Finds printers" --license Apache-2.0',
        "new --update --path printer-watch",
    )
)
@click.argument("name", required=False)
@click.option("--type", "kind", type=click.Choice(PLUGIN_TYPES), help="What it is about.")
@click.option("--summary", help="One sentence: what it does [default: that of the template].")
@click.option("--author", help="Who answers for it [default: as git says].")
@click.option("--email", help="The author's address [default: as git says].")
@click.option("--license", "licence", metavar="SPDX", default="MIT", show_default=True,
              help="Its licence.")  # fmt: skip
@click.option("--path", metavar="DIR", help="The project's folder [default: its name].")
@click.option("--templates", metavar="DIR", help="Templates of your own, laid out as ours.")
@click.option("--update", "renew", is_flag=True, help="Bring an old project to these templates.")
def new(session: Session, name: str | None, kind: str | None, **options: Any) -> Answer:
    """Begin a plugin: a small one that works.

    A project with code, tests, documentation and a workflow, made from templates; on a terminal it
    asks for what is not given. Nothing is fetched, and no folder that has something in it is
    touched. With --update the project in --path (else here) gets what has changed in the templates
    since: your lines stay, and where both changed the same ones both stand between markers; then
    it ends with code 9.
    """
    from heimnetz_git.sdk.scaffold import Idea, new_project
    from heimnetz_git.sdk.scaffold_names import new_plugin_name

    if options.pop("renew"):
        return renewed(session, name, kind, options)
    name = new_plugin_name(name or asked(session, "NAME", "What is it called?"))
    kind = kind or asked_type(session)
    idea = Idea(
        name=name,
        type=kind,
        author=author_of(session, options["author"], options["email"]),
        license=options["licence"],
        summary=options["summary"] or "",
        year=time.gmtime(session.now()).tm_year,
    )
    folder = options["path"] or name
    templates = options["templates"]
    made = new_project(
        idea,
        session.path(folder),
        templates=session.existing(templates) if templates else None,
    )
    shown = printable(folder, longest=400)
    lines = [
        f"Made {shown}: {made.name}, which {MEANINGS[kind]}, in {count(len(made.files), 'file')}.",
        f"Next: cd {shown} && heimnetz-git test",
    ]
    data = {"name": made.name, "type": kind, "path": str(made.root), "files": made.files}
    return Answer(data, lines, narrates=True)


@command(
    examples=(
        "test",
        "test plugins/wake-on-lan --sandbox required",
        "test . -- -k discover -x",
        "test --conformance",
    )
)
@click.argument("words", nargs=-1, metavar="[PATH] [-- PYTEST OPTION...]")
@click.option(
    "--sandbox", type=click.Choice(["auto", "required", "off"]), help="How plugins are confined."
)
@click.option("--conformance", is_flag=True, help="Make the checks that every plugin must pass.")
def test(
    session: Session, words: tuple[str, ...], sandbox: str | None, *, conformance: bool
) -> Answer:
    """Run a plugin's tests, in its real sandbox.

    PATH is the project's folder. pytest runs with the fixtures that come with heimnetz-git: the
    built plugin in a process and a sandbox of its own. Ends with code 9 when a test fails. With
    --conformance it needs no tests: the plugin is started, stopped, killed, swapped, and called
    with what no plugin may accept. PATH may be a wheel then.
    """
    from heimnetz_git.sdk.testing_run import run_tests

    path, arguments = (
        (".", words) if not words or words[0].startswith("-") else (words[0], words[1:])
    )
    project = session.existing(path)
    if conformance:
        return conformed(session, project, sandbox or session.settings.sandbox)
    if not (project / "pyproject.toml").is_file():
        raise FileMissing(f"There is no project in {printable(str(project), longest=400)}.")
    ended = run_tests(
        project,
        sandbox=sandbox or session.settings.sandbox,
        environ=session.environ,
        arguments=[*(["-q"] if session.output.quiet else []), *arguments],
        keep_output=session.output.as_json,
    )
    fault = ended.code == FAILED or bool(ended.report.get("failed"))
    if ended.code != PASSED and not fault:
        raise not_run(ended.code, ended.output)
    data = {**ended.report, "output": ended.output}
    return Answer(data, (), exit_code=FOUND_FAULT if fault else 0)


def conformed(session: Session, path: Path, sandbox: Any) -> Answer:
    """Put a plugin to every check that needs no knowledge of it."""
    from heimnetz_git.sdk.conformance import examine
    from heimnetz_git.sdk.conformance_checks import CHECKS

    found = examine(path, CHECKS, sandbox=sandbox, reporter=session.reporter)
    lines = [
        f"{one.result:7} {one.check}: {printable(one.reason or one.says, longest=400)}"
        for one in found.outcomes
        if one.result != "passed"
    ]
    passed = sum(one.result == "passed" for one in found.outcomes)
    said = f"{passed} of {count(len(found.outcomes), 'check')} passed"
    said += f", {count(len(found.failed), 'check')} failed." if found.failed else "."
    data = {
        "name": found.name,
        "version": found.version,
        "checks": [one._asdict() for one in found.outcomes],
        "failed": len(found.failed),
    }
    lines.append(f"{found.name} {found.version}: {said}")
    return Answer(data, lines, exit_code=FOUND_FAULT if found.failed else 0)


def renewed(
    session: Session, name: str | None, kind: str | None, options: dict[str, Any]
) -> Answer:
    """Update the project, and say what became of each file that the templates changed."""
    from heimnetz_git.sdk.scaffold_update import update_project

    if name or kind or options["summary"] or options["author"] or options["email"]:
        raise UsageError("With --update a project keeps the answers that it was begun with.")
    templates = options["templates"]
    done = update_project(
        session.existing(options["path"] or "."),
        templates=session.existing(templates) if templates else None,
    )
    lines = [f"{fate.value:9} {printable(path)}" for path, fate in done.files.items()]
    clash = len(done.conflicts)
    said = f"{count(clash, 'file')} to look at: search for '<<<<<<<'." if clash else ""
    lines.append(said or f"{done.name} is as the templates are now.")
    data = {"name": done.name, "files": done.files, "conflicts": done.conflicts}
    return Answer(data, lines, exit_code=FOUND_FAULT if clash else 0)


def not_run(code: int, output: str) -> HeimnetzError:
    """Why pytest ran no tests; it has said more itself."""
    if code == NO_TESTS:
        return FileMissing("There are no tests.", hint="Write one below tests/, or choose others.")
    said = "The tests were interrupted" if code == INTERRUPTED else f"pytest ended with {code}"
    return UsageError(
        f"{said}.\n{safe_lines(output)}".rstrip(),
        hint="See what pytest said; its options come after '--'.",
    )


def asked(session: Session, what: str, question: str) -> str:
    """What a person types; where there is none, UsageError."""
    if not session.may_ask:
        raise UsageError(f"{what} is missing, and there is nobody to ask.")
    return str(click.prompt(question, err=True))


def asked_type(session: Session) -> str:
    """One of the types, chosen by a person."""
    if session.may_ask:
        for kind, meaning in MEANINGS.items():
            session.output.tell(f"  {kind:12} {meaning}")
    question = "What is it about?"
    while (found := asked(session, "--type", question)) not in PLUGIN_TYPES:
        question = f"One of {', '.join(PLUGIN_TYPES)}"
    return found


def author_of(session: Session, name: str | None, email: str | None) -> Author:
    """As said, else as git is configured, else as a person says; never one's name and another's
    address.
    """
    from heimnetz_git.sdk.scaffold_author import configured_author

    known = configured_author(session.environ, session.cwd)
    theirs = known.email if name in (None, known.name) else ""
    found = Author(name or known.name, theirs if email is None else email)
    if found.name or not session.may_ask:
        return found
    return Author(asked(session, "--author", "Who answers for it?"), found.email)
