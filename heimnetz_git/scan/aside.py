"""Which files of a package lie aside: tests, examples and tools that nothing else imports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import msgspec

from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.scan.tables import Module

__all__ = ["Aside"]

_PROJECT = frozenset({"setup.py", "setup.cfg", "pyproject.toml", "PKG-INFO", "METADATA"})
_FOLDERS = frozenset(
    {"test", "tests", "testing", "unittests", "doc", "docs", "example", "examples", "benchmark",
     "benchmarks", "samples", "demo", "demos", "ci", ".ci", ".github", "fixtures"}
)  # fmt: skip
_TOP_FOLDERS = frozenset({"tools", "scripts", "contrib", "devtools", "hacking", "maint", "misc"})
# Run by other programs without being imported.
_STARTED = frozenset({"setup.py", "conftest.py", "__main__.py"})
# What no test or tool has a use for.
_GRAVE = frozenset(
    {"exfiltration", "reverse-shell", "shellcode", "clipper", "spying", "dns-tunnel", "miner",
     "wheel-rejected", "permission-undeclared"}
)  # fmt: skip


class Aside:
    """The files of a project that neither its installation nor its use runs.

    Known by their folder, and only where the package has code elsewhere that does not import them.
    """

    def __init__(self, files: Mapping[str, bytes], modules: Iterable[Module]) -> None:
        roots = [path.parent for path in map(PurePosixPath, files) if path.name in _PROJECT]
        self.depth = min((len(root.parts) for root in roots), default=-1)
        main = [
            file
            for file in files
            if file.endswith(".py") and not file.endswith("setup.py") and not self._is_below(file)
        ]
        self.is_project = self.depth >= 0 and bool(main)
        self.imported: set[str] = set()
        for module in modules if self.is_project else ():
            if not self._is_below(module.file):
                self.imported.update(name for name, _, _ in module.imports)

    def _is_below(self, file: str) -> bool:
        path = PurePosixPath(file)
        if path.name in _STARTED:
            return path.name == "__main__.py" and not _FOLDERS.isdisjoint(path.parts[:-1])
        folders = path.parts[max(self.depth, 0) : -1]
        if path.name.startswith("test_") or path.stem.endswith("_test"):
            return True
        return not _FOLDERS.isdisjoint(folders) or (
            self.depth >= 0 and folders[:1] != () and folders[0] in _TOP_FOLDERS
        )

    def holds(self, file: str) -> bool:
        """Whether ``file`` lies aside."""
        if not self.is_project or not self._is_below(file):
            return False
        parts = PurePosixPath(file.removesuffix(".py").removesuffix("/__init__")).parts
        dotted = [".".join(parts[start:]) for start in range(len(parts))]
        return not any(
            name == one or name.startswith(f"{one}.") for one in dotted for name in self.imported
        )

    def eased(self, finding: Finding) -> Finding:
        """The finding, or a low one if it stands aside and is not of the gravest kind."""
        high = finding.severity in (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)
        if not high or finding.rule in _GRAVE or not self.holds(finding.location.file):
            return finding
        return msgspec.structs.replace(finding, severity=Severity.LOW)
