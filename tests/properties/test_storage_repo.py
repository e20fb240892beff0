"""Trees behave as dictionaries of paths, whatever is written to them or read as one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import CorruptRepository, HostileTree
from heimnetz_git.storage.repo import Repository
from heimnetz_git.storage.repo_trees import FOLDER, Node, decode, encode

NAMES = st.sampled_from(["a", "a.b", "a-b", "A", "ab", "b", "ä", "0"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
OID = "1" * 40


def without_clashes(files: dict[str, bytes]) -> dict[str, bytes]:
    """Drop what lies below a path that is a file itself."""
    return {
        path: data
        for path, data in files.items()
        if not any(path.startswith(f"{other}/") for other in files)
    }


FILES = st.dictionaries(PATHS, st.binary(max_size=3), max_size=8).map(without_clashes)


@pytest.fixture(scope="module")
def repo() -> Iterator[Repository]:
    """One repository for all examples."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Repository.create(Path(folder) / "r.git") as made,
    ):
        yield made


def content(repo: Repository, tree: str) -> dict[str, bytes]:
    """A tree as a dictionary."""
    return {entry.path: repo.read(entry.oid) for entry in repo.entries(tree)}


@settings(max_examples=60, deadline=None)
@given(old=FILES, new=FILES)
def test_write_and_diff_are_those_of_dictionaries(
    repo: Repository, old: dict[str, bytes], new: dict[str, bytes]
) -> None:
    """What was written is read; the difference is the difference; any way to a tree gives it."""
    before, after = repo.write(None, old), repo.write(None, new)
    assert content(repo, before) == old
    assert [entry.path for entry in repo.entries(before)] == sorted(old)
    changes = list(repo.diff(before, after))
    told = {one.path: repo.read(one.new.oid) if one.new else None for one in changes}
    differing = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    assert told == {path: new.get(path) for path in differing}
    removed: dict[str, bytes | None] = {path: None for path in told if told[path] is None}
    assert repo.write(repo.write(before, removed), told) == after


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_break_the_reading_of_a_tree(data: bytes) -> None:
    """They are a tree, or refused by name."""
    try:
        tree = decode(data, OID)
    except (CorruptRepository, HostileTree):
        return
    assert decode(encode(tree), OID) == tree


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1),
        st.sampled_from([0o100644, 0o100755, 0o120000, FOLDER, 0o160000]),
        max_size=8,
    )
)
def test_a_tree_is_read_as_it_was_written(modes: dict[str, int]) -> None:
    """In the order of Git, with every mode."""
    tree = {name: Node(mode, OID) for name, mode in modes.items() if name not in {".", ".."}}
    assert decode(encode(tree), OID) == tree
