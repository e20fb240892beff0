"""The release workflow of an author's project: it submits a release when a tag is pushed."""

from __future__ import annotations

import json
from pathlib import Path

from heimnetz_git.errors import FileMissing, UsageError, printable
from heimnetz_git.storage import bundled
from heimnetz_git.storage.home import write_atomic

__all__ = ["FORGES", "add_release_workflow"]

FORGES = {
    "github": (".github/workflows/release.yml", "${{ vars.HEIMNETZ_REGISTRY }}"),
    "forgejo": (".forgejo/workflows/release.yml", "${{ vars.HEIMNETZ_REGISTRY }}"),
    "gitlab": (".gitlab-ci.yml", '"$HEIMNETZ_REGISTRY"'),
}
"""Where each forge looks for it, and what in it stands for the registry's address."""


def add_release_workflow(project: Path, forge: str, *, address: str = "") -> Path:
    """Write the workflow of that forge into the project; the file's path below it.

    With ``address`` it names the registry, else a variable of the forge does. Writing the same once
    more changes nothing. Raises FileMissing where there is no project, UsageError when there is
    another file in its place or the address cannot stand in it.
    """
    if not (project / "pyproject.toml").is_file():
        raise FileMissing(f"There is no project in {printable(str(project), longest=400)}.")
    place, variable = FORGES[forge]
    text = (bundled.folder("templates") / "release" / forge / place).read_text("utf-8")
    if address:
        text = text.replace(variable, _quoted(address))
    target = project / place
    if target.exists() and target.read_bytes() != text.encode():
        raise UsageError(
            f"{printable(place)} is there already.",
            hint="Move it away, or take what you need from 'templates/release' yourself.",
            path=str(target),
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, text.encode())
    return Path(place)


def _quoted(address: str) -> str:
    """An address as a string that YAML and a shell read alike."""
    if any(char in "$`\\\"' \t{}" or not char.isprintable() for char in address):
        raise UsageError(f"{printable(address)!r} cannot stand in a workflow.")
    return json.dumps(address)
