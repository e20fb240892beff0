"""Commands for a project's plugins: lock and sync."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from heimnetz_git.cli.command import command
from heimnetz_git.cli.installing import (
    carry_out,
    choose,
    follow,
    parse_wishes,
    pinned,
    resolved_lock,
)
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.settings import PROJECT_FILE, read_project
from heimnetz_git.cli.user import DRY_RUN, YES
from heimnetz_git.cli.words import count
from heimnetz_git.errors import FileMissing, LockOutOfDate, printable
from heimnetz_git.model.config import Project
from heimnetz_git.model.lock import Lock

if TYPE_CHECKING:
    from heimnetz_git.resolve.request import Resolution

__all__ = ["LOCK_FILE", "lock", "sync"]

LOCK_FILE = "heimnetz.lock"


@command(
    examples=(
        "lock",
        "lock --upgrade",
        "lock --upgrade-plugin dhcp-leases",
        "lock --check",
        "lock -q --format pylock --base-url https://plugins.example.org/ > pylock.toml",
    )
)
@click.option("--upgrade", is_flag=True, help="Choose anew, the newest that fit.")
@click.option("--upgrade-plugin", multiple=True, metavar="NAME", help="Choose this one anew.")
@click.option("--check", is_flag=True, help="Write nothing; end with 8 if it would change.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pylock", "requirements", "cyclonedx"]),
    help="Print the lock in another program's form too.",
)
@click.option("--base-url", default="", metavar="URL", help="Where the registry's export is.")
def lock(
    session: Session,
    *,
    upgrade: bool,
    upgrade_plugin: tuple[str, ...],
    check: bool,
    form: str | None,
    base_url: str,
) -> Answer:
    """Choose versions for a project and write its lock.

    Reads 'plugins:' of the nearest heimnetz.yaml and writes heimnetz.lock beside it. What is
    locked stays where it can.
    """
    from heimnetz_git.storage.yamlfile import dump

    path, project = _project(session)
    before = _read_lock(session, path)
    found = resolved_lock(
        session,
        choose(
            session,
            pinned(session, parse_wishes(_wishes(project))),
            locked=before,
            upgrade=upgrade or frozenset(upgrade_plugin),
        ),
    )
    target = path.with_name(LOCK_FILE)
    data = dump(found)
    changed = not target.is_file() or target.read_bytes() != data
    if changed and check:
        raise LockOutOfDate(f"{printable(str(target))} would change.", path=str(target))
    if changed:
        _write_lock(path, found)
    what = "Locked" if changed else "Nothing changed:"
    said = f"{what} {count(len(found.plugins), 'plugin')} in {target}."
    if form is not None:
        text = _in_form(form, found, base_url)
        session.output.note(printable(said, longest=1000))
        return Answer({"lock": found, "format": form, "text": text}, text.splitlines())
    return Answer(
        {"path": str(target), "changed": changed, "lock": found},
        [printable(said, longest=1000)],
        narrates=True,
    )


@command(examples=("sync", "sync --locked --yes"))
@click.option("--locked", is_flag=True, help="Refuse when the lock is not up to date.")
@YES
@DRY_RUN
def sync(session: Session, locked: bool, yes: bool, dry_run: bool) -> Answer:
    """Install exactly what a project's lock says.

    Plugins that the project does not want are removed. Without --locked, a lock that is missing
    or out of date is made first.
    """
    path, project = _project(session)
    found = _read_lock(session, path)
    wishes = pinned(session, parse_wishes(_wishes(project)))
    try:
        resolution = _held(session, found, wishes)
    except LockOutOfDate:
        if locked:
            raise
        resolution = choose(session, wishes, locked=found)
        if not dry_run:
            _write_lock(path, resolved_lock(session, resolution))
    return carry_out(session, resolution, yes=yes, dry_run=dry_run, reason="sync")


def _in_form(form: str, found: Lock, base_url: str) -> str:
    """The lock as pylock, requirements or CycloneDX; wheels lie in the export at ``base_url``."""
    from heimnetz_git.resolve.formats import address_of, cyclonedx, in_format

    if form == "cyclonedx" and not base_url:
        return cyclonedx(found)
    bases = {plugin.registry: base_url for plugin in found.plugins} if base_url else {}
    return in_format(form, found, address_of(bases))


def _held(session: Session, found: Lock | None, wishes: dict[str, str]) -> Resolution:
    """What the lock holds. Raises LockOutOfDate."""
    from heimnetz_git.resolve.lock import from_lock

    if found is None:
        raise LockOutOfDate(f"There is no {LOCK_FILE}.")
    return from_lock(found, session.catalog, session.environment, requested=wishes)


def _project(session: Session) -> tuple[Path, Project]:
    path = session.effective.project
    if path is None:
        raise FileMissing(
            f"There is no {PROJECT_FILE} here or above.",
            hint="Write one: 'format: 1' and 'plugins:' with a range for each name.",
        )
    return path, read_project(path)


def _wishes(project: Project) -> list[str]:
    return [f"{name}{span}" for name, span in project.plugins.items()]


def _read_lock(session: Session, project: Path) -> Lock | None:
    """The project's lock, if there is one; its plugins come from their registries from now on."""
    from heimnetz_git.storage.yamlfile import read_file

    path = project.with_name(LOCK_FILE)
    if not path.is_file():
        return None
    found = read_file(path, Lock)
    follow(session, found)
    return found


def _write_lock(project: Path, lock: Lock) -> None:
    from heimnetz_git.storage.home import write_atomic
    from heimnetz_git.storage.yamlfile import dump

    write_atomic(project.with_name(LOCK_FILE), dump(lock))
