"""Who the author is, as git's configuration on this machine says: read only, nothing is run."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from shutil import which

from heimnetz_git.model.release import Author

__all__ = ["configured_author"]

LONGEST_WAIT = 5.0


def configured_author(environ: Mapping[str, str], folder: Path) -> Author:
    """The name and email that a commit in ``folder`` would have; empty where nothing says.

    GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL come first, then ``git config``, if there is a git program.
    Asking for a value runs no hook, no alias and no pager.
    """
    found = _from_git(environ, folder)
    return Author(
        name=_clean(environ.get("GIT_AUTHOR_NAME") or found.get("user.name", "")),
        email=_clean(environ.get("GIT_AUTHOR_EMAIL") or found.get("user.email", "")),
    )


def _from_git(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    program = which("git", path=environ.get("PATH"))
    if program is None:
        return {}
    command = [program, "config", "--null", "--get-regexp", r"^user\.(name|email)$"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LONGEST_WAIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    rows = done.stdout.decode("utf-8", "replace").split("\0")
    return {key: value for key, _, value in (row.partition("\n") for row in rows) if value}


def _clean(text: str) -> str:
    """One printable line, without what would end an address."""
    return "".join(char for char in text if char.isprintable() and char not in "<>").strip()
