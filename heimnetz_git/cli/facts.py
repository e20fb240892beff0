"""Commands that ask a registry to change a plugin's facts, or take such a wish back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.publishing import (
    Courier,
    chosen_driver,
    driver_options,
    key_of,
    reachable,
    sending_options,
    sign_option,
    to_option,
)
from heimnetz_git.cli.session import Session
from heimnetz_git.errors import SubmissionNotFound, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimnetz_git.forge.driver import Driver, Open
    from heimnetz_git.registry.request import Change

__all__ = ["adopt", "archive", "deprecate", "remove", "transfer", "unyank", "withdraw", "yank"]


@command(examples=("yank clock 1.0.0 --reason 'Loses an hour' --to acme",))
@click.argument("name")
@click.argument("version")
@click.option("--reason", required=True, help="Why, for everybody to read.")
@to_option
@sign_option
@sending_options
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
@sending_options
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
@sending_options
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
@sending_options
def transfer(session: Session, name: str, owners: tuple[str, ...], **options: Any) -> Answer:
    """Ask to give a plugin to other owners.

    The owners named are all that it has afterwards. Those that it has now must ask for it.
    """
    from heimnetz_git.model.registry import Owner
    from heimnetz_git.registry.request import transfer as wish

    return asked(session, name, wish(Owner(*one.split(":", 1)) for one in owners), **options)


@command(examples=("archive clock --reason 'I have no time for it' --to acme",))
@click.argument("name")
@click.option("--reason", required=True, help="Why, for everybody to read.")
@to_option
@sign_option
@sending_options
def archive(session: Session, name: str, reason: str, **options: Any) -> Answer:
    """Ask to mark a plugin as one that nobody looks after.

    It can still be installed; somebody else may adopt it.
    """
    from heimnetz_git.registry.request import archive as wish

    return asked(session, name, wish(reason), **options)


@command(examples=("adopt clock --owner bob --to acme",))
@click.argument("name")
@click.option("--owner", "owners", multiple=True, required=True, help="A new owner; repeat it.")
@to_option
@sign_option
@sending_options
def adopt(session: Session, name: str, owners: tuple[str, ...], **options: Any) -> Answer:
    """Ask to take over an archived plugin.

    A maintainer of the registry decides. The owners named are all that it has afterwards.
    """
    from heimnetz_git.model.registry import Owner
    from heimnetz_git.registry.request import adopt as wish

    return asked(session, name, wish(Owner(*one.split(":", 1)) for one in owners), **options)


@command(examples=("remove clock --reason 'Takedown of 2026-01-31' --to acme",))
@click.argument("name")
@click.option("--reason", required=True, help="Why, for everybody to read.")
@to_option
@sign_option
@sending_options
def remove(session: Session, name: str, reason: str, **options: Any) -> Answer:
    """Ask to remove a plugin for good.

    A tombstone stays: its releases are yanked, and its name is never given out again.
    """
    from heimnetz_git.registry.request import remove as wish

    return asked(session, name, wish(reason), **options)


@command(examples=("withdraw submit/clock/1.0.0 --to acme",))
@click.argument("branch")
@to_option
@driver_options
def withdraw(session: Session, branch: str, target: str, **options: Any) -> Answer:
    """Take back a submission that waits.

    On a forge the pull request is closed; on a plain Git server the branch is removed.
    """
    from heimnetz_git.registry.submission import workdir_of
    from heimnetz_git.registry.submission_value import PREFIX

    address = reachable(session, target)
    driver = chosen_driver(
        session, address, name=options["driver"] or "", fork=options["fork"]
    ).driver
    full = branch if branch.startswith(PREFIX) else PREFIX + branch
    found = [one for one in driver.open() if one.submission.branch == full]
    if not found:
        raise SubmissionNotFound(f"There is no submission {printable(full)!r}.", branch=full)
    mine = _mine(driver, found)
    with (
        tempfile.TemporaryDirectory(prefix="heimnetz-") as folder,
        workdir_of(Path(folder) / "registry.git") as work,
    ):
        driver.withdraw(work, mine)
    done = mine.submission
    data = {"submission": done, "driver": driver.name, "url": mine.url}
    return Answer(data, [f"Withdrew {printable(done.title)}."], narrates=True)


def _mine(driver: Driver, found: Sequence[Open]) -> Open:
    """The one of one's own account, where several ask for the same. Raises UsageError."""
    if len(found) == 1:
        return found[0]
    account = driver.account()
    own = [one for one in found if account is not None and one.account == account.id]
    if len(own) != 1:
        urls = ", ".join(printable(one.url) for one in found)
        raise UsageError(f"Several submissions ask for this: {urls}.", hint="Close yours there.")
    return own[0]


def asked(
    session: Session, name: str, change: Change, *, target: str, sign: str | None, **options: Any
) -> Answer:
    """Submit a change of facts from a clone that is thrown away."""
    from heimnetz_git.registry.request import request

    courier = Courier(session, target, options)
    with tempfile.TemporaryDirectory(prefix="heimnetz-") as folder:
        submission = request(
            courier.address,
            name,
            change,
            Path(folder) / "registry.git",
            when=session.now(),
            author=session.author(),
            key=key_of(session, sign),
            reporter=session.reporter,
            timeout=session.settings.timeout,
            send=courier.send,
        )
    return courier.answer(submission)
