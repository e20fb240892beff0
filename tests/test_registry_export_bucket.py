"""An export in a bucket: the very files of a folder, in an order that no reader falls over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from heimnetz_git.errors import NetworkError
from heimnetz_git.model.config import IndexSettings
from heimnetz_git.model.export import ROOT
from heimnetz_git.registry import sync
from heimnetz_git.registry.catalog import Catalog
from heimnetz_git.registry.export import export, prune
from heimnetz_git.registry.export_bucket import ExportBucket, headers_of
from heimnetz_git.registry.export_verify import verify
from heimnetz_git.storage.home import Home
from heimnetz_git.storage.objectstore import ObjectStore, Stored
from heimnetz_git.storage.repo import Repository
from tests.exportkit import EDITION, a_key, exported, with_wheel
from tests.gitkit import WHEN, put
from tests.indexkit import entry_file, index_files


class Recording(ObjectStore):
    """A store in memory that notes what is written and asked, and may break at a write."""

    def __init__(self, root: str, *, breaks_at: int = -1) -> None:
        super().__init__(MemoryFileSystem(skip_instance_cache=True), root)
        self.writes: list[str] = []
        self.questions = 0
        self._left = breaks_at

    def put(self, objects: Mapping[str, bytes], headers: Mapping[str, str]) -> None:
        """One after the other, so that a break falls between any two."""
        for path, data in objects.items():
            self._left -= 1
            if self._left == -1:
                raise NetworkError("The bucket refused it: the connection broke.")
            super().put({path: data}, headers)
            self.writes.append(path)

    def stat(self, path: str) -> Stored | None:
        """Takes note; memory knows no MD5, so everything that is put is written."""
        self.questions += 1
        return super().stat(path)

    def get(self, path: str) -> bytes | None:
        """Takes note."""
        self.questions += 1
        return super().get(path)

    def listing(self, folder: str = "") -> dict[str, Stored]:
        """Everything was written at one time, by the clock of the bucket."""
        found = super().listing(folder)
        return {path: one._replace(modified=WHEN) for path, one in found.items()}

    def files(self) -> dict[str, bytes]:
        """All that is there."""
        return {path: self.get(path) or b"" for path in self.listing()}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    """A place in memory of this test alone."""
    name = f"bucket{tmp_path}"
    yield name
    MemoryFileSystem.store.clear()


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repository]:
    """A registry with two plugins, one of them with a wheel of its own."""
    with Repository.create(tmp_path / "index.git") as made:
        put(made, index_files({"clock": ("1.0.0", "1.1.0")}))
        put(made, entry_file("radio") | with_wheel(tmp_path / "shelf", "radio"))
        yield made


def to_bucket(repo: Repository, store: ObjectStore) -> None:
    """The export of the main branch into a bucket."""
    commit = repo.branch("main")
    assert commit
    export(repo, commit, ExportBucket(store), EDITION)


def versions(store: Recording, folder: Path) -> list[str]:
    """What a new client finds of radio, from the bucket's files as they are now."""
    for path, data in store.files().items():
        (folder / "copy" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "copy" / path).write_bytes(data)
    home, settings = Home(folder / "home"), IndexSettings(url=f"{folder}/copy/{ROOT}")
    sync.add(home, "acme", settings, clock=lambda: WHEN)
    with Catalog(home, {"acme": settings}) as catalog:
        return [one.release.version for one in catalog.releases("radio")]


def test_a_bucket_holds_the_very_files_of_a_folder(
    tmp_path: Path, place: str, repo: Repository
) -> None:
    """To the byte; and verify finds nothing wrong with them."""
    store = Recording(place)
    to_bucket(repo, store)
    exported(repo, tmp_path / "out")
    files = (path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert store.files() == {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in files
    }
    found = verify(ExportBucket(store), at=WHEN)
    assert (found.plugins, found.wheels, found.problems) == (2, 1, ())


def test_the_root_comes_last_and_wheels_before_who_names_them(
    tmp_path: Path, place: str, repo: Repository
) -> None:
    """Whatever is written at once."""
    key, _ = a_key()
    store = Recording(place)
    commit = repo.branch("main")
    assert commit
    export(repo, commit, ExportBucket(store), msgspec.structs.replace(EDITION, key=key))
    tops = [path.split("/")[0] for path in store.writes]
    assert tops[-2:] == ["root.json", "root.json.sig"]
    assert tops.index("simple") > max(
        at for at, top in enumerate(tops) if top in {"artifacts", "plugins", "shards", "signatures"}
    )


def test_broken_at_any_write_it_is_the_old_state_or_the_new(
    tmp_path: Path, place: str, repo: Repository
) -> None:
    """A client that comes meanwhile, and the next export, both end well."""
    to_bucket(repo, Recording(place))
    before = MemoryFileSystem.store.copy()
    put(repo, dict(with_wheel(tmp_path / "shelf", "radio", "1.1.0")))
    whole = Recording(place)
    to_bucket(repo, whole)
    for at in range(len(whole.writes)):
        MemoryFileSystem.store.clear()
        MemoryFileSystem.store.update(before)
        with pytest.raises(NetworkError):
            to_bucket(repo, Recording(place, breaks_at=at))
        store = Recording(place)
        expected = ["1.1.0", "1.0.0"] if ROOT in whole.writes[:at] else ["1.0.0"]
        assert versions(store, tmp_path / str(at)) == expected, at
        to_bucket(repo, store)
        assert verify(ExportBucket(store), at=WHEN).problems == ()


def test_the_cost_follows_the_change(tmp_path: Path, place: str, repo: Repository) -> None:
    """One plugin of many changed: a handful of objects, however many there are."""
    put(repo, index_files({f"plugin-{number}": ("1.0.0",) for number in range(40)}))
    to_bucket(repo, Recording(place))
    put(repo, dict(with_wheel(tmp_path / "shelf", "radio", "1.1.0")))
    store = Recording(place)
    to_bucket(repo, store)
    assert (len(store.writes) < 12, store.questions < 24) == (True, True)
    assert verify(ExportBucket(store), at=WHEN).problems == ()
    assert store.questions < 36, "what is read in a row is asked for at once"


def test_old_objects_go_when_nothing_refers_to_them(
    tmp_path: Path, place: str, repo: Repository
) -> None:
    """What the newest root needs stays, however old it is."""
    store = Recording(place)
    to_bucket(repo, store)
    put(repo, dict(with_wheel(tmp_path / "shelf", "radio", "1.1.0")))
    to_bucket(repo, store)
    assert prune(ExportBucket(store), now=WHEN + 99, grace=100) == ()
    gone = prune(ExportBucket(store), now=WHEN + 100, grace=100)
    assert sorted(path.split("/")[0] for path in gone) == ["plugins", "shards"]
    assert verify(ExportBucket(store), at=WHEN).problems == ()


HEADERS = {
    "root.json": ("application/json", "max-age=60"),
    "simple/clock/index.json": ("application/vnd.pypi.simple.v1+json", "max-age=60"),
    "simple/clock/index.html": ("text/html; charset=utf-8", "max-age=60"),
    "packs/0a.jsonl.gz": ("application/gzip", "max-age=300"),
    f"plugins/{'0' * 64}.json": ("application/json", "public, max-age=31536000, immutable"),
    "artifacts/0a/clock/clock-1.0.0-py3-none-any.whl": (
        "application/octet-stream",
        "public, max-age=31536000, immutable",
    ),
}


@pytest.mark.parametrize(("path", "said"), HEADERS.items())
def test_every_file_has_its_type_and_its_time(path: str, said: tuple[str, str]) -> None:
    """As a server in front of the bucket will say them."""
    found = headers_of(path)
    assert (found["ContentType"], found["CacheControl"]) == said
