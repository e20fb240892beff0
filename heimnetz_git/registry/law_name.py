"""The law about new names: well formed, free, and not easily taken for another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase

from heimnetz_git.errors import InvalidName, printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.model.layout import UPSTREAM_NAMES
from heimnetz_git.model.lookalike import Kind
from heimnetz_git.model.names import import_name, plugin_name
from heimnetz_git.registry.law_case import Case, finding
from heimnetz_git.registry.names import taken_names
from heimnetz_git.registry.names_popular import POPULAR_IMPORTS

__all__ = ["name_reserved", "name_same", "name_similar", "name_upstream"]

MOST = 5
_WORDS: dict[Kind, str] = {
    "same": "can hardly be told from",
    "letters": "is a letter or two from",
    "words": "has the words of",
    "affix": "is but for a common word",
    "typing": "is a slip of one key from",
    "looks": "looks much like",
}


def name_reserved(case: Case) -> Iterator[Finding]:
    """A new name is well formed, free, and no module that others import.

    Neither of Python's standard library nor of a popular package: a plugin's code is a top-level
    package of its name. Patterns under ``reserved:`` in registry.yaml are the registry's own.
    """
    patterns = case.registry.reserved if case.registry else ()
    for path, name in _new_names(case, well_formed=False):
        kept = next((one for one in patterns if fnmatchcase(name, one)), None)
        said = _fault(name)
        if not said and kept:
            said = f"The registry keeps names like {printable(kept)!r} for itself."
        if said:
            yield finding("name-reserved", path, said, hint="Choose another name.")


def _misspelt(name: str) -> str:
    try:
        normal = plugin_name(name)
    except InvalidName as error:
        return str(error)
    return f"{printable(name)!r} is written {normal!r}." if normal != name else ""


def _fault(name: str) -> str:
    misspelt = _misspelt(name)
    if misspelt:
        return misspelt
    if import_name(name) in sys.stdlib_module_names:
        return f"{name!r} is a module of Python's standard library."
    if import_name(name) in POPULAR_IMPORTS:
        return f"{name!r} is a popular Python package, which others import."
    return ""


def name_same(case: Case) -> Iterator[Finding]:
    """A new name differs from every other by more than hyphens and characters that look the same.

    ``0`` is as ``o``, ``1`` as ``l``, ``5`` as ``s``, ``rn`` as ``m`` and ``vv`` as ``w``.
    """
    for path, name in _new_names(case):
        for one in taken_names(case.repo, case.base).like(name)[: MOST * 20]:
            if one.kind == "same":
                said = f"{printable(name)!r} {_WORDS[one.kind]} {one.other!r}, which is taken."
                yield finding("name-same", path, said, hint="Choose another name.")


def name_similar(case: Case) -> Iterator[Finding]:
    """A new name that is like another waits for a maintainer.

    One or two letters apart, by the length of the name; the same words in another order; a common
    word such as ``python`` or ``plugin`` more; one wrong key or flipped bit; alike in print.
    """
    for path, name in _new_names(case):
        like = [one for one in taken_names(case.repo, case.base).like(name) if one.kind != "same"]
        for one in like[:MOST]:
            said = f"{printable(name)!r} {_WORDS[one.kind]} {one.other!r}, which is taken."
            yield finding("name-similar", path, said, severity=Severity.MEDIUM)


def name_upstream(case: Case) -> Iterator[Finding]:
    """A new name that a registry upstream of this one has waits for a maintainer.

    Whoever uses both would get one for the other (dependency confusion). The names lie in
    ``trust/upstream_names`` of the base, one a line; 'registry upstream' brings them up to date.
    """
    place = case.repo.entry(case.base, UPSTREAM_NAMES) if case.base else None
    if place is None:
        return
    taken = b"\n" + case.repo.read(place.oid) + b"\n"
    for path, name in _new_names(case):
        if b"\n%b\n" % name.encode() in taken:
            said = f"A registry upstream has a plugin {printable(name)!r}."
            yield finding("name-upstream", path, said, severity=Severity.MEDIUM)


def _new_names(case: Case, *, well_formed: bool = True) -> Iterator[tuple[str, str]]:
    for each in case.of("plugin"):
        if each.old is None and each.new is not None:
            name = each.kind.name
            if not well_formed or not _misspelt(name):
                yield each.path, name
