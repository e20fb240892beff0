"""Advisories on this machine: dumps come in whole or not at all, and the newest word stands."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from heimnetz_git.errors import FileMissing, InvalidFile, StorageError
from heimnetz_git.registry.cacheadvisories import AdvisoryStore
from tests.osvkit import advisory, affected, dump

ZERO = {"introduced": "0"}


@pytest.fixture
def store(tmp_path: Path) -> AdvisoryStore:
    """A new store."""
    return AdvisoryStore(tmp_path / "cache" / "advisories.sqlite")


def test_a_dump_is_asked_by_name_in_any_spelling(store: AdvisoryStore, tmp_path: Path) -> None:
    """One record may name several packages; files that are none are told."""
    both = advisory("GHSA-1", affected("Zope.Interface", ZERO), affected("other", ZERO))
    file = dump(tmp_path / "a.zip", both, b"no record", b"[" * 100_000)
    with store:
        found = store.import_dump(file)
        assert (found.records, found.changed, len(found.skipped)) == (1, 1, 2)
        asked = store.records("PyPI", ["zope-interface", "OTHER", "unknown"])
        assert sorted(asked) == ["other", "zope-interface"]
        assert store.records("npm", ["other"]) == {}
        assert (len(store), store.as_of) == (1, "2026-03-01T00:00:00Z")


def test_the_newest_word_stands(store: AdvisoryStore, tmp_path: Path) -> None:
    """A later dump withdraws and moves; an older one changes nothing."""
    old = advisory("GHSA-1", affected("lib", ZERO))
    new = advisory(
        "GHSA-1", affected("moved", ZERO),
        modified="2026-04-01T00:00:00Z", withdrawn="2026-04-01T00:00:00Z",
    )  # fmt: skip
    with store:
        store.import_dump(dump(tmp_path / "old.zip", old))
        assert store.import_dump(dump(tmp_path / "new.zip", new)).changed == 1
        assert store.import_dump(dump(tmp_path / "old.zip", old)).changed == 0
        assert len(store) == 0
        assert store.records("PyPI", ["lib"]) == {}
        assert store.records("PyPI", ["moved"])["moved"][0].withdrawn


def test_a_torn_dump_changes_nothing(store: AdvisoryStore, tmp_path: Path) -> None:
    """Cut short, damaged inside, empty, or no archive at all."""
    whole = dump(tmp_path / "a.zip", *(advisory(f"X-{n}", affected("lib")) for n in range(50)))
    data = whole.read_bytes()
    middle = len(data) // 4
    broken = {
        "cut": data[: len(data) // 2],
        "damaged": data[:middle] + bytes(64) + data[middle + 64 :],
        "none": b"no archive",
    }
    with store:
        for name, content in broken.items():
            (tmp_path / name).write_bytes(content)
            with pytest.raises(InvalidFile) as caught:
                store.import_dump(tmp_path / name)
            assert "stays" in caught.value.hint
            assert len(store) == 0, name
        with pytest.raises(InvalidFile, match="no OSV record"):
            store.import_dump(dump(tmp_path / "empty.zip"))
        with pytest.raises(FileMissing):
            store.import_dump(tmp_path / "missing.zip")


def test_a_bomb_is_not_unpacked(store: AdvisoryStore, tmp_path: Path) -> None:
    """A record of a gigabyte is none."""
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ok.json", b'{"id": "X-1", "modified": "2026-01-01T00:00:00Z"}')
        with archive.open("bomb.json", "w", force_zip64=True) as stream:
            for _ in range(40):
                stream.write(bytes(1 << 20))
    with store:
        assert store.import_dump(file).skipped == ("bomb.json",)


def test_a_foreign_file_is_replaced_and_a_folder_is_not(tmp_path: Path) -> None:
    """The store is a copy of what can be imported again; other things are left alone."""
    path = tmp_path / "advisories.sqlite"
    path.write_bytes(b"this is no database, but long enough to be read as one" * 40)
    with AdvisoryStore(path) as store:
        assert len(store) == 0
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError):
        AdvisoryStore(tmp_path / "folder")


def test_two_processes_may_import_at_once(tmp_path: Path) -> None:
    """One after the other; a third reads meanwhile."""
    path = tmp_path / "advisories.sqlite"
    with AdvisoryStore(path) as one, AdvisoryStore(path) as other, AdvisoryStore(path) as reader:
        one.import_dump(dump(tmp_path / "a.zip", advisory("A-1", affected("lib", ZERO))))
        other.import_dump(dump(tmp_path / "b.zip", advisory("B-1", affected("lib", ZERO))))
        assert [record.id for record in reader.records("PyPI", ["lib"])["lib"]] == ["A-1", "B-1"]
