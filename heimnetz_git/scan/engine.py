"""The scanner: files in, findings, capabilities and a verdict out; nothing is imported or run."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from heimnetz_git.errors import InvalidFile, WheelRejected, printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.manifest import Manifest
from heimnetz_git.model.permission import Permissions
from heimnetz_git.scan.aside import Aside
from heimnetz_git.scan.capabilities import capabilities_of
from heimnetz_git.scan.facts import Unreadable, read_module, read_rest
from heimnetz_git.scan.members import archive_files, expanded, notebook_code
from heimnetz_git.scan.program import Program
from heimnetz_git.scan.report import Report, Verdict, fingerprinted, ranked, verdict_of
from heimnetz_git.scan.rules import RULES
from heimnetz_git.scan.submission import Broken, Rule, Submission
from heimnetz_git.scan.tables import Module
from heimnetz_git.scan.tree import read_tree

if TYPE_CHECKING:
    from heimnetz_git.storage.wheelfile import Wheel

__all__ = [
    "Report",
    "Verdict",
    "ranked",
    "scan",
    "scan_archive",
    "scan_tree",
    "scan_wheel",
    "verdict_of",
    "wheel_files",
]


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
    whole = expanded(files)
    modules: list[Module] = []
    broken: list[Broken] = []
    with _without_collector():
        for file in sorted(whole.files):
            source = _source(file, whole.files[file])
            if source is not None:
                _read(file, source, modules, broken)
        program = _program(modules, broken)
        capabilities = capabilities_of(program)
        submission = Submission(
            whole.files, program, tuple(broken), capabilities, permissions, before
        )
        aside = Aside(files, program.modules)
        said = (*whole.findings, *(finding for rule in rules for finding in rule(submission)))
        found = ranked(map(aside.eased, said))
        program.close()
    return Report(fingerprinted(found, whole.files), capabilities, held=permissions is not None)


def _read(file: str, source: bytes, modules: list[Module], broken: list[Broken]) -> None:
    """Add a module to ``modules``; to ``broken`` if something of it could not be read."""
    try:
        modules.append(read_module(file, source))
    except Unreadable as error:
        rest = read_rest(file, source)
        old = rest is not None and not rest[1] and error.line > 0 and _is_text(source)
        broken.append(Broken(Location(file, error.line, error.column), str(error), mended=old))
        if rest is not None:
            modules.append(rest[0])


def _is_text(source: bytes) -> bool:
    try:
        return "\0" not in source.decode("utf-8")
    except UnicodeDecodeError:
        return False


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
    tree = read_tree(folder)
    return _with(scan(tree.files, permissions), tree.findings)


def scan_archive(name: str, data: bytes) -> Report:
    """Everything found in a wheel, source distribution or other archive of this name."""
    inside = archive_files(name, data)
    return _with(scan(inside.files), inside.findings)


def _with(report: Report, more: Iterable[Finding]) -> Report:
    findings = ranked((*report.findings, *more))
    return Report(findings, report.capabilities, held=report.held)


def scan_wheel(source: Path | bytes | Wheel) -> Report:
    """Everything found in a plugin's wheel, held to the permissions in its own ``plugin.yaml``.

    A wheel that may not be opened is a report with that as findings, never an error.
    """
    from heimnetz_git.storage.wheelfile import Wheel, open_wheel  # heavy, and only for wheels

    try:
        wheel = source if isinstance(source, Wheel) else open_wheel(source)
    except WheelRejected as error:
        name = printable(source.name) if isinstance(source, Path) else "wheel"
        data = source if isinstance(source, bytes) else Path(str(source)).read_bytes()
        inside = archive_files(name, data)
        said = [str(problem.message) for problem in error.problems] or [str(error)]
        place = Location(name)
        faults = (Finding("wheel-rejected", Severity.HIGH, words, place) for words in said)
        is_plugin = (
            not inside.files or bool(inside.findings) or _claims_to_be_a_plugin(inside.files)
        )
        return _with(scan(inside.files), faults if is_plugin else ())
    return scan(wheel_files(wheel), _declared(wheel))


def _claims_to_be_a_plugin(files: Mapping[str, bytes]) -> bool:
    """Whether the rules on plugins' wheels apply; other packages may install commands."""
    return any(
        file.endswith("plugin.yaml")
        or (file.endswith("entry_points.txt") and b"[heimnetz.plugins]" in data)
        for file, data in files.items()
    )


def wheel_files(wheel: Wheel) -> Mapping[str, bytes]:
    """The files of a wheel that was opened, by path."""
    return {member.name: wheel.read(member.name) for member in wheel.members}


def _declared(wheel: Wheel) -> Permissions | None:
    from heimnetz_git.storage import yamlfile  # heavy, and only for plugins

    if wheel.plugin_yaml is None:
        return None
    try:
        return yamlfile.read(wheel.plugin_yaml, Manifest, "plugin.yaml").permissions
    except InvalidFile:
        return Permissions()  # what cannot be read grants nothing


def _source(file: str, data: bytes) -> bytes | None:
    """The Python source that a file is or holds; None for any other file."""
    if file.endswith((".py", ".pyw", ".pth", ".pyi")):
        return data
    if file.endswith(".ipynb"):
        return notebook_code(data)
    script = data.startswith(b"#!") and b"python" in data.split(b"\n", 1)[0]
    return data if script else None


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
