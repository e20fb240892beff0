"""Reading a tree of an index: values where files are sound, located problems where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from heimnetz_git.errors import FormatTooNew, InvalidFile
from heimnetz_git.model.layout import plugin_path, release_path
from heimnetz_git.model.registry import Policy
from heimnetz_git.registry import index
from heimnetz_git.storage.repo import Entry, Repository
from tests.gitkit import index_with
from tests.indexkit import UUID, entry_file, index_files, record_file, release, release_file

CLOCK = release_path("clock", "1.0.0")


def tree_of(repo: Repository) -> str:
    """The tree of main."""
    commit = repo.branch("main")
    assert commit
    return repo.tree(commit)


def test_each_kind_of_file_becomes_its_value(tmp_path: Path) -> None:
    """A release, its plugin's facts, its record, the registry and its policy are read by name."""
    files = index_files({"clock": ("1.0.0", "1.1.0")})
    files |= record_file("clock", "1.0.0", "2026-01-31T12:00:00Z", files[CLOCK])
    with index_with(tmp_path / "r.git", files) as repo:
        tree = tree_of(repo)
        assert index.registry_info(repo, tree).id == UUID
        assert index.policy(repo, tree) == Policy(format=1)
        assert index.release(repo, tree, "clock", "1.0.0") == release("clock", "1.0.0")
        entry = index.plugin_entry(repo, tree, "clock")
        record = index.record(repo, tree, "clock", "1.0.0")
        readings = list(index.releases(repo, tree, "clock"))
    assert entry
    assert entry.owners[0].name == "ada"
    assert record
    assert record.merged == "2026-01-31T12:00:00Z"
    assert [reading.kind.version for reading in readings] == ["1.0.0", "1.1.0"]
    assert all(reading.value and not reading.problems for reading in readings)


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """An unknown plugin, version or record is no error."""
    with index_with(tmp_path / "r.git", index_files({})) as repo:
        tree = tree_of(repo)
        assert index.release(repo, tree, "clock", "1.0.0") is None
        assert index.plugin_entry(repo, tree, "clock") is None
        assert index.record(repo, tree, "clock", "1.0.0") is None
        assert list(index.releases(repo, tree, "clock")) == []


def test_a_tree_without_registry_yaml_is_no_index(tmp_path: Path) -> None:
    """Any other repository is refused in words."""
    with (
        index_with(tmp_path / "r.git", {"README.md": b"hello\n"}) as repo,
        pytest.raises(InvalidFile, match=r"it has no registry\.yaml"),
    ):
        index.registry_info(repo, tree_of(repo))


def test_a_registry_of_a_later_format_is_refused_by_name(tmp_path: Path) -> None:
    """Guessing at a format that is not known would be worse than stopping."""
    later = {"registry.yaml": f"format: 2\nid: {UUID}\nname: acme\n".encode()}
    with index_with(tmp_path / "r.git", later) as repo, pytest.raises(FormatTooNew):
        index.registry_info(repo, tree_of(repo))


BAD: list[tuple[str, Mapping[str, bytes], str]] = [
    ("not yaml", {CLOCK: b"format: [1\n"}, ""),
    ("invalid utf-8", {CLOCK: b"format: 1\nname: \xff\xfe\n"}, ""),
    ("a giant", {CLOCK: b"format: 1\nsummary: '" + b"x" * (2 << 20) + b"'\n"}, ""),
    ("an alias bomb", {CLOCK: b"a: &a [1]\nb: [*a, *a]\n"}, ""),
    ("another's name", {CLOCK: release_file("watch")[release_path("watch", "1.0.0")]}, "misplaced"),
    (
        "another version",
        {CLOCK: release_file("clock", "1.0.1")[release_path("clock", "1.0.1")]},
        "misplaced",
    ),
    (
        "a later format",
        {CLOCK: release_file("clock")[CLOCK].replace(b"format: 1", b"format: 9")},
        "format-too-new",
    ),
]


@pytest.mark.parametrize(("case", "files", "code"), BAD, ids=[case for case, _, _ in BAD])
def test_a_bad_file_is_told_not_raised(
    tmp_path: Path, case: str, files: Mapping[str, bytes], code: str
) -> None:
    """Whatever is wrong with one release file comes as problems that name it."""
    with index_with(tmp_path / "r.git", index_files({}) | dict(files)) as repo:
        entry = repo.entry(tree_of(repo), CLOCK)
        assert entry
        reading = index.read_file(repo, entry)
    assert reading.value is None
    assert reading.problems
    assert reading.problems[0].location.file == CLOCK
    assert code in {"", *(problem.code for problem in reading.problems)}


@pytest.mark.parametrize("mode", [0o120000, 0o100755, 0o160000])
def test_only_a_plain_file_is_read(tmp_path: Path, mode: int) -> None:
    """A link, a program or a submodule at a release's place is not followed."""
    with index_with(tmp_path / "r.git", index_files({"clock": ("1.0.0",)})) as repo:
        entry = repo.entry(tree_of(repo), CLOCK)
        assert entry
        reading = index.read_file(repo, Entry(entry.path, mode, entry.oid))
    assert reading.value is None
    assert [problem.code for problem in reading.problems] == ["not-a-file"]


def test_asking_for_one_bad_file_raises_with_its_problems(tmp_path: Path) -> None:
    """Who asks for one value gets it or an error, never half of it."""
    files = index_files({}) | entry_file("clock") | {plugin_path("clock"): b"format: 1\n"}
    with (
        index_with(tmp_path / "r.git", files) as repo,
        pytest.raises(InvalidFile, match=r"plugin\.yaml cannot be used") as raised,
    ):
        index.plugin_entry(repo, tree_of(repo), "clock")
    assert raised.value.problems
