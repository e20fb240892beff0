"""Plugin wheels: a good one is read whole, and everything wrong with a bad one is said at once."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import FileMissing, WheelRejected
from heimnetz_git.storage.archive import ArchiveLimits, open_archive
from heimnetz_git.storage.wheelfile import Wheel, open_wheel
from tests.wheelkit import Raw, make_package, make_wheel, write_zip

GOOD = {"clock/__init__.py": "class Clock: ...\n", "clock/data/zones.txt": "UTC\n" * 1000}
INFO = "clock-1.0.0.dist-info"


def codes(source: Path | bytes, **more: Any) -> set[str]:
    """The codes of everything wrong with a wheel."""
    with pytest.raises(WheelRejected) as caught:
        open_wheel(source, **more)
    return {problem.code for problem in caught.value.problems}


def test_a_good_wheel_tells_all(tmp_path: Path) -> None:
    """Names, metadata, entry point, members and what the build added."""
    path = make_wheel(
        tmp_path, "wake-on-lan", "1.2.0", packages=["zeroconf>=0.130"], summary="Wakes devices"
    )
    wheel = open_wheel(path)
    assert (wheel.name, wheel.version, wheel.file) == ("wake-on-lan", "1.2.0", path.name)
    assert wheel.entry_point == "wake_on_lan:WakeOnLan"
    assert wheel.metadata.summary == "Wakes devices"
    assert [str(each) for each in wheel.metadata.requires_dist or ()] == ["zeroconf>=0.130"]
    assert wheel.tags == ("py3-none-any",)
    assert wheel.pure
    assert wheel.top_level == ("wake_on_lan",)
    assert wheel.size == path.stat().st_size
    assert b"format: 1" in (wheel.plugin_yaml or b"")
    assert b'"hello"' in (wheel.plugin_json or b"")
    code = wheel.read("wake_on_lan/__init__.py")
    assert b"class WakeOnLan" in code
    sizes = {member.name: member.size for member in wheel.members}
    assert sizes["wake_on_lan/__init__.py"] == len(code)


def test_the_same_wheel_from_bytes(tmp_path: Path) -> None:
    """Bytes need no file name; with one, it is checked."""
    data = make_wheel(tmp_path, files=GOOD).read_bytes()
    assert open_wheel(data).file == ""
    assert open_wheel(data, file="clock-1.0.0-py3-none-any.whl").name == "clock"
    assert codes(data, file="clock-1.0.1-py3-none-any.whl") == {"name-mismatch"}
    assert codes(data, file="clock-1.0.0-cp311-none-any.whl") == {"tags-mismatch"}
    assert codes(data, file="clock.whl") == {"name-mismatch"}


def test_an_artifact_named_by_its_digest_opens(tmp_path: Path) -> None:
    """A path without .whl says nothing of the name."""
    path = make_wheel(tmp_path, files=GOOD)
    assert open_wheel(path.rename(tmp_path / "0a1b")).name == "clock"


def test_a_wheel_for_one_platform_may_bring_its_libraries(tmp_path: Path) -> None:
    """An extension module of its own name and the folder that auditwheel adds are the plugin's."""
    files = {"clock.cpython-311-x86_64-linux-gnu.so": b"\x7fELF", "clock.libs/libz.so": b"\x7fELF"}
    wheel = open_wheel(make_wheel(tmp_path, files=files, tag="cp311-cp311-linux_x86_64"))
    assert not wheel.pure
    assert wheel.tags == ("cp311-cp311-linux_x86_64",)


def test_an_ordinary_package_is_no_plugin(tmp_path: Path) -> None:
    """It opens, and has neither entry point nor plugin files."""
    wheel = open_wheel(make_package(tmp_path, "tzones"))
    assert (wheel.entry_point, wheel.plugin_yaml, wheel.plugin_json) == ("", None, None)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """No wheel at a path is FileMissing, not a rejected wheel."""
    with pytest.raises(FileMissing, match="nowhere"):
        open_wheel(tmp_path / "nowhere.whl")


HOSTILE_MEMBERS: list[tuple[Raw, str]] = [
    (Raw("/etc/passwd"), "name-unsafe"),
    (Raw("../escape.py"), "name-unsafe"),
    (Raw("clock/../../escape.py"), "name-unsafe"),
    (Raw("clock/./a.py"), "name-unsafe"),
    (Raw("clock//a.py"), "name-unsafe"),
    (Raw("clock\\..\\a.py"), "name-unsafe"),
    (Raw("C:/a.py"), "name-unsafe"),
    (Raw("clock/a.py:stream"), "name-unsafe"),
    (Raw("clock/\x1b[2J.py"), "name-unsafe"),
    (Raw("clock/\u202egnp.py"), "name-unsafe"),
    (Raw("clock/a.py."), "name-unsafe"),
    (Raw("clock/ a.py"), "name-unsafe"),
    (Raw("clock/aux.py"), "name-unsafe"),
    (Raw("clock/" + "a" * 300 + ".py"), "name-too-long"),
    (Raw("clock/__INIT__.py"), "name-collides"),
    (Raw("clock/__init__.py/x.py"), "name-collides"),
    (Raw("clock/link", b"/etc/passwd", mode=0o120777), "member-special"),
    (Raw("clock/pipe", mode=0o010644), "member-special"),
    (Raw("clock/device", mode=0o020644), "member-special"),
    (Raw("clock/folder/", b"content", mode=0o040755), "member-special"),
    (Raw("clock/a.bz2", b"x", method=zipfile.ZIP_BZIP2), "member-compression"),
    (Raw("clock/a.xz", b"x", method=zipfile.ZIP_LZMA), "member-compression"),
    (Raw("evil.pth", b"import os"), "pth-file"),
    (Raw("clock/evil.pth", b"import os"), "pth-file"),
    (Raw("sitecustomize.py"), "startup-module"),
    (Raw("usercustomize/__init__.py"), "startup-module"),
    (Raw("clock/__pycache__/a.cpython-311.pyc"), "bytecode"),
    (Raw("clock/a.pyc"), "bytecode"),
    (Raw("clock-1.0.0.data/scripts/clock"), "data-folder"),
    (Raw("clock-1.0.0.data/headers/clock.h"), "data-folder"),
    (Raw("clock-1.0.0.data/data/etc/cron.d/clock"), "data-folder"),
    (Raw("requests/__init__.py"), "foreign-package"),
    (Raw("heimnetz_git/errors.py"), "foreign-package"),
    (Raw("os.py"), "foreign-package"),
    (Raw("other-1.0.dist-info/METADATA"), "dist-info"),
    (Raw("clock/unlisted.py"), "record-invalid"),
]


@pytest.mark.parametrize(
    ("member", "code"), HOSTILE_MEMBERS, ids=[ascii(raw.name[:30]) for raw, _ in HOSTILE_MEMBERS]
)
def test_a_hostile_member_is_refused(tmp_path: Path, member: Raw, code: str) -> None:
    """Each kind of member that could do harm has its own code."""
    assert code in codes(make_wheel(tmp_path, files=GOOD, extra=[member]))


def test_an_empty_folder_entry_is_harmless(tmp_path: Path) -> None:
    """Some tools list folders; RECORD does not."""
    raw = Raw("clock/data/", mode=0o040755, method=zipfile.ZIP_STORED)
    assert open_wheel(make_wheel(tmp_path, files=GOOD, extra=[raw])).name == "clock"


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    """Two members of one name: which one is checked, which one unpacked?"""
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = make_wheel(tmp_path, files=GOOD, extra=[Raw("clock/__init__.py", b"evil")])
    assert "name-duplicate" in codes(path)


def test_a_nul_in_a_name_is_refused(tmp_path: Path) -> None:
    """Readers that stop at NUL and those that do not see two names."""
    data = make_wheel(tmp_path, files=GOOD, extra=[Raw("clock/a.py#.txt")]).read_bytes()
    assert "name-unsafe" in codes(data.replace(b"clock/a.py#.txt", b"clock/a.py\0.txt"))


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """One report names everything that is wrong, with the member, and counts it."""
    path = make_wheel(
        tmp_path,
        files=GOOD | {"evil.pth": "", "requests/__init__.py": ""},
        entry_points="[console_scripts]\nclock = clock:main\n",
        record={"clock/__init__.py": None},
    )
    with pytest.raises(WheelRejected) as caught:
        open_wheel(path)
    found = {(problem.code, problem.path) for problem in caught.value.problems}
    assert found == {
        ("pth-file", "evil.pth"),
        ("foreign-package", "evil"),
        ("foreign-package", "requests"),
        ("script", "console_scripts: clock"),
        ("record-invalid", "clock/__init__.py"),
    }
    assert caught.value.facts["count"] == 5
    assert str(caught.value.problems[0].location) == path.name


def test_a_thousand_problems_are_cut(tmp_path: Path) -> None:
    """A report stays readable, and its names cannot steer a terminal."""
    bad = [Raw(f"clock/\x1b{number}.pyc") for number in range(1000)]
    with pytest.raises(WheelRejected) as caught:
        open_wheel(make_wheel(tmp_path, files=GOOD, extra=bad))
    assert len(caught.value.problems) == 100
    assert caught.value.facts["count"] == 3000
    assert "\x1b" not in str(caught.value) + "".join(map(str, caught.value.problems))


RECORDS = [
    ({"clock/__init__.py": None}, "record-invalid"),
    ({"clock/gone.py": "clock/gone.py,sha256=aa,1"}, "record-invalid"),
    ({"clock/__init__.py": "clock/__init__.py,,"}, "record-weak"),
    ({"clock/__init__.py": "clock/__init__.py,md5=aa,17"}, "record-weak"),
    ({"clock/__init__.py": "clock/__init__.py,sha256=AAAA,17"}, "record-mismatch"),
    ({"clock/__init__.py": "clock/__init__.py"}, "record-invalid"),
    ({"again": f"{INFO}/WHEEL,sha256=AAAA,17"}, "record-invalid"),
]


@pytest.mark.parametrize(("changed", "code"), RECORDS)
def test_record_must_be_complete_and_true(
    tmp_path: Path, changed: dict[str, str | None], code: str
) -> None:
    """Every member is listed once, with its size and a strong digest; nothing else is."""
    assert code in codes(make_wheel(tmp_path, files=GOOD, record=changed))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"metadata": "Colour: red"}, "metadata-invalid"),
    ({"licence": "Not A Licence"}, "metadata-invalid"),
    ({"python": "whatever"}, "metadata-invalid"),
    ({"packages": ["a b c"]}, "metadata-invalid"),
    ({"tag": "nonsense", "file": "clock-1.0.0-py3-none-any.whl"}, "wheel-invalid"),
    ({"file": "clock-2.0.0-py3-none-any.whl"}, "name-mismatch"),
    ({"entry_points": "[gui_scripts]\nx = clock:main\n"}, "script"),
    ({"entry_points": "[heimnetz.plugins]\nwatch = clock:Clock\n"}, "entry-points"),
    ({"entry_points": "[heimnetz.plugins]\nclock = os:system\n"}, "entry-points"),
    ({"entry_points": "[heimnetz.plugins]\nclock = clock\n"}, "entry-points"),
    ({"entry_points": "no section"}, "entry-points"),
    ({"entry_points": "[a]\nx = y:z\n[a]\nx = y:z\n"}, "entry-points"),
    ({"files": {"clock.txt/readme": "x", "watch/__init__.py": ""}}, "foreign-package"),
    ({"name": "a" * 70}, "name-mismatch"),
]


@pytest.mark.parametrize(("arguments", "code"), WRONG)
def test_what_a_wheel_says_of_itself_must_hold(
    tmp_path: Path, arguments: dict[str, Any], code: str
) -> None:
    """Metadata, tags, entry points and names are valid and agree with each other."""
    assert code in codes(make_wheel(tmp_path, **arguments))


def test_a_wheel_without_its_own_files_is_refused() -> None:
    """No .dist-info, or one that is empty, is said in words."""
    assert codes(write_zip([Raw("clock/__init__.py")])) == {"dist-info"}
    assert codes(write_zip([Raw(f"{INFO}/x", b"x")])) == {"dist-info"}
    assert "dist-info" in codes(write_zip([Raw(f"{INFO}/METADATA", b"\xff\xfe")]))


def patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """``data`` with bytes changed in the first record of that signature."""
    start = data.index(signature) + offset
    return data[:start] + value + data[start + len(value) :]


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    """What cannot be read cannot be checked."""
    data = make_wheel(tmp_path, files=GOOD).read_bytes()
    data = patched(data, b"PK\x01\x02", 8, b"\x01\x00")
    assert "member-encrypted" in codes(patched(data, b"PK\x03\x04", 6, b"\x01\x00"))


@pytest.mark.parametrize("declared", [0, 10, 1_000_000])
def test_a_declared_size_is_not_believed(tmp_path: Path, declared: int) -> None:
    """A member that is longer or shorter than it says is damaged, however it says so."""
    data = make_wheel(tmp_path, files={"clock/a.py": "x" * 5000}).read_bytes()
    data = patched(data, b"PK\x01\x02", 24, struct.pack("<L", declared))
    assert "member-damaged" in codes(data)


def test_two_headers_of_a_member_must_agree(tmp_path: Path) -> None:
    """A reader that streams and one that uses the directory must see the same names."""
    data = make_wheel(tmp_path, files=GOOD).read_bytes()
    start = data.index(b"clock/__init__.py")
    changed = data[:start] + b"evilx/__init__.py" + data[start + 17 :]
    assert "member-damaged" in codes(changed)


def test_a_second_name_in_an_extra_field_is_refused(tmp_path: Path) -> None:
    """Some readers prefer the name that the field 0x7075 gives."""
    info = zipfile.ZipInfo("clock/a.py", (1980, 1, 1, 0, 0, 0))
    name = b"clock/b.py"
    info.extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, zlib.crc32(b"clock/a.py")) + name
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"")
    faults = open_archive(buffer.getvalue()).faults
    assert [fault.code for fault in faults] == ["name-unsafe"]


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """The bound on the unpacked size and on the ratio hold before anything is inflated."""
    path = make_wheel(tmp_path, files={"clock/zero.bin": b"\0" * (8 << 20)})
    assert codes(path) == {"unpacked-too-large"}
    big = make_wheel(tmp_path, files=GOOD)
    assert codes(big, limits=ArchiveLimits(unpacked=1000)) == {"unpacked-too-large"}


def test_a_bomb_that_lies_is_not_unpacked_either(tmp_path: Path) -> None:
    """A small declared size does not let a large member through: inflating stops at the size."""
    data = make_wheel(tmp_path, files={"a.bin": b"\0" * (8 << 20)}).read_bytes()
    assert "member-damaged" in codes(patched(data, b"PK\x01\x02", 24, struct.pack("<L", 100)))


def test_members_may_not_share_bytes(tmp_path: Path) -> None:
    """A bomb by overlap: two directory entries for one local file."""
    data = make_wheel(tmp_path, files={"clock/a.py": "x", "clock/b.py": "x"}).read_bytes()
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    length = second - first
    end = bytearray(data[-22:])
    struct.pack_into("<2HL", end, 8, 9, 9, struct.unpack_from("<L", end, 12)[0] + length)
    count = data.count(b"PK\x01\x02") + 1
    struct.pack_into("<2H", end, 8, count, count)
    found = codes(data[:-22] + data[first:second] + bytes(end))
    assert {"name-duplicate", "member-overlaps"} <= found


FRAMES = [
    ("bytes before", lambda data: b"#!/bin/sh\n" + data),
    ("bytes after", lambda data: data + b"more"),
    ("a comment", lambda data: data[:-2] + b"\x02\x00hi"),
    ("cut", lambda data: data[: len(data) // 2]),
    ("empty", lambda data: b""),
    ("no archive", lambda data: b"x" * 1000),
]


@pytest.mark.parametrize(("what", "change"), FRAMES, ids=[what for what, _ in FRAMES])
def test_an_archive_is_one_archive(tmp_path: Path, what: str, change: Any) -> None:
    """Nothing before, behind or between: every reader finds the same members."""
    data = make_wheel(tmp_path, files=GOOD).read_bytes()
    assert codes(change(data)) == {"archive-damaged"}


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ArchiveLimits(packed=100), "archive-too-large"),
        (ArchiveLimits(members=2), "too-many-members"),
        (ArchiveLimits(name=10), "name-too-long"),
    ],
)
def test_the_limits_hold(tmp_path: Path, limits: ArchiveLimits, code: str) -> None:
    """Each bound of an archive can be set, and is kept."""
    path = make_wheel(tmp_path, files=GOOD)
    assert code in codes(path, limits=limits)
    assert code in codes(path.read_bytes(), limits=limits)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a good wheel."""
    return make_wheel(tmp_path_factory.mktemp("sample"), files=GOOD).read_bytes()


@settings(deadline=None, max_examples=150)
@given(place=st.floats(0, 1), change=st.binary(min_size=1, max_size=8))
def test_a_damaged_wheel_is_rejected_or_unchanged(
    sample: bytes, place: float, change: bytes
) -> None:
    """Whatever bytes are hit, the answer is a rejection or the same checked content."""
    start = int(place * (len(sample) - len(change)))
    data = sample[:start] + change + sample[start + len(change) :]
    good = open_wheel(sample)
    try:
        wheel: Wheel = open_wheel(data)
    except WheelRejected:
        return
    assert wheel.members == good.members


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """Opening an archive never raises, and never finds members where nothing is."""
    archive = open_archive(b"PK\x03\x04" + data)
    assert archive.faults
