"""The tutorial does what it says: every file is written and every command is run, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "first-plugin.md"
BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


@pytest.mark.skipif(os.name == "nt", reason="the tutorial is written for a POSIX shell")
def test_the_tutorial_ends_with_a_published_plugin_that_runs(tmp_path: Path) -> None:
    """Typed into an empty folder, it goes from a first file to a rollback."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["HEIMNETZ_GIT_HOME"] = str(tmp_path / "home")
    environment["NO_COLOR"] = "1"
    said = ""
    for block in BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        if block["file"]:
            target = tmp_path / block["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block["body"], encoding="utf-8")
        elif block["kind"] == "console":
            said += run_block(block["body"], tmp_path, environment)
    assert "Good morning, Ada!" in said
    assert "1.1.0" in said


def run_block(body: str, folder: Path, environment: dict[str, str]) -> str:
    """Run the commands of a block; ``error[...]`` below one says that it must fail so."""
    said = ""
    for step in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        ended = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        report = f"$ {command}\n{ended.stdout}{ended.stderr}"
        if expected.startswith("error["):
            assert expected.strip() in ended.stderr, report
            assert ended.returncode != 0, report
        else:
            assert ended.returncode == 0, report
        said += ended.stdout
    return said
