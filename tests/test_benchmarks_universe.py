"""The made-up registry is a real one: valid in every file, lawful, and always the same."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.universe import Universe
from benchmarks.universe_lives import FEWEST, Lives
from heimnetz_git.model.layout import classify
from heimnetz_git.model.registry import PluginEntry
from heimnetz_git.model.release import Release
from heimnetz_git.model.version import parse_range, parse_version
from heimnetz_git.registry import index
from heimnetz_git.registry.law import judge_update
from heimnetz_git.storage.repo import Change, Repository
from tests.gitkit import fsck, git

SEED, RELEASES = 3, 200


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A universe of 200 releases, written once."""
    path = tmp_path_factory.mktemp("universe") / "index.git"
    Universe(SEED, RELEASES, records=True).write(path)
    with Repository.open(path) as repo:
        yield repo


def tree(repo: Repository, branch: str) -> str:
    """The tree of a branch that is there."""
    commit = repo.branch(branch)
    assert commit
    return repo.tree(commit)


def test_git_finds_nothing_wrong(repository: Repository) -> None:
    """As strict as git can be."""
    fsck(repository.path)


def test_every_file_is_read_without_a_problem(repository: Repository) -> None:
    """On both branches; the count of releases is the one that was asked for."""
    for branch, more in (("main", 0), ("tip", 95)):
        kinds: Counter[str] = Counter()
        found = tree(repository, branch)
        for entry in repository.entries(found):
            kind = classify(entry.path).kind
            kinds[kind] += 1
            assert kind not in index.KINDS or index.read_file(repository, entry).problems == ()
        assert kinds["release"] == RELEASES + more
        assert kinds["record"] == RELEASES
        assert index.registry_info(repository, found).name == "universe"
        assert index.policy(repository, found).format == 1


def test_the_law_has_nothing_against_it(repository: Repository) -> None:
    """Neither against the whole nor against its tip."""
    main, tip = tree(repository, "main"), tree(repository, "tip")
    assert judge_update(repository, None, main) == judge_update(repository, main, tip) == ()


def test_the_tip_changes_a_hundred_files(repository: Repository) -> None:
    """95 new releases and 5 plugins with one yank more."""
    main, tip = tree(repository, "main"), tree(repository, "tip")
    changes = list(repository.diff(main, tip))
    kinds = Counter(classify(change.path).kind for change in changes)
    assert kinds == {"release": 95, "plugin": 5}
    assert all(more_yanks(repository, change) for change in changes if change.old)


def more_yanks(repo: Repository, change: Change) -> bool:
    """Whether a plugin's file names one yank more than before."""
    counts = [
        len(found.yanked)
        for entry in (change.old, change.new)
        if entry and isinstance(found := index.read_file(repo, entry).value, PluginEntry)
    ]
    return len(counts) == 2 and counts[1] == counts[0] + 1


def test_the_same_seed_gives_the_same_commits(repository: Repository, tmp_path: Path) -> None:
    """Byte for byte, in another process under another hash seed too."""
    command = [
        sys.executable, "-m", "benchmarks.universe", "--seed", str(SEED), "--records",
        "--releases", str(RELEASES), "--out", str(tmp_path / "again.git"),
    ]  # fmt: skip
    root = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    for branch in ("main", "tip"):
        commit = git(tmp_path / "again.git", "rev-parse", branch).strip()
        assert commit == repository.branch(branch)
    assert f"main {repository.branch('main')}" in done.stdout


def test_another_seed_gives_another_universe() -> None:
    """Other names, another registry."""
    one, other = Universe(1, RELEASES), Universe(2, RELEASES)
    assert one.info.id != other.info.id
    assert set(one.names) != set(other.names)


def test_a_history_ends_in_the_same_files(repository: Repository, tmp_path: Path) -> None:
    """Only the way there differs: a few releases a commit, in the order of time."""
    Universe(SEED, RELEASES, records=True).write(tmp_path / "long.git", per_commit=7)
    fsck(tmp_path / "long.git")
    with Repository.open(tmp_path / "long.git") as long:
        assert tree(long, "main") == tree(repository, "main")
        assert tree(long, "tip") == tree(repository, "tip")
    count = int(git(tmp_path / "long.git", "rev-list", "--count", "main"))
    assert count == 1 + -(-RELEASES // 7)


def test_a_folder_of_another_kind_is_not_overwritten(tmp_path: Path) -> None:
    """Only a repository is written anew."""
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError):
        Universe(SEED, FEWEST).write(tmp_path)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_candidates_are_what_the_repository_has(repository: Repository) -> None:
    """In memory, newest first, with the ids of the files, the yanks and the dates."""
    universe, main = Universe(SEED, RELEASES, records=True), tree(repository, "main")
    name = universe.names[0]
    found = universe.releases(name)
    entry = index.plugin_entry(repository, main, name)
    assert entry
    assert [one.release for one in found] == sorted(
        (
            one.value
            for one in index.releases(repository, main, name)
            if isinstance(one.value, Release)
        ),
        key=lambda release: parse_version(release.version),
        reverse=True,
    )
    for candidate in found:
        path = f"{name}/{candidate.release.version}.yaml"
        ids = [one.oid for one in repository.entries(main) if one.path.endswith(path)]
        record = index.record(repository, main, name, candidate.release.version)
        assert record
        assert (candidate.oid in ids, candidate.merged) == (True, record.merged)
        assert candidate.yanked == entry.yanked.get(candidate.release.version)
    assert universe.releases("no-such-plugin") == ()


def test_a_few_plugins_have_most_releases() -> None:
    """A power law; no plugin has none, and all add up."""
    counts = sorted(Lives(SEED, 5000).counts, reverse=True)
    assert sum(counts) == 5000
    assert counts[-1] == 1
    assert sum(counts[: len(counts) // 10]) > 5000 * 0.4


def test_it_has_all_that_makes_resolving_hard() -> None:
    """Pre-releases, yanks, ceilings, exclusions, pins, optional needs, host and Python ranges."""
    drawn = list(Universe(SEED, 3000).plugins())
    releases = [release for each in drawn for release in each.releases]
    ranges = [text for release in releases for text in release.requires.values()]
    assert any(each.entry.yanked for each in drawn)
    assert any("rc" in release.version for release in releases)
    assert any(release.optional for release in releases)
    assert any(len(release.artifacts) > 1 for release in releases)
    assert len({release.host["heimnetz"] for release in releases}) > 4
    assert len({release.python for release in releases}) > 2
    for sign in (">=", ",<", "~=", "!=", "==", ".*"):
        assert any(sign in text for text in ranges)


def test_root_sets_name_plugins_of_the_universe() -> None:
    """Each a question somebody might ask; the same ones each time."""
    universe = Universe(SEED, RELEASES)
    sets = universe.root_sets(20)
    assert sets == Universe(SEED, RELEASES).root_sets(20)
    assert any(text for roots in sets for text in roots.values())
    for roots in sets:
        assert 1 <= len(roots) <= 6
        assert roots.keys() <= set(universe.names)
        assert all(parse_range(text) is not None for text in roots.values())


def test_too_small_a_universe_is_refused() -> None:
    """It would have plugins without releases."""
    with pytest.raises(ValueError, match="at least"):
        Universe(SEED, FEWEST - 1)
