"""A release against its source: built anew from the commit, in the sandbox, and compared."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.model.layout import record_path
from heimnetz_git.model.registry import Record
from heimnetz_git.model.release import Release, Source
from heimnetz_git.registry.rebuilt import note_rebuilt, read_rebuilt, reproduced
from heimnetz_git.registry.submission import check
from heimnetz_git.registry.submission_merge import merge
from heimnetz_git.sandbox.launcher import find_sandbox
from heimnetz_git.sdk.build import build
from heimnetz_git.sdk.rebuild import rebuild
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from tests.attacks.kit import ADA_KEY, LATER, MAX, Siege
from tests.gitkit import index_with

PROJECT = Path(__file__).parents[1] / "plugins" / "wake-on-lan"
needs_sandbox = pytest.mark.skipif(not find_sandbox()[0], reason=find_sandbox()[1])
Edit = Callable[[dict[str, bytes]], None]

EVIL = b"""\
import os, pathlib, socket
def build_wheel(out, settings=None, metadata=None):
    done = []
    for what in (lambda: pathlib.Path(VICTIM).write_text("x"),
                 lambda: socket.create_connection(("127.0.0.1", PORT), 1)):
        try:
            what()
            done.append(1)
        except OSError:
            pass
    raise SystemExit(f"done: {len(done)}")
"""


def files_of(folder: Path) -> dict[str, bytes]:
    """The project's own files."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def source_of(folder: Path, files: dict[str, bytes]) -> Source:
    """A repository with these files on its main branch, as a release names it."""
    with index_with(folder / "source.git", files) as repo:
        commit = str(repo.branch("main"))
    return Source(str(folder / "source.git"), commit)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """What an author's build says, on an own machine."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(PROJECT, folder / "project", ignore=shutil.ignore_patterns("__pycache__"))
    return build(folder / "project", folder / "out", isolation="never").release


def named(release: Release, source: Source | None) -> Release:
    """The release with a source."""
    return msgspec.structs.replace(release, source=source)


def changed(files: dict[str, bytes]) -> None:
    """Code that the wheel has not."""
    path = next(path for path in files if path.endswith("/__init__.py") and "src" in path)
    files[path] += b"\n# not what was published\n"


def below(files: dict[str, bytes]) -> None:
    """The project lies in a folder, beside another one."""
    for path in tuple(files):
        files[f"plugins/wake-on-lan/{path}"] = files.pop(path)
    files["plugins/other/plugin.yaml"] = b"format: 1\n"


@needs_sandbox
@pytest.mark.parametrize(("edit", "state"), [(below, "yes"), (changed, "no")])
def test_a_wheel_is_what_its_source_makes(
    built: Release, tmp_path: Path, edit: Edit, state: str
) -> None:
    """To the byte, wherever in the repository the project lies."""
    files = files_of(PROJECT)
    edit(files)
    done = rebuild(named(built, source_of(tmp_path, files)), tmp_path / "work")
    assert done.state == state, done
    assert (done.sha256 == built.artifacts[0].sha256) == (state == "yes")
    assert [*(tmp_path / "work").iterdir()] == []


NOT_TRIED: list[tuple[str, Edit | None, str]] = [
    ("no source", None, "names no commit"),
    ("no project", dict.clear, "no project"),
    ("another back end", lambda f: f.update(
        {"pyproject.toml": f["pyproject.toml"].replace(b"hatchling==1.33.0", b"nothing-such==1")}
    ), "not installed here"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "why"), [pytest.param(*case[1:], id=case[0]) for case in NOT_TRIED]
)
def test_what_cannot_be_built_anew_says_why(
    built: Release, tmp_path: Path, edit: Edit | None, why: str
) -> None:
    """It is neither yes nor no."""
    source = None
    if edit is not None:
        files = {**files_of(PROJECT), "README": b"x"}
        edit(files)
        source = source_of(tmp_path, {**files, "x": b"x"})
    done = rebuild(named(built, source), tmp_path / "work")
    assert (done.state, done.sha256) == ("not tried", "")
    assert why in done.why


def test_addresses_and_commits_that_are_not_there(built: Release, tmp_path: Path) -> None:
    """An address that must not be asked is not asked; a commit that no branch has is not built."""
    source = source_of(tmp_path, files_of(PROJECT))
    asked = rebuild(named(built, source), tmp_path / "work", may_fetch=lambda _: False)
    assert "not to be asked" in asked.why
    other = named(built, Source(source.repository, "1" * 40))
    assert "No branch" in rebuild(other, tmp_path / "work").why
    gone = named(built, Source(str(tmp_path / "gone.git"), "1" * 40))
    assert rebuild(gone, tmp_path / "work").state == "not tried"


@needs_sandbox
def test_a_hostile_back_end_reaches_nothing(built: Release, tmp_path: Path) -> None:
    """It lies in the source itself and is code of a stranger: no file outside, no network."""
    import socket

    victim = tmp_path / "victim"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1]).encode()
        code = EVIL.replace(b"VICTIM", repr(str(victim)).encode()).replace(b"PORT", port)
        files = files_of(PROJECT)
        table = b'[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n'
        lines = files["pyproject.toml"].partition(b"[project]")
        files |= {"evil.py": code, "pyproject.toml": table + lines[1] + lines[2]}
        done = rebuild(named(built, source_of(tmp_path, files)), tmp_path / "work")
    assert (done.state, victim.exists()) == ("not tried", False)
    assert "done: 0" in done.why


@pytest.mark.parametrize(("same", "word"), [(True, "yes"), (False, "no"), (None, "not tried")])
def test_the_record_says_whether_it_was_reproduced(
    tmp_path: Path, same: bool | None, word: str
) -> None:
    """And a wheel that differs waits for a maintainer, who may take it all the same."""
    siege = Siege(tmp_path)
    files = siege.bench.update()
    branch = siege.push(siege.head(files, key=ADA_KEY))
    with Repository.open(siege.repo.path) as repo:
        release = yamlfile.read(
            next(data for path, data in files.items() if path.endswith("1.1.0.yaml")),  # type: ignore[arg-type] # bytes, all of them
            Release, "release",
        )  # fmt: skip
        if same is not None:
            note_rebuilt(repo, [release.artifacts[0].sha256], same=same)
        assert reproduced(read_rebuilt(repo), release) == word
        rules = {one.rule: one.outcome for one in check(repo, "main", branch)}
        assert rules == ({"not-reproduced": "hold"} if same is False else {})
        done = merge(repo, branch, when=LATER, author=MAX, override=("not-reproduced",), by="max")
        entry = repo.entry(repo.tree(done.commit), record_path("clock", "1.1.0"))
        assert entry
        assert yamlfile.read(repo.read(entry.oid), Record, "record").reproduced == word
    siege.repo.close()
