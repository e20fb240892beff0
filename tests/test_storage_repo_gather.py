"""One pack of many: nothing is lost, readers go on, and what is marked stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.registry import sync
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_gather import MOST_PACKS, gather
from tests.gitkit import WHEN, fsck, git, http_server, put
from tests.indexkit import index_files, release_file


def packed(path: Path, count: int) -> Repository:
    """A repository with as many packs, and a commit for each."""
    repo = Repository.create(path)
    for number in range(count):
        put(repo, {f"f{number}": os.urandom(300), "same": b"same\n"}, when=WHEN + number)
        git(path, "repack", "-d", "-q")
        git(path, "prune-packed", "-q")
    return repo


def packs(repo: Repository) -> set[str]:
    """The names of its packs."""
    return {found.stem for found in (repo.path / "objects" / "pack").glob("*.idx")}


def test_many_packs_become_one(tmp_path: Path) -> None:
    """Every object is there as it was, once, and Git takes it for sound."""
    with packed(tmp_path / "repo.git", 5) as repo:
        listed = "cat-file", "--batch-all-objects", "--batch-check"
        before = git(repo.path, *listed)
        assert gather(repo.objects, most=4) == 5
        assert len(packs(repo)) == 1
        assert git(repo.path, *listed) == before
        assert len(list(repo.entries(repo.tree(repo.branch("main") or "")))) == 6
        fsck(repo.path)
        assert gather(repo.objects, most=4) == 0


def test_a_reader_that_was_there_before_goes_on(tmp_path: Path) -> None:
    """Whether it has looked at a pack already or not."""
    with packed(tmp_path / "repo.git", 4) as repo, Repository.open(repo.path) as reader:
        commit = repo.branch("main") or ""
        tree = reader.tree(commit)
        assert gather(repo.objects, most=2) == 4
        assert all(reader.read(entry.oid) for entry in reader.entries(tree))
        assert len(reader.commits_since(commit, commit)) == 0
        assert reader.is_ancestor(repo.parents(commit)[0], commit)


def test_what_is_marked_stays(tmp_path: Path) -> None:
    """Git's own mark for packs that nobody may touch."""
    with packed(tmp_path / "repo.git", 4) as repo:
        marked = min(packs(repo))
        (repo.path / "objects" / "pack" / f"{marked}.keep").write_bytes(b"")
        assert gather(repo.objects, most=2) == 3
        assert marked in packs(repo)
        assert len(packs(repo)) == 2


def test_a_damaged_pack_stops_it(tmp_path: Path) -> None:
    """Nothing is removed when something cannot be read."""
    with packed(tmp_path / "repo.git", 4) as repo:
        before = packs(repo)
        victim = next((repo.path / "objects" / "pack").glob("*.pack"))
        victim.chmod(0o644)
        data = bytearray(victim.read_bytes())
        data[20:40] = bytes(20)
        victim.write_bytes(data)
        with pytest.raises(CorruptRepository):
            gather(repo.objects, most=2)
        assert packs(repo) == before


def test_an_index_that_is_often_updated_keeps_few_packs(tmp_path: Path) -> None:
    """Each update brings one."""
    (tmp_path / "served").mkdir()
    home = Home(tmp_path / "home")
    with (
        Repository.create(tmp_path / "served" / "remote.git") as remote,
        http_server(tmp_path / "served") as address,
    ):
        put(remote, index_files({"clock": ("1.0.0",)}))
        settings = IndexSettings(url=f"{address}/remote.git")
        sync.add(home, "acme", settings)
        for number in range(MOST_PACKS + 3):
            put(remote, release_file("clock", f"2.{number}.0"), when=WHEN + number)
            assert sync.update(home, "acme", settings).added == 1
    with Repository.open(home.index("acme")) as repo:
        assert len(packs(repo)) < MOST_PACKS
    fsck(home.index("acme"))
