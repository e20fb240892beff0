"""A universe as a bare Git repository, streamed through ``git fast-import``."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["WHEN", "Import", "git", "importing"]

WHEN = 1_767_225_600  # 2026-01-01T00:00:00Z
_WHO = "Universe <universe@example.org>"
_ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
# What a server of a large registry would set, and nothing that changes behind a benchmark's back.
_CONFIG = {"uploadpack.allowFilter": "true", "gc.auto": "0", "maintenance.auto": "false"}


class Import:
    """Commits written one after the other, each on the last of its branch."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._clock = WHEN
        self._branches: set[str] = set()

    def commit(
        self,
        branch: str,
        message: str,
        files: Iterable[tuple[str, bytes]],
        *,
        base: str | None = None,
    ) -> None:
        """One commit that sets these files, a minute after the last.

        A new branch begins at the branch ``base``, or with nothing.
        """
        self._clock += 60
        self._write(f"commit refs/heads/{branch}", f"committer {_WHO} {self._clock} +0000")
        self._data(message.encode())
        if base and branch not in self._branches:
            self._write(f"from refs/heads/{base}")
        self._branches.add(branch)
        for path, data in files:
            self._write(f"M 100644 inline {path}")
            self._data(data)

    def _write(self, *lines: str) -> None:
        self._out.write("".join(f"{line}\n" for line in lines).encode())

    def _data(self, data: bytes) -> None:
        self._out.write(b"data %d\n%s\n" % (len(data), data))


def git(repository: Path, *words: str) -> str:
    """What git says about a repository, without any user's configuration."""
    environ = {**os.environ, **_ALONE, "GIT_DIR": str(repository)}
    done = subprocess.run(["git", *words], env=environ, check=True, capture_output=True, text=True)
    return done.stdout


@contextmanager
def importing(repository: Path) -> Iterator[Import]:
    """A new bare repository at ``repository``, filled by the block, then packed with a bitmap.

    What was there before is removed if it is a Git repository. Raises FileExistsError for anything
    else, CalledProcessError with git's own word on failure.
    """
    if repository.exists():
        if not (repository / "HEAD").is_file():
            raise FileExistsError(f"{repository} is there and no Git repository")
        shutil.rmtree(repository)
    repository.parent.mkdir(parents=True, exist_ok=True)
    git(repository, "init", "--quiet", "--bare", "--initial-branch=main")
    for key, value in _CONFIG.items():
        git(repository, "config", key, value)
    environ = {**os.environ, **_ALONE, "GIT_DIR": str(repository)}
    command = ["git", "fast-import", "--quiet", "--done"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environ) as process:
        if process.stdin is None:
            raise OSError("git fast-import has no input")
        yield Import(process.stdin)
        process.stdin.write(b"done\n")
        process.stdin.close()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    git(repository, "repack", "-a", "-d", "-q", "--write-bitmap-index")
