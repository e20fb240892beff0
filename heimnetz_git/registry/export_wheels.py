"""The wheels that a registry holds, copied into an export with their METADATA beside (PEP 658)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.model.export import PluginPage
from heimnetz_git.model.layout import classify
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry.export_root import digest
from heimnetz_git.registry.export_target import ExportTarget
from heimnetz_git.storage.archive import open_archive
from heimnetz_git.storage.repo import Repository

__all__ = ["LARGEST_WHEEL", "Wheels", "metadata_of", "metadata_path"]

LARGEST_WHEEL = 1 << 30  # bytes; what an index may hold as one file
LARGEST_METADATA = 4 << 20
REGULAR = 0o100644


def metadata_path(artifact: str) -> str:
    """Where the METADATA of the wheel at that path is (PEP 658)."""
    return f"{artifact}.metadata"


def metadata_of(wheel: bytes) -> bytes:
    """The METADATA in a wheel; empty when it has none, or is damaged."""
    archive = open_archive(wheel)
    for entry in archive.entries:
        folder, _, file = entry.name.partition("/")
        if file == "METADATA" and folder.endswith(".dist-info"):
            try:
                return archive.read(entry) if entry.size <= LARGEST_METADATA else b""
            except ValueError:
                return b""
    return b""


class Wheels:
    """The wheels of a tree on their way into an export; ``missing`` are those that are not there.

    A wheel that is not of the size and SHA-256 that its release says is missing too.
    """

    def __init__(self, repo: Repository, tree: str, target: ExportTarget, *, recheck: bool) -> None:
        """With ``recheck``, wheels that are there already are copied again if they are damaged."""
        self._repo, self._tree, self._target = repo, tree, target
        self._recheck = recheck
        self.missing: set[str] = set()

    def of(self, page: PluginPage) -> Mapping[str, str]:
        """SHA-256 of each wheel in the export -> that of its METADATA, or empty without any."""
        found: dict[str, str] = {}
        for release in page.releases:
            for artifact in release.value.artifacts:
                if artifact.path:
                    self._bring(page.name, artifact, found)
        return found

    def _bring(self, name: str, artifact: Artifact, found: dict[str, str]) -> None:
        beside = metadata_path(artifact.path)
        if not self._recheck and self._target.has(artifact.path, artifact.size):
            found[artifact.sha256] = _name_of(self._target.read(beside))
            return
        wheel = self._read(name, artifact)
        if wheel is None:
            self.missing.add(artifact.path)
            return
        metadata = metadata_of(wheel)
        if metadata:
            self._target.put(beside, metadata)
        self._target.put(artifact.path, wheel)
        found[artifact.sha256] = _name_of(metadata)

    def _read(self, name: str, artifact: Artifact) -> bytes | None:
        kind = classify(artifact.path)
        entry = self._repo.entry(self._tree, artifact.path)
        if (kind.kind, kind.name) != ("artifact", name) or not entry or entry.mode != REGULAR:
            return None
        try:
            data = self._repo.read(entry.oid, max_bytes=LARGEST_WHEEL)
        except CorruptRepository:
            return None
        right = len(data) == artifact.size and hashlib.sha256(data).hexdigest() == artifact.sha256
        return data if right else None


def _name_of(metadata: bytes | None) -> str:
    return digest(metadata) if metadata else ""
