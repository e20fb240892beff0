"""Adding and updating an index that comes as a static export: the old state or the new one.

What is kept of it, ``indexes/<name>.export``, is laid out as the export itself: ``root.json`` is
the root that was accepted, behind it lie the objects that were fetched. The steps, in this order:
objects; judge; the cache, in one transaction; ``root.json``. Objects without a root are what an
update that was cut short had fetched; the next one goes on from them.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Unpack

from heimnetz_git.errors import (
    DigestMismatch,
    FileMissing,
    IndexExpired,
    InvalidFile,
    RewriteRefused,
    SignatureInvalid,
    VerificationFailed,
)
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.model.export import ROOT, Root, page_path, shard_path, signature_object
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.layout import release_path
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry import cachewriter
from heimnetz_git.registry.cache import Cache, Unusable
from heimnetz_git.registry.cacherows import Mirrored
from heimnetz_git.registry.export_root import LARGEST_ROOT, digest, read_root, unix, who_signed
from heimnetz_git.registry.exported_address import base_of
from heimnetz_git.registry.exported_feed import (
    ExportFeed,
    PageChange,
    changed_pages,
    judge_page,
    published,
)
from heimnetz_git.registry.exported_objects import LARGEST_PAGE, Kept, Objects
from heimnetz_git.registry.synced import TIMEOUT, Options, Synced, broken, no_checkpoint
from heimnetz_git.storage.download_get import Body, Site
from heimnetz_git.storage.home import Home, storage_errors
from heimnetz_git.trust.allowed_signers import parse_allowed_signers

__all__ = ["EXPORT_STEPS", "accepted_root", "checked_root", "feed_of_kept", "update"]

EXPORT_STEPS = (
    "root-fetched", "objects-fetched", "judged", "cache-written", "cache-built", "cached",
    "accepted",
)  # fmt: skip
LARGEST_SIGNATURE = 64 << 10
AT_ONCE = 8  # requests
WORTH_A_PACK = 4  # pages of one shard
ETAG = "root.etag"


def update(
    home: Home,
    name: str,
    settings: IndexSettings,
    *,
    staging: Path,
    accept_rewrite: bool = False,
    **options: Unpack[Options],
) -> Synced:
    """Fetches what is new in an export, judges it and accepts it; the caller holds the home.

    Raises Offline, NetworkError, FileMissing (nothing is there), InvalidFile and DigestMismatch (it
    is not what an export holds), SignatureInvalid, IndexExpired, RewriteRefused (its serial went
    back, or it is another registry now), ReleaseChanged, HomeBusy. In each case what was accepted
    before stays.
    """
    site = Site(
        base_of(settings.url),
        timeout=options.get("timeout", TIMEOUT),
        offline=options.get("offline", False),
    )
    with site:
        step = _Step(home, name, settings, site, options)
        return step.run(staging, accept_rewrite=accept_rewrite)


def accepted_root(home: Home, name: str) -> Root | None:
    """The root of the index that was accepted; None when none was, or it cannot be read."""
    data = Kept(home.index_export(name)).folder.read(ROOT)
    try:
        return None if data is None else read_root(data)
    except InvalidFile:
        return None


def feed_of_kept(home: Home, name: str) -> ExportFeed:
    """What was accepted of an index, without its site. Raises FileMissing."""
    root = accepted_root(home, name)
    if root is None:
        raise FileMissing(f"Nothing of the index {name!r} is here.", index=name)
    return ExportFeed(Objects(Kept(home.index_export(name)), None), root, root)


def checked_root(
    site: Site, data: bytes, signers: Sequence[str], *, now: float, expires: bool = True
) -> Root:
    """The root in these bytes, signed by one of ``signers`` if there are any, and not expired.

    Raises InvalidFile, SignatureInvalid, IndexExpired, NetworkError.
    """
    root = read_root(data, f"{site.shown}{ROOT}")
    if signers:
        allowed = parse_allowed_signers("\n".join(signers).encode(), "the signers of the index")
        try:
            body = site.get(signature_object(digest(data)), largest=LARGEST_SIGNATURE)
        except FileMissing:
            raise SignatureInvalid(
                f"{site.shown}{ROOT} is not signed, and this index must be.", url=site.shown
            ) from None
        who_signed(data, body.data if body else b"", allowed, at=int(now))
    if expires and unix(root.expires) <= now:
        raise IndexExpired(
            f"{site.shown}{ROOT} was made to be used until {root.expires}, and that has passed.",
            url=site.shown,
            expires=root.expires,
            serial=root.serial,
        )
    return root


class _Found(NamedTuple):
    """What the site has now: the root, its very bytes, its validator."""

    root: Root
    data: bytes
    etag: str


class _Step:
    """One update of one index, with the home locked."""

    def __init__(
        self, home: Home, name: str, settings: IndexSettings, site: Site, options: Options
    ) -> None:
        self.home, self.name, self.settings, self.site = home, name, settings, site
        self.kept = Kept(home.index_export(name))
        self.objects = Objects(self.kept, site)
        self.reporter: Reporter = options.get("reporter", SILENT)
        self.clock = options.get("clock", time.time)
        self.done = options.get("checkpoint", no_checkpoint)
        self.before = accepted_root(home, name)
        self.base = self.before

    def run(self, staging: Path, *, accept_rewrite: bool) -> Synced:
        """All steps."""
        found = self._root()
        self._follows(found.root, accept_rewrite=accept_rewrite)
        self.done("root-fetched")
        changes = self._fetch(found.root)
        self.done("objects-fetched")
        if not accept_rewrite:
            self._judge(found.root, changes)
        self.done("judged")
        mirrored = self._mirror(found.root, staging)
        self.done("cached")
        self._accept(found, changes)
        self.done("accepted")
        return self._told(found.root, mirrored)

    def _root(self) -> _Found:
        """The root of the site, or the accepted one when that is still it."""
        old = self.kept.folder.read(ROOT) or b""
        etag = (self.kept.folder.read(ETAG) or b"").decode("ascii", "replace")
        kept, _, of = etag.rpartition(" ")
        known = kept if self.before is not None and of == digest(old) else ""
        body = self.site.get(ROOT, largest=LARGEST_ROOT, etag=known) or Body(old, known)
        root = checked_root(self.site, body.data, self.settings.signers, now=self.clock())
        return _Found(root, body.data, body.etag)

    def _follows(self, root: Root, *, accept_rewrite: bool) -> None:
        before, known = self.before, self._registry()
        if accept_rewrite or known is None:
            return
        found = root.registry.id
        if known != found:
            raise RewriteRefused(
                f"The index {self.name!r} was the registry {known}; at {self.site.shown} is now"
                f" another one, {found}.",
                hint="If that is meant, remove the index and add it again.",
                index=self.name,
                registry_before=known,
                registry_after=found,
            )
        if before is None:
            return
        same = root.serial == before.serial
        if root.serial < before.serial or (same and root.commit != before.commit):
            raise RewriteRefused(
                f"The index {self.name!r} was at serial {before.serial}, commit {before.commit};"
                f" {self.site.shown} now has serial {root.serial}, commit {root.commit}, which"
                " does not follow it.",
                hint="Somebody may be showing you an old copy. Ask the registry's maintainers.",
                index=self.name,
                before=before.commit,
                after=root.commit,
            )

    def _registry(self) -> str | None:
        """The UUID of the registry that the index was until now, by export or by Git."""
        if self.before is not None:
            return self.before.registry.id
        with self._cache_of_git() as cache:
            return cache.info.id if cache else None

    @contextmanager
    def _cache_of_git(self) -> Iterator[Cache | None]:
        """The cache of an index that came by Git until now, if it did."""
        if not self.home.index(self.name).is_dir():
            yield None
            return
        try:
            cache = Cache.open(self.home.index_cache(self.name), index=self.name)
        except Unusable:
            yield None
            return
        with cache:
            yield cache

    def _fetch(self, root: Root) -> list[PageChange]:
        """What changed, with every object of it here.

        Nothing is synced to the disk: whoever reads an object holds it to its digest, and one that
        a power failure took is fetched again.
        """
        try:
            changes = list(changed_pages(self.objects, self.base, root))
        except (FileMissing, InvalidFile, VerificationFailed):
            self.base = None  # what was kept is damaged: as at first
            changes = list(changed_pages(self.objects, None, root))
        wanted = [change for change in changes if change.new]
        self.reporter.start("Fetching the index", len(wanted))
        try:
            self._fetch_packs(wanted)
            self._fetch_pages(self._lacking(wanted))
        finally:
            self.reporter.done()
        return changes

    def _fetch_packs(self, wanted: Iterable[PageChange]) -> None:
        counts: dict[int, int] = {}
        for change in self._lacking(wanted):
            counts[change.number] = counts.get(change.number, 0) + 1
        many = [number for number, count in counts.items() if count >= WORTH_A_PACK]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self.objects.fetch_pack, many))

    def _fetch_pages(self, wanted: Iterable[PageChange]) -> None:
        def fetch(change: PageChange) -> None:
            place = change.new or ""
            self.objects.fetch(page_path(place), place, LARGEST_PAGE)
            self.reporter.advance()

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(fetch, wanted))

    def _lacking(self, wanted: Iterable[PageChange]) -> list[PageChange]:
        return [
            change for change in wanted if self.kept.page(change.number, change.new or "") is None
        ]

    def _judge(self, root: Root, changes: Iterable[PageChange]) -> None:
        """Holds every changed page to the law: what was published stays as it is."""
        findings: list[Finding] = []
        feed = ExportFeed(self.objects, root, self.base)
        with self._cache_of_git() as cache:
            for change in changes:
                known = self._known(change, cache)
                if known:
                    findings += judge_page(known, feed.page(change.name, change.new))
        if findings:
            before = self.before.commit if self.before else None
            raise broken(self.name, findings, before, root.commit)

    def _known(self, change: PageChange, cache: Cache | None) -> Mapping[str, tuple[object, ...]]:
        """The files of a plugin that were accepted; those of a lost page cannot be told."""
        if cache is not None:
            seen = ((one.oid, one.release) for one in cache.releases(change.name))
            return {release_path(change.name, one[1].version): one for one in seen}
        if change.old is None:
            return {}
        try:
            return published(self.objects.page(change.name, change.old))
        except (FileMissing, DigestMismatch, InvalidFile):
            return {}

    def _mirror(self, root: Root, staging: Path) -> Mirrored:
        path = self.home.index_cache(self.name)
        mirrored = cachewriter.mirror(
            path,
            ExportFeed(self.objects, root, self.base),
            aside=staging / path.name,
            reporter=self.reporter,
            checkpoint=self.done,
        )
        with storage_errors(path):
            os.utime(path, (self.clock(), self.clock()))  # "as of": when it was last compared
        return mirrored

    def _accept(self, found: _Found, changes: Iterable[PageChange]) -> None:
        """The new root takes the old one's place; then what only the old one needed goes."""
        folder = self.kept.folder
        if folder.read(ROOT) != found.data:
            folder.publish(ROOT, found.data)
        validator = f"{found.etag} {digest(found.data)}".encode("ascii", "replace")
        folder.put(ETAG, validator)
        for change in changes:
            if change.old:
                folder.remove(page_path(change.old))
        for place in set(self.before.shards if self.before else ()) - {*found.root.shards, ""}:
            folder.remove(shard_path(place))
        with storage_errors(self.home.index(self.name)):
            shutil.rmtree(self.home.index(self.name), ignore_errors=True)  # it came by Git before

    def _told(self, root: Root, mirrored: Mirrored) -> Synced:
        with Cache.open(self.home.index_cache(self.name), index=self.name) as cache:
            return Synced(
                index=self.name,
                registry=root.registry.id,
                before=self.before.commit if self.before else None,
                after=root.commit,
                added=mirrored.added,
                changed=mirrored.changed,
                removed=mirrored.removed,
                skipped=cache.skipped(),
            )
