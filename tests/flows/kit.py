"""A machine, registries and the real program between them: what the stories of flows/ stand on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from heimnetz_git.cli.program import program
from heimnetz_git.storage.repo import Repository
from tests.gitkit import put
from tests.wheelkit import make_wheel

__all__ = ["LAN", "PATIENCE", "Ended", "Machine", "Registry", "code", "operations"]

LAN = {"network": {"connect": ["lan:9/udp"]}}
PATIENCE = 60.0  # seconds that a command may take before the test gives up
KEPT = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")


class Ended(NamedTuple):
    """How a command ended: its exit code and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def error(self) -> dict[str, Any]:
        """The error of the document."""
        found: dict[str, Any] = self.document["error"]
        return found


class Machine:
    """A user's machine: a home, a working folder, a configuration, and the program."""

    def __init__(self, root: Path, environ: Mapping[str, str] | None = None) -> None:
        """Everything happens below ``root``; ``environ`` adds variables."""
        self.root = root
        self.home = root / "home"
        self.work = root / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        inherited = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.environ = {
            **inherited,
            "HOME": str(root),
            "HEIMNETZ_GIT_HOME": str(self.home),
            "XDG_CONFIG_DIRS": str(root / "site"),
            **(environ or {}),
        }

    def command(self, *words: str | Path) -> list[str]:
        """The words as a command line of the program in a process of its own."""
        return [sys.executable, "-m", "heimnetz_git", *map(str, words)]

    def run(self, *words: str | Path, given: str = "", **environ: str) -> Ended:
        """One command line, to its end; no terminal anywhere."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.work,
            env={**self.environ, **environ},
            input=given,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=PATIENCE,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def do(self, *words: str | Path, **environ: str) -> str:
        """One that must work; what it printed."""
        ended = self.run(*words, **environ)
        assert ended.code == 0, (words, ended)
        return ended.out

    def ask(self, *words: str | Path, **environ: str) -> dict[str, Any]:
        """The document of one that must work."""
        ended = self.run(*words, "--json", **environ)
        assert (ended.code, ended.err) == (0, ""), (words, ended)
        assert ended.document["schema"].startswith("heimnetz-git/"), words
        return ended.document

    def refuse(self, exit_code: int, *words: str | Path, **environ: str) -> dict[str, Any]:
        """The error of one that must end with that code, as programs get it."""
        ended = self.run(*words, "--json", **environ)
        assert (ended.code, ended.err) == (exit_code, ""), (words, ended)
        assert ended.document["schema"] == "heimnetz-git/error/1"
        assert ended.error["exit_code"] == exit_code
        assert ended.error["hint"], words
        return ended.error

    def start(self, *words: str | Path, **options: Any) -> subprocess.Popen[str]:
        """One command line that goes on, in a process group of its own."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.work,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def interrupt(self, process: subprocess.Popen[str]) -> Ended:
        """Ctrl-C, as the terminal sends it: to the whole group."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        return Ended(process.returncode, out, err)

    @property
    def versions(self) -> dict[str, str]:
        """What is installed."""
        return {one["name"]: one["version"] for one in self.ask("list")["plugins"]}


class Registry:
    """A bare repository with a registry in it, filled by the program itself but in this process."""

    def __init__(self, path: Path) -> None:
        """Makes it, unless it is there."""
        self.path = path
        if not path.exists():
            self.do("index", "init", str(path), "--name", path.stem)

    def copy(self, folder: Path) -> Registry:
        """The same registry once more, below ``folder``, with its wheels."""
        for name in (self.path, self.path.with_suffix(".dist")):
            shutil.copytree(name, folder / name.name)
        return Registry(folder / self.path.name)

    def do(self, *words: str) -> str:
        """A command line that must work, in a home of the registry's own."""
        environ = {"HEIMNETZ_GIT_HOME": str(self.path.with_suffix(".home"))}
        done = CliRunner(env=environ).invoke(program, list(words))
        assert done.exit_code == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def wheel(self, name: str, version: str = "1.0.0", **options: Any) -> Path:
        """A wheel that is not published."""
        return make_wheel(self.path.with_suffix(".dist"), name, version, **options)

    def publish(self, name: str, version: str = "1.0.0", **options: Any) -> Path:
        """Publish and merge a release, as ``make_wheel`` makes it."""
        wheel = self.wheel(name, version, **options)
        self.do("publish", str(wheel), "--to", str(self.path))
        self.do("merge", str(self.path), "--all", "--override", "permissions-grown")
        return wheel

    def put(self, files: Mapping[str, bytes | None], message: str = "change") -> str:
        """A commit on main that nobody judged; its id."""
        with Repository.open(self.path) as repo:
            return put(repo, files, message=message)

    def reset(self, commit: str) -> None:
        """Force main to a commit."""
        with Repository.open(self.path) as repo:
            assert repo.set_branch("main", commit, expect=repo.branch("main"))

    @property
    def commit(self) -> str:
        """What main is."""
        with Repository.open(self.path) as repo:
            found = repo.branch("main")
        assert found
        return found

    def read(self, path: str) -> bytes:
        """A file of main."""
        with Repository.open(self.path) as repo:
            entry = repo.entry(repo.tree(self.commit), path)
            assert entry, path
            return repo.read(entry.oid)


def code(name: str, body: str) -> dict[str, str]:
    """The files of a plugin whose class has this body."""
    title = "".join(part.capitalize() for part in name.split("-"))
    indented = "".join(f"    {line}\n" if line else "\n" for line in body.splitlines())
    head = '"""A plugin."""\n\nimport os\nimport sys\nimport time\n\n'
    head += "from heimnetz_git import BasePlugin, operation\n\n\n"
    package = name.replace("-", "_")
    return {
        f"{package}/__init__.py": f'{head}class {title}(BasePlugin):\n    """It."""\n\n{indented}'
    }


def operations(**named: Mapping[str, str]) -> dict[str, Any]:
    """Operations as the build compiles them: each name with its parameters' types, all required."""
    return {
        name: {
            "summary": name,
            "parameters": {
                "type": "object",
                "properties": {key: {"type": kind} for key, kind in parameters.items()},
                "required": list(parameters),
                "additionalProperties": False,
            },
            "result": {},
        }
        for name, parameters in named.items()
    }
