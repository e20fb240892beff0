"""Checking an export whole: every digest, signature, wheel and page, and all that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from heimnetz_git.errors import InvalidFile, SignatureInvalid, printable
from heimnetz_git.model.export import (
    NO_SHARD,
    ROOT,
    ROOT_SIGNATURE,
    PluginPage,
    PublishedRelease,
    Root,
    Shard,
    page_path,
    shard_path,
    signature_object,
)
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.names import shard
from heimnetz_git.model.release import Artifact
from heimnetz_git.registry import pages
from heimnetz_git.registry.export_page import original
from heimnetz_git.registry.export_root import checked, digest, read_root, unix, who_signed
from heimnetz_git.registry.export_target import ExportTarget, target_of
from heimnetz_git.registry.export_wheels import metadata_of, metadata_path
from heimnetz_git.storage.repo_objects import object_id
from heimnetz_git.trust.allowed_signers import Signer, fingerprint

__all__ = ["Verified", "verify"]

PAGES = (pages.HTML, pages.JSON)


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What an export holds, and everything wrong with it.

    ``signer`` is the fingerprint of the key that may sign and did, empty when nobody was asked
    about; ``root`` is None when it cannot be read.
    """

    root: Root | None
    plugins: int = 0
    releases: int = 0
    wheels: int = 0
    signer: str = ""
    problems: tuple[Problem, ...] = ()


def verify(
    place: Path | ExportTarget, *, at: int, signers: Iterable[Signer] | None = None
) -> Verified:
    """Recomputes all that an export says, without the registry.

    ``at`` is the Unix time to judge its expiry and signature by. With ``signers`` the root must be
    signed by one of them. Wheels that are missing are a problem too: one that the registry lacks
    itself cannot be had from its export. Raises StorageError.
    """
    job = _Verification(target_of(place))
    data = job.folder.read(ROOT)
    if data is None:
        job.problem("missing", ROOT, "There is no root.json: this is no export.")
        return job.verified(None)
    try:
        root = read_root(data)
    except InvalidFile as error:
        job.problem(error.code, ROOT, str(error))
        return job.verified(None)
    if signers is not None:
        job.signature(data, signers, at)
    if unix(root.expires) <= at:
        job.problem("expired", ROOT, f"It expired at {root.expires}.")
    job.folder.expect(shard_path(place) for place in root.shards if place != NO_SHARD)
    for number, digest_of_shard in enumerate(root.shards):
        if digest_of_shard != NO_SHARD:
            job.shard(number, digest_of_shard)
    job.names()
    return job.verified(root)


class _Verification:
    """One look at an export; collects problems as it goes."""

    def __init__(self, folder: ExportTarget) -> None:
        self.folder = folder
        self.signer = ""
        self._problems: list[Problem] = []
        self._plugins: list[str] = []
        self._releases = self._wheels = 0

    def problem(self, code: str, path: str, message: str) -> None:
        self._problems.append(Problem(code, message, Location(printable(path, longest=500))))

    def verified(self, root: Root | None) -> Verified:
        """All that was found."""
        return Verified(
            root=root,
            plugins=len(self._plugins),
            releases=self._releases,
            wheels=self._wheels,
            signer=self.signer,
            problems=tuple(self._problems),
        )

    def signature(self, data: bytes, signers: Iterable[Signer], at: int) -> None:
        place = signature_object(digest(data))
        found = self.folder.read(place)
        if found is None:
            self.problem("signature-missing", place, "The root is not signed.")
            return
        if self.folder.read(ROOT_SIGNATURE) != found:
            self.problem("signature-differs", ROOT_SIGNATURE, "It is not the root's signature.")
        try:
            self.signer = fingerprint(who_signed(data, found, signers, at=at).key)
        except SignatureInvalid as error:
            self.problem(error.code, place, str(error))

    def shard(self, number: int, place: str) -> None:
        data = self._object(shard_path(place), place)
        if data is None:
            return
        try:
            names = checked(data, Shard, shard_path(place))
        except InvalidFile as error:
            self.problem(error.code, shard_path(place), str(error))
            return
        self.folder.expect([page_path(page) for page in names.values()])
        self.folder.expect(
            [f"{pages.project_folder(name)}/{file}" for name in names for file in PAGES]
        )
        for name, page in names.items():
            if int(shard(name), 16) != number:
                shown = printable(name)
                self.problem("misplaced", shard_path(place), f"{shown!r} is of another shard.")
            self._page(name, page)

    def names(self) -> None:
        """The two pages that list all plugins."""
        self._same(pages.names_pages(self._plugins))

    def _page(self, name: str, place: str) -> None:
        self._plugins.append(name)
        path = page_path(place)
        data = self._object(path, place)
        if data is None:
            return
        try:
            page = checked(data, PluginPage, path)
        except InvalidFile as error:
            self.problem(error.code, path, str(error))
            return
        if page.name != name:
            self.problem("misplaced", path, f"It is of {printable(page.name)!r}, not of {name!r}.")
            return
        metadata: dict[str, str] = {}
        for release in page.releases:
            self._release(path, release)
            for artifact in release.value.artifacts:
                if artifact.path:
                    metadata |= self._wheel(artifact)
        self._same(pages.project_pages(page, metadata))

    def _release(self, path: str, release: PublishedRelease) -> None:
        self._releases += 1
        value = release.value
        if object_id("blob", original(release)) != release.oid:
            said = f"{value.name} {value.version} is not the file {release.oid} of the registry."
            self.problem("release-differs", path, said)

    def _wheel(self, artifact: Artifact) -> Mapping[str, str]:
        """The digest of its METADATA under the wheel's own; nothing when it is not there."""
        wheel = self.folder.read(artifact.path)
        if wheel is None:
            self.problem("missing", artifact.path, "The wheel is missing.")
            return {}
        self._wheels += 1
        if len(wheel) != artifact.size:
            said = f"It has {len(wheel)} bytes, not {artifact.size}."
            self.problem("size-mismatch", artifact.path, said)
        elif hashlib.sha256(wheel).hexdigest() != artifact.sha256:
            said = "It is not the wheel of the release: its SHA-256 is another."
            self.problem("digest-mismatch", artifact.path, said)
        metadata, beside = metadata_of(wheel), metadata_path(artifact.path)
        if metadata and self.folder.read(beside) != metadata:
            self.problem("metadata-differs", beside, "It is not the METADATA of the wheel.")
        return {artifact.sha256: digest(metadata) if metadata else ""}

    def _object(self, path: str, place: str) -> bytes | None:
        data = self.folder.read(path)
        if data is None:
            self.problem("missing", path, "The object is missing.")
        elif digest(data) != place:
            self.problem("digest-mismatch", path, "It is not what its name says.")
            return None
        return data

    def _same(self, expected: Mapping[str, bytes]) -> None:
        for path in self._different(expected):
            self.problem("page-differs", path, "The page for pip and uv is not the registry's.")

    def _different(self, expected: Mapping[str, bytes]) -> Iterator[str]:
        return (path for path, data in expected.items() if self.folder.read(path) != data)
