"""Reading packs: by id, many at once in the order of the pack, and what is wrong with one."""

from __future__ import annotations

import hashlib
import io
import time
from pathlib import Path

import pytest

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.storage.packentry import DEFAULT_LIMITS, Limits
from heimnetz_git.storage.packfile import PackFile
from heimnetz_git.storage.packrows import Rows
from heimnetz_git.storage.repo import Repository
from tests.gitkit import git, index_with, put
from tests.packkit import (
    copy,
    delta,
    git_pack,
    index,
    insert,
    ofs_delta,
    oid_of,
    pack,
    ref_delta,
    store,
    whole,
)

OLD = b"a base that others lean on, long enough to be worth it\n"
NEW = b"new: " + OLD
CHANGE = delta(len(OLD), len(NEW), insert(b"new: "), copy(0, len(OLD)))


def saved(folder: Path, data: bytes, index_data: bytes | None = None) -> Path:
    """A pack and its index as files; the path of the index."""
    (folder / "a.pack").write_bytes(data)
    (folder / "a.idx").write_bytes(index_data or index(data).index)
    return folder / "a.idx"


def claimed(places: dict[str, int]) -> bytes:
    """An index that says of these ids that they lie there, true or not."""
    rows, out = Rows(), io.BytesIO()
    for oid, place in places.items():
        rows.add(bytes.fromhex(oid), place, 0)
    rows.sort()
    rows.write(out, b"\0" * 20)
    return out.getvalue()


def texts(count: int) -> dict[str, bytes]:
    """Blobs that resemble their neighbours, by id."""
    lines = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(30 + count)]
    made = ["\n".join(lines[number : 30 + number]).encode() for number in range(count)]
    return {oid_of(data): data for data in made}


@pytest.mark.parametrize("by", ["--delta-base-offset", "--no-delta-base-offset"])
@pytest.mark.parametrize("room", [0, 16 << 20])
def test_each_object_is_read_as_it_was(tmp_path: Path, by: str, room: int) -> None:
    """By id or all together, with much room for bases or none."""
    blobs = texts(300)
    store(tmp_path, [("blob", data) for data in blobs.values()])
    data = git_pack(tmp_path, blobs, "--depth=100", by)
    limits = DEFAULT_LIMITS._replace(room=room)
    with PackFile(saved(tmp_path, data), limits=limits) as file:
        assert len(file) == 300
        assert all(file.read(oid) == ("blob", body) for oid, body in blobs.items())
        assert {oid: body for oid, _, body in file.read_many(blobs)} == blobs


def test_many_are_read_in_the_order_of_the_pack(tmp_path: Path) -> None:
    """Whatever the order asked for; what is not there is left out."""
    entries = [b"%d" % number for number in range(20)]
    with PackFile(saved(tmp_path, pack([whole(one) for one in entries]))) as file:
        asked = sorted([*map(oid_of, entries), "00" * 20])
        assert [data for _, _, data in file.read_many(asked)] == entries
        few = [oid_of(entries[7]), oid_of(entries[3])]
        assert [data for _, _, data in file.read_many(few)] == [entries[3], entries[7]]


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """Ids before, between and after those that are there."""
    with PackFile(saved(tmp_path, pack([whole(OLD)]))) as file:
        near = f"{int(oid_of(OLD), 16) + 1:040x}"
        for oid in ("00" * 20, "ff" * 20, near):
            assert file.read(oid) is None
            assert oid not in file
        assert oid_of(OLD) in file


def test_a_chain_may_be_as_long_as_it_likes(tmp_path: Path) -> None:
    """The end of ten thousand deltas is read without recursion."""
    entries, data = [whole(b"0" * 20)], b"0" * 20
    for number in range(10_000):
        change = delta(20, 20, copy(4, 16), insert(b"%04d" % number))
        entries.append(ofs_delta(len(entries[-1]), change))
        data = data[4:] + b"%04d" % number
    limits = Limits(room=1 << 10)
    with PackFile(saved(tmp_path, pack(entries)), limits=limits) as file:
        assert file.read(oid_of(data)) == ("blob", data)


def test_deltas_in_a_circle_are_an_error(tmp_path: Path) -> None:
    """An index can claim that A leans on B and B on A."""
    a, b = ref_delta(oid_of(NEW), CHANGE), ref_delta(oid_of(OLD), CHANGE)
    places = {oid_of(OLD): 12, oid_of(NEW): 12 + len(a)}
    began = time.process_time()
    with (
        PackFile(saved(tmp_path, pack([a, b]), claimed(places))) as file,
        pytest.raises(CorruptRepository, match="circle"),
    ):
        file.read(oid_of(OLD))
    assert time.process_time() - began < 1


@pytest.mark.parametrize("place", [0, 5, 13, 60, 10_000, (1 << 31) - 1, 1 << 40])
def test_an_index_that_lies_is_an_error(tmp_path: Path, place: int) -> None:
    """It points into the header, an entry, the checksum or nowhere."""
    wrong = claimed({oid_of(OLD): place})
    with (
        PackFile(saved(tmp_path, pack([whole(OLD)]), wrong)) as file,
        pytest.raises(CorruptRepository),
    ):
        file.read(oid_of(OLD))


def test_an_object_is_held_against_its_id(tmp_path: Path) -> None:
    """An index with another's id for it does not get it past us, alone or with many."""
    wrong = claimed({oid_of(NEW): 12})
    with PackFile(saved(tmp_path, pack([whole(OLD)]), wrong)) as file:
        with pytest.raises(CorruptRepository, match="does not hold what its id says"):
            file.read(oid_of(NEW))
        with pytest.raises(CorruptRepository, match="does not hold what its id says"):
            list(file.read_many([oid_of(NEW)]))


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    """Empty, cut, of version 1, with a fanout that falls, or another pack's."""
    good = index(pack([whole(OLD)])).index
    falling = good[:8] + b"\xff" * 4 + good[12:]
    sha256 = good[:-40] + bytes(12) + good[-40:] + bytes(24)
    other = index(pack([whole(OLD), whole(NEW)])).index
    for bad in (b"\0", good[:-1], good[8:], falling, sha256[:-1], other):
        with pytest.raises(CorruptRepository):
            PackFile(saved(tmp_path, pack([whole(OLD)]), bad))
    (tmp_path / "a.idx").write_bytes(b"")
    with pytest.raises(CorruptRepository, match="empty"):
        PackFile(tmp_path / "a.idx")


def test_a_repository_gives_many_blobs(tmp_path: Path) -> None:
    """From several packs, from loose files and from what it borrows, each once."""
    blobs = texts(6)
    names = {f"plugins/{number}.yaml": data for number, data in enumerate(blobs.values())}
    with index_with(tmp_path / "a.git", names) as repo:
        git(repo.path, "repack", "-a", "-d", "-q")
        put(repo, {"b": b"a second pack"})
        git(repo.path, "repack", "-d", "-q")
        put(repo, {"c": b"loose"})
    alternates = tmp_path / "b.git" / "objects" / "info" / "alternates"
    Repository.create(tmp_path / "b.git").close()
    alternates.write_text(f"{tmp_path / 'a.git' / 'objects'}\n")
    want = blobs | {oid_of(one): one for one in (b"a second pack", b"loose")}
    for name in ("a.git", "b.git"):
        with Repository.open(tmp_path / name) as repo:
            found = list(repo.blobs([*want, *want]))
            assert len(found) == len(want)
            assert dict(found) == want


def test_a_blob_that_is_missing_or_none_is_an_error(tmp_path: Path) -> None:
    """A tree is no blob; and who asks for what is not there is told."""
    with index_with(tmp_path / "a.git", {"a": b"1"}) as repo:
        tree = repo.tree(repo.branch("main") or "")
        git(repo.path, "repack", "-a", "-d", "-q")
    with Repository.open(tmp_path / "a.git") as repo:
        for oid, words in ((tree, "is a tree"), ("ab" * 20, "missing")):
            with pytest.raises(CorruptRepository, match=words):
                list(repo.blobs([oid]))
