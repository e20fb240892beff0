"""The program with a person, a project, an operator or a shell before it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.clikit import LAN, World, copy_of, make_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world, made once."""
    root = tmp_path_factory.mktemp("made")
    make_world(root)
    return root


@pytest.fixture
def world(made: Path, tmp_path: Path) -> World:
    """A copy that a test may change."""
    return copy_of(made, tmp_path)


@pytest.fixture
def lit(world: World) -> World:
    """With lamp installed."""
    world.do("install lamp --yes")
    return world


def test_an_operation_runs_confined(lit: World, tmp_path: Path) -> None:
    """Parameters in, a result out; what was not granted is refused, what was allowed works."""
    assert lit.do("run clock add --param left=40 --param right=2") == "42\n"
    assert lit.do("run clock add --params", '{"left": 1}') == "2\n"
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden", encoding="utf-8")
    refused = lit.run(f"run clock read --param path={secret}")
    assert refused.exit_code == 4
    assert "error[access-denied]" in refused.stderr
    assert "hidden" not in refused.stdout
    allowed = lit.do(f"run clock read --param path={secret} --allow-read {secret}")
    assert allowed == "hidden\n"


def test_a_result_cannot_speak_to_the_terminal(lit: World) -> None:
    """An escape sequence in a result is shown, not obeyed; JSON has it escaped."""
    assert "\\x1b[2Jclear" in lit.do("run clock rows")
    assert lit.json("run clock rows")["result"] == [{"name": "a", "text": "\x1b[2Jclear"}]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_is_clean(lit: World) -> None:
    """130, one line, no trace."""
    import signal
    import time

    with lit.start("run clock wait", start_new_session=True) as process:
        time.sleep(2.0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert "error[interrupted]" in err
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
@pytest.mark.parametrize(("answer", "exit_code"), [("y", 0), ("n", 4), ("", 4)])
def test_someone_at_a_terminal_is_asked(world: World, answer: str, exit_code: int) -> None:
    """The permissions are shown first; no is the default."""
    import pty

    ours, theirs = pty.openpty()
    try:
        with world.start("install lamp", stdin=theirs) as process:
            os.write(ours, f"{answer}\n".encode())
            _, err = process.communicate(timeout=30)
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == exit_code, err
    assert "home network" in err
    assert "Grant this? [y/N]" in err
    assert bool(world.json("list")["plugins"]) is (answer == "y")


def test_names_are_completed_from_what_is_here(lit: World) -> None:
    """Plugins of the indexes for install, installed ones for uninstall, indexes for update."""
    asked = {"install la": "lamp", "uninstall cl": "clock", "index update ho": "home-lab"}
    for line, expected in asked.items():
        words = f"heimnetz-git {line}"
        lit.environ |= {
            "_HEIMNETZ_GIT_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        with lit.start("") as process:
            out, err = process.communicate(timeout=20)
        assert (out.strip(), err) == (f"plain,{expected}", "")


def test_the_policy_of_the_machine_is_held(world: World) -> None:
    """What the operator forbids is not installed, whatever the user grants."""
    policy = world.root / "site" / "heimnetz-git" / "policy.yaml"
    policy.parent.mkdir(parents=True)
    policy.write_text("format: 1\ndeny: [lamp]\n", encoding="utf-8")
    result = world.run("install lamp --yes")
    assert result.exit_code == 6
    assert "error[policy-denied]" in result.stderr
    assert world.json("list")["plugins"] == []


def test_what_was_forbidden_since_neither_runs_nor_comes_back(world: World) -> None:
    """A policy that is newer than an installation holds it too, and nothing is switched."""
    world.do("install clock --yes")
    world.do("uninstall clock")
    policy = world.root / "site" / "heimnetz-git" / "policy.yaml"
    policy.parent.mkdir(parents=True)
    policy.write_text("format: 1\ndeny: [clock]\n", encoding="utf-8")
    assert world.run("rollback").exit_code == 6
    assert world.json("list")["plugins"] == []
    policy.unlink()
    world.do("rollback")
    policy.write_text("format: 1\ndeny: [clock]\n", encoding="utf-8")
    assert world.run("run clock add --param left=1").exit_code == 6


def test_a_project_is_locked_and_synced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is written once, holds, and is noticed to be out of date."""
    project = world.root / "app"
    project.mkdir()
    monkeypatch.chdir(project)
    wishes = project / "heimnetz.yaml"
    wishes.write_text("format: 1\nplugins:\n  lamp: '>=1,<2'\n", encoding="utf-8")
    assert world.json("sync --locked --yes")["error"]["code"] == "lock-out-of-date"
    assert world.json("lock")["changed"] is True
    assert world.json("lock")["changed"] is False
    first = (project / "heimnetz.lock").read_bytes()
    world.release("1.1.0", "lamp", manifest={"requires": {"clock": ">=1.0,<2"}, **LAN})
    world.do("index update")
    world.do("sync --locked --yes")
    assert [one["version"] for one in world.json("list")["plugins"]] == ["1.0.0", "1.0.0"]
    assert (project / "heimnetz.lock").read_bytes() == first
    wishes.write_text("format: 1\nplugins:\n  lamp: '>=1.1,<2'\n", encoding="utf-8")
    result = world.run("sync --locked --yes")
    assert (result.exit_code, "error[lock-out-of-date]" in result.stderr) == (8, True)
    assert world.run("lock --check").exit_code == 8
    world.do("sync --yes")
    assert [one["version"] for one in world.json("list")["plugins"]] == ["1.0.0", "1.1.0"]
    assert world.do("lock --check")


def test_quiet_leaves_out_what_only_confirms(world: World) -> None:
    """-q keeps answers and drops the rest."""
    assert world.do("install clock -q") == ""
    assert "clock" in world.do("list -q")
