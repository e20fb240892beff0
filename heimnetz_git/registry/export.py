"""Writing the static export of a registry: what any web server, bucket or stick can serve.

::

    root.json, root.json.sig        the one way in; replaced last, in one step
    signatures/<sha256>.sig         the signature over the root of that digest
    shards/<sha256>                 plugin -> digest of its page, one object per shard
    plugins/<sha256>.json           all that the registry says of one plugin
    packs/<shard>.jsonl.gz          pages by the line, to begin with: hints, each checked by digest
    artifacts/<sh>/<name>/<wheel>   the wheels that the registry holds, with their METADATA beside
    simple/                         pages for pip and uv (see ``pages``)

Objects are written before what refers to them and never change, so a reader that is in the midst
of an older root goes on with it. With the export of an earlier commit in the folder, the cost
follows what changed since. The same commit and edition give the same bytes, whatever was there
before: the serial is the number of commits along first parents, unless the past was rewritten.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from heimnetz_git.errors import CorruptRepository, InvalidFile, RewriteRefused, UsageError
from heimnetz_git.model.export import (
    NO_SHARD,
    ROOT,
    ROOT_SIGNATURE,
    SHARDS,
    PluginPage,
    Root,
    Shard,
    pack_path,
    page_path,
    shard_path,
    signature_object,
)
from heimnetz_git.model.layout import classify
from heimnetz_git.model.names import shard
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry import index, pages
from heimnetz_git.registry.export_page import is_empty, page_bytes, page_of
from heimnetz_git.registry.export_root import checked, digest, read_root, root_bytes, signed, utc
from heimnetz_git.registry.export_target import ExportTarget, target_of
from heimnetz_git.registry.export_wheels import Wheels
from heimnetz_git.storage.repo import Repository

__all__ = ["Edition", "Exported", "export", "prune"]

KINDS = frozenset({"plugin", "release", "record", "signature"})
OBJECTS = ("plugins", "shards", "signatures")
GRACE = 7 * 24 * 3600


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """What an export says of itself beside the commit: Unix times, and who signs.

    ``key`` is the content of an OpenSSH or PEM private key, None leaves the root unsigned.
    ``serial`` is needed where the repository lacks the past to count it.
    """

    created: int
    expires: int
    key: bytes | None = None
    password: bytes | None = None
    serial: int | None = None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did.

    ``pages`` are the plugins that were looked at, ``written`` the files that are new or changed,
    ``missing`` the wheels that the registry should hold and does not, or holds with other bytes;
    pip and uv are not offered them. ``whole`` is False when it went on from an earlier one.
    """

    root: Root
    digest: str
    pages: int
    written: int
    missing: tuple[str, ...]
    whole: bool


def export(
    repo: Repository,
    commit: str,
    place: Path | ExportTarget,
    edition: Edition,
    *,
    whole: bool = False,
    accept_rewrite: bool = False,
    reporter: Reporter = SILENT,
) -> Exported:
    """Writes the export of ``commit`` to a folder or bucket, going on from the one that is there.

    ``whole`` writes all of it anew. Whenever this ends, ``root.json`` is the old one or the new
    one with everything behind it. Raises InvalidFile (it is no registry), UsageError (the folder
    has the export of another registry, or the serial cannot be told), RewriteRefused when the
    commit does not contain the one that was exported, StorageError, SignatureInvalid.
    """
    target = target_of(place)
    info = index.registry_info(repo, repo.tree(commit))
    before = _before(target)
    if before is not None:
        _continues(repo, before, commit, info.id, accept_rewrite=accept_rewrite)
    base = None if whole or before is None else _base(repo, target, before)
    job = _Job(repo, repo.tree(commit), target, edition, base)
    reporter.start("Exporting", None)
    try:
        for name in job.touched():
            job.take(name)
            reporter.advance()
        root = Root(
            registry=info,
            serial=_serial(repo, commit, before, edition.serial),
            commit=commit,
            tree=repo.tree(commit),
            committed=repo.commit_time(commit),
            created=utc(edition.created),
            expires=utc(edition.expires),
            shards=job.write_shards(),
        )
    finally:
        reporter.done()
    data = root_bytes(root)
    _publish(target, data, edition)
    return Exported(
        root=root,
        digest=digest(data),
        pages=job.pages,
        written=target.written,
        missing=tuple(sorted(job.wheels.missing)),
        whole=base is None,
    )


def prune(place: Path | ExportTarget, *, now: int, grace: int = GRACE) -> tuple[str, ...]:
    """Removes the objects that nothing has referred to for ``grace`` seconds; their paths.

    Until then a client that began with an older root can end with it. Wheels stay for good: locks
    name them. Raises InvalidFile when there is no export that can be read.
    """
    target = target_of(place)
    data = target.read(ROOT) or b""
    root = read_root(data)
    used = {shard_path(one) for one in root.shards} | {signature_object(digest(data))}
    for one in root.shards:
        used |= {page_path(page) for page in _shard(target, one).values()}
    gone = []
    for top in OBJECTS:
        for path in [one for one in target.retired(top, now - grace) if one not in used]:
            target.remove(path)
            gone.append(path)
    return tuple(gone)


class _Job:
    """One export on its way: the pages that changed, and the shards that hold them."""

    def __init__(
        self, repo: Repository, tree: str, target: ExportTarget, edition: Edition, base: Root | None
    ) -> None:
        self.repo, self.tree = repo, tree
        self.target, self.edition, self.base = target, edition, base
        self.wheels = Wheels(repo, tree, target, recheck=base is None)
        self.pages = 0
        self._shards: dict[int, Shard] = {}
        self._packs: dict[int, list[bytes]] = {}
        self._names_changed = base is None

    def touched(self) -> list[str]:
        """The plugins of which anything differs from the export that is there, sorted."""
        changes = self.repo.diff(self.base.tree if self.base else None, self.tree)
        kinds = (classify(change.path) for change in changes)
        return sorted({kind.name for kind in kinds if kind.kind in KINDS})

    def take(self, name: str) -> None:
        """Writes what belongs to one plugin; its place in its shard is written later."""
        number = int(shard(name), 16)
        digests = self._of(number)
        old = digests.pop(name, None)
        before = _page(self.target, old) if old else None
        page = page_of(self.repo, self.tree, name, before=before)
        self._names_changed |= (old is None) != is_empty(page)
        if not is_empty(page):
            data = page_bytes(page)
            digests[name] = digest(data)
            self.target.put(page_path(digests[name]), data)
            if self.base is None:
                self._packs.setdefault(number, []).append(data)
        if old and old != digests.get(name):
            self.target.retire(page_path(old), self.edition.created)
        self._write_pages(page)
        self.pages += 1

    def write_shards(self) -> tuple[str, ...]:
        """The digests of all shards, those that changed written, and what spans plugins."""
        before = self.base.shards if self.base else (NO_SHARD,) * SHARDS
        digests = list(before)
        for number, names in sorted(self._shards.items()):
            data = msgspec.json.encode(names, order="sorted") + b"\n"
            digests[number] = digest(data) if names else NO_SHARD
            if names:
                self.target.put(shard_path(digests[number]), data)
            if before[number] not in (NO_SHARD, digests[number]):
                self.target.retire(shard_path(before[number]), self.edition.created)
        for number, lines in self._packs.items():
            self.target.put(pack_path(number), zipped(lines))
        if self._names_changed:
            for path, data in pages.names_pages(self._names(digests)).items():
                self.target.put(path, data)
        return tuple(digests)

    def _of(self, number: int) -> Shard:
        if number not in self._shards:
            place = self.base.shards[number] if self.base else NO_SHARD
            self._shards[number] = dict(_shard(self.target, place))
        return self._shards[number]

    def _names(self, digests: Iterable[str]) -> Iterator[str]:
        """Every plugin that has a page for pip and uv."""
        for number, place in enumerate(digests):
            names = self._shards.get(number)
            yield from _shard(self.target, place) if names is None else names

    def _write_pages(self, page: PluginPage) -> None:
        folder = pages.project_folder(page.name)
        if is_empty(page):
            for file in (pages.HTML, pages.JSON):
                self.target.remove(f"{folder}/{file}")
            return
        for path, data in pages.project_pages(page, self.wheels.of(page)).items():
            self.target.put(path, data)


def zipped(lines: Iterable[bytes]) -> bytes:
    """A gzip file without a time in it (RFC 1952)."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return b"".join(map(packer.compress, lines)) + packer.flush()


def _before(target: ExportTarget) -> Root | None:
    """The export that is in the folder; None when there is none that can be read."""
    data = target.read(ROOT)
    try:
        return None if data is None else read_root(data)
    except InvalidFile:
        return None


def _continues(
    repo: Repository, before: Root, commit: str, uuid: str, *, accept_rewrite: bool
) -> None:
    if before.registry.id != uuid:
        raise UsageError(
            f"The folder holds the export of the registry {before.registry.id}, not of {uuid}.",
            hint="Name another folder.",
        )
    if accept_rewrite or repo.is_ancestor(before.commit, commit):
        return
    raise RewriteRefused(
        f"The folder holds the export of commit {before.commit}, which {commit} does not contain.",
        hint="If the registry's past was rewritten on purpose, accept that.",
        before=before.commit,
        after=commit,
    )


def _base(repo: Repository, target: ExportTarget, before: Root) -> Root | None:
    """The export to go on from; None when something that it stands on is not as it was."""
    try:
        if repo.tree(before.commit) != before.tree:
            return None
        target.expect(shard_path(place) for place in before.shards if place != NO_SHARD)
        for place in before.shards:
            _shard(target, place)
    except (CorruptRepository, InvalidFile):
        return None
    return before


def _shard(target: ExportTarget, place: str) -> Shard:
    """The names of a shard. Raises InvalidFile when it is not what its digest says."""
    if place == NO_SHARD:
        return {}
    data = target.read(shard_path(place)) or b""
    if digest(data) != place:
        raise InvalidFile(f"The shard {place} is missing or damaged.", file=shard_path(place))
    return checked(data, Shard, shard_path(place))


def _page(target: ExportTarget, place: str) -> PluginPage | None:
    """The page of an earlier export, None when it is not what its digest says."""
    data = target.read(page_path(place)) or b""
    try:
        return msgspec.json.decode(data, type=PluginPage) if digest(data) == place else None
    except msgspec.MsgspecError:
        return None


def _serial(repo: Repository, commit: str, before: Root | None, said: int | None) -> int:
    """The number of commits along first parents, and above the earlier serial in any case."""
    least = 1
    if before is not None:
        least = before.serial + (before.commit != commit)
    if said is not None:
        if said < least:
            raise UsageError(f"The serial {said} would go back: it must be at least {least}.")
        return said
    steps, at, shallow = 1, commit, repo.shallow()
    while True:
        if before is not None and at == before.commit:
            return before.serial + steps - 1
        if at in shallow:
            raise UsageError(
                "The serial cannot be told: this clone lacks the registry's past.",
                hint="Fetch all of it, or name the serial.",
            )
        parents = repo.parents(at)
        if not parents:
            return max(steps, least)
        steps, at = steps + 1, parents[0]


def _publish(target: ExportTarget, data: bytes, edition: Edition) -> None:
    """The root, after everything that it stands on."""
    old = target.read(ROOT)
    signature = None
    if edition.key is not None:
        signature = signed(data, edition.key, password=edition.password)
        target.put(signature_object(digest(data)), signature)
    target.settle()
    if old is not None and old != data:
        target.retire(signature_object(digest(old)), edition.created)
    if old != data:
        target.publish(ROOT, data)
    if signature is None:
        target.remove(ROOT_SIGNATURE)
    elif target.read(ROOT_SIGNATURE) != signature:
        target.publish(ROOT_SIGNATURE, signature)
