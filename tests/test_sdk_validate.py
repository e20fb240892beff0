"""The validator: what it says of a project, where, and how bad it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimnetz_git.errors import FileMissing
from heimnetz_git.model.finding import Finding
from heimnetz_git.sdk.validate import RULES, scan_project, validate
from tests.projectkit import CLASS, Draft, write_project

HOST = 'host: {heimnetz: ">=0.1,<2"}\n'


def said(tmp_path: Path, draft: Draft) -> dict[str, Finding]:
    """The findings on a project, by rule."""
    return {finding.rule: finding for finding in validate(write_project(tmp_path, draft))}


def test_a_good_project_has_no_findings(tmp_path: Path) -> None:
    """Nothing to say is said with nothing."""
    assert validate(write_project(tmp_path)) == ()
    assert scan_project(tmp_path / "clock").verdict == "accept"


def with_line(line: str) -> str:
    """The plugin's code with one more line."""
    return CLASS.replace("import time\n", f"import time\n{line}\n", 1)


DRAFTS = [
    ("version-form", "high", Draft(version="1.0")),
    ("version-form", "high", Draft(version="1.0.0.dev1+local")),
    ("summary", "medium", Draft(summary="Clock")),
    ("summary", "medium", Draft(summary="Tells the time " * 20)),
    ("license-file", "medium", Draft(files={"LICENSE": None})),
    ("readme", "low", Draft(files={"README.md": None})),
    ("dependency-ranges", "medium", Draft(manifest='host: {heimnetz: ">=0.1"}')),
    ("dependency-ranges", "medium", Draft(manifest=HOST + 'requires: {notify: ">=1"}')),
    ("dependency-ranges", "low", Draft(manifest=HOST + 'optional: {notify: "!=1.5"}')),
    ("dependency-ranges", "high", Draft(manifest=HOST + 'requires: {clock: ">=1,<2"}')),
    ("direct-reference", "high", Draft(project='dependencies = ["a @ https://example.org/a.whl"]')),
    ("category-form", "medium", Draft(manifest=HOST + "tags: [TimeKeeping]")),
    ("plugin-name", "low", Draft(name="heimnetz-clock")),
    ("file-names", "high", Draft(files={"src/clock/aux.py": "", "src/clock/ok.py": ""})),
    ("file-names", "high", Draft(files={"src/clock/a.txt": "", "src/clock/A.txt": ""})),
    ("host-internals", "medium", Draft(code=with_line("from heimnetz_git.storage import home"))),
    ("host-internals", "medium", Draft(code=with_line("from heimnetz_git import storage"))),
    ("permission-undeclared", "high", Draft(code=with_line("import os; os.system('x')"))),
    ("not-analysed", "medium", Draft(files={"src/clock/new.py": "def f(:\n"})),
    ("entry-point-class", "high", Draft(entry_point="clock:Watch")),
    ("operations", "medium", Draft(code=CLASS.replace(" -> float", ""))),
    ("operations", "medium", Draft(code=CLASS.replace("uptime(self)", "uptime(self, zone)"))),
    ("operations", "low", Draft(code=CLASS.replace('"""How long the clock', '# """'))),
]


@pytest.mark.parametrize(
    ("rule", "severity", "draft"), DRAFTS, ids=[f"{it[0]}-{n}" for n, it in enumerate(DRAFTS)]
)
def test_each_fault_has_a_finding(tmp_path: Path, rule: str, severity: str, draft: Draft) -> None:
    """With its rule, its severity, and a file to go to."""
    findings = said(tmp_path, draft)
    assert rule in findings, findings
    assert str(findings[rule].severity) == severity
    assert findings[rule].location.file


OPERATIONS = [
    CLASS.replace("@operation\n", '@operation("Says how long.")\n').replace(
        '        """How long the clock has run, in seconds."""\n', ""
    ),
    "from clock.core import Clock\n",
]


@pytest.mark.parametrize("code", OPERATIONS, ids=["summary in the decorator", "class elsewhere"])
def test_other_ways_to_say_it_are_right_too(tmp_path: Path, code: str) -> None:
    """No finding where reading finds the same in another place, or cannot tell."""
    draft = Draft(code=code, files={"src/clock/core.py": CLASS})
    assert said(tmp_path, draft) == {}


@pytest.mark.parametrize(
    ("text", "rule"),
    [('license = "Beer"', "license-invalid"), ("license = 3", "wrong-type")],
)
def test_a_licence_is_an_spdx_expression(tmp_path: Path, text: str, rule: str) -> None:
    """And not only a word."""
    root = write_project(tmp_path)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('license = "MIT"', text))
    (finding,) = validate(root)
    assert (finding.rule, finding.location.line) == (rule, 10)


def test_a_python_range_has_a_lower_bound(tmp_path: Path) -> None:
    """Otherwise installers try it on Pythons that never ran it."""
    root = write_project(tmp_path)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('">=3.11"', '"<4"'))
    assert [finding.rule for finding in validate(root)] == ["python-range"]


def test_a_project_that_cannot_be_read_gives_its_problems_as_findings(tmp_path: Path) -> None:
    """Every problem of every file, as findings with their places."""
    root = write_project(tmp_path)
    (root / "plugin.yaml").write_text("format: 1\ntype: banana\nhots: {}\n")
    findings = validate(root)
    assert {finding.location.file for finding in findings} == {"plugin.yaml"}
    assert len(findings) >= 2


def test_the_worst_comes_first(tmp_path: Path) -> None:
    """Then by file and line, so that two runs say the same."""
    draft = Draft(version="1.0", summary="x", files={"README.md": None})
    root = write_project(tmp_path, draft)
    severities = [str(finding.severity) for finding in validate(root)]
    assert severities == ["high", "medium", "low"]
    assert validate(root) == validate(root)


def test_a_wheel_that_is_none_is_a_finding(tmp_path: Path) -> None:
    """The validator reports; it does not fail."""
    wheel = tmp_path / "clock-1.0.0-py3-none-any.whl"
    wheel.write_bytes(b"PK nonsense")
    assert [str(finding.severity) for finding in validate(wheel)] == ["high"]
    with pytest.raises(FileMissing):
        validate(tmp_path / "nowhere")


def test_nothing_of_a_project_is_run(tmp_path: Path) -> None:
    """Validation reads; only a build or a test runs code."""
    mark = tmp_path / "ran"
    root = write_project(tmp_path, Draft(code=with_line(f"open({str(mark)!r}, 'w')")))
    validate(root)
    assert not mark.exists()


def test_every_rule_says_why() -> None:
    """A rule's docstring is its page in the manual."""
    assert all(rule.__doc__ for rule in RULES)
