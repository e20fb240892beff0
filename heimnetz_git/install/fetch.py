"""Artifacts as verified local files: from the index's tree or from an address, kept by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from heimnetz_git.errors import DigestMismatch, FileMissing, SizeMismatch, printable
from heimnetz_git.model.lock import LockedPlugin
from heimnetz_git.model.release import Artifact
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.storage.download import download
from heimnetz_git.storage.home import Home, storage_errors

__all__ = ["Fetch", "Read", "check_artifact", "fetcher"]

Fetch = Callable[[LockedPlugin, Artifact], Path]
Read = Callable[[LockedPlugin, Artifact], bytes]


def fetcher(
    home: Home,
    read: Read,
    *,
    reporter: Reporter = SILENT,
    timeout: float = 30.0,
    offline: bool = False,
    proxy: str = "",
) -> Fetch:
    """A function that gives the local file of an artifact, of the promised size and SHA-256.

    ``read`` gives the bytes of an artifact that lies in the index (``path``); one with a ``url`` is
    downloaded, ``timeout`` in seconds. What is in the cache is checked again before it is used.
    Raises SizeMismatch, DigestMismatch, DownloadFailed, Offline, FileMissing, StorageError.
    """

    def fetch(plugin: LockedPlugin, artifact: Artifact) -> Path:
        target = home.artifact(artifact.sha256)
        if _is_whole(target, artifact):
            return target
        if artifact.path:
            data = read(plugin, artifact)
            check_artifact(data, artifact)
            home.write_atomic(target, data)
            return target
        if not artifact.url:
            raise FileMissing(f"{plugin.name} {plugin.version} does not say where its wheel is.")
        return download(
            artifact.url,
            target,
            size=artifact.size,
            sha256=artifact.sha256,
            reporter=reporter,
            timeout=timeout,
            offline=offline,
            proxy=proxy,
        )

    return fetch


def check_artifact(data: bytes, artifact: Artifact) -> None:
    """Raises SizeMismatch or DigestMismatch unless ``data`` is what was promised."""
    file = printable(artifact.file)
    if len(data) != artifact.size:
        raise SizeMismatch(
            f"{file} has {len(data)} bytes instead of the {artifact.size} promised.",
            file=file,
            expected=artifact.size,
            actual=len(data),
        )
    actual = hashlib.sha256(data).hexdigest()
    if actual != artifact.sha256:
        raise DigestMismatch(
            f"{file} is not the file that was promised: its SHA-256 is {actual}.",
            file=file,
            expected=artifact.sha256,
            actual=actual,
        )


def _is_whole(path: Path, artifact: Artifact) -> bool:
    """Whether the cache has it; a damaged file is removed."""
    with storage_errors(path):
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return False
        if digest != artifact.sha256 or path.stat().st_size != artifact.size:
            path.unlink()
            return False
    return True
