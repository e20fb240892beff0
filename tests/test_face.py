"""What authors and hosts import is a promise: a list that changes on purpose only."""

from __future__ import annotations

import subprocess
import sys

import heimnetz_git

FACE = [
    "AccessDenied",
    "AsyncPluginManager",
    "BasePlugin",
    "Context",
    "HeimnetzError",
    "InvalidParameters",
    "LaunchSpec",
    "OperationFailed",
    "OperationNotFound",
    "PluginCrashed",
    "PluginFailed",
    "PluginManager",
    "PluginNotFound",
    "PluginTimedOut",
    "Restart",
    "StartReport",
    "every",
    "health",
    "installed_plugins",
    "on",
    "operation",
]


def test_the_public_face_is_pinned() -> None:
    """Taking a name away breaks somebody; adding one is a decision."""
    assert heimnetz_git.__all__ == FACE
    assert sorted(FACE) == FACE


def test_every_name_of_the_face_is_there_and_documented() -> None:
    """Each has a docstring of its own."""
    for name in FACE:
        assert (getattr(heimnetz_git, name).__doc__ or "").strip(), name


def test_importing_the_package_loads_nothing() -> None:
    """The face is free until it is used."""
    code = (
        "import sys, heimnetz_git; print([m for m in sys.modules if m.startswith('heimnetz_git.')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == "[]"


def test_a_plugin_s_imports_leave_the_toolkit_alone() -> None:
    """What runs inside the sandbox loads neither Git, YAML, SQLite, HTTP nor the command line."""
    code = (
        "import sys\nfrom heimnetz_git import BasePlugin, Context, operation\n"
        "heavy = {'dulwich', 'ruamel', 'sqlite3', 'urllib3', 'click', 'resolvelib', 'packaging'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == "[]"
