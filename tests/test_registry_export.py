"""Exports: the same bytes from the same commit, cost by the change, and every lie found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimnetz_git.errors import RewriteRefused, UsageError
from heimnetz_git.model.export import ROOT, page_path
from heimnetz_git.model.layout import plugin_path, release_path, signature_path
from heimnetz_git.registry.export import Edition, prune
from heimnetz_git.registry.export_verify import verify
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.repo import Repository
from heimnetz_git.trust.allowed_signers import Signer
from tests.exportkit import EDITION, a_key, exported, with_wheel
from tests.gitkit import ADA, WHEN, put
from tests.indexkit import entry_file, index_files, registry_file, release, release_file

OTHER = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repository]:
    """A registry with two plugins, one of them with a wheel of its own."""
    with Repository.create(tmp_path / "index.git") as made:
        put(made, index_files({"clock": ("1.0.0", "1.1.0")}))
        put(made, entry_file("radio") | with_wheel(tmp_path / "shelf", "radio"))
        yield made


def live(folder: Path) -> dict[str, bytes]:
    """Every file of an export but packs, which are hints from the last whole export."""
    files = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {path: data for path, data in named.items() if not path.startswith("packs/")}


def codes(folder: Path, at: int = WHEN, signers: list[Signer] | None = None) -> set[str]:
    """What verify has against an export."""
    return {problem.code for problem in verify(folder, at=at, signers=signers).problems}


def test_an_export_holds_what_the_registry_says(tmp_path: Path, repo: Repository) -> None:
    """Root, shards, pages, wheels with METADATA, pages for installers; and nothing wrong."""
    done = exported(repo, tmp_path / "out")
    assert (done.pages, done.whole, done.missing, done.root.serial) == (2, True, (), 2)
    found = verify(tmp_path / "out", at=WHEN)
    assert (found.plugins, found.releases, found.wheels, found.problems) == (2, 3, 1, ())
    assert found.root == done.root
    wheel = next((tmp_path / "out/artifacts").rglob("*.whl"))
    assert wheel.with_name(f"{wheel.name}.metadata").read_bytes().startswith(b"Metadata-Version")


def test_the_same_commit_gives_the_same_bytes(tmp_path: Path, repo: Repository) -> None:
    """Whether written at once or by steps; what steps leave behind are objects of before."""
    exported(repo, tmp_path / "steps")
    put(repo, release_file("clock", "2.0.0") | entry_file("radio", yanked={"1.0.0": "deaf"}))
    exported(repo, tmp_path / "steps")
    put(repo, release_file("watch") | {plugin_path("clock"): None})
    done = exported(repo, tmp_path / "steps")
    assert not done.whole
    exported(repo, tmp_path / "once")
    steps, once = live(tmp_path / "steps"), live(tmp_path / "once")
    assert once == {path: data for path, data in steps.items() if path in once}
    left = steps.keys() - once.keys()
    assert {path.split("/")[0] for path in left} == {"plugins", "shards"}
    assert codes(tmp_path / "steps") == set()


def test_the_cost_follows_the_change(tmp_path: Path, repo: Repository) -> None:
    """One plugin changed: its page, its shard, its two pages for installers, the root."""
    put(repo, index_files({f"plugin-{number}": ("1.0.0",) for number in range(40)}))
    assert exported(repo, tmp_path / "out").pages == 42
    put(repo, release_file("plugin-7", "1.1.0"))
    done = exported(repo, tmp_path / "out")
    assert (done.whole, done.pages, done.written) == (False, 1, 5)
    assert exported(repo, tmp_path / "out").written == 0


def test_a_new_edition_of_the_same_commit_keeps_its_serial(
    tmp_path: Path, repo: Repository
) -> None:
    """The expiry is renewed without a new state."""
    first = exported(repo, tmp_path / "out")
    later = Edition(created=WHEN + 50, expires=WHEN + 500_000)
    second = exported(repo, tmp_path / "out", later)
    assert second.root.serial == first.root.serial
    assert (second.written, second.root.expires) == (1, "2026-01-06T18:53:20Z")


def test_a_plugin_that_is_gone_leaves_no_page(tmp_path: Path, repo: Repository) -> None:
    """Neither in its shard nor for installers."""
    exported(repo, tmp_path / "out")
    files = {plugin_path("clock"): None, release_path("clock", "1.0.0"): None}
    put(repo, files | {release_path("clock", "1.1.0"): None})
    exported(repo, tmp_path / "out")
    assert not (tmp_path / "out/simple/clock").exists()
    assert b"clock" not in (tmp_path / "out/simple/index.html").read_bytes()
    assert verify(tmp_path / "out", at=WHEN).plugins == 1
    assert codes(tmp_path / "out") == set()


def test_old_objects_go_after_a_while(tmp_path: Path, repo: Repository) -> None:
    """Not before the grace since nothing refers to them, however old they are."""
    exported(repo, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        os.utime(path, (WHEN - 10**6, WHEN - 10**6))
    put(repo, release_file("clock", "2.0.0"))
    exported(repo, tmp_path / "out")
    assert prune(tmp_path / "out", now=WHEN + 99, grace=100) == ()
    gone = prune(tmp_path / "out", now=WHEN + 100, grace=100)
    assert sorted(path.split("/")[0] for path in gone) == ["plugins", "shards"]
    assert codes(tmp_path / "out") == set()


def test_a_rewritten_past_is_refused(tmp_path: Path, repo: Repository) -> None:
    """Unless accepted, and then the serial still rises."""
    before = exported(repo, tmp_path / "out")
    tree = repo.write(None, index_files({"clock": ("1.0.0",)}))
    commit = repo.commit(tree, [], "anew", author=ADA, when=WHEN)
    repo.set_branch("main", commit, expect=repo.branch("main"))
    with pytest.raises(RewriteRefused):
        exported(repo, tmp_path / "out")
    after = exported(repo, tmp_path / "out", accept_rewrite=True)
    assert after.root.serial == before.root.serial + 1


def test_a_folder_has_one_registry(tmp_path: Path, repo: Repository) -> None:
    """The export of another one is not written over it."""
    exported(repo, tmp_path / "out")
    with Repository.create(tmp_path / "other.git") as other:
        put(other, registry_file(OTHER))
        with pytest.raises(UsageError):
            exported(other, tmp_path / "out")


def test_a_serial_never_goes_back(tmp_path: Path, repo: Repository) -> None:
    """One that is named must be above the last one."""
    exported(repo, tmp_path / "out", Edition(created=WHEN, expires=WHEN + 9, serial=40))
    put(repo, release_file("clock", "2.0.0"))
    assert exported(repo, tmp_path / "out").root.serial == 41
    put(repo, release_file("clock", "3.0.0"))
    with pytest.raises(UsageError):
        exported(repo, tmp_path / "out", Edition(created=WHEN, expires=WHEN + 9, serial=41))


def test_a_shallow_clone_needs_a_serial(tmp_path: Path, repo: Repository) -> None:
    """The number of commits cannot be counted where they are not."""
    head = repo.branch("main")
    (repo.path / "shallow").write_text(f"{head}\n")
    with pytest.raises(UsageError, match="serial"):
        exported(repo, tmp_path / "out")
    assert (
        exported(repo, tmp_path / "out", Edition(created=0, expires=1, serial=7)).root.serial == 7
    )


def test_a_wheel_that_is_not_there_is_told(tmp_path: Path, repo: Repository) -> None:
    """It is missing from the pages for installers too."""
    files = with_wheel(tmp_path / "shelf", "mute")
    wheel = next(path for path in files if path.endswith(".whl"))
    put(repo, files | {wheel: b"not this"})
    assert exported(repo, tmp_path / "out").missing == (wheel,)
    assert json.loads((tmp_path / "out/simple/mute/index.json").read_bytes())["files"] == []
    assert codes(tmp_path / "out") == {"missing"}


def test_a_file_that_is_not_canonical_is_kept_as_it_is(tmp_path: Path, repo: Repository) -> None:
    """So its object id, and a signature over it, can be checked in an export too."""
    data = b"# by hand\n" + yamlfile.dump(release("hand"))
    put(repo, {release_path("hand", "1.0.0"): data, signature_path("hand", "1.0.0"): b"signed"})
    exported(repo, tmp_path / "out")
    assert codes(tmp_path / "out") == set()
    pages = [path.read_bytes() for path in (tmp_path / "out/plugins").iterdir()]
    (page,) = [json.loads(page) for page in pages if b"by hand" in page]
    assert page["releases"][0]["text"] == data.decode()
    assert page["releases"][0]["signature"] == "signed"


def test_a_signed_root_names_its_signer(tmp_path: Path, repo: Repository) -> None:
    """And is refused under any other key, or when it is not signed at all."""
    key, signer = a_key()
    _, stranger = a_key()
    exported(repo, tmp_path / "out", Edition(created=WHEN, expires=WHEN + 9, key=key))
    found = verify(tmp_path / "out", at=WHEN, signers=[signer])
    assert (found.problems, found.signer[:7]) == ((), "SHA256:")
    assert codes(tmp_path / "out", signers=[stranger]) == {"signature-invalid"}
    exported(repo, tmp_path / "plain")
    assert codes(tmp_path / "plain", signers=[signer]) == {"signature-missing"}


def _replace(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


LIES = {
    "root": (ROOT, b'"serial": 2', b'"serial": x', {"invalid-file"}),
    "registry": (ROOT, b'"serial": 2', b'"serial": 9', {"signature-missing"}),
    "shard": ("shards/*", b"radio", b"radix", {"digest-mismatch", "page-differs"}),
    "page": ("plugins/*", b"hello", b"hallo", {"digest-mismatch"}),
    "wheel": ("artifacts/*/radio/*.whl", b"PK", b"KP", {"digest-mismatch", "page-differs"}),
    "metadata": ("artifacts/*/radio/*.metadata", b"Name", b"Nome", {"metadata-differs"}),
    "html": ("simple/radio/index.html", b"sha256=", b"sha256=0", {"page-differs"}),
    "json": ("simple/radio/index.json", b"radio", b"radix", {"page-differs"}),
    "names": ("simple/index.json", b"radio", b"radix", {"page-differs"}),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_every_change_is_found(
    tmp_path: Path, repo: Repository, lie: tuple[str, bytes, bytes, set[str]]
) -> None:
    """Wherever a byte of an export is another."""
    place, old, new, expected = lie
    key, signer = a_key()
    exported(repo, tmp_path / "out", Edition(created=WHEN, expires=WHEN + 9, key=key))
    paths = sorted((tmp_path / "out").glob(place))
    path = next(path for path in paths if old in path.read_bytes())
    path.write_bytes(_replace(path.read_bytes(), old, new))
    assert codes(tmp_path / "out", signers=[signer]) == expected


def test_all_problems_come_at_once(tmp_path: Path, repo: Repository) -> None:
    """Lost objects, a lost wheel and an old root in one report, each with its place."""
    exported(repo, tmp_path / "out")
    next((tmp_path / "out/artifacts").rglob("*.whl")).unlink()
    page = next((tmp_path / "out/plugins").iterdir())
    page.unlink()
    found = verify(tmp_path / "out", at=WHEN + 10**6).problems
    assert {"expired", "missing"} <= {problem.code for problem in found}
    assert page_path(page.stem) in {problem.location.file for problem in found}
    assert codes(tmp_path / "nothing") == {"missing"}


def test_a_damaged_export_is_made_whole(tmp_path: Path, repo: Repository) -> None:
    """A shard that is not what its name says makes the next export begin anew."""
    exported(repo, tmp_path / "out")
    for path in [*(tmp_path / "out/shards").iterdir(), *(tmp_path / "out").rglob("*.whl")]:
        path.write_bytes(bytes(path.stat().st_size))
    put(repo, entry_file("clock", title="Clock"))
    assert exported(repo, tmp_path / "out").whole
    assert codes(tmp_path / "out") == set()


def test_the_edition_alone_dates_it(tmp_path: Path, repo: Repository) -> None:
    """Nothing comes from a clock."""
    done = exported(repo, tmp_path / "out", EDITION)
    assert (done.root.created, done.root.expires) == (
        "2026-01-01T00:00:00Z",
        "2026-01-02T00:00:00Z",
    )
