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
from heimnetz_git.errors import FileMissing, Offline, ReleaseNotFound, printable

__all__ = ["approve", "registry_rebuild", "registry_shell", "registry_upstream"]


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


@command(examples=("registry rebuild registry.git submit/clock/1.0.0",))
@click.argument("registry", metavar="PATH")
@click.argument("branch")
@click.option("--allow", multiple=True, metavar="PREFIX", help="Fetch sources from such addresses.")
def registry_rebuild(
    session: Session, registry: str, branch: str, *, allow: tuple[str, ...]
) -> Answer:
    """Build a submission's wheel anew and compare.

    From the commit that the release names, in the sandbox, by a back end that is installed here.
    Sources are fetched from https:// addresses unless --allow names others: a submission chooses
    the address, and must not make this machine ask another one that only it can reach.
    The registry remembers it: the record of the release says yes or no, and a wheel that differs
    waits for a maintainer.
    """
    from heimnetz_git.registry import index
    from heimnetz_git.registry.rebuilt import note_rebuilt
    from heimnetz_git.registry.submission_seen import single_writer
    from heimnetz_git.registry.submission_value import PREFIX, commit_of, submission_of
    from heimnetz_git.sdk.rebuild import rebuild
    from heimnetz_git.storage.repo import Repository

    full = branch if branch.startswith(PREFIX) else PREFIX + branch
    if session.settings.offline:
        raise Offline("The source of a release is fetched, which may need the network.")
    with Repository.open(session.existing(registry)) as repository:
        head = commit_of(repository, full)
        asked = submission_of(full, head)
        release = index.release(repository, repository.tree(head), asked.name, asked.version)
        if release is None:
            said = f"{printable(full)} brings no release."
            raise ReleaseNotFound(said, name=asked.name, version=asked.version)
        with tempfile.TemporaryDirectory(prefix="heimnetz-") as folder:
            done = rebuild(
                release,
                Path(folder),
                timeout=session.settings.timeout,
                may_fetch=lambda url: url.startswith(allow or ("https://",)),
            )
        if done.state != "not tried":
            digests = [one.sha256 for one in release.artifacts]
            with single_writer(repository):
                same = done.state == "yes"
                note_rebuilt(repository, [done.sha256] if same else digests, same=same)
    line = f"{printable(asked.title)} reproduced: {done.state}. {done.why}".rstrip()
    return Answer({"rebuilt": done}, [line], exit_code=9 if done.state == "no" else 0)
