"""Commands for a project's plugins: lock, sync and import-pylock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from heimnetz_git.cli.command import command
from heimnetz_git.cli.installing import (
    carry_out,
    follow,
    pinned,
    request_of,
    resolved_lock,
)
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.reasons import choice_lines
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.settings import PROJECT_FILE, read_project
from heimnetz_git.cli.terms import Terms, parse_wishes, project_terms, terms_of
from heimnetz_git.cli.user import DRY_RUN, YES
from heimnetz_git.cli.words import count
from heimnetz_git.errors import FileMissing, LockOutOfDate, PluginNotFound, printable
from heimnetz_git.model.config import Project
from heimnetz_git.model.lock import Lock
from heimnetz_git.model.names import plugin_name

if TYPE_CHECKING:
    from heimnetz_git.resolve.request import Request, Resolution, Universe

__all__ = ["LOCK_FILE", "lock", "sync"]

LOCK_FILE = "heimnetz.lock"
ALL = "*"


@command(
    examples=(
        "lock",
        "lock --upgrade",
        "lock --upgrade dhcp-leases --constraint 'device-registry<2'",
        "lock --explain device-registry",
        "lock --from https://plugins.example.org/root.json",
        "lock --check",
        "lock --format pylock --base-url https://plugins.example.org/ --output pylock.toml",
    )
)
@click.option("--upgrade", multiple=True, is_flag=False, flag_value=ALL, metavar="[NAME]",
              help="Choose this one anew, without NAME all; the newest that fit.")  # fmt: skip
@project_terms
@click.option("--explain", metavar="NAME", help="Write nothing; say how NAME got its version.")
@click.option("--check", is_flag=True, help="Write nothing; end with 8 if it would change.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pylock", "requirements", "cyclonedx"]),
    help="Print the lock in another program's form too.",
)
@click.option("--output", metavar="FILE", help="Write that form there instead of printing it.")
@click.option("--from", "source", metavar="URL",
              help="Ask this export alone and fetch only what the answer needs.")  # fmt: skip
@click.option("--base-url", default="", metavar="URL", help="Where the registry's export is.")
def lock(
    session: Session,
    *,
    upgrade: tuple[str, ...],
    explain: str | None,
    check: bool,
    form: str | None,
    source: str | None,
    **options: Any,
) -> Answer:
    """Choose versions for a project and write its lock.

    Reads 'plugins:', 'constraints:', 'overrides:', 'exclude_newer:' and 'resolution:' of the
    nearest heimnetz.yaml and writes heimnetz.lock beside it. What is locked stays where it can.
    With --from, this machine needs no index.
    """
    path, project = find_project(session)
    terms = terms_of(session, options, project)
    anew = ALL in upgrade or frozenset(map(plugin_name, upgrade))
    request = _request(session, path, project, terms, upgrade=anew, kept=source is None)
    solved = _by_export(session, request, source) if source else _by_indexes(session, request)
    _hold_known(request, solved)
    if explain is not None:
        return _explained(session, request, solved, plugin_name(explain))
    found = solved.lock
    changed, said = _settle(path, found, check=check)
    if form is not None:
        session.output.note(said)
        return _in_form(session, form, found, **options)
    target = path.with_name(LOCK_FILE)
    return Answer({"path": str(target), "changed": changed, "lock": found}, [said], narrates=True)


@command(examples=("sync", "sync --locked --yes"))
@click.option("--locked", is_flag=True, help="Refuse when the lock is not up to date.")
@YES
@DRY_RUN
@project_terms
def sync(session: Session, *, locked: bool, yes: bool, dry_run: bool, **options: Any) -> Answer:
    """Install exactly what a project's lock says.

    Plugins that the project does not want are removed. Without --locked, a lock that is missing
    or out of date is made first.
    """
    path, project = find_project(session)
    terms = terms_of(session, options, project)
    found = read_lock(session, path)
    wanted = pinned(session, wishes(project))
    try:
        resolution = held(session, found, wanted, terms)
    except LockOutOfDate:
        if locked:
            raise
        solved = _by_indexes(session, request_of(session, wanted, locked=found, terms=terms))
        resolution = solved.resolution
        if not dry_run:
            write_lock(path, solved.lock)
    return carry_out(
        session, resolution, yes=yes, dry_run=dry_run, reason="sync", overrides=terms.overrides
    )


class _Solved(NamedTuple):
    """An answer, who gave it, and what it is as a lock."""

    universe: Universe
    resolution: Resolution
    lock: Lock


def _request(
    session: Session,
    path: Path,
    project: Project,
    terms: Terms,
    *,
    upgrade: frozenset[str] | bool,
    kept: bool,
) -> Request:
    """What a project asks for; of the indexes of this machine if they are ``kept`` to."""
    if kept:
        wanted = pinned(session, wishes(project))
        locked = read_lock(session, path)
        return request_of(session, wanted, locked=locked, upgrade=upgrade, terms=terms)
    wanted = {plugin_name(name.rpartition("/")[2]): span for name, span in wishes(project).items()}
    request = request_of(session, wanted, locked=None, upgrade=upgrade, terms=terms)
    return msgspec.structs.replace(request, locked=_lock_of(path))


def _hold_known(request: Request, solved: _Solved) -> None:
    """Raises PluginNotFound for a plugin to upgrade that is neither locked nor chosen."""
    import difflib

    if isinstance(request.upgrade, bool):
        return
    locked = {plugin.name for plugin in request.locked.plugins} if request.locked else set()
    known = locked | solved.resolution.versions.keys()
    for name in sorted(request.upgrade - known):
        close = difflib.get_close_matches(name, known, n=1)
        guess = f" Did you mean '{close[0]}'?" if close else ""
        raise PluginNotFound(f"The project has no plugin '{name}' to upgrade.{guess}", name=name)


def _by_indexes(session: Session, request: Request) -> _Solved:
    resolution = resolved(session, request)
    lock = resolved_lock(session, resolution, request.overrides)
    return _Solved(session.catalog, resolution, lock)


def _by_export(session: Session, request: Request, source: str) -> _Solved:
    from heimnetz_git.resolve.lock import to_lock
    from heimnetz_git.resolve.resolver import resolve

    remote = session.remote(source)
    resolution = resolve(request, remote, session.environment)
    names = {remote.info.id: remote.info.name}
    return _Solved(remote, resolution, to_lock(resolution, request, session.environment, names))


def _explained(session: Session, request: Request, solved: _Solved, name: str) -> Answer:
    """How a plugin came to its version. Raises PluginNotFound."""
    from heimnetz_git.resolve.choice import explain_choice

    choice = explain_choice(solved.resolution, name, request, solved.universe, session.environment)
    return Answer({"choice": choice}, choice_lines(choice))


def resolved(session: Session, request: Request) -> Resolution:
    """The answer to a request from all indexes. Raises PluginNotFound, ResolutionImpossible."""
    from heimnetz_git.resolve.resolver import resolve

    return resolve(request, session.catalog, session.environment)


def _settle(project: Path, found: Lock, *, check: bool) -> tuple[bool, str]:
    """Writes the lock if it is another one: whether it is, and what to say of it.

    Raises LockOutOfDate instead with ``check``.
    """
    from heimnetz_git.storage.yamlfile import dump

    target = project.with_name(LOCK_FILE)
    changed = not target.is_file() or target.read_bytes() != dump(found)
    if changed and check:
        raise LockOutOfDate(f"{printable(str(target))} would change.", path=str(target))
    if changed:
        write_lock(project, found)
    what = "Locked" if changed else "Nothing changed:"
    said = f"{what} {count(len(found.plugins), 'plugin')} in {target}."
    return changed, printable(said, longest=1000)


def _in_form(
    session: Session, form: str, found: Lock, *, base_url: str, output: str | None, **_: Any
) -> Answer:
    """The lock as pylock, requirements or CycloneDX; wheels lie in the export at ``base_url``."""
    from heimnetz_git.resolve.formats import address_of, cyclonedx, in_format
    from heimnetz_git.storage.home import write_atomic

    if form == "cyclonedx" and not base_url:
        text = cyclonedx(found)
    else:
        bases = {plugin.registry: base_url for plugin in found.plugins} if base_url else {}
        text = in_format(form, found, address_of(bases))
    data = {"lock": found, "format": form, "text": text}
    if output is None:
        return Answer(data, text.splitlines())
    target = session.path(output)
    write_atomic(target, text.encode())
    return Answer(data, [f"Wrote {printable(str(target), longest=1000)}."], narrates=True)


def held(session: Session, found: Lock | None, wanted: dict[str, str], terms: Terms) -> Resolution:
    """What the lock holds for these wishes. Raises LockOutOfDate."""
    from heimnetz_git.resolve.lock import from_lock

    if found is None:
        raise LockOutOfDate(f"There is no {LOCK_FILE}.")
    return from_lock(
        found,
        session.catalog,
        session.environment,
        requested=wanted,
        overrides=terms.overrides,
        constraints=terms.constraints,
    )


def find_project(session: Session) -> tuple[Path, Project]:
    """The nearest project's file and what it says. Raises FileMissing."""
    path = session.effective.project
    if path is None:
        raise FileMissing(
            f"There is no {PROJECT_FILE} here or above.",
            hint="Write one: 'format: 1' and 'plugins:' with a range for each name.",
        )
    return path, read_project(path)


def wishes(project: Project) -> dict[str, str]:
    """The plugins that a project asks for, name or index/name -> range."""
    return parse_wishes(f"{name}{span}" for name, span in project.plugins.items())


def read_lock(session: Session, project: Path) -> Lock | None:
    """The project's lock, if there is one; its plugins come from their registries from now on."""
    found = _lock_of(project)
    if found is not None:
        follow(session, found)
    return found


def _lock_of(project: Path) -> Lock | None:
    from heimnetz_git.storage.yamlfile import read_file

    path = project.with_name(LOCK_FILE)
    return read_file(path, Lock) if path.is_file() else None


def write_lock(project: Path, lock: Lock) -> None:
    """The lock beside the project's file, in one step."""
    from heimnetz_git.storage.home import write_atomic
    from heimnetz_git.storage.yamlfile import dump

    write_atomic(project.with_name(LOCK_FILE), dump(lock))
