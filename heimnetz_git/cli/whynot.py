"""The command why-not: what keeps a release from being chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli import completion
from heimnetz_git.cli.command import command
from heimnetz_git.cli.installing import active_lock, pinned, request_of
from heimnetz_git.cli.output import Answer
from heimnetz_git.cli.project import find_project, read_lock, wishes
from heimnetz_git.cli.reasons import refusal_lines
from heimnetz_git.cli.session import Session
from heimnetz_git.cli.terms import parse_wishes, project_terms, terms_of
from heimnetz_git.errors import UsageError, printable

if TYPE_CHECKING:
    from heimnetz_git.resolve.request import Request

__all__ = ["why_not"]


@command(examples=("why-not device-registry==2.0.0", "why-not device-registry@2.0.0 --json"))
@click.argument("release", metavar="NAME==VERSION", shell_complete=completion.offered)
@project_terms
def why_not(session: Session, release: str, **options: Any) -> Answer:
    """Show what keeps a release from being chosen.

    In a project's folder of its lock, elsewhere of what is installed; and what would help.
    """
    from heimnetz_git.resolve.choice import why_not as refusal_of

    name, version = _release(release)
    plugin = next(iter(pinned(session, {name: ""})))
    refusal = refusal_of(
        plugin, version, _request(session, options), session.catalog, session.environment
    )
    return Answer({"refusal": refusal, "possible": refusal.is_possible}, refusal_lines(refusal))


def _release(text: str) -> tuple[str, str]:
    """``name==1.0.0`` or ``name@1.0.0`` as name and version. Raises UsageError, InvalidName."""
    for name, span in parse_wishes([text]).items():
        version = span.removeprefix("==")
        if version != span and version and not set("=*,<>!~ ") & set(version):
            return name, version
    raise UsageError(f"{printable(text)!r} names no release.", hint="Write NAME==VERSION.")


def _request(session: Session, options: dict[str, Any]) -> Request:
    """What the project asks for, or what is installed."""
    if session.effective.project is None:
        lock = active_lock(session)
        terms = terms_of(session, options)
        return request_of(session, lock.requested, locked=lock, terms=terms)
    path, project = find_project(session)
    locked = read_lock(session, path)
    terms = terms_of(session, options, project)
    return request_of(session, pinned(session, wishes(project)), locked=locked, terms=terms)
