"""Adding, updating and removing the indexes of a home, so that a crash leaves the old or the new.

An index is a bare clone, ``indexes/<name>.git``, with a cache over it. In the clone
``refs/remotes/origin/main`` is what was fetched and ``refs/heads/main`` what was accepted. The
steps, in this order: fetch; judge; the cache, in one transaction; ``main``. The cache is ahead of
``main`` only within an update or after one that was killed: whoever finds it so puts it right.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Unpack

from heimnetz_git.errors import (
    FileMissing,
    HomeReadOnly,
    IndexNotFound,
    Offline,
    RewriteRefused,
    StorageError,
    printable,
)
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.model.layout import REGISTRY
from heimnetz_git.model.names import index_name
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry import cachewriter, exported, index
from heimnetz_git.registry.cache import Cache
from heimnetz_git.registry.cachefeed import Feed, RepositoryFeed
from heimnetz_git.registry.cacherows import Mirrored
from heimnetz_git.registry.cachewriter import Checkpoint, no_checkpoint
from heimnetz_git.registry.create import import_tree
from heimnetz_git.registry.exported_address import is_export
from heimnetz_git.registry.law import judge_update, refuses
from heimnetz_git.registry.synced import TIMEOUT, WAIT, Options, Synced, broken
from heimnetz_git.storage.home import Home, move_into_place, storage_errors
from heimnetz_git.storage.packindex import OnObject
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_address import local_folder, shown

__all__ = ["MAIN", "STEPS", "Options", "Synced", "add", "mend", "remove", "update"]

MAIN = "main"
STEPS = ("fetched", "judged", "cache-written", "cache-built", "cached", "accepted", "placed")
_IMPORT_MESSAGE = "Import a folder"


def add(home: Home, name: str, settings: IndexSettings, **options: Unpack[Options]) -> Synced:
    """Fetches the index at ``settings.url`` and keeps it as ``name``.

    The address is Git's, or a plain folder that holds a ``registry.yaml``, or that of a static
    export (see ``exported_objects``). An index of that name that is here already is updated: it
    must be the same registry. Raises as ``update``.
    """
    return update(home, name, settings, **options)


def update(
    home: Home,
    name: str,
    settings: IndexSettings,
    *,
    accept_rewrite: bool = False,
    **options: Unpack[Options],
) -> Synced:
    """Fetches what is new in an index, judges it and accepts it, or fetches all of it at first.

    Raises InvalidName, Offline, NetworkError, FileMissing (nothing is there), InvalidFile (it is no
    registry), RewriteRefused, ReleaseChanged or HostileTree (it broke its law), HomeBusy. In each
    case what was accepted before stays.
    """
    index_name(name)
    if is_export(settings.url):
        with home.lock(options.get("wait", WAIT)), _staging(home) as staging:
            return exported.update(
                home, name, settings, staging=staging, accept_rewrite=accept_rewrite, **options
            )
    folder = local_folder(settings.url)
    if folder is None and options.get("offline", False):
        where = shown(settings.url)
        raise Offline(f"The index {name!r} is at {where}, which needs the network.", url=where)
    step = _Step(home, name, settings.url, accept_rewrite=accept_rewrite, options=options)
    with home.lock(options.get("wait", WAIT)), _staging(home) as step.staging:
        return step.again() if home.index(name).is_dir() else step.first()


def remove(home: Home, name: str, *, checkpoint: Checkpoint = no_checkpoint) -> None:
    """Forgets an index: its clone, then its cache. Raises IndexNotFound, HomeBusy."""
    index_name(name)
    with home.lock(), _staging(home) as folder:
        places = [path for path in (home.index(name), home.index_export(name)) if path.is_dir()]
        if not places:
            raise IndexNotFound(f"There is no index {name!r} here.", index=name)
        with storage_errors(home.index(name)):
            for path in places:
                path.rename(folder / path.name)
            checkpoint("taken")
            home.index_cache(name).unlink(missing_ok=True)


@contextmanager
def _staging(home: Home) -> Iterator[Path]:
    """A folder to make things in, on the home's disk; gone afterwards with what is left in it."""
    folder = home.new_staging("index")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mend(home: Home, name: str, *, damaged: bool = False, reporter: Reporter = SILENT) -> Cache:
    """The cache of an index, made to mirror what was accepted; ``damaged`` builds it anew.

    In a home that cannot be written to it is built in memory. Raises IndexNotFound when the index
    was never fetched, CorruptRepository, HomeBusy.
    """
    path = home.index_cache(name)
    try:
        with ExitStack() as held:
            held.enter_context(home.lock())
            feed = held.enter_context(_accepted_feed(home, name))
            aside = held.enter_context(_staging(home)) / path.name
            if damaged:
                path.unlink(missing_ok=True)
            cachewriter.mirror(path, feed, aside=aside, reporter=reporter)
        return Cache.open(path, index=name)
    except HomeReadOnly:
        with _accepted_feed(home, name) as feed:
            return cachewriter.in_memory_of(feed, name)
    except FileMissing as error:
        raise IndexNotFound(
            f"The index {name!r} has not been fetched yet.",
            hint="Fetch it with 'heimnetz-git index update'.",
            index=name,
        ) from error


@contextmanager
def _accepted_feed(home: Home, name: str) -> Iterator[Feed]:
    """What was accepted of an index, by export or by Git. Raises FileMissing."""
    if home.index_export(name).is_dir():
        yield exported.feed_of_kept(home, name)
        return
    with Repository.open(home.index(name)) as repo:
        yield RepositoryFeed(repo, _accepted(repo, name))


def _accepted(repo: Repository, name: str) -> str:
    commit = repo.branch(MAIN)
    if commit is None:
        raise FileMissing(f"The clone of the index {name!r} is empty.", index=name)
    return commit


class _Step:
    """One update of one index, with the home locked."""

    def __init__(
        self, home: Home, name: str, url: str, *, accept_rewrite: bool, options: Options
    ) -> None:
        self.home, self.name, self.url = home, name, url
        self.staging = home.staging
        self.accept_rewrite = accept_rewrite
        self.reporter = options.get("reporter", SILENT)
        self.timeout = options.get("timeout", TIMEOUT)
        self.clock = options.get("clock", time.time)
        self.done = options.get("checkpoint", no_checkpoint)

    def first(self) -> Synced:
        """A new clone, made aside and moved into place when all is well."""
        staged = self.staging / "clone.git"
        with storage_errors(staged):
            self.home.index_cache(self.name).unlink(missing_ok=True)
        with Repository.create(staged) as repo, repo.spilling() as keep:
            synced = self._take(repo, keep)
        move_into_place(staged, self.home.index(self.name))
        shutil.rmtree(self.home.index_export(self.name), ignore_errors=True)  # it came so before
        self.done("placed")
        return synced

    def again(self) -> Synced:
        """What is new, into the clone that is here."""
        with Repository.open(self.home.index(self.name)) as repo:
            return self._take(repo)

    def _take(self, repo: Repository, keep: OnObject | None = None) -> Synced:
        before = repo.branch(MAIN)
        after = self._fetch(repo, keep)
        self.done("fetched")
        rewritten = before != after and self._judge(repo, before, after)
        self.done("judged")
        mirrored = self._mirror(repo, after)
        self.done("cached")
        if before != after and not repo.set_branch(MAIN, after, expect=before):
            raise StorageError(f"The clone of {self.name!r} was changed by another program.")
        self.done("accepted")
        return self._told(before, after, mirrored, rewritten=rewritten)

    def _fetch(self, repo: Repository, keep: OnObject | None) -> str:
        """The tip of the index, brought here: alone at first, later with what led to it."""
        heads = repo.fetch(
            self._source(repo),
            depth=None if keep is None else 1,
            reporter=self.reporter,
            timeout=self.timeout,
            on_object=keep,
        )
        if MAIN not in heads:
            where = shown(self.url)
            raise FileMissing(
                f"{where} has no branch {MAIN!r}: it is not a registry.",
                hint="Check the address; 'heimnetz-git index init' makes a new registry.",
                url=where,
            )
        return heads[MAIN]

    def _source(self, repo: Repository) -> str:
        """Where to fetch from: a plain folder becomes a repository that continues this one."""
        folder = local_folder(self.url)
        if folder is None or not _is_plain(folder):
            return self.url
        made = self.staging / "folder.git"
        with Repository.create(made) as importer:
            before = repo.branch(MAIN)
            if before is not None:
                importer.fetch(str(repo.path))
                importer.set_branch(MAIN, before, expect=None)
            when = int(self.clock())
            import_tree(importer, folder, when=when, message=_IMPORT_MESSAGE)
        return str(made)

    def _judge(self, repo: Repository, before: str | None, after: str) -> bool:
        """Whether its past was replaced, which must have been accepted; else it kept its law."""
        tree = repo.tree(after)
        info = index.registry_info(repo, tree)
        old = None if before is None else repo.tree(before)
        rewritten = False
        if before is not None and old is not None:
            known = index.registry_info(repo, old).id
            rewritten = known != info.id or not repo.is_ancestor(before, after)
            if rewritten and not self.accept_rewrite:
                raise self._refusal(before, after, known, info.id)
        found = judge_update(repo, None if rewritten else old, tree)
        findings = [finding for finding in found if refuses(finding)]
        if findings:
            raise broken(self.name, findings, before, after)
        return rewritten

    def _refusal(self, before: str, after: str, known: str, found: str) -> RewriteRefused:
        facts = {"index": self.name, "before": before, "after": after}
        if known != found:
            return RewriteRefused(
                f"The index {self.name!r} was the registry {known} at commit {before}; at"
                f" {shown(self.url)} is now another one, {printable(found)}, at commit {after}.",
                hint="If that is meant, remove the index and add it again.",
                registry_before=known,
                registry_after=found,
                **facts,
            )
        return RewriteRefused(
            f"The index {self.name!r} was at commit {before}; what {shown(self.url)} has now,"
            f" commit {after}, does not contain it: its history was rewritten.",
            **facts,
        )

    def _mirror(self, repo: Repository, commit: str) -> Mirrored:
        path = self.home.index_cache(self.name)
        mirrored = cachewriter.bring_up_to_date(
            path,
            repo,
            commit,
            aside=self.staging / path.name,
            reporter=self.reporter,
            checkpoint=self.done,
        )
        with storage_errors(path):
            os.utime(path, (self.clock(), self.clock()))  # "as of": when it was last compared
        return mirrored

    def _told(
        self, before: str | None, after: str, mirrored: Mirrored, *, rewritten: bool
    ) -> Synced:
        with Cache.open(self.home.index_cache(self.name), index=self.name) as cache:
            return Synced(
                index=self.name,
                registry=cache.info.id,
                before=before,
                after=after,
                added=mirrored.added,
                changed=mirrored.changed,
                removed=mirrored.removed,
                skipped=cache.skipped(),
                rewritten=rewritten,
            )


def _is_plain(folder: Path) -> bool:
    """A folder with an index's files, no repository."""
    is_git = (folder / ".git").exists() or (folder / "objects").is_dir()
    return (folder / REGISTRY).is_file() and not is_git
