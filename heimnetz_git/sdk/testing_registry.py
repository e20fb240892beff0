"""A registry and a home in an author's test: published and installed as in real life."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["CommandFailed", "Registry"]

NAME = "test-registry"


class CommandFailed(Exception):
    """A command of heimnetz-git ended with an error: its ``code``, and its whole ``document``."""

    def __init__(self, message: str, document: dict[str, Any]) -> None:
        super().__init__(message)
        self.document = document
        self.code = str(document.get("error", {}).get("code", ""))


class Registry:
    """A new empty registry and a home that installs from it, in processes of their own::

        registry.publish(".")
        registry.install("good-morning")
        assert registry.call("good-morning", "greet", name="Ada") == "Good morning, Ada"

    Both are the real ones: the same checks, the same sandbox, nothing of the user's own home.
    """

    def __init__(self, folder: Path, *, root: Path, sandbox: str) -> None:
        """``folder`` is empty and this registry's own; projects are below ``root``."""
        self.path = folder / "registry.git"
        self.home = folder / "home"
        self._root = root
        self._environ = {
            **{name: value for name, value in os.environ.items() if "HEIMNETZ" not in name},
            "HEIMNETZ_GIT_HOME": str(self.home),
            "HEIMNETZ_GIT_SANDBOX": sandbox,
            "XDG_CONFIG_DIRS": str(folder / "site"),
        }
        self.run("index", "init", str(self.path), "--name", NAME)
        self.run("index", "add", NAME, str(self.path))

    def publish(self, path: Path | str = ".", *, override: Iterable[str] = ()) -> dict[str, Any]:
        """Build a project (or take a wheel), submit it, and merge it as a maintainer would.

        ``override`` names the rules that the maintainer overrides. The document of ``publish``.
        Raises CommandFailed with the reason when the registry refuses it.
        """
        done = self.run("publish", str(self._root / path), "--to", str(self.path))
        more = [word for rule in override for word in ("--override", rule)]
        self.run("merge", str(self.path), "--all", *more)
        self.run("index", "update")
        return done

    def install(self, *names: str) -> dict[str, Any]:
        """Install plugins (``good-morning``, ``lamp==1.2.0``) and what they require."""
        return self.run("install", *names, "--yes")

    def update(self) -> dict[str, Any]:
        """Bring what is installed to its newest releases."""
        return self.run("update", "--yes")

    def installed(self) -> dict[str, str]:
        """The version of each installed plugin by name."""
        return {one["name"]: one["version"] for one in self.run("list")["plugins"]}

    def call(self, plugin: str, operation: str, /, **params: Any) -> Any:
        """What an operation of an installed plugin gives, in its sandbox."""
        pairs = [
            word
            for key, value in params.items()
            for word in ("--param", f"{key}={value if isinstance(value, str) else _json(value)}")
        ]
        return self.run("run", plugin, operation, *pairs)["result"]

    def host_is(self, version: str, api: str = "heimnetz") -> None:
        """Install from now on as a host with this version of an API does, such as an old one."""
        self.run("config", "set", f"host.{api}", version)

    def run(self, *words: str) -> dict[str, Any]:
        """One command of heimnetz-git on this home; its JSON document. Raises CommandFailed."""
        done = subprocess.run(
            [sys.executable, "-m", "heimnetz_git", *words, "--json"],
            cwd=self._root,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        document = _document(done.stdout)
        if done.returncode:
            error = document.get("error", {})
            said = error.get("message") or done.stderr.strip() or done.stdout.strip()
            way_out = f" {error['hint']}" if error.get("hint") else ""
            raise CommandFailed(f"heimnetz-git {words[0]}: {said}{way_out}", document)
        return document


def _json(value: Any) -> str:
    return json.dumps(value)


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
