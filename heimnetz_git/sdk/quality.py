"""How well a plugin is made: bronze, silver, gold, platinum, and what the next tier asks for.

Each rule is a function of the project and what validator and scanner said of it; it returns what is
missing, or nothing. A tier is reached when every rule of it and of those below holds. No rule asks
for an opinion, so the answer is the same for everybody (as in Home Assistant's quality scale, which
people judge).
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.scan.engine import Report
from heimnetz_git.sdk.project import ProjectSource, package_files, read_project, source_files
from heimnetz_git.sdk.pyproject import FILE
from heimnetz_git.sdk.validate import scan_project, validate

__all__ = ["RULES", "TIERS", "Project", "Quality", "Rule", "Verdict", "quality"]

TIERS = ("bronze", "silver", "gold", "platinum")
_HARD = (Severity.CRITICAL, Severity.HIGH)
_VERSION_HEADING = re.compile(r"^##\s*\[?v?(\d+\.\d+\.\d+[^\]\s]*)", re.MULTILINE)
_PIPELINES = (".github/workflows", ".forgejo/workflows", ".gitea/workflows", ".gitlab-ci.yml")
GOOD_SCORE = 95


class Project:
    """What the rules ask of: the project, and what validator and scanner said of it."""

    def __init__(self, root: Path) -> None:
        """Raises ProjectInvalid or FileMissing."""
        self.source: ProjectSource = read_project(root)
        self.findings: tuple[Finding, ...] = validate(root)
        self.report: Report = scan_project(root)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The author's files, by their paths from the root."""
        root = self.source.root
        return tuple(file.relative_to(root).as_posix() for file in source_files(root))

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The package's modules that parse."""
        found = {}
        for name, data in package_files(self.source).items():
            if name.endswith(".py"):
                try:
                    found[name] = ast.parse(data)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    continue  # the scanner says so
        return found

    def text(self, name: str) -> str:
        """A file's text; empty if there is none."""
        file = self.source.root / name
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


class Rule(NamedTuple):
    """One demand of a tier; ``missing`` says what is not there, or nothing."""

    name: str
    tier: str
    says: str
    missing: Callable[[Project], str]


class Verdict(NamedTuple):
    """One rule's answer; ``missing`` is empty when it holds."""

    rule: str
    tier: str
    says: str
    missing: str


class Quality(NamedTuple):
    """The tier that is reached (empty below bronze) and every rule's answer."""

    tier: str
    verdicts: tuple[Verdict, ...]

    @property
    def next_tier(self) -> str:
        """The tier above; empty at the top."""
        rank = TIERS.index(self.tier) + 1 if self.tier else 0
        return TIERS[rank] if rank < len(TIERS) else ""

    @property
    def wanted(self) -> tuple[Verdict, ...]:
        """What the next tier asks for and is not there."""
        return tuple(one for one in self.verdicts if one.tier == self.next_tier and one.missing)


def quality(root: Path) -> Quality:
    """The tier of the project in the folder ``root``. Raises ProjectInvalid or FileMissing."""
    project = Project(root)
    verdicts = tuple(
        Verdict(rule.name, rule.tier, rule.says, rule.missing(project)) for rule in RULES
    )
    reached = ""
    for tier in TIERS:
        if any(one.missing for one in verdicts if one.tier == tier):
            break
        reached = tier
    return Quality(reached, verdicts)


def _worst(project: Project, severities: tuple[Severity, ...]) -> str:
    found = [one for one in project.findings if one.severity in severities]
    return f"{found[0]}" if found else ""


def _without_high(project: Project) -> str:
    return _worst(project, _HARD)


def _not_refused(project: Project) -> str:
    verdict = project.report.verdict
    return f"the scanner's verdict is {verdict}" if verdict == "reject" else ""


def _readme(project: Project) -> str:
    named = project.source.table.readme
    return "" if named and project.text(named).strip() else "a README that pyproject.toml names"


def _without_medium(project: Project) -> str:
    return _worst(project, (Severity.MEDIUM,))


def _tested(project: Project) -> str:
    return "" if any(_tests(project)) else "tests: functions test_... in a folder tests"


def _history(project: Project) -> str:
    version = project.source.version
    if version in _VERSION_HEADING.findall(project.text("CHANGELOG.md")):
        return ""
    return f"a heading for {version} in CHANGELOG.md"


def _changes(project: Project) -> str:
    return "" if project.source.manifest.changes else "changes: of this release, in plugin.yaml"


def _exact(project: Project) -> str:
    found = [one for one in project.findings if one.rule.startswith("permission-")]
    return str(found[0]) if found else ""


def _accepted(project: Project) -> str:
    verdict = project.report.verdict
    return "" if verdict == "accept" else f"the scanner's verdict is {verdict}"


def _typed(project: Project) -> str:
    if not any(name.endswith("/py.typed") for name in project.files):
        return "the file py.typed in the package (PEP 561)"
    for name, function in _functions(project):
        said = function.args
        named = [*said.posonlyargs, *said.args, *said.kwonlyargs]
        bare = [one.arg for one in named if one.annotation is None and one.arg not in _SELF]
        if bare or function.returns is None:
            return f"type hints of {function.name} ({name}:{function.lineno})"
    return ""


def _documented(project: Project) -> str:
    for name, tree in project.trees.items():
        if tree.body and ast.get_docstring(tree) is None:
            return f"a docstring of the module {name}"
        for node in tree.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if not node.name.startswith("_") and ast.get_docstring(node) is None:
                return f"a docstring of {node.name} ({name}:{node.lineno})"
    return ""


def _limits(project: Project) -> str:
    limits = project.source.manifest.limits
    return "" if limits != type(limits)() else "limits: in plugin.yaml, as measured"


def _source_link(project: Project) -> str:
    links = {name.casefold() for name in project.source.table.urls}
    known = {"source", "repository", "source code", "github", "homepage", "code"}
    return "" if links & known else "a link Source or Repository in [project.urls]"


def _good_score(project: Project) -> str:
    score = project.report.score
    return "" if score >= GOOD_SCORE else f"a scan score of {GOOD_SCORE} (it is {score})"


def _full_score(project: Project) -> str:
    score = project.report.score
    return "" if score == 100 else f"a scan score of 100 (it is {score})"


def _without_low(project: Project) -> str:
    return _worst(project, (Severity.LOW,))


def _pinned(project: Project) -> str:
    wanted = tomllib.loads(project.text(FILE)).get("build-system", {}).get("requires", [])
    loose = [text for text in wanted if "==" not in text]
    return f"a version of {loose[0]!r} in [build-system], for the same bytes" if loose else ""


def _pipeline(project: Project) -> str:
    found = any(name.startswith(place) for name in project.files for place in _PIPELINES)
    return "" if found else "a workflow that runs the tests (see 'heimnetz-git init --ci')"


def _operations_tested(project: Project) -> str:
    words = {word for tree in _tests(project) for word in _words(tree)}
    for name, function in _functions(project):
        if _is_operation(function) and function.name not in words:
            return f"a test of the operation {function.name} ({name}:{function.lineno})"
    return ""


_SELF = frozenset({"self", "cls"})


def _tests(project: Project) -> Iterator[ast.Module]:
    """The test modules that have a test."""
    for name in project.files:
        if name.startswith("tests/") and name.endswith(".py"):
            try:
                tree = ast.parse(project.text(name))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            if any(isinstance(n, functions) and n.name.startswith("test") for n in ast.walk(tree)):
                yield tree


def _functions(project: Project) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name, tree in project.trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, node


def _is_operation(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    marks = (mark.func if isinstance(mark, ast.Call) else mark for mark in function.decorator_list)
    return any(getattr(mark, "attr", getattr(mark, "id", "")) == "operation" for mark in marks)


def _words(tree: ast.Module) -> Iterator[str]:
    """Names that a test could call an operation by: attributes and texts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


RULES = (
    Rule("valid", "bronze", "The validator has nothing serious against it.", _without_high),
    Rule("not-refused", "bronze", "No registry would refuse its code.", _not_refused),
    Rule("readme", "bronze", "A README says how to use it.", _readme),
    Rule("clean", "silver", "The validator asks for nothing to be mended.", _without_medium),
    Rule("tested", "silver", "It has tests.", _tested),
    Rule("history", "silver", "The changelog has this version.", _history),
    Rule("changes", "silver", "Users are told what this release changes.", _changes),
    Rule("exact", "silver", "It declares just the permissions that it uses.", _exact),
    Rule("accepted", "silver", "The scanner accepts it without a review.", _accepted),
    Rule("typed", "gold", "Its code is typed, and says so.", _typed),
    Rule("documented", "gold", "Every public part has a docstring.", _documented),
    Rule("limits", "gold", "It says how much memory and time it needs.", _limits),
    Rule("source", "gold", "Its source can be found.", _source_link),
    Rule("good-score", "gold", f"Its scan score is at least {GOOD_SCORE}.", _good_score),
    Rule("spotless", "platinum", "Validator and scanner have no advice left.", _without_low),
    Rule("full-score", "platinum", "Its scan score is 100.", _full_score),
    Rule("pinned", "platinum", "It builds to the same bytes in a year.", _pinned),
    Rule("pipeline", "platinum", "A pipeline tests every change.", _pipeline),
    Rule("operations-tested", "platinum", "Every operation has a test.", _operations_tested),
)
