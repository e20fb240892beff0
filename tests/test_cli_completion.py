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
from heimnetz_git.cli.program import program, run
from heimnetz_git.cli.typing_ahead import complete

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
    assert found == ["plain,info", "plain,install", "plain,init", "plain,index"]


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


LINES = [
    "",
    "in",
    "index",
    "index ",
    "index up",
    "config s",
    "registry ",
    "zzz",
    "lock",
    "-",
    "--j",
]
LINES += [
    "index --h",
    "search wa",
    "nonsense up",
    "index update ",
    "'in",
    "in=",
    "index index ",
    "I",
]


def typed(shell: str, line: str) -> dict[str, str]:
    """The variables that a shell's script sets when ``line`` is typed behind the program's name."""
    words = f"heimnetz-git {line}".split()
    last = "" if line.endswith(" ") or not line else words[-1]
    place = str(len(words) - bool(last))
    counted = {"fish": {"COMP_CWORD": last}, "powershell": {"COMP_WORD": last}}
    return {
        "_HEIMNETZ_GIT_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(words),
        **counted.get(shell, {"COMP_CWORD": place}),
    }


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("line", LINES)
def test_what_is_answered_from_the_table_is_click_s_answer(
    shell: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    """To the byte; and where it is not sure, it leaves the answer to click."""
    said = complete(typed(shell, line))
    if said is None:
        assert line not in ("", "in", "index", "index ", "index up", "config s", "zzz")
        return
    for name, value in typed(shell, line).items():
        monkeypatch.setenv(name, value)
    run([])
    assert said.encode() == capsysbinary.readouterr().out


def test_the_answer_from_the_table_imports_nothing() -> None:
    """Neither click nor what most of the standard library stands on."""
    code = (
        "import sys; before = {*sys.modules}; from heimnetz_git.cli.main import main; main([]);"
        "print(*sorted({*sys.modules} - before), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **typed("bash", "in")},
    )
    assert ended.stdout.splitlines() == ["plain,info", "plain,install", "plain,init", "plain,index"]
    theirs = {name for name in ended.stderr.split() if not name.startswith("heimnetz_git")}
    assert theirs <= {"__future__", "atexit", "gc"}
