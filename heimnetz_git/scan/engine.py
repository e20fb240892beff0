"""The scanner: files in, findings, capabilities and a verdict out; nothing is imported or run."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from heimnetz_git.errors import FileMissing, InvalidFile, WheelRejected, printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.manifest import Manifest
from heimnetz_git.model.permission import Permissions
from heimnetz_git.scan.aside import Aside
from heimnetz_git.scan.capabilities import capabilities_of
from heimnetz_git.scan.facts import Unreadable, read_module
from heimnetz_git.scan.program import Program
from heimnetz_git.scan.report import Report, Verdict, fingerprinted, ranked, verdict_of
from heimnetz_git.scan.rules import RULES
from heimnetz_git.scan.submission import Broken, Rule, Submission
from heimnetz_git.scan.tables import Module
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.wheelfile import Wheel, open_wheel

__all__ = [
    "Report",
    "Verdict",
    "ranked",
    "scan",
    "scan_tree",
    "scan_wheel",
    "verdict_of",
    "wheel_files",
]

MOST_FILES = 20_000
LARGEST_TREE = 256 << 20
_NOT_SOURCE = frozenset({".git", ".hg", ".svn"})


def scan(
    files: Mapping[str, bytes],
    permissions: Permissions | None = None,
    *,
    before: Permissions | None = None,
    rules: Iterable[Rule] = RULES,
) -> Report:
    """Everything that the rules find in ``files`` (path -> content).

    With ``permissions`` the code is held to them, and they to those ``before``. No comment and no
    file among ``files`` quietens a rule, and what cannot be analysed is a finding.
    """
    modules: list[Module] = []
    broken: list[Broken] = []
    with _without_collector():
        for file in sorted(files):
            if not _is_module(file, files[file]):
                continue
            try:
                modules.append(read_module(file, files[file]))
            except Unreadable as error:
                broken.append(Broken(Location(file, error.line, error.column), str(error)))
        program = _program(modules, broken)
        capabilities = capabilities_of(program)
        submission = Submission(files, program, tuple(broken), capabilities, permissions, before)
        aside = Aside(files, program.modules)
        found = ranked(aside.eased(finding) for rule in rules for finding in rule(submission))
        program.close()
    return Report(fingerprinted(found, files), capabilities, held=permissions is not None)


def _program(modules: list[Module], broken: list[Broken]) -> Program:
    """The modules as one program; those that were more than could be followed are broken."""
    try:
        program = Program(modules)
    except RecursionError:
        place = Location(modules[0].file if modules else "")
        broken.append(Broken(place, "its calls are nested too deeply"))
        return Program([])
    broken.extend(Broken(Location(file), "it takes too many steps") for file in program.spent)
    return program


def scan_tree(folder: Path, permissions: Permissions | None = None) -> Report:
    """Everything found in the files below ``folder``, those of version control left out.

    Links are not followed and are findings themselves, as are files past the scanner's bounds.
    Raises FileMissing.
    """
    if not folder.is_dir():
        raise FileMissing(f"There is no folder {printable(str(folder))}.", path=str(folder))
    files: dict[str, bytes] = {}
    odd: list[Finding] = []
    size = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not _NOT_SOURCE.isdisjoint(path.relative_to(folder).parts) or path.is_dir():
            continue
        if path.is_symlink() or not path.is_file():
            odd.append(_unseen(name, "is a link or a device"))
            continue
        size += path.stat().st_size
        if len(files) >= MOST_FILES or size > LARGEST_TREE:
            odd.append(_unseen(name, "and what follows it is past the scanner's bounds"))
            break
        files[name] = path.read_bytes()
    report = scan(files, permissions)
    findings = ranked((*report.findings, *odd))
    return Report(findings, report.capabilities, held=permissions is not None)


def scan_wheel(source: Path | bytes | Wheel) -> Report:
    """Everything found in a plugin's wheel, held to the permissions in its own ``plugin.yaml``.

    A wheel that may not be opened is a report with that as findings, never an error.
    """
    try:
        wheel = source if isinstance(source, Wheel) else open_wheel(source)
    except WheelRejected as error:
        name = source.name if isinstance(source, Path) else "wheel"
        said = [str(problem.message) for problem in error.problems] or [str(error)]
        place = Location(printable(name))
        return Report(
            ranked(Finding("wheel-rejected", Severity.HIGH, words, place) for words in said), ()
        )
    return scan(wheel_files(wheel), _declared(wheel))


def wheel_files(wheel: Wheel) -> Mapping[str, bytes]:
    """The files of a wheel that was opened, by path."""
    return {member.name: wheel.read(member.name) for member in wheel.members}


def _declared(wheel: Wheel) -> Permissions | None:
    if wheel.plugin_yaml is None:
        return None
    try:
        return yamlfile.read(wheel.plugin_yaml, Manifest, "plugin.yaml").permissions
    except InvalidFile:
        return Permissions()  # what cannot be read grants nothing


def _unseen(name: str, said: str) -> Finding:
    message = f"{printable(name)} {said}: it was not analysed."
    return Finding("not-analysed", Severity.MEDIUM, message, Location(name))


def _is_module(file: str, data: bytes) -> bool:
    if file.endswith((".py", ".pyw", ".pth")):
        return True
    return data.startswith(b"#!") and b"python" in data.split(b"\n", 1)[0]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Trees are made and dropped whole: the collector only walks them in vain."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
