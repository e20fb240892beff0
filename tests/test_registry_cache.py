"""The cache: it mirrors one tree exactly, follows changes only, and is never trusted when hurt."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from heimnetz_git.errors import HomeBusy, InvalidFile
from heimnetz_git.model.layout import plugin_path, record_path, release_path
from heimnetz_git.model.registry import Deprecation
from heimnetz_git.registry.cache import Cache, Unusable
from heimnetz_git.registry.cachewriter import bring_up_to_date, in_memory
from heimnetz_git.registry.search import search
from heimnetz_git.registry.versionorder import sort_key
from heimnetz_git.storage.repo import Repository
from tests.gitkit import put
from tests.indexkit import (
    UUID,
    cache_of,
    entry_file,
    index_files,
    opened,
    record_file,
    registry_file,
    release,
    release_file,
)


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repository]:
    """A registry with two plugins."""
    with Repository.create(tmp_path / "index.git") as made:
        put(made, index_files({"clock": ("1.0.0", "1.1.0"), "radio": ("0.1.0",)}))
        yield made


def head(repo: Repository) -> str:
    """The commit of main."""
    commit = repo.branch("main")
    assert commit
    return commit


def contents(cache: Cache) -> dict[str, object]:
    """All that a cache can answer, for comparing two."""
    names = ["clock", "radio", "watch"]
    return {
        "tree": cache.tree,
        "info": cache.info,
        "names": cache.names(),
        "skipped": cache.skipped(),
        "releases": [cache.releases(name) for name in names],
        "plugins": [cache.plugin(name) for name in names],
        "found": [search([cache], word) for word in ("clock", "radio", "does", "ada", "")],
    }


def test_it_answers_with_candidates_newest_first(tmp_path: Path) -> None:
    """A candidate carries the release, the registry's UUID, the index's name, the file's id."""
    versions = ("1.9.0", "1.10.0", "1.10.0rc1", "1.10.0.post1", "0.1.0.dev3")
    with cache_of(tmp_path, index_files({"clock": versions}), index="home") as cache:
        found = cache.releases("clock")
    order = [one.release.version for one in found]
    assert order == ["1.10.0.post1", "1.10.0", "1.10.0rc1", "1.9.0", "0.1.0.dev3"]
    assert found[0].release == release("clock", "1.10.0.post1")
    assert {(one.registry, one.index) for one in found} == {(UUID, "home")}
    assert all(len(one.oid) == 40 for one in found)


numbers = st.integers(0, 300) | st.integers(0, 10**12)
suffixes = st.sampled_from(
    ["", "a{}", "b{}", "rc{}", ".dev{}", ".post{}", "a{}.dev{}", "rc{}.post{}", ".post{}.dev{}"]
)


@st.composite
def versions(draw: st.DrawFn) -> str:
    """Versions of releases in normal form."""
    number = iter(lambda: draw(numbers), -1)
    release = ".".join(str(next(number)) for _ in range(3))
    suffix = draw(suffixes)
    return release + suffix.format(*itertools.islice(number, suffix.count("{}")))


@settings(max_examples=150, deadline=None)
@given(st.lists(versions(), min_size=2, max_size=6))
def test_keys_sort_as_versions_do(found: list[str]) -> None:
    """The bytes that SQLite sorts by give the order of PEP 440."""
    assert sorted(found, key=sort_key) == sorted(found, key=Version)


def test_the_registrys_words_reach_the_candidates(tmp_path: Path) -> None:
    """Yanks and deprecation come from plugin.yaml, the time of merging from the record."""
    files = index_files({"clock": ("1.0.0", "1.1.0")})
    files |= entry_file(
        "clock", yanked={"1.1.0": "stops at noon"}, deprecated=Deprecation("no one left", "watch")
    )
    of = files[release_path("clock", "1.0.0")]
    files |= record_file("clock", "1.0.0", "2026-01-31T12:00:00Z", of)
    files |= record_file("clock", "1.1.0", "2026-02-28T12:00:00Z", b"another file")
    with cache_of(tmp_path, files) as cache:
        newer, older = cache.releases("clock")
        (hit,) = search([cache], "clock")
    assert (newer.yanked, older.yanked) == ("stops at noon", None)
    assert newer.deprecated == "no one left (use watch instead)"
    assert (older.merged, newer.merged) == ("2026-01-31T12:00:00Z", "")
    assert (hit.version, hit.updated) == ("1.0.0", "2026-01-31T12:00:00Z")


def test_a_removed_plugin_stays_for_those_who_locked_it(tmp_path: Path) -> None:
    """Its releases are all yanked and search does not show it."""
    files = index_files({"clock": ("1.0.0",)}) | entry_file("clock", status="removed")
    with cache_of(tmp_path, files) as cache:
        assert [one.yanked for one in cache.releases("clock")] == [
            "the plugin was removed from its registry"
        ]
        assert cache.names() == []
        assert search([cache], "clock") == ()


BAD_RELEASE = {release_path("clock", "1.1.0"): b"format: 1\nname: clock\n"}


def test_one_bad_release_is_skipped_and_told(tmp_path: Path) -> None:
    """The rest of the index stays usable; the bad file is never offered."""
    files = index_files({"clock": ("1.0.0", "1.1.0"), "radio": ("0.1.0",)}) | BAD_RELEASE
    with cache_of(tmp_path, files) as cache:
        assert [one.release.version for one in cache.releases("clock")] == ["1.0.0"]
        assert cache.names() == ["clock", "radio"]
        (skipped,) = cache.skipped()
    assert skipped.path == release_path("clock", "1.1.0")
    assert skipped.problems


def test_a_plugin_whose_facts_cannot_be_read_is_not_offered(tmp_path: Path) -> None:
    """What it yanks is not known, so none of its releases is safe to offer."""
    files = index_files({"clock": ("1.0.0",), "radio": ("0.1.0",)})
    files |= {plugin_path("clock"): b"format: 1\nyanked: [\n"}
    with cache_of(tmp_path, files) as cache:
        assert cache.releases("clock") == ()
        assert cache.plugin("clock") is None
        assert not cache.has("clock")
        assert cache.names() == ["radio"]
        assert [one.path for one in cache.skipped()] == [plugin_path("clock")]


def test_a_bad_record_only_loses_its_time(tmp_path: Path) -> None:
    """A record says when; without it the release is offered as one without a record."""
    files = index_files({"clock": ("1.0.0",)})
    files |= {record_path("clock", "1.0.0"): b"format: 1\n"}
    with cache_of(tmp_path, files) as cache:
        assert [one.merged for one in cache.releases("clock")] == [""]
        assert len(cache.skipped()) == 1


def test_a_mended_file_is_offered_again(tmp_path: Path, repo: Repository) -> None:
    """What was skipped is forgotten when the file becomes readable or goes away."""
    put(repo, BAD_RELEASE)
    with opened(tmp_path, repo) as cache:
        assert len(cache.skipped()) == 1
    put(repo, release_file("clock", "1.1.0"))
    with opened(tmp_path, repo) as cache:
        assert cache.skipped() == ()
        assert len(cache.releases("clock")) == 2


Change = Mapping[str, bytes | None]
CHANGES: list[tuple[str, Change]] = [
    ("a new release", release_file("clock", "2.0.0")),
    ("a new plugin", {**entry_file("watch"), **release_file("watch")}),
    ("a yank", entry_file("clock", yanked={"1.1.0": "no"})),
    ("a plugin gone", dict.fromkeys([plugin_path("radio"), release_path("radio", "0.1.0")])),
    ("facts gone", {plugin_path("clock"): None}),
    ("a release gone bad", BAD_RELEASE),
    ("another title of the registry", registry_file(title="Acme")),
    ("another summary", release_file("radio", "0.2.0", summary="Plays songs")),
    ("nothing that counts", {"README.md": b"hello\n"}),
]


@pytest.mark.parametrize("change", [c for _, c in CHANGES], ids=[name for name, _ in CHANGES])
def test_following_a_change_equals_building_anew(
    tmp_path: Path, repo: Repository, change: Change
) -> None:
    """After any change the cache that followed says what one built from nothing says."""
    opened(tmp_path, repo).close()
    put(repo, change)
    with opened(tmp_path, repo, "acme") as followed, in_memory(repo, head(repo), "acme") as anew:
        assert contents(followed) == contents(anew)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from([change for _, change in CHANGES]), min_size=1, max_size=5))
def test_following_any_changes_equals_building_anew(
    tmp_path_factory: pytest.TempPathFactory, changes: list[Change]
) -> None:
    """In any order, any number of them."""
    folder = tmp_path_factory.mktemp("follow")
    with Repository.create(folder / "index.git") as repo:
        put(repo, index_files({"clock": ("1.0.0", "1.1.0"), "radio": ("0.1.0",)}))
        for change in changes:
            opened(folder, repo).close()
            put(repo, change)
        with opened(folder, repo) as followed, in_memory(repo, head(repo), "acme") as anew:
            assert contents(followed) == contents(anew)


def test_it_counts_what_it_took_in(tmp_path: Path, repo: Repository) -> None:
    """Releases that came and went, plugins whose facts changed; nothing when nothing did."""
    path, aside = tmp_path / "cache.sqlite", tmp_path / "aside"
    assert bring_up_to_date(path, repo, head(repo), aside=aside)[:3] == (3, 0, 0)
    assert bring_up_to_date(path, repo, head(repo), aside=aside) == (0, 0, 0, False)
    change = {
        **release_file("clock", "2.0.0"),
        **entry_file("clock", title="Clock"),
        release_path("radio", "0.1.0"): None,
    }
    put(repo, change)
    assert bring_up_to_date(path, repo, head(repo), aside=aside) == (1, 1, 1, False)


def test_a_tree_that_is_no_index_leaves_the_cache(tmp_path: Path, repo: Repository) -> None:
    """The error comes out and the old content stays, whole."""
    opened(tmp_path, repo).close()
    before = head(repo)
    put(repo, {"registry.yaml": None, **release_file("clock", "2.0.0")})
    with pytest.raises(InvalidFile):
        opened(tmp_path, repo)
    with Cache.open(tmp_path / "cache.sqlite", index="acme") as cache:
        assert cache.commit == before
        assert len(cache.releases("clock")) == 2


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_foreign(path: Path) -> None:
    path.write_bytes(b"This is not a database.\n" * 500)


def damage_torn(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def damage_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[:100] = bytes(100)
    path.write_bytes(data)


def damage_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE meta SET value = '999' WHERE key = 'schema'")
        database.commit()


def damage_tables(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE other (x)")
        database.commit()


def damage_state(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE meta SET value = x'00' WHERE key = 'state'")
        database.commit()


def damage_gone(path: Path) -> None:
    path.unlink()


DAMAGES = [
    damage_empty,
    damage_foreign,
    damage_torn,
    damage_header,
    damage_schema,
    damage_tables,
    damage_state,
    damage_gone,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_cannot_be_trusted_is_built_anew(
    tmp_path: Path, repo: Repository, damage: object
) -> None:
    """Torn, foreign, of another schema or missing: not read, not fatal, replaced."""
    opened(tmp_path, repo).close()
    path = tmp_path / "cache.sqlite"
    assert callable(damage)
    damage(path)
    with pytest.raises(Unusable):
        Cache.open(path, index="acme")
    assert bring_up_to_date(path, repo, head(repo), aside=tmp_path / "aside").rebuilt
    with Cache.open(path, index="acme") as cache, in_memory(repo, head(repo), "acme") as anew:
        assert contents(cache) == contents(anew)


def test_a_cache_of_a_tree_that_the_clone_lacks_is_built_anew(
    tmp_path: Path, repo: Repository
) -> None:
    """Such as that of another index that once had the name."""
    with Repository.create(tmp_path / "other.git") as other:
        put(other, index_files({"watch": ("1.0.0",)}))
        opened(tmp_path, other).close()
    with opened(tmp_path, repo) as cache, in_memory(repo, head(repo), "acme") as anew:
        assert contents(cache) == contents(anew)


@pytest.mark.parametrize("seed", range(12))
def test_overwritten_pages_give_the_truth_or_a_rebuild(
    tmp_path: Path, repo: Repository, seed: int
) -> None:
    """A disk that lost pages never makes a candidate out of them."""
    names = ("clock", "radio")
    with opened(tmp_path, repo) as cache:
        truth = {one.oid: one.release for name in names for one in cache.releases(name)}
    path, chance = tmp_path / "cache.sqlite", random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(4):
        at = chance.randrange(0, len(data) - 512)
        data[at : at + 512] = chance.randbytes(512)
    path.write_bytes(data)
    try:
        with Cache.open(path, index="acme") as cache:
            found = [one for name in names for one in cache.releases(name)]
    except Unusable:
        return
    assert all(one.release == truth[one.oid] for one in found)


def test_a_dead_writers_journal_is_not_taken_for_the_new_files(
    tmp_path: Path, repo: Repository
) -> None:
    """A journal beside a file that is replaced belonged to the old one."""
    opened(tmp_path, repo).close()
    path = tmp_path / "cache.sqlite"
    path.with_name("cache.sqlite-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" * 100)
    damage_foreign(path)
    with opened(tmp_path, repo) as cache:
        assert len(cache.releases("clock")) == 2
    assert not path.with_name("cache.sqlite-journal").exists()


def hold_lock(path: Path, held: threading.Event, release: threading.Event) -> None:
    """Another process that writes, as SQLite sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        held.set()
        release.wait(20)
        database.execute("COMMIT")


@pytest.fixture
def locked(tmp_path: Path, repo: Repository) -> Iterator[threading.Event]:
    """A cache that another process holds until the event is set."""
    opened(tmp_path, repo).close()
    method = multiprocessing.get_context("spawn")
    held, release_it = method.Event(), method.Event()
    process = method.Process(
        target=hold_lock, args=(tmp_path / "cache.sqlite", held, release_it), daemon=True
    )
    process.start()
    assert held.wait(20)
    yield release_it  # type: ignore[misc] # the other process's event is like a thread's
    release_it.set()
    process.join(20)
    process.close()


def test_a_locked_cache_is_waited_for(tmp_path: Path, locked: threading.Event) -> None:
    """A reader gets its answer when the other process is done."""
    timer = threading.Timer(0.3, locked.set)
    timer.start()
    with Cache.open(tmp_path / "cache.sqlite", index="acme", timeout=20) as cache:
        assert cache.names() == ["clock", "radio"]
    timer.join()


def test_a_cache_that_stays_locked_is_busy(tmp_path: Path, locked: threading.Event) -> None:
    """Neither rebuilt nor crashed on: the user is told that another process is at it."""
    with pytest.raises(HomeBusy):
        Cache.open(tmp_path / "cache.sqlite", index="acme", timeout=0.05)


def test_names_that_are_no_text_do_not_stop_it(tmp_path: Path) -> None:
    """A file name in another encoding is part of no plugin; the rest is read."""
    files = index_files({"clock": ("1.0.0",)})
    strange = {"plugins/00/\udcff\udcfe/1.0.0.yaml": b"x\n", "plugins/ab/\udc80.yaml": b"y\n"}
    with cache_of(tmp_path, files | strange) as cache:
        assert cache.names() == ["clock"]
