"""Commands that ask a registry to change a plugin's facts, or take such a wish back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import Offline, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from heimnetz_git.registry.request import Change
    from heimnetz_git.trust.signatures import SigningKey

__all__ = [
    "deprecate",
    "key_of",
    "reachable",
    "remove",
    "sign_option",
    "transfer",
    "unyank",
    "withdraw",
    "yank",
]


def to_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option that names the registry."""
    option = click.option(
        "--to", "target", required=True, metavar="INDEX|URL", help="The registry.",
        shell_complete=completion.indexes,
    )  # fmt: skip
    return option(function)


def sign_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option that proves who asks."""
    option = click.option(
        "--sign",
        metavar="KEYFILE",
        help="Sign with this SSH key; with the agent's, by a .pub file.",
    )
    return option(function)


@command(examples=("yank clock 1.0.0 --reason 'Loses an hour' --to acme",))
@click.argument("name")
@click.argument("version")
@click.option("--reason", required=True, help="Why, for everybody to read.")
@to_option
@sign_option
def yank(session: Session, name: str, version: str, reason: str, **options: Any) -> Answer:
    """Ask that a release is offered no more.

    Those who have locked it keep it. Nothing is removed: a yank can be taken back.
    """
    from heimnetz_git.registry.request import yank as wish

    return asked(session, name, wish(version, reason), **options)


@command(examples=("unyank clock 1.0.0 --to acme",))
@click.argument("name")
@click.argument("version")
@to_option
@sign_option
def unyank(session: Session, name: str, version: str, **options: Any) -> Answer:
    """Ask that a yanked release is offered again."""
    from heimnetz_git.registry.request import unyank as wish

    return asked(session, name, wish(version), **options)


@command(
    examples=(
        "deprecate clock --reason 'Nobody looks after it' --successor sundial --to acme",
        "deprecate clock --undo --to acme",
    )
)
@click.argument("name")
@click.option("--reason", default="", help="Why, for everybody to read.")
@click.option("--successor", default="", metavar="NAME", help="What to use instead.")
@click.option("--undo", is_flag=True, help="Take a deprecation back.")
@to_option
@sign_option
def deprecate(
    session: Session, name: str, *, reason: str, successor: str, undo: bool, **options: Any
) -> Answer:
    """Ask to mark a plugin as one not to choose."""
    from heimnetz_git.registry.request import deprecate as wish
    from heimnetz_git.registry.request import undeprecate

    if undo and (reason or successor):
        raise UsageError("--undo takes no reason and no successor.")
    return asked(session, name, undeprecate() if undo else wish(reason, successor), **options)


@command(examples=("transfer clock --owner bob --owner carol --to acme",))
@click.argument("name")
@click.option("--owner", "owners", multiple=True, required=True, help="A new owner; repeat it.")
@to_option
@sign_option
def transfer(session: Session, name: str, owners: tuple[str, ...], **options: Any) -> Answer:
    """Ask to give a plugin to other owners.

    The owners named are all that it has afterwards. Those that it has now must ask for it.
    """
    from heimnetz_git.model.registry import Owner
    from heimnetz_git.registry.request import transfer as wish

    return asked(session, name, wish(Owner(*one.split(":", 1)) for one in owners), **options)


@command(examples=("remove clock --reason 'Takedown of 2026-01-31' --to acme",))
@click.argument("name")
@click.option("--reason", required=True, help="Why, for everybody to read.")
@to_option
@sign_option
def remove(session: Session, name: str, reason: str, **options: Any) -> Answer:
    """Ask to remove a plugin for good.

    A tombstone stays: its releases are yanked, and its name is never given out again.
    """
    from heimnetz_git.registry.request import remove as wish

    return asked(session, name, wish(reason), **options)


@command(examples=("withdraw submit/clock/1.0.0 --to acme",))
@click.argument("branch")
@to_option
def withdraw(session: Session, branch: str, target: str) -> Answer:
    """Take back a submission that waits."""
    from heimnetz_git.registry.request import withdraw as take_back

    address = reachable(session, target)
    with tempfile.TemporaryDirectory(prefix="heimnetz-") as folder:
        work = Path(folder) / "registry.git"
        done = take_back(address, branch, work, timeout=session.settings.timeout)
    said = f"Withdrew {printable(done.title)}."
    return Answer({"submission": done}, [said], narrates=True)


def asked(session: Session, name: str, change: Change, *, target: str, sign: str | None) -> Answer:
    """Submit a change of facts from a clone that is thrown away."""
    from heimnetz_git.registry.request import request

    with tempfile.TemporaryDirectory(prefix="heimnetz-") as folder:
        submission = request(
            reachable(session, target),
            name,
            change,
            Path(folder) / "registry.git",
            when=session.now(),
            author=session.author(),
            key=key_of(session, sign),
            reporter=session.reporter,
            timeout=session.settings.timeout,
        )
    said = f"Submitted {printable(submission.title)} as {submission.branch}."
    return Answer({"submission": submission}, [said], narrates=True)


def key_of(session: Session, sign: str | None) -> SigningKey | None:
    """The key that a file names; None when nothing is to be signed.

    A public key's file (``.pub``, a certificate too) stands for the private key that the SSH agent
    holds; so does a private key's file that wants a password, when its ``.pub`` lies beside it.
    """
    if not sign:
        return None
    from heimnetz_git.trust.agent import AgentKey, public_key_in
    from heimnetz_git.trust.keys import wants_password

    path = session.existing(sign)
    data = path.read_bytes()
    beside = path.with_name(f"{path.name}.pub")
    public = public_key_in(data)
    if public is None and wants_password(data) and beside.exists():
        public = public_key_in(beside.read_bytes())
    return AgentKey(public, session.environ.get("SSH_AUTH_SOCK", "")) if public else data


def reachable(session: Session, target: str) -> str:
    """The registry's address. Raises Offline when it needs the network and must not use it."""
    address = session.address(target)
    if session.settings.offline and "://" in address:
        raise Offline(f"The registry is at {printable(address)}, which needs the network.")
    return address
