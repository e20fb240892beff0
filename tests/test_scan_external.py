"""Scanners of others: found by entry points, asked in the real sandbox, their failures no pass."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.errors import SandboxUnavailable
from heimnetz_git.scan.engine import scan
from heimnetz_git.scan.external import External, Ran, ask, external_scanners
from tests.clikit import World
from tests.sandboxkit import needs_levels

SCANNER = """
import os, socket

def look(folder):
    print("noise")
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            text = open(path).read()
            if "frobnicate" in text:
                place = os.path.relpath(path, folder)
                told = {"rule": "frob", "severity": "low", "message": "It does.", "line": 1}
                yield {**told, "file": place}

def breaks(folder):
    raise ValueError("broken")

def calls_out(folder):
    socket.create_connection(("127.0.0.1", 9), 1)
    return []
"""
ENTRIES = """[heimnetz.scanners]
frob = frobscan:look
broken = frobscan:breaks
caller = frobscan:calls_out
"""
TOLD = {"rule": "r", "severity": "high", "message": "m", "file": "a.py", "line": 3}
FAILURES = [
    Ran(1, "", b"[]"),
    Ran(137, "it ran for more than 120 s", b"[]"),
    Ran(0, "", b""),
    Ran(0, "", b"{}"),
    Ran(0, "", b'[{"rule": "r"}]'),
    Ran(0, "", json.dumps([{**TOLD, "severity": "fine"}]).encode()),
    Ran(0, "", b"\xff"),
    Ran(0, "", json.dumps([TOLD] * 5001).encode()),
]
FROB = External("frob", "frobscan:look", Path("/nowhere"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an installed package that offers scanners."""
    folder = tmp_path / "site"
    info = folder / "frobscan-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "frobscan.py").write_text(SCANNER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: frobscan\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    return folder


def test_scanners_are_found_without_importing_them(site: Path) -> None:
    """By their entry points, in the order of their names."""
    found = external_scanners([str(site)])
    assert [(it.name, it.target) for it in found] == [
        ("broken", "frobscan:breaks"),
        ("caller", "frobscan:calls_out"),
        ("frob", "frobscan:look"),
    ]
    assert "frobscan" not in sys.modules


def test_what_a_scanner_tells_is_a_finding_under_its_name() -> None:
    """Control characters of its messages stay out."""
    told = {**TOLD, "message": "bad\x1b[31m"}
    [found] = ask(FROB, lambda _: Ran(0, "", json.dumps([told]).encode()))
    assert (found.rule, found.location.file, found.location.line) == ("frob/r", "a.py", 3)
    assert "\x1b" not in found.message


@pytest.mark.parametrize("ran", FAILURES)
def test_a_scanner_that_fails_makes_the_status_an_error(ran: Ran) -> None:
    """Never a pass, whatever the rest found."""
    report = scan({"a.py": b"x = 1\n"})
    failed = msgspec.structs.replace(report, findings=ask(FROB, lambda _: ran))
    assert (failed.status, failed.verdict) == ("error", "reject")


def test_a_machine_without_a_sandbox_runs_none() -> None:
    """That is a failure, too."""

    def run(_: External) -> Ran:
        raise SandboxUnavailable("There is none.")

    assert [it.rule for it in ask(FROB, run)] == ["scanner-failed"]


CASES = [
    ("frob", "low", "frob/frob"),
    ("broken", "high", "scanner-failed"),
    ("caller", "high", "scanner-failed"),
]


@needs_levels
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_scanners_are_asked_in_the_sandbox(
    case: tuple[str, str, str], site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One finds, one breaks, one wants the network, which it does not get."""
    name, severity, rule = case
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").write_text("frobnicate = 1\n")
    found = World(tmp_path).json(f"scan pkg --external {name} --fail-on never")
    assert [(it["severity"], it["rule"]) for it in found["findings"]] == [(severity, rule)]
    assert found["status"] == ("passed" if severity == "low" else "error")
