"""A new registry, and a plain folder as the content of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heimnetz_git.errors import HeimnetzError, HostileTree, InvalidName, UsageError
from heimnetz_git.model.layout import ALLOWED_SIGNERS, POLICY, REGISTRY
from heimnetz_git.model.registry import Policy, RegistryInfo
from heimnetz_git.registry.create import create, import_tree
from heimnetz_git.registry.law import judge_update
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.bundled import folder
from heimnetz_git.storage.repo import Repository
from tests.gitkit import WHEN, fsck, git

UUID = "6f1c1f0e-8d35-4d0c-9a53-0d5d1b7f9d11"


def files(repo: Repository) -> dict[str, bytes]:
    """What main holds."""
    commit = repo.branch("main")
    assert commit
    return {entry.path: repo.read(entry.oid) for entry in repo.entries(repo.tree(commit))}


def test_a_new_registry_is_a_sound_bare_repository(tmp_path: Path) -> None:
    """It has its id, a policy, a place for signers, a README of its own and a workflow."""
    made = create(tmp_path / "home.git", name="home", title="Our plugins", uuid=UUID, when=WHEN)
    fsck(tmp_path / "home.git")
    assert git(tmp_path / "home.git", "rev-parse", "main").strip() == made.commit
    with Repository.open(tmp_path / "home.git") as repo:
        found = files(repo)
        assert judge_update(repo, None, repo.tree(made.commit)) == ()
    info = yamlfile.read(found[REGISTRY], RegistryInfo, REGISTRY)
    assert (info.id, info.name, info.title) == (UUID, "home", "Our plugins")
    assert yamlfile.read(found[POLICY], Policy, POLICY) == Policy(format=1)
    assert ALLOWED_SIGNERS in found
    assert b"# Our plugins\n" in found["README.md"]
    assert UUID.encode() in found["README.md"]
    assert b"heimnetz-git ci check" in found[".github/workflows/check.yml"]
    assert b"${{ github.event.pull_request.head.sha }}" in found[".github/workflows/check.yml"]


def test_the_same_arguments_make_the_same_commit(tmp_path: Path) -> None:
    """Nothing of the clock or the machine gets into a registry."""
    made = [
        create(tmp_path / name, name="home", uuid=UUID, when=WHEN).commit
        for name in ("a.git", "b.git")
    ]
    assert made[0] == made[1]


def test_a_registry_begins_with_the_files_of_a_folder(tmp_path: Path) -> None:
    """Its content and settings are taken over, its id and name are new."""
    theirs = RegistryInfo(format=1, id=UUID, name="old", reserved=("acme-*",), store="embedded")
    source = tmp_path / "source"
    (source / "plugins/aa/clock").mkdir(parents=True)
    (source / "plugins/aa/clock/plugin.yaml").write_bytes(b"x")
    (source / "README.md").write_bytes(b"theirs")
    (source / REGISTRY).write_bytes(yamlfile.dump(theirs))
    new = "11111111-2222-4333-8444-555555555555"
    create(tmp_path / "new.git", name="new", uuid=new, when=WHEN, tree=source)
    with Repository.open(tmp_path / "new.git") as repo:
        found = files(repo)
    info = yamlfile.read(found[REGISTRY], RegistryInfo, REGISTRY)
    assert (info.id, info.name, info.reserved, info.store) == (new, "new", ("acme-*",), "embedded")
    assert found["README.md"] == b"theirs"
    assert found["plugins/aa/clock/plugin.yaml"] == b"x"
    assert POLICY in found


@pytest.mark.parametrize("name", ["Home", "a b", "", "../x", "-"])
def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is made for it."""
    with pytest.raises(InvalidName):
        create(tmp_path / "x.git", name=name, uuid=UUID, when=WHEN)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    """Neither a folder with something in it nor a file; an empty folder is fine."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_bytes(b"mine")
    with pytest.raises(UsageError):
        create(tmp_path / "full", name="home", uuid=UUID, when=WHEN)
    (tmp_path / "empty").mkdir()
    create(tmp_path / "empty", name="home", uuid=UUID, when=WHEN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full"]


def test_nothing_is_left_when_making_it_fails(tmp_path: Path) -> None:
    """All there or not there."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / REGISTRY).write_bytes(b"no: registry\n")
    with pytest.raises(HeimnetzError):
        create(tmp_path / "x.git", name="x", uuid=UUID, when=WHEN, tree=tmp_path / "source")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A plain folder with two files and a .git that is none of ours."""
    source = tmp_path / "plain"
    (source / "a").mkdir(parents=True)
    (source / ".git").mkdir()
    (source / ".git" / "config").write_bytes(b"x")
    (source / "a" / "b").write_bytes(b"1")
    (source / "c").write_bytes(b"2")
    (source / "c").chmod(0o755)
    return source


def test_a_folder_becomes_a_commit_and_then_none(tmp_path: Path, plain: Path) -> None:
    """Importing again makes a commit only when something changed; rights are not files."""
    with Repository.create(tmp_path / "r.git") as repo:
        first = import_tree(repo, plain, when=WHEN, message="import")
        assert files(repo) == {"a/b": b"1", "c": b"2"}
        assert import_tree(repo, plain, when=WHEN + 1, message="import") == first
        (plain / "c").unlink()
        second = import_tree(repo, plain, when=WHEN + 2, message="import")
        assert repo.parents(second) == (first,)
        assert files(repo) == {"a/b": b"1"}
    with Repository.create(tmp_path / "again.git") as repo:
        (plain / "c").write_bytes(b"2")
        assert import_tree(repo, plain, when=WHEN, message="import") == first
    fsck(tmp_path / "r.git")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
@pytest.mark.parametrize("kind", ["file link", "folder link", "pipe", "case"])
def test_a_folder_with_links_or_colliding_names_is_refused(plain: Path, kind: str) -> None:
    """What could not be an index is not imported."""
    if kind == "pipe":
        os.mkfifo(plain / "p")
    elif kind == "case":
        (plain / "C").write_bytes(b"3")
        if (plain / "c").read_bytes() == b"3":
            pytest.skip("this disk takes both for one")
    else:
        (plain / "link").symlink_to(plain / ("a" if kind == "folder link" else "c"))
    with Repository.create(plain.parent / "r.git") as repo:
        with pytest.raises(HostileTree):
            import_tree(repo, plain, when=WHEN, message="import")
        assert repo.branch("main") is None


def test_names_come_in_unicode_normal_form(plain: Path) -> None:
    """A disk that keeps names decomposed gives the same tree as every other."""
    (plain / "u\u0308ber").write_bytes(b"")
    with Repository.create(plain.parent / "r.git") as repo:
        import_tree(repo, plain, when=WHEN, message="import")
        assert "über" in files(repo)


def test_the_bundled_folders_are_found() -> None:
    """From the source tree or from the installed wheel."""
    assert (folder("templates") / "registry" / "README.md").is_file()
    assert folder("index").is_dir()
    with pytest.raises(HeimnetzError):
        folder("none")
