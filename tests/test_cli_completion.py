"""Four shells are served: their scripts, and what they ask while someone types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from heimnetz_git.cli.completion import SHELLS
from heimnetz_git.cli.program import program

MARKS = {
    "bash": "complete -o nosort -F _heimnetz_git_completion heimnetz-git",
    "zsh": "#compdef heimnetz-git",
    "fish": "complete --no-files --command heimnetz-git",
    "powershell": "Register-ArgumentCompleter -Native -CommandName heimnetz-git",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script(shell: str) -> None:
    """As text, and as a document."""
    assert MARKS[shell] in CliRunner().invoke(program, ["completion", shell]).stdout
    found = json.loads(CliRunner().invoke(program, ["completion", shell, "--json"]).stdout)
    assert found["schema"] == "heimnetz-git/completion/1"
    assert MARKS[shell] in found["script"]


def asked(instruction: str, tmp_path: Path, **environ: str) -> list[str]:
    """What the program answers to a shell's script."""
    ended = subprocess.run(
        [sys.executable, "-m", "heimnetz_git"],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "_HEIMNETZ_GIT_COMPLETE": instruction,
            "HEIMNETZ_GIT_HOME": str(tmp_path / "home"),
            **environ,
        },
    )
    assert ended.stderr == ""
    return ended.stdout.splitlines()


def test_bash_completes_commands(tmp_path: Path) -> None:
    """The names of commands that begin so."""
    found = asked("bash_complete", tmp_path, COMP_WORDS="heimnetz-git in", COMP_CWORD="1")
    assert found == ["plain,info", "plain,install", "plain,index"]


def test_powershell_completes_with_tips(tmp_path: Path) -> None:
    """Value, tab, tip; the word being typed is not counted twice."""
    found = asked("powershell_complete", tmp_path, COMP_WORDS="heimnetz-git sea", COMP_WORD="sea")
    assert found == ["search\tFind plugins by words."]


def test_settings_are_completed(tmp_path: Path) -> None:
    """Arguments know their values."""
    found = asked(
        "bash_complete", tmp_path, COMP_WORDS="heimnetz-git config get sand", COMP_CWORD="3"
    )
    assert found == ["plain,sandbox"]


def test_a_completion_that_fails_says_nothing(tmp_path: Path) -> None:
    """A broken settings file must not spill into what is being typed."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.yaml").write_text("[broken", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "heimnetz_git"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "_HEIMNETZ_GIT_COMPLETE": "bash_complete",
            "COMP_WORDS": "heimnetz-git config get s",
            "COMP_CWORD": "3",
            "HEIMNETZ_GIT_HOME": str(tmp_path / "home"),
        },
    )
    assert (ended.stdout.strip(), ended.stderr) == ("", "")
