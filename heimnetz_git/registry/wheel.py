"""Wheels that an index holds itself, read from its clone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heimnetz_git.errors import ReleaseChanged, SizeMismatch, printable

if TYPE_CHECKING:
    from heimnetz_git.model.release import Artifact
    from heimnetz_git.storage.repo import Repository

__all__ = ["wheel_of"]

REGULAR = 0o100644
LARGEST = 1 << 30  # bytes; what an index may hold as one file


def wheel_of(repo: Repository, artifact: Artifact, index: str) -> bytes:
    """The bytes of ``artifact.path`` in main; their size is checked, their digest not yet.

    Raises ReleaseChanged when it is not there, SizeMismatch, CorruptRepository.
    """
    commit = repo.branch("main")
    entry = repo.entry(repo.tree(commit), artifact.path) if commit else None
    where = f"{printable(artifact.path)} in the index {index!r}"
    if entry is None or entry.mode != REGULAR:
        raise ReleaseChanged(f"There is no file {where}.", index=index, path=artifact.path)
    data = repo.read(entry.oid, max_bytes=LARGEST)
    if len(data) != artifact.size:
        raise SizeMismatch(
            f"{where} has {len(data)} bytes, not the {artifact.size} that were promised.",
            expected=artifact.size,
            found=len(data),
        )
    return data
