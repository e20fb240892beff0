"""The data that travels with the program: the default index and the templates."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.errors import FileMissing

__all__ = ["folder"]

_PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """The folder ``index`` or ``templates``: from the installed wheel, else from the source tree.

    Raises FileMissing when the program was installed without it.
    """
    for place in (_PACKAGE / "_bundled" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileMissing(
        f"The folder {name!r} did not come with this installation.",
        hint="Install heimnetz-git anew.",
        folder=name,
    )
