"""Bringing commits from one repository to another: by folder or by network, objects before refs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, Protocol, cast

from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.storage import repo_copy, repo_folder, repo_http
from heimnetz_git.storage.gitwire import speaks_http
from heimnetz_git.storage.packindex import OnObject
from heimnetz_git.storage.repo_http import Declined, Fetched, Known
from heimnetz_git.storage.repo_objects import NUMBERS, Objects, writing

__all__ = [
    "End",
    "Wanted",
    "copy_commit",
    "fetch_folder",
    "fetch_network",
    "network_heads",
    "send_network",
]


MOST_TIPS = 16
MOST_BEFORE = 16


class End(Protocol):
    """A repository at one end of a transfer."""

    path: Path
    objects: Objects

    def branch(self, name: str) -> str | None:
        """The commit of a branch."""

    def parents(self, commit: str) -> tuple[str, ...]:
        """The commits before it."""

    def shallow(self) -> frozenset[str]:
        """Where history was cut."""

    def tips(self) -> frozenset[str]:
        """Every commit that a ref points to."""


def fetch_folder(
    target: End, source: End, branches: Sequence[str], reporter: Reporter
) -> dict[str, str]:
    """Copy what ``target`` lacks of these branches; those that the source has -> commit.

    A target without refs gets the source's packs as they are, others just what is new.
    """
    found = {name: source.branch(name) for name in branches}
    heads = {name: oid for name, oid in found.items() if oid is not None}
    have, cut = target.tips(), source.shallow()
    if cut - target.shallow():
        repo_folder.write_shallow(target.path, target.shallow() | cut)
    if not have:
        repo_copy.copy_all(source.objects, target.objects, reporter)
    elif not have.issuperset(heads.values()):
        known = [oid for oid in have if oid in source.objects]
        repo_copy.copy_missing(
            source.objects,
            target.objects,
            heads.values(),
            known,
            shallow=cut,
            reporter=reporter,
        )
    return heads


class Wanted(NamedTuple):
    """What to fetch from a server, and how.

    ``on_object`` hears of each object that comes, in the pass that checks it; ``heads`` saves the
    question what the server has.
    """

    branches: Sequence[str]
    depth: int | None
    timeout: float
    reporter: Reporter = SILENT
    on_object: OnObject | None = None
    heads: Mapping[str, str] | None = None


def fetch_network(target: End, url: str, wanted: Wanted) -> dict[str, str]:
    """Ask a server for what ``target`` lacks of these branches; those that it has -> commit."""
    known = _known(target)
    with (
        writing(target.path),
        tempfile.TemporaryFile(dir=target.path / "objects", prefix="tmp_pack_") as pack,
    ):
        try:
            if not speaks_http(url):
                raise Declined
            got = repo_http.fetch(
                url,
                wanted.branches,
                pack,
                known=known._replace(heads=wanted.heads),
                depth=wanted.depth,
                timeout=wanted.timeout,
                reporter=wanted.reporter,
            )
        except Declined:
            got = _fetch_by_library(target, url, pack, wanted)
        if pack.tell():
            pack.seek(0)
            target.objects.add_pack(cast("BinaryIO", pack), wanted.on_object)
    shallow = known.shallow
    if got.shallow - shallow or got.unshallow & shallow:
        repo_folder.write_shallow(target.path, (shallow | got.shallow) - got.unshallow)
    return got.heads


def network_heads(url: str, prefix: str, timeout: float) -> dict[str, str]:
    """The branches of a server that begin with ``prefix`` -> commit."""
    if speaks_http(url):
        with suppress(Declined):
            return repo_http.heads(url, prefix, timeout=timeout)
    from heimnetz_git.storage.repo_remote import Remote

    with Remote(url, timeout=timeout) as remote:
        return remote.heads(prefix)


def _known(target: End) -> Known:
    """What need not be sent: the tips, and a few commits before each in case those are nowhere."""
    tips = target.tips()
    haves = dict.fromkeys(sorted(tips))
    for tip in sorted(tips)[:MOST_TIPS]:
        commit = tip
        for _ in range(MOST_BEFORE):
            parents = target.parents(commit)
            if not parents:
                break
            commit = parents[0]
            haves[commit] = None
    return Known(tips, tuple(haves), target.shallow())


def _fetch_by_library(target: End, url: str, pack: IO[bytes], wanted: Wanted) -> Fetched:
    from dulwich.object_store import ObjectStoreGraphWalker
    from dulwich.objects import ObjectID

    from heimnetz_git.storage.repo_remote import Remote

    def parents(oid: ObjectID) -> list[ObjectID]:
        return [ObjectID(parent.encode()) for parent in target.parents(oid.decode())]

    tips = target.tips()
    heads, cut = (
        [ObjectID(oid.encode()) for oid in sorted(some)] for some in (tips, target.shallow())
    )
    walker = ObjectStoreGraphWalker(heads, parents, set(cut))
    pack.seek(0)
    pack.truncate()
    with Remote(url, timeout=wanted.timeout) as remote:
        return remote.fetch(
            wanted.branches,
            pack,
            walker=walker,
            have=tips,
            depth=wanted.depth,
            reporter=wanted.reporter,
        )


def copy_commit(source: End, target: End, commit: str) -> None:
    """Copy a commit and what it needs to another folder; no ref is touched."""
    known = [oid for oid in target.tips() if oid in source.objects]
    repo_copy.copy_missing(
        source.objects, target.objects, [commit], known, shallow=source.shallow()
    )


def send_network(  # noqa: PLR0913 # one command to a server
    source: End,
    url: str,
    branch: str,
    commit: str | None,
    *,
    expect: str | None = None,
    whatever: bool = False,
    options: Sequence[str] = (),
    timeout: float,
    receive_pack: Path | None = None,
) -> str:
    """Point a branch of a server to a commit, or remove it when None; what the server said.

    As ``Remote.push``. Raises RemoteRefused.
    """

    def objects(have: frozenset[str]) -> list[tuple[int, str, bytes]]:
        known = [oid for oid in have if oid in source.objects]
        wants = [commit] if commit else []
        oids = list(repo_copy.missing(source.objects, wants, known, source.shallow()))
        read = ((oid, *source.objects.raw(oid)) for oid in oids)
        return [(NUMBERS[kind], oid, data) for oid, kind, data in read]

    from heimnetz_git.storage.repo_remote import Remote

    with Remote(url, timeout=timeout, receive_pack=receive_pack) as remote:
        return remote.push(
            branch, commit, objects, expect=expect, whatever=whatever, options=options
        )
