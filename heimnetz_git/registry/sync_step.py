"""One update of one index by Git: fetched, judged, mirrored by its cache, then accepted."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from heimnetz_git.errors import (
    CorruptRepository,
    FileMissing,
    HeimnetzError,
    RewriteRefused,
    StorageError,
    printable,
)
from heimnetz_git.model.layout import PLUGINS, RECORDS, REGISTRY
from heimnetz_git.model.report import SILENT
from heimnetz_git.registry import cachewriter, index
from heimnetz_git.registry.cache import Cache
from heimnetz_git.registry.cacherows import Mirrored
from heimnetz_git.registry.law_outcome import refuses
from heimnetz_git.registry.law_update import judge_update
from heimnetz_git.registry.synced import MAIN, TIMEOUT, Options, Synced, broken, no_checkpoint
from heimnetz_git.storage.home import Home, move_into_place, storage_errors
from heimnetz_git.storage.packindex import OnObject
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_address import local_folder, shown

__all__ = ["Step"]

_IMPORT_MESSAGE = "Import a folder"


class Step:
    """One update of one index, with the home locked."""

    def __init__(
        self, home: Home, name: str, url: str, *, accept_rewrite: bool, options: Options
    ) -> None:
        """Does nothing yet; ``staging`` is where things are made."""
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

    def again(self, heads: Mapping[str, str] | None = None) -> Synced:
        """What is new, into the clone that is here; ``heads`` is what the server just had."""
        with Repository.open(self.home.index(self.name)) as repo:
            return self._take(repo, heads=heads)

    def _take(
        self,
        repo: Repository,
        keep: OnObject | None = None,
        *,
        heads: Mapping[str, str] | None = None,
    ) -> Synced:
        before = repo.branch(MAIN)
        after = self._fetch(repo, keep, heads)
        self.done("fetched")
        try:
            rewritten = before != after and self._judge(repo, before, after)
            self.done("judged")
            mirrored = self._mirror(repo, after)
        except RewriteRefused:
            raise
        except HeimnetzError:
            repo.forget(before, after)  # else the next fetch takes it for sound, and brings nothing
            raise
        self.done("cached")
        if before != after and not repo.set_branch(MAIN, after, expect=before):
            raise StorageError(f"The clone of {self.name!r} was changed by another program.")
        self.done("accepted")
        repo.gather()
        return self._told(before, after, mirrored, rewritten=rewritten)

    def _fetch(
        self, repo: Repository, keep: OnObject | None, known: Mapping[str, str] | None
    ) -> str:
        """The tip of the index, brought here: alone at first, later with what led to it."""
        heads = repo.fetch(
            self._source(repo),
            depth=None if keep is None else 1,
            reporter=self.reporter,
            timeout=self.timeout,
            on_object=keep,
            heads=known,
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
        from heimnetz_git.registry.create import import_tree

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
        self._find_missing(repo, old, tree)
        return rewritten

    def _find_missing(self, repo: Repository, old: str | None, tree: str) -> None:
        """Raises CorruptRepository when a new file is not here; its cache reads the other ones."""
        tops = [name for name in repo.names(tree) if name not in (PLUGINS, RECORDS)]
        below = (entry for top in tops for entry in repo.entries(tree, top))
        changes = (change.new for change in repo.diff(old, tree)) if old else below
        for entry in changes:
            if entry is not None and entry.oid not in repo.objects:
                raise CorruptRepository(
                    f"{shown(self.url)} left out {printable(entry.path)}, the object {entry.oid}.",
                    hint="Try again; if it stays so, tell the registry's maintainers.",
                    url=shown(self.url),
                )

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
