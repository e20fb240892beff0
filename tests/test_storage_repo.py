"""A bare repository: objects, trees and branches, held against the real git program."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import (
    CorruptRepository,
    FileMissing,
    HostileTree,
    InvalidName,
    StorageError,
    UsageError,
)
from heimnetz_git.storage.repo import Change, Entry, Repository
from tests.gitkit import ADA, WHEN, fsck, git, hostile_tree, nested, put

FILES = {"registry.yaml": b"id: 1\n", "plugins/aa/clock/1.0.0.yaml": b"one\n", "plugins.txt": b"x"}


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repository]:
    """A repository with one commit that holds FILES."""
    with Repository.create(tmp_path / "index.git") as made:
        put(made, FILES)
        yield made


def main_tree(repo: Repository) -> str:
    """The tree that main has."""
    commit = repo.branch("main")
    assert commit
    return repo.tree(commit)


def test_git_can_read_what_was_created(repo: Repository) -> None:
    """The git program finds nothing wrong and sees the same files."""
    fsck(repo.path)
    listed = git(repo.path, "ls-tree", "-r", "--name-only", "main").split()
    assert listed == sorted(FILES)
    assert git(repo.path, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert git(repo.path, "rev-parse", "--is-bare-repository").strip() == "true"


def test_objects_of_git_are_read(repo: Repository) -> None:
    """What git writes, packs and repacks is read the same, whoever wrote it."""
    oid = git(repo.path, "hash-object", "-w", "--stdin", given=b"by git").strip()
    assert repo.read(oid) == b"by git"
    before = list(repo.entries(main_tree(repo)))
    git(repo.path, "gc", "--quiet", "--prune=now")
    assert list(repo.entries(main_tree(repo))) == before


def test_the_same_commit_has_the_same_id_everywhere(tmp_path: Path) -> None:
    """Files, parents, message, author and time decide the id, and nothing else: not even git's."""
    with Repository.create(tmp_path / "a.git") as one, Repository.create(tmp_path / "b.git") as two:
        first, second = put(one, FILES), put(two, FILES)
        assert first == second
        tree = one.tree(first)
    environ = {
        "GIT_AUTHOR_NAME": "Ada Example",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_AUTHOR_DATE": f"{WHEN} +0000",
    }
    environ |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in environ.items()}
    done = subprocess.run(
        ["git", "--git-dir", str(tmp_path / "a.git"), "commit-tree", tree, "-m", "change"],
        env={**os.environ, **environ},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == first


@pytest.mark.parametrize(
    ("under", "found"),
    [
        ("", ["plugins.txt", "plugins/aa/clock/1.0.0.yaml", "registry.yaml"]),
        ("plugins", ["plugins/aa/clock/1.0.0.yaml"]),
        ("registry.yaml", ["registry.yaml"]),
        ("plugins/bb", []),
        ("registry.yaml/x", []),
    ],
)
def test_entries_are_all_files_sorted_by_path(
    repo: Repository, under: str, found: list[str]
) -> None:
    """Entries go into every folder; a folder that is not there has none."""
    assert [entry.path for entry in repo.entries(main_tree(repo), under)] == found


def test_entry_finds_files_and_folders(repo: Repository) -> None:
    """One path is looked up without listing anything."""
    entry = repo.entry(main_tree(repo), "registry.yaml")
    assert entry
    assert repo.read(entry.oid) == FILES["registry.yaml"]
    folder = repo.entry(main_tree(repo), "plugins/aa")
    assert folder
    assert folder.mode == 0o040000
    assert repo.entry(main_tree(repo), "plugins/zz/none") is None


def test_write_changes_only_what_it_is_told(repo: Repository) -> None:
    """New, changed and removed files; a folder without files is gone; git agrees on the result."""
    old = main_tree(repo)
    new = repo.write(
        old,
        {
            "plugins/aa/clock/1.0.0.yaml": None,
            "registry.yaml": b"id: 2\n",
            "a/b/c": b"deep",
            "never/was": None,
        },
    )
    changed = [(change.path, bool(change.old), bool(change.new)) for change in repo.diff(old, new)]
    assert changed == [
        ("a/b/c", False, True),
        ("plugins/aa/clock/1.0.0.yaml", True, False),
        ("registry.yaml", True, True),
    ]
    told = git(repo.path, "diff-tree", "-r", "--name-status", old, new).split()
    assert told == ["A", "a/b/c", "D", "plugins/aa/clock/1.0.0.yaml", "M", "registry.yaml"]
    fsck(repo.path)


def test_a_file_can_become_a_folder_and_back(repo: Repository) -> None:
    """Both are told as a file that goes and one that comes."""
    old = main_tree(repo)
    new = repo.write(old, {"registry.yaml": None, "registry.yaml/x": b"1"})
    assert [(one.path, one.new is None) for one in repo.diff(old, new)] == [
        ("registry.yaml", True),
        ("registry.yaml/x", False),
    ]
    assert repo.write(new, {"registry.yaml/x": None, "registry.yaml": b"id: 1\n"}) == old


def test_removing_everything_leaves_the_empty_tree(repo: Repository) -> None:
    """The empty tree has the id that git gives it."""
    empty = repo.write(main_tree(repo), dict.fromkeys(FILES))
    assert empty == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert list(repo.entries(empty)) == []


def test_many_files_become_one_pack(repo: Repository) -> None:
    """A large write is all there or not at all, and git has nothing against it."""
    tree = repo.write(None, {f"f/{number:03}": b"%d" % number for number in range(200)})
    commit = repo.commit(tree, [], "many", author=ADA, when=WHEN)
    repo.set_branch("many", commit, expect=None)
    assert len(list((repo.path / "objects" / "pack").glob("*.pack"))) == 1
    assert len(list(repo.entries(tree))) == 200
    fsck(repo.path)


@pytest.mark.parametrize(
    "path", ["", "/a", "a//b", "a/../b", "./a", ".git/config", "a/.GIT", "a\0"]
)
def test_a_path_that_no_tree_may_have_is_refused(repo: Repository, path: str) -> None:
    """Nothing can be written to where git keeps its own, or outside."""
    with pytest.raises(UsageError):
        repo.write(None, {path: b""})


def test_history(repo: Repository) -> None:
    """A commit knows its parents, message and time; ancestry is told even when clocks are wrong."""
    first = repo.branch("main")
    assert first
    second = put(repo, {"x": b"1"}, message="second", when=WHEN - 10_000)
    third = put(repo, {"x": b"2"}, message="third\n\nmore", when=WHEN + 5)
    assert repo.parents(third) == (second,)
    assert repo.commit_message(third) == "third\n\nmore\n"
    assert repo.commit_time(second) == WHEN - 10_000
    assert repo.is_ancestor(first, third)
    assert repo.is_ancestor(third, third)
    assert not repo.is_ancestor(third, first)
    assert not repo.is_ancestor("0" * 40, first)
    assert repo.commits_since(third, first) == (third, second)


def test_a_branch_moves_only_from_where_it_was_expected(repo: Repository) -> None:
    """Compare and swap: of two who change a branch from the same commit, one is told no."""
    base = repo.branch("main")
    assert base
    one = repo.commit(repo.tree(base), [base], "one", author=ADA, when=WHEN)
    two = repo.commit(repo.tree(base), [base], "two", author=ADA, when=WHEN)
    assert repo.set_branch("main", one, expect=base)
    assert not repo.set_branch("main", two, expect=base)
    assert not repo.set_branch("main", two, expect=None)
    assert not repo.delete_branch("main", expect=two)
    assert repo.branch("main") == one


def test_branches_are_listed_by_prefix(repo: Repository) -> None:
    """Packed or loose, sorted by name."""
    base = repo.branch("main")
    assert base
    for name in ("submit/b/1.0.0", "submit/a/1.0.0", "other"):
        repo.set_branch(name, base, expect=None)
    git(repo.path, "pack-refs", "--all")
    assert list(repo.branches("submit/")) == ["submit/a/1.0.0", "submit/b/1.0.0"]
    assert repo.delete_branch("submit/a/1.0.0")
    assert repo.branch("submit/a/1.0.0") is None


@pytest.mark.parametrize("name", ["", "a..b", "a b", "-x/../y", "a.lock", "x/", "a\n", "~"])
def test_a_bad_branch_name_is_refused(repo: Repository, name: str) -> None:
    """Names that git would not take, or that lead elsewhere."""
    with pytest.raises(InvalidName):
        repo.branch(name)


def test_an_author_cannot_forge_a_commit_header(repo: Repository) -> None:
    """Line breaks and angle brackets do not get into a commit by way of its author."""
    for author in ("Ada\ncommitter Eve <e@e>", "Ada <a> <b>", "", "<a@b>"):
        with pytest.raises(UsageError):
            repo.commit(main_tree(repo), [], "m", author=author, when=WHEN)


def test_a_lock_that_a_dead_process_left_is_cleared(repo: Repository) -> None:
    """An old lock file does not stop the next change for ever."""
    base = repo.branch("main")
    assert base
    lock = repo.path / "refs" / "heads" / "main.lock"
    lock.write_bytes(b"")
    os.utime(lock, (time.time() - 60, time.time() - 60))
    commit = repo.commit(repo.tree(base), [base], "next", author=ADA, when=WHEN)
    assert repo.set_branch("main", commit, expect=base)


def test_a_lock_that_is_held_is_waited_for(repo: Repository) -> None:
    """Whoever holds it gets the time to finish."""
    base = repo.branch("main")
    assert base
    lock = repo.path / "refs" / "heads" / "main.lock"
    lock.write_bytes(b"")
    release = threading.Timer(0.3, lock.unlink)
    release.start()
    commit = repo.commit(repo.tree(base), [base], "next", author=ADA, when=WHEN)
    assert repo.set_branch("main", commit, expect=base)
    release.join()


def test_what_is_not_there_is_said_clearly(tmp_path: Path) -> None:
    """No folder, a folder without repository, a place that is taken."""
    with pytest.raises(FileMissing, match="no folder"):
        Repository.open(tmp_path / "none")
    with pytest.raises(FileMissing, match="not a Git repository"):
        Repository.open(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError):
        Repository.create(tmp_path)
    with pytest.raises(UsageError):
        Repository.create(tmp_path / "file")


def test_a_work_tree_is_opened_by_its_git_folder(tmp_path: Path) -> None:
    """The check of a submission runs in a checkout."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "work")], check=True)
    with Repository.open(tmp_path / "work") as repo:
        assert repo.path == tmp_path / "work" / ".git"


def test_a_repository_of_another_kind_is_refused(tmp_path: Path) -> None:
    """SHA-256 repositories are named, not misread."""
    made = subprocess.run(
        ["git", "init", "--quiet", "--bare", "--object-format=sha256", str(tmp_path / "r.git")],
        check=False,
    )
    if made.returncode:
        pytest.skip("this git knows no SHA-256")
    with pytest.raises(CorruptRepository, match="not supported"):
        Repository.open(tmp_path / "r.git")


def damage(path: Path, oid: str, data: bytes) -> None:
    """Replace a loose object's file."""
    file = path / "objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    file.write_bytes(data)


@pytest.mark.parametrize(
    "data", [b"", b"rubbish", zlib.compress(b"blob 5\0other"), zlib.compress(b"blob 99\0short")]
)
def test_a_damaged_object_is_noticed(repo: Repository, data: bytes) -> None:
    """Torn, swapped or lying: no byte that is not the object's is ever returned."""
    entry = repo.entry(main_tree(repo), "registry.yaml")
    assert entry
    damage(repo.path, entry.oid, data)
    with Repository.open(repo.path) as fresh, pytest.raises(CorruptRepository):
        fresh.read(entry.oid)


def test_a_missing_object_is_noticed(repo: Repository) -> None:
    """The error names the object and the repository."""
    tree = main_tree(repo)
    (repo.path / "objects" / tree[:2] / tree[2:]).unlink()
    with Repository.open(repo.path) as fresh, pytest.raises(CorruptRepository, match=tree):
        list(fresh.entries(tree))


def test_a_damaged_pack_is_noticed(repo: Repository) -> None:
    """A bit that flipped inside a pack does not become content."""
    git(repo.path, "gc", "--quiet", "--prune=now")
    pack = next((repo.path / "objects" / "pack").glob("*.pack"))
    data = bytearray(pack.read_bytes())
    for at in range(20, len(data) - 20):
        data[at] ^= 0x55
    pack.chmod(0o644)
    pack.write_bytes(bytes(data))
    with Repository.open(repo.path) as fresh, pytest.raises(CorruptRepository):
        list(fresh.entries(main_tree(fresh)))


def test_a_blob_longer_than_allowed_is_refused(repo: Repository) -> None:
    """No input is unbounded."""
    entry = repo.entry(main_tree(repo), "registry.yaml")
    assert entry
    with pytest.raises(CorruptRepository, match="longer"):
        repo.read(entry.oid, max_bytes=3)


HOSTILE_NAMES = [
    pytest.param([(0o100644, b"a/b")], id="slash"),
    pytest.param([(0o100644, b"..")], id="dot dot"),
    pytest.param([(0o100644, b".")], id="dot"),
    pytest.param([(0o100644, b"")], id="empty"),
    pytest.param([(0o100644, b"a"), (0o100644, b"a")], id="twice"),
    pytest.param([(0o100644, b"b"), (0o100644, b"a")], id="out of order"),
    pytest.param([(0o100644, b"a"), (0o040000, b"a")], id="file and folder"),
]


@pytest.mark.parametrize("names", HOSTILE_NAMES)
def test_a_tree_that_could_be_read_two_ways_is_refused(
    repo: Repository, names: list[tuple[int, bytes]]
) -> None:
    """Names with slashes or dots, twice the same, not in order."""
    blob = git(repo.path, "hash-object", "-w", "--stdin", given=b"x").strip()
    tree = hostile_tree(repo, [(mode, name, blob) for mode, name in names])
    with pytest.raises(HostileTree):
        list(repo.entries(tree))


def test_a_tree_of_endless_depth_is_refused(repo: Repository) -> None:
    """Neither the stack nor the patience ends before the walk does."""
    tree = nested(repo, ["d"] * 500, main_tree(repo))
    with pytest.raises(HostileTree):
        list(repo.entries(tree))
    with pytest.raises(HostileTree):
        list(repo.diff(None, tree))


def test_links_and_submodules_are_entries_like_others(repo: Repository) -> None:
    """Nothing is followed or left out: the law sees them."""
    blob = git(repo.path, "hash-object", "-w", "--stdin", given=b"/etc/passwd").strip()
    tree = hostile_tree(repo, [(0o120000, b"link", blob), (0o160000, b"sub", "1" * 40)])
    assert list(repo.entries(tree)) == [
        Entry("link", 0o120000, blob),
        Entry("sub", 0o160000, "1" * 40),
    ]
    assert list(repo.diff(tree, None))[1] == Change("sub", Entry("sub", 0o160000, "1" * 40), None)


def test_a_disk_that_refuses_is_an_error_of_ours(tmp_path: Path) -> None:
    """A folder that cannot be written to is named."""
    with Repository.create(tmp_path / "r.git") as repo:
        put(repo, FILES)
        objects = repo.path / "objects"
        (objects / "pack").rmdir()
        (objects / "pack").write_bytes(b"a file in the way")
        with pytest.raises(StorageError):
            repo.write(None, {f"f{number}": b"%d" % number for number in range(100)})


def test_a_user_configuration_changes_nothing(tmp_path: Path) -> None:
    """Another name, another default branch, hooks: git's settings of a user are not read."""
    (tmp_path / ".gitconfig").write_text(
        "[user]\nname = Eve\nemail = eve@example.org\n[init]\ndefaultBranch = other\n"
    )
    code = (
        "import sys; from pathlib import Path; from tests.gitkit import *\n"
        "with index_with(Path(sys.argv[1]), {'a': b'1'}) as repo: print(repo.branch('main'))"
    )
    root = Path(__file__).resolve().parent.parent
    environ = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(root), "GIT_DIR": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "r.git")],
        env=environ,
        capture_output=True,
        check=True,
    )
    with Repository.create(tmp_path / "same.git") as repo:
        assert done.stdout.decode().strip() == put(repo, {"a": b"1"})
