"""Adding, updating and removing the indexes of a home, so that a crash leaves the old or the new.

An index is a bare clone, ``indexes/<name>.git``, with a cache over it. In the clone
``refs/remotes/origin/main`` is what was fetched and ``refs/heads/main`` what was accepted. The
steps, in this order: fetch; judge; the cache, in one transaction; ``main``. The cache is ahead of
``main`` only within an update or after one that was killed: whoever finds it so puts it right.

Most updates find nothing new: that is told before what reads and judges an index is loaded.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from heimnetz_git.errors import (
    CorruptRepository,
    FileMissing,
    HomeReadOnly,
    IndexNotFound,
    Offline,
)
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.model.names import index_name
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry.cache import Cache, Unusable
from heimnetz_git.registry.exported_address import is_export
from heimnetz_git.registry.synced import (
    MAIN,
    TIMEOUT,
    WAIT,
    Checkpoint,
    Options,
    Synced,
    no_checkpoint,
)
from heimnetz_git.storage import repo_http, repo_refs
from heimnetz_git.storage.gitwire import speaks_http
from heimnetz_git.storage.home import Home, storage_errors
from heimnetz_git.storage.repo_address import local_folder, shown

if TYPE_CHECKING:
    from heimnetz_git.registry.cachefeed import Feed

__all__ = ["MAIN", "STEPS", "Options", "Synced", "add", "mend", "remove", "update"]

STEPS = ("fetched", "judged", "cache-written", "cache-built", "cached", "accepted", "placed")


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

    The first fetch brings the tip alone (depth 1), later ones all commits since. Raises
    InvalidName, Offline, NetworkError, FileMissing (nothing is there), InvalidFile (it is no
    registry), RewriteRefused, ReleaseChanged or HostileTree (it broke its law), HomeBusy. In each
    case what was accepted before stays.
    """
    index_name(name)
    if is_export(settings.url):
        from heimnetz_git.registry import exported

        with home.lock(options.get("wait", WAIT)), _staging(home) as staging:
            return exported.update(
                home, name, settings, staging=staging, accept_rewrite=accept_rewrite, **options
            )
    if local_folder(settings.url) is None and options.get("offline", False):
        where = shown(settings.url)
        raise Offline(f"The index {name!r} is at {where}, which needs the network.", url=where)
    with home.lock(options.get("wait", WAIT)):
        heads = _heads(home, name, settings.url, options)
        nothing = _nothing_new(home, name, heads, options)
        if nothing is not None:
            return nothing
        from heimnetz_git.registry.sync_step import Step

        step = Step(home, name, settings.url, accept_rewrite=accept_rewrite, options=options)
        with _staging(home) as step.staging:
            return step.again(heads) if home.index(name).is_dir() else step.first()


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
    from heimnetz_git.registry import cachewriter

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
    from heimnetz_git.registry import exported
    from heimnetz_git.registry.cachefeed import RepositoryFeed
    from heimnetz_git.storage.repo import Repository

    if home.index_export(name).is_dir():
        yield exported.feed_of_kept(home, name)
        return
    with Repository.open(home.index(name)) as repo:
        commit = repo.branch(MAIN)
        if commit is None:
            raise FileMissing(f"The clone of the index {name!r} is empty.", index=name)
        yield RepositoryFeed(repo, commit)


def _heads(home: Home, name: str, url: str, options: Options) -> dict[str, str] | None:
    """What the server has, if it can be asked without much ado; None when it has to be fetched."""
    if not speaks_http(url) or not home.index(name).is_dir():
        return None
    try:
        return repo_http.heads(url, MAIN, timeout=options.get("timeout", TIMEOUT))
    except repo_http.Declined:
        return None


def _nothing_new(
    home: Home, name: str, heads: dict[str, str] | None, options: Options
) -> Synced | None:
    """What to tell when the server has what was accepted and the cache mirrors it; else None."""
    path, tip = home.index_cache(name), (heads or {}).get(MAIN)
    try:
        if tip is None or repo_refs.read(home.index(name), f"{repo_refs.HEADS}{MAIN}") != tip:
            return None
        with Cache.open(path, index=name) as cache:
            if cache.commit != tip:
                return None
            told = Synced(
                index=name,
                registry=cache.info.id,
                before=tip,
                after=tip,
                skipped=cache.skipped(),
            )
    except (CorruptRepository, Unusable):
        return None
    now = options.get("clock", time.time)()
    with storage_errors(path):
        os.utime(path, (now, now))  # "as of": when it was last compared
    return told
