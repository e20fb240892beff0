"""The door to the ``build`` library: a project's PEP 517 back end makes a wheel, in a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from heimnetz_git.errors import BuildFailed, printable

if TYPE_CHECKING:
    from build import ProjectBuilder

__all__ = ["Isolation", "build_wheel", "unmet"]

Isolation = Literal["auto", "always", "never"]
LONGEST_BUILD = 600.0
LINES_SHOWN = 25


def build_wheel(
    source: Path,
    out: Path,
    *,
    isolation: Isolation = "auto",
    environ: Mapping[str, str] | None = None,
) -> Path:
    """The wheel that the back end of the project in ``source`` wrote into ``out``.

    ``auto`` uses the current environment if it has all that ``build-system.requires`` names, else
    an isolated one, which needs a package index. ``environ`` is added to the environment. Raises
    BuildFailed with the last lines of what the back end said.
    """
    from build import BuildBackendException, BuildException  # heavy, and an extra

    runner = _Runner(environ or {})
    try:
        with _builder(source, isolation, runner) as builder:
            return Path(builder.build("wheel", str(out)))
    except BuildBackendException as error:
        raise _failed(str(error), runner.output) from None
    except BuildException as error:
        raise _failed(str(error), "") from None
    except subprocess.CalledProcessError as error:
        said = (error.stdout or b"") + (error.stderr or b"")
        raise _failed(
            "The isolated build environment could not be made.",
            said.decode("utf-8", "replace") if isinstance(said, bytes) else said,
            hint="It needs a package index; 'build --isolation never' uses what is installed.",
        ) from None


def unmet(requirements: Iterable[str]) -> tuple[str, ...]:
    """Those of PEP 508 ``requirements``, and of what they require, that are not installed here."""
    from build import check_dependency  # heavy, and an extra

    return tuple(sorted({chain[-1] for it in requirements for chain in check_dependency(it)}))


class _Runner:
    """Runs a back end's hook, keeps what it prints, and ends it when it takes too long."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.output = ""

    def __call__(
        self,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = {**os.environ, **(extra_environ or {}), **self.environ}
        try:
            done = subprocess.run(
                cmd,
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LONGEST_BUILD,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            self.output = f"It did not end within {LONGEST_BUILD:.0f} seconds."
            raise subprocess.CalledProcessError(1, error.cmd) from None
        self.output = done.stdout.decode("utf-8", "replace")
        done.check_returncode()


@contextmanager
def _builder(source: Path, isolation: Isolation, runner: _Runner) -> Iterator[ProjectBuilder]:
    from build import ProjectBuilder  # heavy, and an extra
    from build.env import DefaultIsolatedEnv

    here = ProjectBuilder(source, sys.executable, runner)
    if isolation != "always":
        missing = unmet(here.build_system_requires) or unmet(here.get_requires_for_build("wheel"))
        if not missing:
            yield here
            return
        if isolation == "never":
            raise _failed(f"Not installed here: {printable(', '.join(missing))}.", "")
    with DefaultIsolatedEnv(installer="uv" if shutil.which("uv") else "pip") as isolated:
        isolated.install(here.build_system_requires)
        builder = ProjectBuilder.from_isolated_env(isolated, source, runner)
        isolated.install(builder.get_requires_for_build("wheel"))
        yield builder


def _failed(why: str, output: str, *, hint: str | None = None) -> BuildFailed:
    lines = [printable(line) for line in output.rstrip().splitlines()]
    shown = "\n".join(lines[-LINES_SHOWN:])
    message = f"The project could not be built: {printable(why)}"
    return BuildFailed(f"{message}\n{shown}" if shown else message, hint=hint, output=shown)
