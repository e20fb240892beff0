"""Indexing packs: the same index as git's, and an error for whatever is wrong with one."""

from __future__ import annotations

import hashlib
import io
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.storage.packentry import DEFAULT_LIMITS, Limits
from heimnetz_git.storage.packfile import PackFile
from heimnetz_git.storage.packrows import Rows
from tests.gitkit import ADA, WHEN
from tests.packkit import (
    BLOB,
    copy,
    delta,
    git_index,
    git_pack,
    header,
    index,
    insert,
    ofs_delta,
    oid_of,
    pack,
    ref_delta,
    sealed,
    store,
    whole,
)

NO_ROOM = DEFAULT_LIMITS._replace(room=0)
OLD = b"a base that others lean on, long enough to be worth it\n"
NEW = b"new: " + OLD
CHANGE = delta(len(OLD), len(NEW), insert(b"new: "), copy(0, len(OLD)))


def versions(count: int) -> list[tuple[str, bytes]]:
    """Blobs of which each is a little longer than the one before."""
    lines = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(40 + count)]
    return [("blob", "\n".join(lines[: 40 + number]).encode()) for number in range(count)]


@pytest.mark.parametrize("limits", [DEFAULT_LIMITS, NO_ROOM], ids=["room", "no room"])
@pytest.mark.parametrize("by", ["--delta-base-offset", "--no-delta-base-offset"])
def test_the_index_is_gits_to_the_byte(tmp_path: Path, by: str, limits: Limits) -> None:
    """Long chains, by distance or by id, with bases in memory or read again."""
    oids = store(tmp_path, versions(260))
    data = git_pack(tmp_path, oids, "--depth=200", "--window=20", by)
    assert index(data, limits=limits).index == git_index(data, tmp_path)


def test_every_object_is_told_of_once_while_it_is_in_memory(tmp_path: Path) -> None:
    """The caller can parse in the same pass; ids and bytes are right."""
    objects = versions(60)
    data = git_pack(tmp_path, store(tmp_path, objects), "--delta-base-offset")
    heard: list[tuple[str, str, bytes]] = []
    index(data, on_object=lambda *told: heard.append(told))
    assert sorted(heard) == sorted((kind, oid_of(body), body) for kind, body in objects)


def test_an_error_of_the_listener_is_not_taken_for_a_damaged_pack() -> None:
    """What the hook raises comes out as it is."""

    def fail(*_: object) -> None:
        raise IndexError("mine")

    with pytest.raises(IndexError, match="mine"):
        index(pack([whole(OLD)]), on_object=fail)


def test_a_chain_may_be_longer_than_any_stack(tmp_path: Path) -> None:
    """Five thousand deltas, each on the last, met before or after their base."""
    entries, data = [whole(b"0" * 20)], b"0" * 20
    for number in range(5000):
        change = delta(20, 20, copy(4, 16), insert(b"%04d" % number))
        entries.append(ofs_delta(len(entries[-1]), change))
        data = data[4:] + b"%04d" % number
    forward = pack(entries)
    assert index(forward, limits=NO_ROOM).index == git_index(forward, tmp_path)


def test_deltas_may_come_before_the_base_that_they_name() -> None:
    """By id, the order in the pack is free."""
    made = index(pack([ref_delta(oid_of(OLD), CHANGE), whole(OLD)]))
    assert made.said.objects == 2


def test_an_object_may_be_there_twice(tmp_path: Path) -> None:
    """Git lets it pass, and so it must be indexed the same."""
    data = pack([whole(OLD), whole(NEW), whole(OLD)])
    assert index(data).index == git_index(data, tmp_path)


def test_a_thin_pack_is_completed(tmp_path: Path) -> None:
    """What it borrows is added; it stands alone and git agrees with the index."""
    thin = pack([ref_delta(oid_of(OLD), CHANGE)])
    with pytest.raises(CorruptRepository, match="bases are not there"):
        index(thin)
    made = index(thin, external={oid_of(OLD): ("blob", OLD)}.get)
    assert made.index == git_index(made.pack, tmp_path)
    assert made.said.objects == 2
    assert made.said.checksum == made.pack[-20:].hex()


def test_a_thin_pack_of_git_is_completed(tmp_path: Path) -> None:
    """As a server sends it to one who has the commit before."""
    blobs = versions(2)
    oids = store(tmp_path, blobs)
    commits: list[str] = []
    for oid in oids:
        tree = b"100644 a\0" + bytes.fromhex(oid)
        who = f"{ADA} {WHEN} +0000"
        text = f"tree {oid_of(tree, 'tree')}\nauthor {who}\ncommitter {who}\n\n{oid}\n".encode()
        parent = f"parent {commits[-1]}\nauthor".encode() if commits else b"author"
        text = text.replace(b"author", parent, 1)
        store(tmp_path, [("tree", tree), ("commit", text)])
        commits.append(oid_of(text, "commit"))
    thin = git_pack(tmp_path, [commits[1], f"^{commits[0]}"], "--revs", "--thin")
    made = index(thin, external={oids[0]: blobs[0]}.get)
    assert made.index == git_index(made.pack, tmp_path)
    assert made.said.objects == 4


def test_what_is_beyond_two_gigabytes_has_a_long_place() -> None:
    """Rows with places of more than 31 bits go to the table of long ones."""
    rows, out = Rows(), io.BytesIO()
    places = [12, 1 << 31, (1 << 31) - 1, 5 << 33]
    for number, place in enumerate(places):
        rows.add(bytes([number]) * 20, place, number)
    rows.sort()
    rows.write(out, b"\0" * 20)
    end = out.getvalue()[:-40]
    assert end[-32:] == b"".join(
        [
            (12).to_bytes(4, "big"),
            (1 << 31).to_bytes(4, "big"),
            ((1 << 31) - 1).to_bytes(4, "big"),
            (1 << 31 | 1).to_bytes(4, "big"),
            (1 << 31).to_bytes(8, "big"),
            (5 << 33).to_bytes(8, "big"),
        ]
    )


BOMB = zlib.compress(b"\0" * (200 << 20), 9)
CYCLE = [ref_delta("11" * 20, CHANGE), ref_delta("22" * 20, CHANGE)]
CIRCLE = delta(len(OLD), len(OLD), copy(0, len(OLD)))

BAD: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "too short": lambda: b"PACK",
    "another file": lambda: b"\x7fELF" + bytes(100),
    "a version that is not known": lambda: pack([whole(OLD)], version=4),
    "more objects than there are": lambda: pack([whole(OLD)], count=2),
    "fewer objects than there are": lambda: pack([whole(OLD), whole(NEW)], count=1),
    "four billion objects": lambda: pack([whole(OLD)], count=0xFFFFFFFF),
    "a wrong checksum": lambda: pack([whole(OLD)])[:-1] + b"?",
    "broken off": lambda: pack([whole(OLD), whole(NEW)])[:-40],
    "broken off and sealed": lambda: sealed(pack([whole(OLD), whole(NEW)])[:-40]),
    "SHA-256 ids": lambda: (d := pack([whole(OLD)])[:-20]) + hashlib.sha256(d).digest(),
    "a kind that is none": lambda: pack([header(5, 1) + zlib.compress(b"1")]),
    "a kind that is zero": lambda: pack([header(0, 1) + zlib.compress(b"1")]),
    "an endless size": lambda: pack([b"\xbf" + b"\xff" * 2000 + b"\0" + zlib.compress(b"")]),
    "no zlib stream": lambda: pack([header(BLOB, 4) + b"abcdefghij"]),
    "a smaller object than declared": lambda: pack([header(BLOB, 9) + zlib.compress(b"12345678")]),
    "a larger object than declared": lambda: pack([header(BLOB, 7) + zlib.compress(b"12345678")]),
    "a bomb": lambda: pack([header(BLOB, 100) + BOMB]),
    "an honest bomb": lambda: pack([header(BLOB, 200 << 20) + BOMB]),
    "a huge declared size": lambda: pack([header(BLOB, 1 << 62) + zlib.compress(b"1")]),
    "endless empty blocks": lambda: pack(
        [header(BLOB, 9) + b"\x78\x01" + b"\0\0\0\xff\xff" * 1_000_000]
    ),
    "deltas in a circle": lambda: pack(CYCLE),
    "a delta on itself": lambda: pack([ref_delta(oid_of(OLD), CIRCLE)]),
    "a base before the pack": lambda: pack([ofs_delta(5000, CHANGE)]),
    "a base within an entry": lambda: pack([whole(OLD), ofs_delta(3, CHANGE)]),
    "a distance of nothing": lambda: pack([ofs_delta(0, CHANGE)]),
    "an endless distance": lambda: pack([header(6, 1) + b"\xff" * 100 + zlib.compress(b"1")]),
    "a base that is nowhere": lambda: pack([ref_delta("33" * 20, CHANGE)]),
    "a twin that deltas name": lambda: pack(
        [whole(OLD), whole(OLD), ref_delta(oid_of(OLD), CHANGE)]
    ),
}
START = [whole(OLD)]
BAD_DELTAS: dict[str, bytes] = {
    "nothing": b"",
    "an endless size": b"\xff" * 200,
    "a base of another size": delta(7, 5, copy(0, 5)),
    "a copy beyond the base": delta(len(OLD), 50, copy(40, 50)),
    "a copy beyond the base, made up for": delta(
        len(OLD), 20, copy(len(OLD) - 5, 15), insert(b"1234567890")
    ),
    "a copy that breaks off": delta(len(OLD), 50, b"\xff\1"),
    "an insert that breaks off": delta(len(OLD), 10, b"\x0aabc"),
    "the reserved instruction": delta(len(OLD), 0, b"\0"),
    "less than declared": delta(len(OLD), 50, insert(b"12")),
    "more than declared": delta(len(OLD), 1, insert(b"12")),
    "much more than declared": delta(len(OLD), 9, *[copy(0, 50)] * 100_000),
    "a huge result": delta(len(OLD), 1 << 50, copy(0, 5)),
}
BAD |= {
    f"a delta with {name}": lambda change=change: pack(  # type: ignore[misc] # bound now
        [*START, ofs_delta(len(START[0]), change)]
    )
    for name, change in BAD_DELTAS.items()
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_a_hostile_pack_is_an_error_soon_and_in_little_memory(make: Callable[[], bytes]) -> None:
    """Each way to break a pack ends as CorruptRepository; nothing is made at its word."""
    data = make()
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(CorruptRepository):
            index(data, external=lambda _oid: None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 5
    assert peak < (12 << 20) + 3 * len(data)


def test_sha256_is_refused_politely() -> None:
    """The error says what it is, not that the pack is damaged."""
    with pytest.raises(CorruptRepository, match="SHA-256 ids, which are not supported"):
        index(BAD["SHA-256 ids"]())


def test_a_small_pack_cannot_keep_the_machine_busy() -> None:
    """Deltas that each make 16 MB of nothing much end when the budget does."""
    large, step = b"\0" * (16 << 20), copy(0, 16 << 20 & 0xFFFFFF or 0x10000)
    change = delta(len(large), len(large), *[step] * 256)
    entries = [whole(large)]
    entries += [ofs_delta(len(entries[0]), change)]
    for _ in range(3000):
        entries.append(ofs_delta(len(entries[-1]), change))
    limits = DEFAULT_LIMITS._replace(work=1 << 26, work_per_byte=1)
    with pytest.raises(CorruptRepository, match="unpacks to far more"):
        index(pack(entries), limits=limits)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (DEFAULT_LIMITS._replace(objects=1), "2 objects; 1 are allowed"),
        (DEFAULT_LIMITS._replace(largest=10), "10 are allowed"),
    ],
)
def test_a_limit_is_named(limits: Limits, words: str) -> None:
    """Whoever meets it can see which."""
    with pytest.raises(CorruptRepository, match=words):
        index(pack([whole(OLD), whole(NEW)]), limits=limits)


def test_a_base_that_leans_on_what_it_makes_is_refused() -> None:
    """A is a delta on B and B on A: someone who has A already must not be led in a circle."""
    a, b = OLD, NEW
    to_a = delta(len(b), len(a), copy(5, len(a)))
    circle = pack([ref_delta(oid_of(b), to_a), ref_delta(oid_of(a), CHANGE)])
    for have in ({oid_of(a): ("blob", a)}, {oid_of(a): ("blob", a), oid_of(b): ("blob", b)}):
        with pytest.raises(CorruptRepository, match="circle"):
            index(circle, external=have.get)


def test_what_is_lent_and_sent_too_is_kept_once(tmp_path: Path) -> None:
    """The pack has B as a delta on A, and C on B; both A and B are here already."""
    last = b"and again " + NEW
    change = delta(len(NEW), len(last), insert(b"and again "), copy(0, len(NEW)))
    thin = pack([ref_delta(oid_of(NEW), change), ref_delta(oid_of(OLD), CHANGE)])
    made = index(thin, external={oid_of(o): ("blob", o) for o in (OLD, NEW)}.get)
    assert made.said.objects in {3, 4}
    (tmp_path / "all.pack").write_bytes(made.pack)
    (tmp_path / "all.idx").write_bytes(made.index)
    with PackFile(tmp_path / "all.idx") as whole_pack:
        assert [whole_pack.read(oid_of(o)) for o in (OLD, NEW, last)] == [
            ("blob", o) for o in (OLD, NEW, last)
        ]
