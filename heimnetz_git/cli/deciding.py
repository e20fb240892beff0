"""Commands of those who decide and serve: approve from afar, and the shell of an SSH account."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.publishing import key_of, reachable, sign_option, to_option
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import FileMissing, printable

__all__ = ["approve", "registry_shell", "registry_upstream"]


@command(
    examples=("approve submit/clok/1.0.0 --override name-similar --sign id_ed25519 --to acme",)
)
@click.argument("branch")
@click.option("--override", multiple=True, required=True, metavar="RULE", help="What is decided.")
@click.option("--sign", metavar="KEYFILE", required=True, help="Your SSH key, or its .pub file.")
@to_option
def approve(
    session: Session, branch: str, target: str, *, override: tuple[str, ...], sign: str
) -> Answer:
    """Decide from afar what a rule holds.

    The approval is for the commit that the submission asks for now; a push to it makes the approval
    void. 'unproven' as a rule stands for a release that nothing proves to be an owner's.
    """
    from heimnetz_git.registry.submission_approve import approve as decide

    key = key_of(session, sign)
    if key is None:
        raise FileMissing("An approval is signed.", hint="Name your key with --sign.")
    with tempfile.TemporaryDirectory(prefix="heimnetz-") as folder:
        done = decide(
            reachable(session, target),
            branch,
            override,
            Path(folder) / "registry.git",
            when=session.now(),
            author=session.author(),
            key=key,
            reporter=session.reporter,
            timeout=session.settings.timeout,
        )
    rules = ", ".join(sorted(done.rules))
    said = f"Approved {printable(done.branch)} at {done.head[:12]}: {rules}, by {done.by}."
    return Answer({"approval": done._asdict()}, [said], narrates=True)


@command(examples=("registry shell registries --user ada",))
@click.argument("folder")
@click.option("--user", required=True, metavar="NAME", help="Whose key it is: an owner's name.")
def registry_shell(session: Session, folder: str, user: str) -> Answer:
    """Serve one SSH key's git commands, and nothing else.

    For the file authorized_keys on a server: command="heimnetz-git registry shell FOLDER --user
    NAME",restrict KEY. The hook of a registry then knows who pushes.
    """
    from heimnetz_git.registry.request_pusher import USER, shell_wish

    wish = shell_wish(session.environ.get("SSH_ORIGINAL_COMMAND", ""), session.existing(folder))
    git = shutil.which("git", path=session.environ.get("PATH"))
    if git is None:
        raise FileMissing("There is no git program on this server.", hint="Install git.")
    done = subprocess.run(
        [git, wish.service, str(wish.path)],
        check=False,
        env={**session.environ, USER: user},
    )
    return Answer({}, [], exit_code=done.returncode, narrates=True)


@command(examples=("registry upstream registry.git acme https://git.example.org/plugins.git",))
@click.argument("registry", metavar="PATH")
@click.argument("upstreams", nargs=-1, required=True, metavar="INDEX|URL...")
@sign_option
def registry_upstream(
    session: Session, registry: str, upstreams: tuple[str, ...], *, sign: str | None
) -> Answer:
    """Keep the names of registries upstream.

    PATH is a registry's bare repository. A new plugin of a name that is kept waits for a
    maintainer: whoever uses both registries would get the one for the other.
    """
    from heimnetz_git.registry.upstreams import keep_names, names_at
    from heimnetz_git.storage.repo import Repository

    names: set[str] = set()
    for number, upstream in enumerate(upstreams):
        with tempfile.TemporaryDirectory(prefix="heimnetz-") as folder:
            names.update(
                names_at(
                    reachable(session, upstream),
                    Path(folder) / f"{number}.git",
                    reporter=session.reporter,
                    timeout=session.settings.timeout,
                )
            )
    with Repository.open(session.existing(registry)) as repository:
        done = keep_names(
            repository,
            names,
            when=session.now(),
            author=session.author(),
            key=key_of(session, sign),
        )
    said = f"Keeps {done.names} names, {done.added} of them new."
    return Answer({"kept": done}, [said], narrates=True)
