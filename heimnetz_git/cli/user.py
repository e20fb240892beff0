"""Commands that change what is installed: install, update, uninstall; and the list of it."""

from __future__ import annotations

from typing import Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.installing import (
    active_lock,
    carry_out,
    choose,
    follow,
    pinned,
    remove,
)
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session, not_installed
from heimnetz_git.cli.terminal import table
from heimnetz_git.cli.terms import chosen_terms, parse_wishes, terms_of
from heimnetz_git.model.names import plugin_name

__all__ = ["install", "list_plugins", "uninstall", "update"]

YES = click.option("-y", "--yes", is_flag=True, help="Grant the permissions that are asked for.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would happen, change nothing.")


@command(examples=("install wake-on-lan", "install 'dhcp-leases>=1,<2' acme/camera --yes"))
@click.argument("names", nargs=-1, required=True, metavar="NAME[SPEC]...",
                shell_complete=completion.offered)  # fmt: skip
@YES
@DRY_RUN
@click.option("--with-optional", is_flag=True, help="Plugins that can be used, too.")
@chosen_terms
def install(
    session: Session,
    names: tuple[str, ...],
    *,
    yes: bool,
    dry_run: bool,
    with_optional: bool,
    **options: Any,
) -> Answer:
    """Install plugins and all that they require.

    NAME may say an index (index/name) and a version (name@1.2.0, 'name>=1,<2'). What a plugin may
    do is shown and asked before anything changes; what is installed already stays as it is where
    it can.
    """
    lock = active_lock(session)
    follow(session, lock)
    wishes = pinned(session, parse_wishes(names))
    resolution = choose(
        session,
        {**lock.requested, **wishes},
        locked=lock,
        with_optional=with_optional,
        terms=terms_of(session, options),
    )
    reason = f"install {' '.join(sorted(wishes))}"
    return carry_out(session, resolution, yes=yes, dry_run=dry_run, reason=reason)


@command(examples=("update", "update dhcp-leases", "update --dry-run"))
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=completion.installed)
@YES
@DRY_RUN
@chosen_terms
def update(
    session: Session, names: tuple[str, ...], *, yes: bool, dry_run: bool, **options: Any
) -> Answer:
    """Bring plugins to their newest fitting versions.

    Without NAMES all of them. Within the ranges that were asked for, by what was last fetched of
    the indexes. New permissions are asked for.
    """
    lock = active_lock(session)
    known = {locked.name for locked in lock.plugins}
    chosen = frozenset(map(plugin_name, names))
    for name in sorted(chosen - known):
        raise not_installed(name, known)
    if not lock.requested:
        empty = {"steps": [], "changed": False, "generation": session.active_number}
        return Answer(empty, ["Nothing is installed."], narrates=True)
    resolution = choose(
        session,
        lock.requested,
        locked=lock,
        upgrade=chosen or True,
        terms=terms_of(session, options),
    )
    reason = f"update {' '.join(sorted(chosen))}".strip()
    return carry_out(session, resolution, yes=yes, dry_run=dry_run, reason=reason)


@command(examples=("uninstall dhcp-leases",))
@click.argument("names", nargs=-1, required=True, shell_complete=completion.installed)
@DRY_RUN
def uninstall(session: Session, names: tuple[str, ...], dry_run: bool) -> Answer:
    """Remove plugins and what only they required.

    Their data stays; 'rollback' brings them back.
    """
    gone = sorted(session.installed(name).release.name for name in names)
    return remove(session, gone, dry_run=dry_run, reason=f"uninstall {' '.join(gone)}")


@command(examples=("list", "list --json"))
def list_plugins(session: Session) -> Answer:
    """List the installed plugins.

    Those that were asked for are marked with a star.
    """
    asked = active_lock(session).requested
    receipts = [session.receipts[name] for name in sorted(session.receipts)]
    rows = [
        (
            "*" if receipt.release.name in asked else "",
            receipt.release.name,
            receipt.release.version,
            receipt.index,
            receipt.release.summary,
        )
        for receipt in receipts
    ]
    head = ("", "NAME", "VERSION", "INDEX", "SUMMARY")
    lines = table(head, rows, columns=session.output.columns) if rows else ["Nothing is installed."]
    return Answer(
        {
            "generation": session.active_number,
            "plugins": [
                {
                    "name": receipt.release.name,
                    "version": receipt.release.version,
                    "index": receipt.index,
                    "registry": receipt.registry,
                    "requested": receipt.release.name in asked,
                    "summary": receipt.release.summary,
                }
                for receipt in receipts
            ],
        },
        lines,
    )
