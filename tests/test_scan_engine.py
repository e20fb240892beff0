"""The scanner as a whole: order, verdict, bounds, and that nothing inside quietens it."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimnetz_git.errors import FileMissing
from heimnetz_git.model.permission import Permissions
from heimnetz_git.scan.engine import scan, scan_tree, scan_wheel
from heimnetz_git.scan.rules import RULES

MARK = "clock/executed"


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (b"x = 1\n", "accept"),
        (b"exec('x = 1')\n", "accept"),
        (b"exec(text)\n", "review"),
        (b"import base64\nexec(base64.b64decode(text))\n", "reject"),
    ],
)
def test_the_worst_finding_decides(code: bytes, verdict: str) -> None:
    """High refuses, medium asks a person, less is let through."""
    assert scan({"clock/a.py": code}, Permissions()).verdict == verdict


def test_a_report_does_not_depend_on_the_order_of_files() -> None:
    """Same input, same bytes: findings are ordered worst first, then by place."""
    files = {"b.py": b"exec(x)\n", "a.py": b"import os\nos.system(x)\nexec(x)\n"}
    backwards = dict(reversed(files.items()))
    report = scan(files, Permissions())
    assert report == scan(backwards, Permissions())
    severities = [str(it.severity) for it in report.findings]
    assert severities == sorted(severities, key=["high", "medium", "low", "info"].index)


@pytest.mark.parametrize("file", [".bandit", "ruff.toml", "pyproject.toml", ".semgrepignore"])
def test_nothing_inside_a_submission_quietens_the_scanner(file: str) -> None:
    """Comments and configuration files of other scanners are the submitter's word."""
    loud = {"clock/a.py": b"exec(x)\n"}
    hushed = {
        "clock/a.py": b"exec(x)  # nosec # noqa # nosemgrep # type: ignore\n",
        file: b"[tool.ruff]\nexclude = ['*']\nskips: [B102]\n",
    }
    assert [it.rule for it in scan(hushed).findings] == [it.rule for it in scan(loud).findings]


def test_what_is_scanned_is_never_run(tmp_path: Path) -> None:
    """Neither the module nor anything that it imports."""
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w').close()\n".encode()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "evil.py").write_bytes(code)
    scan_tree(tmp_path / "tree")
    assert not mark.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"a" + b".a" * 20_000,
        b"a" + b"()" * 5_000,
        b"x = " + b"+".join([b"'a'"] * 5_000),
        b"x = x.y()\n" * 5_000,
        b"import os\n" + b"".join(b"a%d = a%d\n" % (n + 1, n) for n in range(5_000)),
        b"exec(" * 90 + b"x" + b")" * 90,
    ],
    ids=["attributes", "calls", "sum", "assignments", "chain", "nested"],
)
def test_a_hostile_module_costs_little(code: bytes) -> None:
    """Deep and long shapes end in findings or silence, soon."""
    began = time.process_time()
    scan({"clock/a.py": code})
    assert time.process_time() - began < 5


def test_links_in_a_tree_are_findings_and_not_followed(tmp_path: Path) -> None:
    """What is not there to be read is not cleared."""
    (tmp_path / "link.py").symlink_to("/etc/hostname")
    report = scan_tree(tmp_path)
    assert [(it.rule, it.location.file) for it in report.findings] == [("not-analysed", "link.py")]
    with pytest.raises(FileMissing):
        scan_tree(tmp_path / "nowhere")


def test_a_wheel_that_may_not_be_opened_is_refused() -> None:
    """A path that climbs out is reported as a finding, not raised."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("../evil.py", "x = 1")
    report = scan_wheel(target.getvalue())
    assert report.verdict == "reject"
    assert {it.rule for it in report.findings} == {"wheel-rejected"}


def test_every_rule_has_a_page_and_a_name() -> None:
    """A rule's docstring is its page in the manual."""
    assert all(len((rule.__doc__ or "").splitlines()) > 2 for rule in RULES)
    assert len({rule.__name__ for rule in RULES}) == len(RULES)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_survived(data: bytes) -> None:
    """No content of a module crashes the scanner."""
    scan({"clock/a.py": data, "clock/b.yaml": data, "b.txt": data}, Permissions())


WORDS = [
    "import os",
    "x=",
    "(",
    ")",
    "exec",
    "os.",
    "system",
    "'a'",
    "\n",
    "[0]",
    "self.",
    "x",
    ",",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_any_code_is_survived(words: list[str]) -> None:
    """No shape of a module crashes the scanner."""
    scan({"clock/a.py": " ".join(words).encode()}, Permissions())
