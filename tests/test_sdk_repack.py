"""A wheel's canonical bytes: the same files, the same archive."""

from __future__ import annotations

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from heimnetz_git.sdk.repack import EPOCH, GENERATOR, repack

DIST = "clock-1.0.0.dist-info"
WHEEL = (
    b"Wheel-Version: 1.0\nGenerator: hatchling 1.33.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
)
FILES = {
    "clock/__init__.py": b"x = 1\n",
    f"{DIST}/METADATA": b"Metadata-Version: 2.4\nName: clock\nVersion: 1.0.0\n",
    f"{DIST}/WHEEL": WHEEL,
    f"{DIST}/RECORD": b"wrong,,\n",
    f"{DIST}/RECORD.jws": b"{}",
}


def archive(data: bytes) -> zipfile.ZipFile:
    """The archive in ``data``."""
    return zipfile.ZipFile(io.BytesIO(data))


def test_the_order_of_files_does_not_matter() -> None:
    """Back ends walk folders as they like."""
    assert repack(FILES, DIST) == repack(dict(reversed(FILES.items())), DIST)


def test_members_are_sorted_stored_and_plain() -> None:
    """Nothing of the machine: no times, modes or compressor of its own; RECORD comes last."""
    members = archive(repack(FILES, DIST)).infolist()
    names = [member.filename for member in members]
    assert names[:-1] == sorted(names[:-1])
    assert names[-1] == f"{DIST}/RECORD"
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {member.external_attr >> 16 for member in members} == {0o100644}
    assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}


def test_record_is_true_and_its_signatures_go() -> None:
    """Every file with its digest and size; a signature over the old RECORD would be a lie."""
    opened = archive(repack(FILES, DIST))
    rows = opened.read(f"{DIST}/RECORD").decode().splitlines()
    assert rows[0] == "clock-1.0.0.dist-info/METADATA,sha256=" + rows[0].split("=")[1]
    assert rows[0].endswith(f",{len(FILES[f'{DIST}/METADATA'])}")
    assert rows[-1] == f"{DIST}/RECORD,,"
    assert f"{DIST}/RECORD.jws" not in opened.namelist()


def test_the_back_ends_version_is_not_in_the_bytes() -> None:
    """Two versions of one back end make the same wheel."""
    newer = {**FILES, f"{DIST}/WHEEL": WHEEL.replace(b"1.33.0", b"1.34.0")}
    assert repack(newer, DIST) == repack(FILES, DIST)
    assert f"Generator: {GENERATOR}".encode() in archive(repack(FILES, DIST)).read(f"{DIST}/WHEEL")


def test_the_time_is_the_one_given() -> None:
    """Not before the first day that an archive can name."""
    assert repack(FILES, DIST, when=0) == repack(FILES, DIST, when=EPOCH)
    later = archive(repack(FILES, DIST, when=1_800_000_000)).infolist()[0]
    assert later.date_time == (2027, 1, 15, 8, 0, 0)


names = st.text("abc/ü", min_size=1, max_size=8).map(lambda name: f"clock/{name.strip('/')}.txt")


@given(st.dictionaries(names, st.binary(max_size=40), max_size=6))
def test_every_file_comes_back_as_it_was(files: dict[str, bytes]) -> None:
    """Repacking changes nothing but WHEEL and RECORD, and repacking again nothing at all."""
    data = repack({**FILES, **files}, DIST)
    opened = archive(data)
    assert {name: opened.read(name) for name in files} == files
    again = {name: opened.read(name) for name in opened.namelist()}
    assert repack(again, DIST) == data
