"""Fetching artifacts: from the index or an address, checked, and kept by digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.errors import DigestMismatch, FileMissing, Offline, SizeMismatch
from heimnetz_git.install.fetch import check_artifact, fetcher
from heimnetz_git.model.lock import LockedPlugin
from heimnetz_git.model.release import Artifact
from heimnetz_git.storage.home import Home

DATA = b"a wheel, for all that fetching knows"
SHA256 = hashlib.sha256(DATA).hexdigest()
INSIDE = Artifact(path="artifacts/aa/clock/clock.whl", size=len(DATA), sha256=SHA256)
PLUGIN = LockedPlugin(
    name="clock", version="1.0.0", registry="r", release="0" * 40, artifacts=(INSIDE,)
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


class Index:
    """Gives the same bytes for everything, and counts."""

    def __init__(self, data: bytes = DATA) -> None:
        self.data = data
        self.reads = 0

    def read(self, plugin: LockedPlugin, artifact: Artifact) -> bytes:
        """The bytes."""
        self.reads += 1
        return self.data


def test_an_artifact_in_the_index_is_read_once(home: Home) -> None:
    """The second time it comes from the cache, offline too."""
    index = Index()
    path = fetcher(home, index.read)(PLUGIN, INSIDE)
    assert (path, path.read_bytes()) == (home.artifact(SHA256), DATA)
    assert fetcher(home, index.read, offline=True)(PLUGIN, INSIDE) == path
    assert index.reads == 1


@pytest.mark.parametrize("damage", [b"", DATA[:-1], b"x" * len(DATA), DATA + b"x"])
def test_a_damaged_cache_is_not_believed(home: Home, damage: bytes) -> None:
    """It is checked each time, and filled anew."""
    home.write_atomic(home.artifact(SHA256), damage)
    assert fetcher(home, Index().read)(PLUGIN, INSIDE).read_bytes() == DATA


@pytest.mark.parametrize(
    ("data", "kind"), [(DATA + b"x", SizeMismatch), (b"x" * len(DATA), DigestMismatch)]
)
def test_an_index_that_lies_is_caught(home: Home, data: bytes, kind: type[Exception]) -> None:
    """Nothing of it is kept."""
    with pytest.raises(kind):
        fetcher(home, Index(data).read)(PLUGIN, INSIDE)
    assert not home.artifact(SHA256).exists()


def test_an_artifact_elsewhere_is_downloaded(home: Home, tmp_path: Path) -> None:
    """By its address, into the cache; the index is not asked."""
    (tmp_path / "clock.whl").write_bytes(DATA)
    there = Artifact(url=(tmp_path / "clock.whl").as_uri(), size=len(DATA), sha256=SHA256)
    index = Index()
    assert fetcher(home, index.read)(PLUGIN, there).read_bytes() == DATA
    assert index.reads == 0


def test_offline_is_said_before_any_request(home: Home) -> None:
    """An address that needs the network is not asked."""
    there = msgspec.structs.replace(INSIDE, path="", url="https://example.org/clock.whl")
    with pytest.raises(Offline):
        fetcher(home, Index().read, offline=True)(PLUGIN, there)


def test_an_artifact_from_nowhere_is_missing(home: Home) -> None:
    """Neither path nor address: the release is named."""
    with pytest.raises(FileMissing, match=r"clock 1\.0\.0"):
        fetcher(home, Index().read)(PLUGIN, msgspec.structs.replace(INSIDE, path=""))


def test_bytes_are_held_to_their_promise() -> None:
    """Size first, then digest; the facts tell both."""
    check_artifact(DATA, INSIDE)
    with pytest.raises(SizeMismatch) as size:
        check_artifact(DATA[1:], INSIDE)
    assert size.value.facts["actual"] == len(DATA) - 1
    with pytest.raises(DigestMismatch) as digest:
        check_artifact(DATA[::-1], INSIDE)
    assert digest.value.facts["expected"] == SHA256
