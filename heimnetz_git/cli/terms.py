"""What a user asks of the resolver beside names: constraints, overrides, a date, the order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
import msgspec

from heimnetz_git.errors import FileMissing, InvalidFile, InvalidName, UsageError, printable
from heimnetz_git.model.config import Project
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.names import plugin_name

if TYPE_CHECKING:
    from heimnetz_git.cli.session import Session

__all__ = ["Terms", "chosen_terms", "parse_wishes", "project_terms", "terms_of"]

SPECIFIER_START = "<>=!~"
LARGEST = 1 << 20
Function = TypeVar("Function", bound=Callable[..., Any])


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What binds a resolution beside what is requested; as the fields of ``resolve.Request``."""

    constraints: dict[str, str] = {}
    overrides: dict[str, str] = {}
    exclude_newer: str = ""
    resolution: Literal["highest", "lowest", "lowest-direct"] = "highest"


def chosen_terms(function: Function) -> Function:
    """The options for a choice that nobody keeps: no overrides, the next choice lacked them."""
    for option in reversed(
        (
            click.option("--constraint", multiple=True, metavar="FILE|SPEC",
                         help="Bind a plugin if it is needed: 'clock<2', or a file of such lines."),
            click.option("--exclude-newer", metavar="DATE",
                         help="Leave out what was merged later: 2026-01-31[T12:00:00Z]."),
            click.option("--resolution", type=click.Choice(["highest", "lowest", "lowest-direct"]),
                         help="Which fitting versions are tried first."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def project_terms(function: Function) -> Function:
    """The options of ``chosen_terms``, and overrides: for what is locked."""
    override = click.option(
        "--override",
        multiple=True,
        metavar="FILE|SPEC",
        help="Stand for whatever anybody asks of a plugin: 'clock>=2', or a file of such lines.",
    )
    return chosen_terms(override(function))


def terms_of(session: Session, options: Mapping[str, Any], project: Project | None = None) -> Terms:
    """The terms of a command line on top of a project's own.

    Constraints add up; an override, the date and the resolution replace the project's. Raises
    UsageError, FileMissing, InvalidName, InvalidFile with every line that is none.
    """
    base = project or Project(format=1)
    said = list(_specs(session, options.get("constraint") or ()))
    return Terms(
        constraints=_together([*base.constraints.items(), *said]),
        overrides={**base.overrides, **_once(_specs(session, options.get("override") or ()))},
        exclude_newer=options.get("exclude_newer") or base.exclude_newer,
        resolution=options.get("resolution") or base.resolution,
    )


def parse_wishes(texts: Iterable[str]) -> dict[str, str]:
    """``name``, ``index/name``, ``name>=1,<2`` or ``name@1.2.0`` as name -> PEP 440 range.

    Raises InvalidName for what is none of them.
    """
    from heimnetz_git.model.ranges import check_range

    found: dict[str, str] = {}
    for text in texts:
        at = min((text.find(char) for char in SPECIFIER_START if char in text), default=len(text))
        name, at_sign, version = text[:at].strip().partition("@")
        span = f"=={version}" if at_sign else text[at:].strip()
        try:
            check_range(span)
        except ValueError as error:
            raise InvalidName(
                f"{printable(text)!r} is no plugin with a version range: {error}.",
                hint="Write name, name>=1.2 or name@1.2.0.",
                text=text,
            ) from error
        found[name] = span
    return found


def _specs(session: Session, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each ``name<2`` of these, or of the lines of these files, as name and range."""
    for text in texts:
        path = session.path(text)
        if path.is_file():
            yield from _lines(path)
        elif "/" in text or "\\" in text or text.endswith((".txt", ".in")):
            raise FileMissing(f"There is no {printable(text, longest=400)}.", path=str(path))
        else:
            yield from _spec(text)


def _spec(text: str) -> Iterator[tuple[str, str]]:
    for name, span in parse_wishes([text]).items():
        if not span:
            raise InvalidName(
                f"{printable(text)!r} names no range.", hint="Write name<2 or name==1.2.0.",
                text=text,
            )  # fmt: skip
        yield plugin_name(name), span


def _lines(path: Path) -> list[tuple[str, str]]:
    """A file with one ``name<2`` on a line; ``#`` begins a comment."""
    shown = printable(str(path), longest=400)
    data = path.read_bytes()
    if len(data) > LARGEST:
        raise InvalidFile(f"{shown} is longer than {LARGEST} bytes.", file=shown)
    found: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.partition("#")[0].strip()
        try:
            found += _spec(text) if text else ()
        except InvalidName as error:
            problems.append(Problem(error.code, str(error), Location(shown, number, 1)))
    if problems:
        raise InvalidFile(
            f"{shown} is no file of version ranges.",
            problems=tuple(problems),
            hint="Write one 'name<2' on a line; '#' begins a comment.",
            file=shown,
        )
    return found


def _together(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Ranges on one plugin bind together."""
    found: dict[str, list[str]] = {}
    for name, span in pairs:
        if span and span not in found.setdefault(name, []):
            found[name].append(span)
    return {name: ",".join(spans) for name, spans in found.items()}


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, span in pairs:
        if found.setdefault(name, span) != span:
            raise UsageError(f"{name} is overridden twice: as {found[name]} and as {span}.")
    return found
