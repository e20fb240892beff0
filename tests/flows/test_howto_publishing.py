"""The how-to pages about publishing do what they say: their commands are run, in their order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forgekit
from tests.flows.kit import Machine, Registry
from tests.forgekit import TOKEN

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
FORGES = {
    "publish-from-github": ("https://github.com", forgekit.github),
    "publish-from-gitlab": ("https://gitlab.com", forgekit.gitlab),
    "publish-from-forgejo": ("https://codeberg.org", forgekit.forgejo),
}
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the pages are for a POSIX shell")


def commands(page: str) -> list[str]:
    """The lines of a page's shell blocks."""
    text = (HOW_TO / f"{page}.md").read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def bell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin's project, made once."""
    machine = Machine(tmp_path_factory.mktemp("made"))
    machine.do("new", "bell", "--type", "utility", "--author", "Ada", "--email", "ada@example.org")
    return machine.work / "bell"


@pytest.fixture
def author(bell: Path, tmp_path: Path) -> Machine:
    """An author in the project's folder, with the program on the PATH."""
    machine = Machine(tmp_path / "author", {"HEIMNETZ_TOKEN": TOKEN})
    shutil.copytree(bell, machine.work, dirs_exist_ok=True)
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "heimnetz-git"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m heimnetz_git "$@"\n')
    program.chmod(0o755)
    machine.environ["PATH"] = f"{tools}{os.pathsep}{machine.environ['PATH']}"
    machine.environ["PYTHONPATH"] = str(HOW_TO.parents[1])
    return machine


def typed(author: Machine, line: str) -> str:
    """A line as it would be typed; what it printed."""
    done = subprocess.run(
        ["sh", "-c", line], cwd=author.work, env=author.environ, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("publish-from-github", marks=pytest.mark.slow),
        pytest.param("publish-from-gitlab", marks=pytest.mark.slow),
        pytest.param("publish-from-forgejo", marks=pytest.mark.slow),
    ],
)
def test_the_page_of_a_forge(page: str, author: Machine, tmp_path: Path) -> None:
    """With the forge's server on the loopback in place of the one that the page names."""
    host, routes = FORGES[page]
    Registry(tmp_path / "acme/plugins.git")
    with forgekit.forge(tmp_path, routes) as forge:
        said = [typed(author, line.replace(host, forge.address)) for line in commands(page)]
    assert "dry run" in said[0]
    assert len(forge.pulls) == 1
    assert any("Withdrew bell 0.1.0" in text for text in said)
    assert not any(TOKEN in text for text in said)


@pytest.mark.parametrize(
    "page",
    [
        "publish-without-a-forge",
        pytest.param("publish-across-an-air-gap", marks=pytest.mark.slow),
        pytest.param("check-and-merge-submissions", marks=pytest.mark.slow),
    ],
)
def test_the_pages_without_a_forge(page: str, author: Machine, tmp_path: Path) -> None:
    """On folders, as they stand; what a page takes for granted is there before."""
    if page != "publish-without-a-forge":
        registry = Registry(author.work / "registry.git")
        shutil.copytree(registry.path, author.work / "copy.git")
    if page == "check-and-merge-submissions":
        typed(author, "heimnetz-git publish --to registry.git --owner ada")
    said = "\n".join(typed(author, line) for line in commands(page))
    done = "bell 0.1.0 waits" if page == "check-and-merge-submissions" else "Merged bell 0.1.0"
    assert done in said
