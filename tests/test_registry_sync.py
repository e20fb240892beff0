"""Adding, updating and removing indexes: what is accepted, what is refused, what stays."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from heimnetz_git.errors import (
    FileMissing,
    HeimnetzError,
    HomeBusy,
    HostileTree,
    IndexNotFound,
    InvalidFile,
    InvalidName,
    Offline,
    ReleaseChanged,
    RewriteRefused,
    UsageError,
)
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.model.layout import release_path
from heimnetz_git.registry import sync
from heimnetz_git.registry.cache import Cache
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.repo import Repository
from tests.gitkit import ADA, WHEN, fsck, http_server, put
from tests.indexkit import entry_file, index_files, registry_file, release_file

OTHER = "22222222-2222-4222-8222-222222222222"
BASE = index_files({"clock": ("1.0.0", "1.1.0"), "radio": ("0.1.0",)})


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Repository]:
    """A registry somewhere else."""
    with Repository.create(tmp_path / "remote.git") as repo:
        put(repo, BASE)
        yield repo


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


def at(repo: Repository | Path) -> IndexSettings:
    """Settings for an index at that place."""
    return IndexSettings(url=str(repo.path if isinstance(repo, Repository) else repo))


def accepted(home: Home, name: str = "acme") -> tuple[str | None, list[str]]:
    """What the clone and the cache say together: the commit, and the names that it offers."""
    with (
        Repository.open(home.index(name)) as repo,
        Cache.open(home.index_cache(name), index=name) as cache,
    ):
        commit = repo.branch("main")
        assert cache.commit == commit
        return commit, cache.names()


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """These files as a plain folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_adding_brings_all_of_it(home: Home, remote: Repository) -> None:
    """A bare clone that git accepts, and a cache of it; the counts say what came."""
    synced = sync.add(home, "acme", at(remote))
    assert (synced.before, synced.after) == (None, remote.branch("main"))
    assert (synced.added, synced.changed, synced.removed, synced.skipped) == (3, 0, 0, ())
    assert accepted(home) == (remote.branch("main"), ["clock", "radio"])
    fsck(home.index("acme"))
    assert not any(home.staging.iterdir())


def test_updating_brings_what_is_new(home: Home, remote: Repository) -> None:
    """A release and a yank, told as such; and nothing when there is nothing."""
    sync.add(home, "acme", at(remote))
    put(remote, release_file("clock", "2.0.0") | entry_file("radio", yanked={"0.1.0": "deaf"}))
    synced = sync.update(home, "acme", at(remote))
    assert (synced.added, synced.changed, synced.removed) == (1, 1, 0)
    again = sync.update(home, "acme", at(remote))
    assert (again.added, again.changed, again.removed) == (0, 0, 0)
    assert again.before == again.after == synced.after


def test_updating_what_was_never_added_adds_it(home: Home, remote: Repository) -> None:
    """As after copying the settings to a new machine."""
    assert sync.update(home, "acme", at(remote)).before is None
    assert accepted(home)[1] == ["clock", "radio"]


def test_adding_twice_is_updating(home: Home, remote: Repository) -> None:
    """So that an add that was cut short can simply be typed again."""
    sync.add(home, "acme", at(remote))
    put(remote, release_file("clock", "2.0.0"))
    assert sync.add(home, "acme", at(remote)).added == 1


def test_it_comes_over_http_too(home: Home, tmp_path: Path, remote: Repository) -> None:
    """The transport makes no difference."""
    with http_server(tmp_path) as address:
        sync.add(home, "acme", IndexSettings(url=f"{address}/remote.git"))
        put(remote, release_file("clock", "2.0.0"))
        assert sync.update(home, "acme", IndexSettings(url=f"{address}/remote.git")).added == 1


def test_a_bad_file_is_told_and_the_rest_used(home: Home, remote: Repository) -> None:
    """Each time, not only when it came, until it is gone."""
    put(remote, {release_path("clock", "2.0.0"): b"format: 1\nname: clock\n"})
    first = sync.add(home, "acme", at(remote))
    again = sync.update(home, "acme", at(remote))
    assert first.added == 3
    assert [one.path for one in first.skipped] == [release_path("clock", "2.0.0")]
    assert again.skipped == first.skipped


def test_a_plain_folder_is_an_index(home: Home, tmp_path: Path) -> None:
    """Such as a stick: files alone, no repository; its changes come with the next update."""
    folder = write(tmp_path / "stick", BASE)
    first = sync.add(home, "acme", at(folder), clock=lambda: WHEN)
    assert accepted(home) == (first.after, ["clock", "radio"])
    write(folder, release_file("clock", "2.0.0"))
    second = sync.update(home, "acme", at(folder), clock=lambda: WHEN)
    assert (second.before, second.added) == (first.after, 1)
    assert sync.update(home, "acme", at(folder)).after == second.after
    fsck(home.index("acme"))


def test_the_same_folder_gives_the_same_commit(tmp_path: Path) -> None:
    """On any machine, at the same time of import."""
    folder = write(tmp_path / "stick", BASE)
    homes = [Home(tmp_path / "one"), Home(tmp_path / "two")]
    commits = {sync.add(home, "acme", at(folder), clock=lambda: WHEN).after for home in homes}
    assert len(commits) == 1


def test_a_folder_whose_release_changed_is_refused(home: Home, tmp_path: Path) -> None:
    """A plain folder is held to the law as well."""
    folder = write(tmp_path / "stick", BASE)
    before = sync.add(home, "acme", at(folder)).after
    write(folder, release_file("clock", "1.0.0", summary="Something else"))
    with pytest.raises(ReleaseChanged):
        sync.update(home, "acme", at(folder))
    assert accepted(home) == (before, ["clock", "radio"])


def replace(repo: Repository, files: Mapping[str, bytes], parent: str | None = None) -> str:
    """Main forced to a commit with exactly these files."""
    before = repo.branch("main")
    tree = repo.write(None, files)
    commit = repo.commit(tree, [parent] if parent else [], "forced", author=ADA, when=WHEN + 1)
    assert repo.set_branch("main", commit, expect=before)
    return commit


def test_unrelated_history_is_refused_naming_both_commits(home: Home, remote: Repository) -> None:
    """What was accepted stays, and can go on being used."""
    before = sync.add(home, "acme", at(remote)).after
    after = replace(remote, BASE | release_file("clock", "2.0.0"))
    with pytest.raises(RewriteRefused) as raised:
        sync.update(home, "acme", at(remote))
    assert before in str(raised.value)
    assert after in str(raised.value)
    assert raised.value.facts["before"] == before
    assert raised.value.facts["after"] == after
    assert accepted(home) == (before, ["clock", "radio"])


def test_going_back_is_a_rewrite(home: Home, remote: Repository) -> None:
    """A registry that drops its newest commits would hide a yank."""
    first = remote.branch("main")
    put(remote, entry_file("clock", yanked={"1.1.0": "stops"}))
    before = sync.add(home, "acme", at(remote)).after
    assert remote.set_branch("main", first or "", expect=before)
    with pytest.raises(RewriteRefused):
        sync.update(home, "acme", at(remote))


def test_a_rewrite_can_be_accepted(home: Home, remote: Repository) -> None:
    """The user said so: the new history is the index from now on, changed releases and all."""
    sync.add(home, "acme", at(remote))
    changed = release_file("clock", "1.0.0", summary="Another clock")
    after = replace(remote, index_files({"clock": ("1.0.0",), "watch": ("1.0.0",)}) | changed)
    synced = sync.update(home, "acme", at(remote), accept_rewrite=True)
    assert synced.rewritten
    assert (synced.added, synced.removed) == (1, 2)
    assert accepted(home) == (after, ["clock", "watch"])
    assert not sync.update(home, "acme", at(remote)).rewritten


def test_another_registry_at_the_same_address_is_refused(home: Home, remote: Repository) -> None:
    """Even when its history goes on: a lock names a registry by its UUID."""
    before = sync.add(home, "acme", at(remote)).after
    put(remote, registry_file(OTHER))
    with pytest.raises(RewriteRefused, match=OTHER) as raised:
        sync.update(home, "acme", at(remote))
    assert before in str(raised.value)
    assert sync.update(home, "acme", at(remote), accept_rewrite=True).registry == OTHER


BROKEN: list[tuple[str, Mapping[str, bytes | None], type[HeimnetzError]]] = [
    ("a release edited", release_file("clock", "1.0.0", summary="Edited"), ReleaseChanged),
    ("a release removed", {release_path("clock", "1.0.0"): None}, ReleaseChanged),
    ("names that collide", {"Readme.md": b"", "README.md": b""}, HostileTree),
    ("no registry any more", {"registry.yaml": None}, InvalidFile),
    ("a registry.yaml that is none", {"registry.yaml": b"format: 1\n"}, InvalidFile),
]


@pytest.mark.parametrize(
    ("change", "error"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_a_broken_law_leaves_the_old_state(
    home: Home,
    remote: Repository,
    change: Mapping[str, bytes | None],
    error: type[HeimnetzError],
) -> None:
    """The update is refused in words, the next sound one is taken."""
    good = sync.add(home, "acme", at(remote)).after
    put(remote, change)
    with pytest.raises(error) as raised:
        sync.update(home, "acme", at(remote))
    assert raised.value.problems or error is InvalidFile
    assert accepted(home) == (good, ["clock", "radio"])


def test_a_hostile_registry_is_not_added(home: Home, remote: Repository) -> None:
    """Nothing of it stays but what the next run sweeps."""
    put(remote, {"Readme.md": b"", "README.md": b""})
    with pytest.raises(HostileTree):
        sync.add(home, "acme", at(remote))
    assert not home.index("acme").exists()
    with pytest.raises(IndexNotFound):
        sync.remove(home, "acme")


def test_what_is_no_registry_is_told(home: Home, tmp_path: Path) -> None:
    """No folder, an empty repository, a repository of something else."""
    with pytest.raises(FileMissing):
        sync.add(home, "acme", at(tmp_path / "nowhere"))
    with Repository.create(tmp_path / "empty.git") as empty:
        with pytest.raises(FileMissing, match="no branch 'main'"):
            sync.add(home, "acme", at(empty))
        put(empty, {"README.md": b"hello\n"})
        with pytest.raises(InvalidFile, match=r"no registry\.yaml"):
            sync.add(home, "acme", at(empty))
    assert not home.index("acme").exists()


NETWORK = ["https://example.org/r.git", "ssh://example.org/r", "git@example.org:r", "git://x.org/r"]


@pytest.mark.parametrize("url", NETWORK)
def test_offline_asks_no_network(home: Home, url: str) -> None:
    """Refused before anything is tried."""
    with pytest.raises(Offline):
        sync.add(home, "acme", IndexSettings(url=url), offline=True)


def test_offline_takes_what_is_on_the_disk(home: Home, remote: Repository, tmp_path: Path) -> None:
    """A repository or a folder beside us needs no network."""
    sync.add(home, "acme", at(remote), offline=True)
    sync.add(home, "file", IndexSettings(url=remote.path.as_uri()), offline=True)
    sync.add(home, "stick", at(write(tmp_path / "stick", BASE)), offline=True)


@pytest.mark.parametrize("name", ["", "..", "a/b", "Acme", "a b", "-a", "a\x00", "x" * 65, "ä"])
def test_an_index_has_a_plain_name(home: Home, remote: Repository, name: str) -> None:
    """It becomes the name of files."""
    with pytest.raises(InvalidName):
        sync.add(home, name, at(remote))
    with pytest.raises(InvalidName):
        sync.remove(home, name)


def test_an_address_of_a_strange_kind_is_refused(home: Home) -> None:
    """Git's ``ext::`` would run a program."""
    with pytest.raises(UsageError):
        sync.add(home, "acme", IndexSettings(url="ext::sh -c true"))


def test_removing_forgets_it(home: Home, remote: Repository) -> None:
    """Clone and cache; a second time there is none."""
    sync.add(home, "acme", at(remote))
    sync.remove(home, "acme")
    assert not home.index("acme").exists()
    assert not home.index_cache("acme").exists()
    with pytest.raises(IndexNotFound):
        sync.remove(home, "acme")


def test_an_old_cache_is_not_taken_for_a_new_index(home: Home, remote: Repository) -> None:
    """A cache whose clone is gone says nothing about the next of that name."""
    sync.add(home, "acme", at(remote))
    home.index("acme").rename(home.indexes / "gone.git")
    assert sync.add(home, "acme", at(remote)).added == 3


def test_a_torn_cache_is_built_anew_by_the_next_update(home: Home, remote: Repository) -> None:
    """Even when nothing is new."""
    sync.add(home, "acme", at(remote))
    home.index_cache("acme").write_bytes(b"torn")
    sync.update(home, "acme", at(remote))
    assert accepted(home)[1] == ["clock", "radio"]


def test_it_says_when_it_last_looked(home: Home, remote: Repository) -> None:
    """By the clock that it was given, whether or not something was new."""
    sync.add(home, "acme", at(remote), clock=lambda: WHEN)
    sync.update(home, "acme", at(remote), clock=lambda: WHEN + 60)
    with Cache.open(home.index_cache("acme"), index="acme") as cache:
        assert cache.checked() == WHEN + 60


def hold(root: Path, held: threading.Event, release: threading.Event) -> None:
    """Another process that changes the home."""
    with Home(root).lock():
        held.set()
        release.wait(20)


def test_two_updates_take_turns(home: Home, remote: Repository) -> None:
    """The second waits for the first, and gives up in words when it takes too long."""
    method = multiprocessing.get_context("spawn")
    held, release = method.Event(), method.Event()
    process = method.Process(target=hold, args=(home.root, held, release), daemon=True)
    process.start()
    assert held.wait(20)
    with pytest.raises(HomeBusy, match=str(process.pid)):
        sync.add(home, "acme", at(remote), wait=0.05)
    timer = threading.Timer(0.2, release.set)
    timer.start()
    sync.add(home, "acme", at(remote), wait=20)
    timer.join()
    process.join(20)
    process.close()
    assert os.listdir(home.indexes) == ["acme.git"]  # noqa: PTH208 # names alone
