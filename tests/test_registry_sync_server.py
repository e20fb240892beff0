"""Syncing from servers that lie, stop or trickle: an error in words, and the old state stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import (
    CorruptRepository,
    DownloadFailed,
    HeimnetzError,
    HostileTree,
    NetworkError,
    RewriteRefused,
)
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.registry.cache import Cache
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.repo import Repository
from tests.gitkit import ADA, WHEN, fsck, git, http_server, put
from tests.indexkit import entry_file, index_files, release_file
from tests.serverkit import Twist, in_packets, pack_of, reset, rewritten, trickle, twisted

BASE = index_files({"clock": ("1.0.0", "1.1.0"), "radio": ("0.1.0",)})
MORE = release_file("clock", "2.0.0")
NOWHERE = b"1" * 40


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Repository]:
    """A registry with a past, below the folder that is served."""
    (tmp_path / "served").mkdir()
    with Repository.create(tmp_path / "served" / "remote.git") as repo:
        put(repo, index_files({"clock": ("1.0.0",)}))
        put(repo, BASE, when=WHEN + 1)
        yield repo


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


def at(address: str) -> IndexSettings:
    """Settings for the registry behind a server."""
    return IndexSettings(url=f"{address}/remote.git")


def accepted(home: Home) -> tuple[str | None, int]:
    """What the clone and the cache say together: the commit, and how many clocks there are."""
    with (
        Repository.open(home.index("acme")) as repo,
        Cache.open(home.index_cache("acme"), index="acme") as cache,
    ):
        assert cache.commit == repo.branch("main")
        return cache.commit, len(cache.releases("clock"))


def test_at_first_only_the_tip_comes(home: Home, remote: Repository) -> None:
    """The commits before it are not here, and Git takes the clone for a sound shallow one."""
    with http_server(remote.path.parent) as address:
        tip = sync.add(home, "acme", at(address)).after
    with Repository.open(home.index("acme")) as repo:
        assert repo.shallow() == {tip}
        assert repo.parents(tip) == ()
    assert git(home.index("acme"), "rev-list", "--count", "main").strip() == "1"
    fsck(home.index("acme"))


def test_a_shallow_clone_follows_what_comes(home: Home, remote: Repository) -> None:
    """Commit after commit, and merges of branches that began before the tip that came first."""
    old = remote.parents(remote.branch("main") or "")[0]
    with http_server(remote.path.parent) as address:
        sync.add(home, "acme", at(address))
        put(remote, MORE, when=WHEN + 2)
        assert sync.update(home, "acme", at(address)).added == 1
        main = remote.branch("main") or ""
        branch = remote.commit(
            remote.write(remote.tree(old), release_file("radio", "0.2.0")),
            [old], "from before", author=ADA, when=WHEN + 3,
        )  # fmt: skip
        merged = remote.write(remote.tree(main), release_file("radio", "0.2.0"))
        merge = remote.commit(merged, [main, branch], "merge", author=ADA, when=WHEN + 4)
        assert remote.set_branch("main", merge, expect=main)
        synced = sync.update(home, "acme", at(address))
        assert (synced.added, synced.rewritten, synced.after) == (1, False, merge)
    fsck(home.index("acme"))


def test_a_rewrite_is_seen_without_the_past(home: Home, remote: Repository) -> None:
    """The clone has one commit; that the new ones do not contain it is known all the same."""
    with http_server(remote.path.parent) as address:
        before = sync.add(home, "acme", at(address)).after
        parents = remote.parents(before)
        tree = remote.write(remote.tree(before), MORE)
        forced = remote.commit(tree, parents, "forced", author=ADA, when=WHEN + 5)
        assert remote.set_branch("main", forced, expect=before)
        for _ in range(2):
            with pytest.raises(RewriteRefused) as raised:
                sync.update(home, "acme", at(address))
            assert before in str(raised.value)
            assert forced in str(raised.value)
            assert accepted(home) == (before, 2)
        assert sync.update(home, "acme", at(address), accept_rewrite=True).rewritten
        assert accepted(home) == (forced, 3)
    fsck(home.index("acme"))


def test_going_back_is_seen_without_the_past(home: Home, remote: Repository) -> None:
    """A registry that drops its newest commits would hide a yank."""
    with http_server(remote.path.parent) as address:
        put(remote, entry_file("clock", yanked={"1.1.0": "stops"}), when=WHEN + 2)
        before = sync.add(home, "acme", at(address)).after
        assert remote.set_branch("main", remote.parents(before)[0], expect=before)
        with pytest.raises(RewriteRefused):
            sync.update(home, "acme", at(address))
        assert accepted(home) == (before, 2)


def tip_is(oid: bytes) -> Callable[[Repository], Twist]:
    """A server that says that main is another object."""

    def make(remote: Repository) -> Twist:
        tip = (remote.branch("main") or "").encode()
        return rewritten("ls-refs", lambda answer: answer.replace(tip, oid))

    return make


def tip_is_a_file(remote: Repository) -> Twist:
    """A server that says that main is a file."""
    entry = remote.entry(remote.tree(remote.branch("main") or ""), "registry.yaml")
    assert entry
    return tip_is(entry.oid.encode())(remote)


def other_than_said(remote: Repository) -> Twist:
    """A server that names a commit and sends another."""
    answer = in_packets(pack_of(remote.path, whole(remote)))
    twist = tip_is(NOWHERE)(remote)

    def lie(command: str, honest: bytes, send: Callable[[bytes], object]) -> None:
        twist(command, answer if command == "fetch" else honest, send)

    return lie


def whole(remote: Repository, without: str = "") -> list[str]:
    """Every object of the tip, but for the file at this path."""
    listed = git(remote.path, "rev-list", "--objects", "main").splitlines()
    return [line[:40] for line in listed if not without or not line.endswith(without)]


def lacks(path: str) -> Callable[[Repository], Twist]:
    """A server that leaves out a file."""

    def make(remote: Repository) -> Twist:
        answer = in_packets(pack_of(remote.path, whole(remote, path)))
        return rewritten("fetch", lambda _: answer)

    return make


def torn(remote: Repository) -> Twist:
    """A server whose pack ends too early, politely."""
    answer = in_packets(pack_of(remote.path, whole(remote))[:-30])
    return rewritten("fetch", lambda _: answer)


def said(answer: bytes) -> Callable[[Repository], Twist]:
    """A server that answers a fetch with these very bytes."""
    return lambda _: rewritten("fetch", lambda _honest: answer)


LIES: dict[str, Callable[[Repository], Twist]] = {
    "a tip that is nowhere": tip_is(NOWHERE),
    "a tip that is a file": tip_is_a_file,
    "another commit than it said": other_than_said,
    "a release left out": lacks("2.0.0.yaml"),
    "another file left out": lacks("notes.txt"),
    "a folder left out": lacks("plugins"),
    "a torn pack": torn,
    "an empty pack": said(in_packets(b"")),
    "rubbish for a pack": said(in_packets(b"PACK" + bytes(400))),
    "an empty packet": said(b"000dpackfile\n00040000"),
    "a band of no meaning": said(b"000dpackfile\n0006\x090000"),
    "words of an error": said(b"000dpackfile\n000e\x03all full0000"),
    "rubbish for packets": said(b"this is not Git's protocol"),
    "nothing": said(b""),
    "an end at once": said(b"0000"),
    "half of it": lambda _: rewritten("fetch", lambda answer: answer[: len(answer) // 2]),
    "a reset": lambda _: reset("fetch", 300),
    "a reset of the refs": lambda _: reset("ls-refs", 10),
    "refs without end": lambda _: rewritten("ls-refs", lambda answer: answer[:-4] * 400_000),
}


@pytest.mark.parametrize("make", LIES.values(), ids=LIES.keys())
def test_a_server_that_lies_changes_nothing(
    home: Home, remote: Repository, make: Callable[[Repository], Twist]
) -> None:
    """Neither at first nor later; an honest server then brings all of it."""
    root = remote.path.parent
    with http_server(root) as address:
        before = sync.add(home, "acme", at(address)).after
    put(remote, {**MORE, "docs/notes.txt": b"Read me.\n"}, when=WHEN + 2)
    with twisted(root, make(remote)) as address:
        with pytest.raises(HeimnetzError) as raised:
            sync.update(home, "acme", at(address), timeout=5)
        assert isinstance(raised.value, NetworkError | CorruptRepository | HostileTree)
        assert accepted(home) == (before, 2)
        with pytest.raises(HeimnetzError):
            sync.add(home, "other", at(address), timeout=5)
        assert not home.index("other").exists()
    with http_server(root) as address:
        assert sync.update(home, "acme", at(address)).added == 1
        assert sync.add(home, "other", at(address)).added == 4
    assert accepted(home)[1] == 3
    assert list(home.staging.iterdir()) == []
    fsck(home.index("acme"))
    fsck(home.index("other"))


@pytest.mark.parametrize("after", [0, 4, 30])
@pytest.mark.parametrize("command", ["ls-refs", "fetch"])
def test_a_server_that_trickles_is_given_up(
    home: Home, remote: Repository, command: str, after: int
) -> None:
    """Bytes come all the time, so no single wait is too long; all of them together are."""
    over = threading.Event()
    put(remote, {"noise": os.urandom(200_000)}, when=WHEN + 2)
    with twisted(remote.path.parent, trickle(command, after, over)) as address:
        began = time.monotonic()
        try:
            with pytest.raises(NetworkError, match="too slowly") as raised:
                sync.add(home, "acme", at(address), timeout=0.4)
        finally:
            over.set()
        assert time.monotonic() - began < 30
    assert raised.value.hint
    assert not home.index("acme").exists()


def test_a_connection_that_breaks_off_says_so(home: Home, remote: Repository) -> None:
    """Another error than a damaged pack: trying again is worth it."""
    with (
        twisted(remote.path.parent, reset("fetch", 200)) as address,
        pytest.raises(DownloadFailed, match="closed the connection"),
    ):
        sync.add(home, "acme", at(address))


LOADED = """
import sys
from pathlib import Path
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.storage.home import Home

sync.update(Home(Path(sys.argv[1])), "acme", IndexSettings(url=sys.argv[2]))
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_sync_loads_what_it_needs(home: Home, remote: Repository) -> None:
    """No library for Git, HTTP or YAML, at first and later; with nothing new hardly anything."""

    def loaded() -> set[str]:
        words = [sys.executable, "-c", LOADED, str(home.root), at(address).url]
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
        return set(done.stdout.split())

    with http_server(remote.path.parent) as address:
        for _ in range(2):
            assert not loaded() & {"dulwich", "urllib3", "ruamel", "jinja2", "rich", "click"}
            put(remote, MORE, when=WHEN + 2)
        loaded()
        assert not loaded() & {"dulwich", "urllib3", "ruamel", "packaging", "resolvelib"}


VICTIM = """
import os, signal, sys
from pathlib import Path
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.storage.home import Home

root, url, last = sys.argv[1:]

def checkpoint(step):
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)

sync.update(Home(Path(root)), "acme", IndexSettings(url=url), checkpoint=checkpoint)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_killed_at_any_step_of_a_shallow_sync(
    tmp_path: Path, home: Home, remote: Repository
) -> None:
    """The old state or the new one is found, first and later; the next update ends the work."""
    with http_server(remote.path.parent) as address:
        before = sync.add(home, "acme", at(address)).after
        after = put(remote, MORE, when=WHEN + 2)
        for step in sync.STEPS:
            for begun in (True, False):
                root = tmp_path / f"{step}-{begun}"
                if begun:
                    shutil.copytree(home.root, root)
                words = [sys.executable, "-c", VICTIM, str(root), at(address).url, step]
                done = subprocess.run(words, capture_output=True, check=False, timeout=60)
                assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
                there = Home(root)
                if begun or step == "placed":
                    with Catalog(there, {"acme": at(address)}) as catalog:
                        assert len(catalog.releases("clock")) in {2, 3}
                assert sync.update(there, "acme", at(address)).after == after != before
                assert accepted(there) == (after, 3)
                fsck(there.index("acme"))
                assert list(there.staging.iterdir()) == []
