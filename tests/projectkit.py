"""Small real plugin projects, written into a folder for a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = ["CLASS", "Draft", "write_project"]

CLASS = '''"""Tells the time."""

from __future__ import annotations

import time

from heimnetz_git import BasePlugin, Context, operation


class Clock(BasePlugin):
    """A clock."""

    def initialize(self, context: Context) -> None:
        """Note the start."""
        self.started = time.monotonic()

    @operation
    def uptime(self) -> float:
        """How long the clock has run, in seconds."""
        return time.monotonic() - self.started
'''
LICENSE = "MIT License\n\nPermission is hereby granted, free of charge, to any person.\n"
GITIGNORE = "dist/\n__pycache__/\n"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a project says; ``files`` adds or replaces files by path, None leaves one out.

    ``manifest`` are YAML lines after the first two of ``plugin.yaml``, ``project`` TOML lines
    after those of ``[project]``, ``code`` the package's ``__init__.py``.
    """

    name: str = "clock"
    version: str = "1.0.0"
    summary: str = "Tells how long it has been running."
    manifest: str = ""
    project: str = ""
    entry_point: str = ""
    code: str = CLASS
    files: Mapping[str, str | None] = {}

    @property
    def package(self) -> str:
        """The import package."""
        return self.name.replace("-", "_")

    def pyproject(self) -> str:
        """Its ``pyproject.toml``."""
        entry_point = self.entry_point or f"{self.package}:Clock"
        return f"""[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{self.name}"
version = "{self.version}"
description = "{self.summary}"
readme = "README.md"
license = "MIT"
license-files = ["LICENSE"]
requires-python = ">=3.11"
authors = [{{ name = "Ada Example", email = "ada@example.org" }}]
{self.project}

[project.urls]
Homepage = "https://example.org/{self.name}"

[project.entry-points."heimnetz.plugins"]
{self.name} = "{entry_point}"

[tool.hatch.build.targets.wheel]
packages = ["src/{self.package}"]
"""

    def plugin_yaml(self) -> str:
        """Its ``plugin.yaml``."""
        return f"""format: 1
type: utility
{self.manifest or 'host: {heimnetz: ">=0.1,<2"}'}
"""


def write_project(folder: Path, draft: Draft | None = None) -> Path:
    """The project as real files below ``folder``; returns its root."""
    said = draft or Draft()
    root = folder / said.name
    files: dict[str, str | None] = {
        "pyproject.toml": said.pyproject(),
        "plugin.yaml": said.plugin_yaml(),
        "README.md": f"# {said.name}\n\n{said.summary}\n",
        "LICENSE": LICENSE,
        ".gitignore": GITIGNORE,
        f"src/{said.package}/__init__.py": said.code,
        **said.files,
    }
    for name, text in files.items():
        if text is None:
            continue
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
