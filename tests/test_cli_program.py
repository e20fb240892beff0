"""The program as a whole: help, mistakes, interrupts and faults, in their form, with their code."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from heimnetz_git.cli import directory
from heimnetz_git.cli.command import ToolCommand, load
from heimnetz_git.cli.failure import EXIT_CODES, report, understand
from heimnetz_git.cli.main import main
from heimnetz_git.cli.program import program
from heimnetz_git.cli.version import VERSION
from heimnetz_git.errors import HeimnetzError, InvalidFile, PluginNotFound
from heimnetz_git.model.finding import Location, Problem

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("dulwich", "ruamel", "sqlite3", "msgspec", "resolvelib", "urllib3", "rich", "packaging")


def start(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "heimnetz_git", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environ},
    )


def test_the_version_is_the_project_s(capsys: pytest.CaptureFixture[str]) -> None:
    """One version, in pyproject.toml and in the program."""
    assert f'\nversion = "{VERSION}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"heimnetz-git {VERSION}\n"


def test_the_version_as_a_document() -> None:
    """--json in either order."""
    for arguments in (["--version", "--json"], ["--json", "--version"]):
        result = CliRunner().invoke(program, arguments)
        assert json.loads(result.stdout) == {"schema": "heimnetz-git/version/1", "version": VERSION}


def test_help_imports_nothing_heavy() -> None:
    """Help of the program and of a group is answered from the table alone."""
    for arguments in ([], ["--help"], ["index", "--help"]):
        code = (
            "import sys; from heimnetz_git.cli.main import main; code = main(sys.argv[1:]);"
            "print('LOADED', *sys.modules, file=sys.stderr); sys.exit(code)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        loaded = {name.split(".")[0] for name in ended.stderr.split()}
        assert loaded.isdisjoint(HEAVY), arguments
        assert "Usage: heimnetz-git" in ended.stdout


def commands() -> Iterator[tuple[directory.Entry, click.Command]]:
    """Every command with its row in the table."""
    for entry in directory.COMMANDS:
        yield entry, load(entry)


def test_the_table_says_what_the_commands_say_of_themselves() -> None:
    """The summary in the table is the first line of the command's own help."""
    for entry, command in commands():
        assert (command.help or "").splitlines()[0] == entry.summary, entry.words


def test_every_command_has_help_and_an_example() -> None:
    """An example is a command line that calls that very command."""
    for entry, command in commands():
        assert isinstance(command, ToolCommand)
        assert command.examples, entry.words
        for example in command.examples:
            assert example.startswith(entry.words), entry.words
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{entry.words} {parameter.name}"


def test_every_command_shows_its_help() -> None:
    """With the shared options and the examples in it."""
    for entry, command in commands():
        assert isinstance(command, ToolCommand)
        result = CliRunner().invoke(program, [*entry.words.split(), "--help"])
        assert result.exit_code == 0, entry.words
        assert "Options of every command:" in result.stdout
        assert f"heimnetz-git {command.examples[0]}" in result.stdout


def test_every_module_of_commands_is_in_the_table() -> None:
    """No command can be written and forgotten."""
    folder = ROOT / "heimnetz_git" / "cli"
    written = {
        (file.stem, node.name)
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for mark in node.decorator_list
        if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") == "command"
    }
    assert written == {(entry.module, entry.function) for entry in directory.COMMANDS}


def test_each_panel_of_the_help_has_its_commands() -> None:
    """People find what is for them under its heading."""
    said = CliRunner().invoke(program, ["--help"]).stdout
    places = [said.index(f"{panel}:\n") for panel in directory.PANELS]
    assert places == sorted(places)
    for entry in directory.COMMANDS:
        assert f"  {entry.words.split()[0]} " in said


MISTAKES = [
    (["serch"], "Did you mean 'search'?"),
    (["index", "lst"], "Did you mean 'list'?"),
    (["search", "--limt", "3"], "--limit"),
    (["config", "get"], "KEY"),
    (["--color", "blue", "search"], "blue"),
    (["completion", "tcsh"], "tcsh"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_wrong_call_says_what_was_meant(arguments: list[str], said: str) -> None:
    """Usage errors have our form, a hint and code 2; nothing on stdout."""
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error[usage]: ")
    assert said in result.stderr
    assert "\nhint: See 'heimnetz-git" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_wrong_call_is_a_document_with_json(arguments: list[str], said: str) -> None:
    """With --json, errors are on stdout, as one document."""
    result = CliRunner().invoke(program, [*arguments, "--json"])
    found = json.loads(result.stdout)
    assert found["schema"] == "heimnetz-git/error/1"
    assert found["error"]["code"] == "usage"
    assert found["error"]["exit_code"] == result.exit_code == 2
    assert said in found["error"]["message"]
    assert result.stderr == ""


def test_a_name_in_a_mistake_cannot_speak_to_the_terminal() -> None:
    """Escape sequences in what was typed are shown, not obeyed."""
    result = CliRunner().invoke(program, ["\x1b[2Jx"])
    assert "\x1b[2J" not in result.stderr
    assert "\\x1b[2Jx" in result.stderr


def test_an_error_names_its_problems_and_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Code, sentence, each problem with its place, hint; the exit code is the error's."""
    problem = Problem("wrong-type", "It is \x07text.", Location("a.yaml", 3, 5), expected="a list")
    code = report(InvalidFile("a.yaml is wrong.", problems=[problem]), [])
    assert code == 1
    assert capsys.readouterr().err.splitlines() == [
        "error[invalid-file]: a.yaml is wrong.",
        "  a.yaml:3:5: It is \\x07text. Expected a list. [wrong-type]",
        "hint: Mend the lines named above.",
    ]


def test_an_error_as_a_document_has_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the facts that a sentence is made of."""
    assert report(PluginNotFound("There is no plugin 'x'.", name="x"), ["--json"]) == 3
    found = json.loads(capsys.readouterr().out)["error"]
    assert found == {
        "code": "plugin-not-found",
        "message": "There is no plugin 'x'.",
        "hint": PluginNotFound.hint,
        "exit_code": 3,
        "problems": [],
        "facts": {"name": "x"},
    }


def test_a_fault_of_ours_is_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """It says that it is our fault, what to do, and ends with 70; -v shows the trace."""
    try:
        raise ZeroDivisionError("division by zero")
    except ZeroDivisionError as error:
        fault = error
    assert report(fault, []) == 70
    said = capsys.readouterr().err
    assert said.startswith("error[internal]: ")
    assert "Traceback" not in said
    assert report(fault, ["-v"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (KeyboardInterrupt(), "interrupted", 130),
        (OSError(28, "No space left on device", "/tmp/x"), "disk-full", 1),
        (PermissionError(13, "Permission denied", "/tmp/x"), "storage", 1),
        (RecursionError(), "error", 1),
    ],
)
def test_what_the_system_raises_has_its_place_on_the_ladder(
    error: BaseException, code: str, exit_code: int
) -> None:
    """Errors that are not ours by class are ours by code."""
    found = understand(error)
    assert (found.code, found.exit_code) == (code, exit_code)


def test_every_error_s_exit_code_is_in_the_table() -> None:
    """The documented table has all codes of the ladder."""

    def below(kind: type[HeimnetzError]) -> Iterator[type[HeimnetzError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    assert {kind.exit_code for kind in below(HeimnetzError)} <= set(EXIT_CODES)


def test_a_group_alone_shows_its_help() -> None:
    """Asking nothing is answered with what can be asked; a program that asks nothing is told so."""
    assert "Commands:" in CliRunner().invoke(program, ["config"]).stdout
    result = CliRunner().invoke(program, ["config", "--json"])
    assert json.loads(result.stdout)["error"]["message"] == "A command is missing."


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_that_leaves_is_no_error() -> None:
    """``heimnetz-git ... | head`` says nothing about it."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read(1); sys.exit(0)"], stdin=subprocess.PIPE
    ) as reader:
        assert reader.stdin
        reader.terminate()
        reader.wait()
        ended = subprocess.run(
            [sys.executable, "-m", "heimnetz_git", "completion", "bash"],
            stdout=reader.stdin,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.stderr == ""
    assert ended.returncode == 141


def test_a_real_process_ends_with_the_documented_code() -> None:
    """Not only the runner: python -m does the same."""
    ended = start("nonsense", "--json")
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"]["code"] == "usage"
    assert ended.stderr == ""
