"""Properties of packs: what git and dulwich say of random ones, and what damage does to them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dulwich.object_format import SHA1
from dulwich.pack import PackData, PackIndexer, write_pack_index
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import CorruptRepository
from heimnetz_git.storage.packentry import DEFAULT_LIMITS, apply_delta
from heimnetz_git.storage.packfile import PackFile
from tests.packkit import (
    copy,
    delta,
    git_index,
    git_pack,
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

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))

LINES = st.lists(
    st.integers(0, 400).map(lambda n: b"line %d of it\n" % (n * n)), min_size=8, max_size=60
)
EDITS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9), st.binary(max_size=40)), max_size=25
)
OPTIONS = st.tuples(
    st.sampled_from(["--depth=1", "--depth=10", "--depth=200"]),
    st.sampled_from(["--delta-base-offset", "--no-delta-base-offset"]),
    st.sampled_from(["--window=2", "--window=20"]),
    st.sampled_from(["--compression=0", "--compression=9"]),
)


@st.composite
def families(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """Objects of which most are edits of the one before; a tree and a large one among them."""
    lines = draw(LINES)
    objects = [("blob", b""), ("blob", draw(st.binary(max_size=300)) * draw(st.integers(0, 500)))]
    for at, gone, new in draw(EDITS):
        lines = [*lines[:at], new, *lines[at + gone :]]
        objects.append(("blob", b"".join(lines)))
    tree = b"".join(
        b"100644 %04d\0%s" % (number, bytes.fromhex(oid_of(data)))
        for number, (_, data) in enumerate(objects)
    )
    return [
        *{oid_of(data, kind): (kind, data) for kind, data in [*objects, ("tree", tree)]}.values()
    ]


def places() -> Iterator[Path]:
    """A folder for one example."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@FEW
@given(families(), OPTIONS, st.sampled_from([0, 2000, 1 << 24]))
def test_git_dulwich_and_we_agree_on_a_pack_of_git(
    objects: list[tuple[str, bytes]], options: tuple[str, ...], room: int
) -> None:
    """The same index to the byte from all three, and every object comes back."""
    limits = DEFAULT_LIMITS._replace(room=room)
    for folder in places():
        data = git_pack(folder, store(folder, objects), *options)
        made = index(data, limits=limits)
        assert made.index == git_index(data, folder) == index_of_dulwich(data)
        (folder / "a.pack").write_bytes(data)
        (folder / "a.idx").write_bytes(made.index)
        with PackFile(folder / "a.idx", limits=limits) as file:
            want = {oid_of(body, kind): (kind, body) for kind, body in objects}
            assert {oid: (kind, body) for oid, kind, body in file.read_many(want)} == want
            assert all(file.read(oid) == found for oid, found in want.items())


def index_of_dulwich(data: bytes) -> bytes:
    """What dulwich would write."""
    with tempfile.NamedTemporaryFile(suffix=".pack") as file:
        file.write(data)
        file.flush()
        with PackData(file.name, object_format=SHA1) as source:
            entries = sorted(PackIndexer.for_pack_data(source))
            out = io.BytesIO()
            write_pack_index(out, entries, source.get_stored_checksum(), version=2)
    return out.getvalue()


BASES = st.binary(min_size=1, max_size=400)


@st.composite
def changes(draw: st.DrawFn, base: bytes) -> tuple[bytes, bytes]:
    """A delta on ``base`` and what it makes."""
    steps, made = [], b""
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            new = draw(st.binary(min_size=1, max_size=127))
            steps.append(insert(new))
            made += new
        else:
            start = draw(st.integers(0, len(base) - 1))
            length = draw(st.integers(1, len(base) - start))
            steps.append(copy(start, length))
            made += base[start : start + length]
    return delta(len(base), len(made), *steps), made


@FEW
@given(st.data())
def test_deltas_by_id_may_come_in_any_order(data: st.DataObject) -> None:
    """Each object is told of exactly once, and git has the same index."""
    known = data.draw(st.lists(BASES, min_size=1, max_size=3, unique=True))
    entries = [whole(body) for body in known]
    for _ in range(data.draw(st.integers(0, 12))):
        base = data.draw(st.sampled_from(known))
        change, body = data.draw(changes(base))
        if body not in known:
            known.append(body)
            entries.append(ref_delta(oid_of(base), change))
    heard: list[str] = []
    tangled = pack(data.draw(st.permutations(entries)))
    made = index(tangled, on_object=lambda _kind, oid, _body: heard.append(oid))
    assert sorted(heard) == sorted(map(oid_of, known))
    for folder in places():
        assert made.index == git_index(tangled, folder)


@FEW
@given(st.data())
def test_thin_packs_are_completed(data: st.DataObject) -> None:
    """Whatever the order, git takes the completed pack and finds the same index."""
    outside = data.draw(BASES)
    known, entries = [outside], []
    for _ in range(data.draw(st.integers(1, 8))):
        base = data.draw(st.sampled_from(known))
        change, body = data.draw(changes(base))
        if body not in known:
            known.append(body)
            entries.append(ref_delta(oid_of(base), change))
    made = index(
        pack(data.draw(st.permutations(entries))), external={oid_of(outside): ("blob", outside)}.get
    )
    assert made.said.objects == len(entries) + bool(entries)
    for folder in places():
        assert made.index == git_index(made.pack, folder)


@MANY
@given(st.data())
def test_a_damaged_pack_is_an_error_or_what_git_takes_too(data: st.DataObject) -> None:
    """Bits flipped, parts cut, moved or doubled, then sealed anew: never another exception."""
    sound = sound_pack()[:-20]
    broken = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(4, max(4, len(broken) - 1)))
        what = data.draw(st.sampled_from(["flip", "cut", "double", "set"]))
        if what == "cut":
            del broken[at : at + data.draw(st.integers(1, 60))]
        elif what == "double":
            broken[at:at] = broken[at : at + data.draw(st.integers(1, 60))]
        elif at < len(broken):
            broken[at] = (
                broken[at] ^ 1 << at % 8 if what == "flip" else data.draw(st.integers(0, 255))
            )
    damaged = sealed(bytes(broken))
    try:
        made = index(damaged)
    except CorruptRepository:
        return
    for folder in places():
        theirs = git_index(damaged, folder)
        assert theirs is not None
        assert made.index == theirs


def sound_pack() -> bytes:
    """Every kind of entry in one pack."""
    one = b"the first of them, with something to copy from\n" * 3
    two, three = one + b"more", b"less" + one
    first, second = whole(one), whole(b"tree", 1)
    far = delta(len(one), len(two), copy(0, len(one)), insert(b"more"))
    near = delta(len(two), len(one) + 4, insert(b"less"), copy(0, len(one)))
    by_place = ofs_delta(len(first) + len(second), far)
    last = delta(len(three), 300, copy(0, 100), copy(4, 100), copy(8, 100))
    return pack(
        [first, second, by_place, ref_delta(oid_of(two), near), ref_delta(oid_of(three), last)]
    )


@MANY
@given(BASES, st.binary(max_size=60))
def test_any_bytes_as_a_delta_are_an_error_or_make_what_they_declare(
    base: bytes, change: bytes
) -> None:
    """No other exception, and never more than allowed."""
    try:
        made = apply_delta(base, change, 1000)
    except CorruptRepository:
        return
    assert len(made) <= 1000


@MANY
@given(st.binary(max_size=200))
def test_any_bytes_as_a_pack_are_an_error(data: bytes) -> None:
    """With the right head and checksum, so that they get as far as they can."""
    with pytest.raises(CorruptRepository):
        index(sealed(b"PACK\0\0\0\2\0\0\0\3" + data))
