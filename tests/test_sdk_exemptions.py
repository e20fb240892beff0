"""Exceptions in plugin.yaml: what an author answers for, and what nobody but a registry decides."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.model.finding import Finding
from heimnetz_git.sdk.validate import validate
from tests.projectkit import CLASS, Draft, write_project

OPEN = 'host: {heimnetz: ">=0.1"}\n'
REASON = "it talks to no interface of the host"


def said(tmp_path: Path, manifest: str, code: str = CLASS) -> list[Finding]:
    """The findings on a project with that manifest."""
    return list(validate(write_project(tmp_path, Draft(manifest=manifest, code=code))))


def excused(rule: str, more: str = "") -> str:
    """An entry of the manifest."""
    return f'exceptions: [{{rule: {rule}, reason: "{REASON}"{more}}}]\n'


def test_what_an_author_answers_for_is_information(tmp_path: Path) -> None:
    """It stays visible, with the reason, and fails nobody's check."""
    (before,) = said(tmp_path / "a", OPEN)
    (after,) = said(tmp_path / "b", OPEN + excused("dependency-ranges"))
    assert (str(before.severity), str(after.severity)) == ("medium", "info")
    assert after.message == f"{before.message} Accepted: {REASON}"


def test_an_exception_may_be_for_one_file_only(tmp_path: Path) -> None:
    """Elsewhere the rule finds what it finds, and the exception is of no use."""
    here = said(tmp_path / "a", OPEN + excused("dependency-ranges", ", file: plugin.yaml"))
    there = said(tmp_path / "b", OPEN + excused("dependency-ranges", ", file: pyproject.toml"))
    assert [str(one.severity) for one in here] == ["info"]
    assert [one.rule for one in there] == ["dependency-ranges", "exception-unused"]


def test_what_a_registry_refuses_cannot_be_excused(tmp_path: Path) -> None:
    """An undeclared permission stays as bad as it was, and the hint says why."""
    code = CLASS.replace("import time\n", "import time\nimport os; os.system('x')\n", 1)
    bounded = 'host: {heimnetz: ">=0.1,<2"}\n'
    (finding,) = said(tmp_path, bounded + excused("permission-undeclared"), code)
    assert str(finding.severity) == "high"
    assert "a registry refuses this" in finding.hint


def test_an_exception_without_a_reason_is_none(tmp_path: Path) -> None:
    """The manifest is refused, at the place."""
    findings = said(tmp_path, OPEN + 'exceptions: [{rule: summary, reason: ""}]\n')
    assert [str(one.severity) for one in findings] == ["high"]
    assert "exceptions[0].reason" in findings[0].message


def test_an_exception_for_nothing_is_found(tmp_path: Path) -> None:
    """So that none outlives what it was for."""
    (finding,) = said(tmp_path, 'host: {heimnetz: ">=0.1,<2"}\n' + excused("readme"))
    assert (finding.rule, str(finding.severity)) == ("exception-unused", "low")
