"""Asking the scanners of other packages about a path, each in a sandbox with limits."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from heimnetz_git.cli.session import Session
from heimnetz_git.errors import NotFound, UsageError, printable

if TYPE_CHECKING:
    from heimnetz_git.scan.external import External, Ran
    from heimnetz_git.scan.report import Report

__all__ = ["with_external"]

ALL = "all"
SECONDS = 120.0
OUTPUT = 16 << 20
MEMORY = "512M"


def with_external(session: Session, report: Report, text: str, names: tuple[str, ...]) -> Report:
    """The report with what the scanners ``names`` find in the wheel, folder or file ``text``.

    Raises NotFound for a scanner that is not installed, UsageError for what is no path.
    """
    from heimnetz_git.scan.external import ask, external_scanners
    from heimnetz_git.scan.report import ranked

    known = {scanner.name: scanner for scanner in external_scanners()}
    wanted = tuple(known) if ALL in names else names
    for name in wanted:
        if name not in known:
            raise NotFound(
                f"There is no scanner '{printable(name)}'.",
                hint=f"Installed are: {printable(', '.join(known)) or 'none'}.",
                scanner=name,
            )
    files = _files(session, text)
    found = [one for name in wanted for one in ask(known[name], _Sandboxed(session, files).run)]
    return msgspec.structs.replace(report, findings=ranked((*report.findings, *found)))


def _files(session: Session, text: str) -> Mapping[str, bytes]:
    from heimnetz_git.scan.engine import wheel_files
    from heimnetz_git.storage.wheelfile import open_wheel

    if "@" in text and not session.path(text).exists():
        raise UsageError("Scanners of others are asked about a path.", hint="Give a wheel.")
    place = session.existing(text)
    if place.is_file():
        is_wheel = place.suffix == ".whl"
        return wheel_files(open_wheel(place)) if is_wheel else {place.name: place.read_bytes()}
    paths = (path for path in sorted(place.rglob("*")) if path.is_file() and not path.is_symlink())
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in paths
        if ".git" not in path.relative_to(place).parts
    }


class _Sandboxed:
    """Runs scanners on files, each over a copy of its own."""

    def __init__(self, session: Session, files: Mapping[str, bytes]) -> None:
        self._session = session
        self._files = files

    def run(self, scanner: External) -> Ran:
        """One scanner, with nothing but its own code and a copy of the files."""
        from heimnetz_git.model.limits import Limits
        from heimnetz_git.model.permission import Permissions
        from heimnetz_git.sandbox.launcher import Launcher
        from heimnetz_git.sandbox.script import Bounds, Script, run_script
        from heimnetz_git.scan.external import DRIVER, Ran

        answer = bytearray()

        def take(number: int, data: bytes) -> None:
            if number == 1:
                answer.extend(data)

        with ExitStack() as stack:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="heimnetz-scan-")))
            folder = self._copy(data / "submission")
            code = (str(scanner.folder),)
            arguments = (scanner.target, str(folder))
            script = Script(DRIVER, str(data / "driver.py"), arguments, code, str(data))
            launcher = Launcher("required", on_warning=self._session.output.warn)
            outcome = run_script(
                script,
                launcher,
                Permissions(),
                Limits(memory=MEMORY, cpu=1.0, files=256),
                Bounds(SECONDS, OUTPUT),
                on_output=take,
            )
        return Ran(outcome.status, outcome.stopped, bytes(answer))

    def _copy(self, folder: Path) -> Path:
        """The files below ``folder``, readable by whoever the scanner runs as."""
        folder.parent.chmod(0o755)
        for name, data in self._files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o644)
        for path in (folder, *(it for it in folder.rglob("*") if it.is_dir())):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
        return folder
