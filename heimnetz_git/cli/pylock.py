"""The command import-pylock: a project's lock from a pylock.toml (PEP 751)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from heimnetz_git.cli.command import command
from heimnetz_git.cli.installing import follow, pinned, request_of, resolved_lock
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.project import LOCK_FILE, held, resolved, wishes, write_lock
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.settings import PROJECT_FILE, read_project
from heimnetz_git.cli.terms import Terms, project_terms, terms_of
from heimnetz_git.cli.words import count
from heimnetz_git.errors import FileMissing, printable
from heimnetz_git.model.config import Project
from heimnetz_git.model.lock import Lock

__all__ = ["import_pylock"]


@command(examples=("import-pylock pylock.toml", "import-pylock requirements.pylock.toml"))
@click.argument("file", type=click.Path())
@project_terms
def import_pylock(session: Session, file: str, **options: Any) -> Answer:
    """Take a project's lock from a pylock.toml.

    One that 'lock --format pylock' wrote gives the very lock that it was made of, once the indexes
    confirm every release of it; without a heimnetz.yaml one is written that asks for the same. Of
    another program's, the versions that it pins bind what the project asks for.
    """
    from heimnetz_git.resolve.formats import is_ours

    text = session.existing(file).read_text(encoding="utf-8", errors="replace")
    path = session.effective.project
    project = read_project(path) if path else None
    terms = terms_of(session, options, project)
    if is_ours(text):
        found = _own(session, text, project, terms)
    else:
        found = _pins(session, text, project, terms)
    path = path or session.path(PROJECT_FILE)
    _write(path, found, anew=project is None)
    said = f"Locked {count(len(found.plugins), 'plugin')} in {path.with_name(LOCK_FILE)}."
    return Answer(
        {"path": str(path.with_name(LOCK_FILE)), "lock": found},
        [printable(said, longest=1000)],
        narrates=True,
    )


def _own(session: Session, text: str, project: Project | None, terms: Terms) -> Lock:
    """The lock behind our own pylock. Raises LockOutOfDate when it does not hold here."""
    from heimnetz_git.resolve.formats import read_pylock

    found = read_pylock(text)
    follow(session, found)
    wanted = pinned(session, wishes(project)) if project else dict(found.requested)
    held(session, found, wanted, terms)
    return found


def _pins(session: Session, text: str, project: Project | None, terms: Terms) -> Lock:
    """The project's wishes, bound to another program's pins. Raises FileMissing without wishes."""
    from heimnetz_git.resolve.formats import pins_of

    if project is None:
        raise FileMissing(
            f"There is no {PROJECT_FILE} here or above, and a pylock of another program does not"
            " say which of its packages are wanted plugins.",
            hint="Write one: 'format: 1' and 'plugins:' with a range for each name.",
        )
    bound = dict(terms.constraints)
    for name, pin in pins_of(text).items():
        bound[name] = f"{bound[name]},{pin}" if name in bound else pin
    terms = msgspec.structs.replace(terms, constraints=bound)
    request = request_of(session, pinned(session, wishes(project)), locked=None, terms=terms)
    return resolved_lock(session, resolved(session, request), terms.overrides)


def _write(path: Path, found: Lock, *, anew: bool) -> None:
    """The lock, and before it the project's file if there is none."""
    from heimnetz_git.storage.home import write_atomic
    from heimnetz_git.storage.yamlfile import dump

    if anew:
        write_atomic(path, dump(Project(format=1, plugins=found.requested)))
    write_lock(path, found)
