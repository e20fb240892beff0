"""The test kit: authors' tests run the built plugin in its real sandbox, and hear what happened."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from heimnetz_git.sandbox.launcher import find_sandbox
from heimnetz_git.sdk.testing_run import TestRun, run_tests
from tests.clikit import World
from tests.projectkit import Draft, write_project

ISOLATED = bool(find_sandbox()[0])
CODE = '''"""A plugin that does what tests ask for."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from heimnetz_git import BasePlugin, Context, operation


class Clock(BasePlugin):
    """A clock."""

    @dataclass(frozen=True)
    class Config:
        """How it greets."""

        greeting: str = "hello"
        broken: bool = False

    def initialize(self, context: Context) -> None:
        """Start, unless told otherwise."""
        if self.config.broken:
            raise RuntimeError("the spring is broken")

    @operation
    def greet(self, name: str = "you") -> str:
        """Greet."""
        self.context.logger.warning("greeting %s", name)
        return f"{self.config.greeting} {name}"

    @operation
    def read(self, path: str) -> str:
        """Read a file."""
        return Path(path).read_text()

    @operation
    def keep(self, text: str) -> None:
        """Write into the data folder."""
        (self.context.data / "kept").write_text(text)

    @operation
    def kept(self) -> str:
        """What was kept."""
        return (self.context.data / "kept").read_text()

    @operation
    def ask(self, plugin: str, operation: str, number: int = 0) -> int:
        """Call another plugin."""
        return self.context.call(plugin, operation, number=number)
'''
MANIFEST = 'host: {heimnetz: ">=1,<2"}\nrequires: {counter: ">=1,<2"}\noptional: {lamp: ">=1,<2"}'
HEAD = """import os
import signal
import pytest
from heimnetz_git import *
from heimnetz_git.errors import *
from heimnetz_git.sdk.testing import *
"""
COUNTER = '''"""Counts."""

from heimnetz_git import BasePlugin, operation


class Clock(BasePlugin):
    """A counter."""

    @operation
    def add(self, number: int) -> int:
        """Add one."""
        return number + 1
'''
INI = """[pytest]
filterwarnings = error
addopts = --strict-markers --import-mode=importlib
"""


def project(folder: Path, tests: str, **files: str) -> Path:
    """A project whose tests are ``tests``."""
    more: Mapping[str, str | None] = {
        "pytest.ini": INI,
        "tests/test_clock.py": HEAD + tests,
        **files,
    }
    return write_project(folder, Draft(code=CODE, manifest=MANIFEST, files=more))


def author_runs(root: Path, *arguments: str, sandbox: str = "auto") -> TestRun:
    """The project's tests, run as an author would."""
    return run_tests(
        root,
        sandbox=sandbox,
        environ=os.environ,
        arguments=["-p", "no:cacheprovider", "-p", "no:xdist", *arguments],
        keep_output=True,
    )


def test_a_plugin_is_run_as_its_users_have_it(tmp_path: Path) -> None:
    """Built, configured, restarted on its data, killed and hung; its log is there."""
    root = project(
        tmp_path,
        """
@pytest.mark.plugin_config(greeting="good morning")
class TestConfigured:
    def test_marked(self, plugin):
        assert plugin.call("greet", name="Ada") == "good morning Ada"
        assert [(line.level, line.text) for line in plugin.log] == [(30, "greeting Ada")]

    @pytest.mark.plugin_config(greeting="good night")
    def test_the_nearest_marker_counts(self, plugin):
        assert plugin.call("greet") == "good night you"

def test_it_is_built(plugin):
    assert (plugin.name, plugin.release.version) == ("clock", "1.0.0")
    assert "greet" in plugin.operations
    assert not plugin.data.is_relative_to(os.getcwd())

def test_data_stays_over_a_restart(plugin):
    plugin.call("keep", text="x")
    plugin.restart(config={"greeting": "hi"})
    assert (plugin.call("kept"), plugin.call("greet")) == ("x", "hi you")
    assert (plugin.data / "kept").read_text() == "x"

def test_data_is_this_tests_own(plugin):
    with pytest.raises(OperationFailed, match="No such file"):
        plugin.call("kept")

@pytest.mark.plugin_config(broken=True)
def test_a_start_may_fail(plugin):
    with pytest.raises(PluginFailed, match="the spring is broken"):
        plugin.start()
    assert not plugin.running
    plugin.restart(config={})
    assert plugin.running

def test_a_wrong_configuration_is_refused(plugin):
    with pytest.raises(InvalidParameters, match="greting"):
        plugin.restart(config={"greting": "hi"})

def test_killed(plugin):
    plugin.kill()
    with pytest.raises(PluginCrashed):
        plugin.call("greet")
    plugin.restart()
    assert plugin.call("greet") == "hello you"

@pytest.mark.plugin_limits(call="300ms")
def test_hung(plugin):
    plugin.hang()
    with pytest.raises(PluginTimedOut, match="300ms"):
        plugin.call("greet")
    plugin.stop()
    assert plugin.call("greet") == "hello you"
""",
    )
    ended = author_runs(root)
    assert ended.code == 0, ended.output
    assert (ended.report["passed"], ended.report["isolated"]) == (9, ISOLATED)


def test_the_host_plays_what_is_required_and_nothing_else(tmp_path: Path) -> None:
    """Answers, failures and records; what is not declared is refused as in production."""
    root = project(
        tmp_path,
        """
def test_answers(plugin, host):
    host.answer("counter", "add", lambda number: number + 1)
    host.answer("lamp", "add", 7)
    assert plugin.call("ask", plugin="counter", operation="add", number=1) == 2
    assert plugin.call("ask", plugin="lamp", operation="add") == 7
    first, second = host.calls
    assert first == Asked("counter", "add", {"number": 1})
    assert second.plugin == "lamp"

def test_failures(plugin, host):
    host.answer("counter", "add", ValueError("too many"))
    with pytest.raises(OperationFailed, match="ValueError: too many"):
        plugin.call("ask", plugin="counter", operation="add")
    host.answer("counter", "add", PluginTimedOut("it took too long"))
    with pytest.raises(PluginTimedOut, match="took too long"):
        plugin.call("ask", plugin="counter", operation="add")

def test_no_answer(plugin, host):
    with pytest.raises(OperationNotFound, match="gave no answer for counter.add"):
        plugin.call("ask", plugin="counter", operation="add")
    assert len(host.calls) == 1

def test_undeclared(plugin, host):
    host.answer("safe", "add", 1)
    with pytest.raises(AccessDenied, match="does not require"):
        plugin.call("ask", plugin="safe", operation="add")
    assert host.calls == []
""",
    )
    ended = author_runs(root)
    assert (ended.code, ended.report["passed"]) == (0, 4), ended.output


@pytest.mark.skipif(not ISOLATED, reason="there is no sandbox here")
def test_what_the_sandbox_refused_is_told(tmp_path: Path) -> None:
    """In the summary and in the report, with the test that saw it; what was granted is not."""
    secret = tmp_path / "secret.txt"
    secret.write_text("s3")
    root = project(
        tmp_path,
        f"""
def test_refused(plugin):
    with pytest.raises(AccessDenied):
        plugin.call("read", path={str(secret)!r})

def test_granted(plugin):
    plugin.restart(read=[{str(secret)!r}])
    assert plugin.call("read", path={str(secret)!r}) == "s3"
    plugin.restart()
    assert plugin.call("read", path={str(secret)!r}) == "s3"
""",
    )
    ended = author_runs(root, sandbox="required")
    assert ended.code == 0, ended.output
    assert ended.report["denied"] == [
        {
            "plugin": "clock",
            "wanted": f"files.read: {secret}",
            "test": "tests/test_clock.py::test_refused",
        }
    ]
    assert "Plugins ran in the sandbox." in ended.output
    assert f"refused to clock: files.read: {secret}" in ended.output


def test_without_a_sandbox_the_summary_says_so(tmp_path: Path) -> None:
    """And that is no warning of Python, which strict authors turn into errors."""
    root = project(tmp_path, "def test_it(plugin):\n    assert not plugin.isolated\n")
    ended = author_runs(root, sandbox="off")
    assert ended.code == 0, ended.output
    assert ended.report["isolated"] is False
    assert "Plugins run without a sandbox" in ended.output


def test_several_plugins_call_each_other_for_real(tmp_path: Path) -> None:
    """Requirements start first; the host plays who is not there."""
    write_project(tmp_path, Draft(name="counter", code=COUNTER))
    root = project(
        tmp_path,
        """
def test_real(plugins, host):
    started = plugins.start(".", "../counter", config={"clock": {"greeting": "hi"}})
    assert started == ("counter", "clock")
    assert plugins.call("clock", "ask", plugin="counter", operation="add", number=4) == 5
    assert plugins.call("clock", "greet") == "hi you"
    assert host.calls == []
    host.answer("lamp", "on", lambda: 1)
    with pytest.raises(OperationFailed, match="number"):
        plugins.call("clock", "ask", plugin="lamp", operation="on")
    plugins.call("clock", "keep", text="x")
    assert (plugins.data("clock") / "kept").read_text() == "x"

def test_not_started(plugins):
    with pytest.raises(PluginCrashed, match="not running"):
        plugins.call("clock", "greet")
""",
    )
    ended = author_runs(root)
    assert (ended.code, ended.report["passed"]) == (0, 2), ended.output


def test_nothing_is_left_of_plugins_when_the_tests_have_ended(tmp_path: Path) -> None:
    """Neither of a test that failed, nor of one that hung its plugin."""
    root = project(
        tmp_path,
        """
def test_fails(plugin):
    plugin.start()
    print("pid", plugin._started().pid("clock"))
    assert False

def test_hangs(plugin):
    plugin.hang()
    print("pid", plugin._started().pid("clock"))
""",
    )
    ended = author_runs(root, "-s")
    pids = re.findall(r"pid (\d+)", ended.output)
    assert len(pids) == 2, ended.output
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_a_run_without_plugins_says_nothing_and_loads_little(tmp_path: Path) -> None:
    """The kit is loaded in every run of pytest on an author's machine."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n    known = [m for m in sys.modules if 'heimnetz' in m]\n"
        "    assert sorted(known) == ['heimnetz_git', 'heimnetz_git.sdk',"
        " 'heimnetz_git.sdk.testing']\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-p", "heimnetz_git.sdk.testing", "-W", "error"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "heimnetz-git" not in ended.stdout


OUTCOMES = """
@pytest.fixture
def broken():
    raise RuntimeError
def test_passes(): pass
def test_fails(): assert False
def test_errs(broken): pass
@pytest.mark.skip(reason="later")
def test_is_skipped(): pass
"""


def world_of(root: Path) -> World:
    """The program on a machine of its own."""
    made = World(root)
    made.environ["PATH"] = os.environ["PATH"]
    return made


def test_failures_are_counted_and_named_with_code_9(tmp_path: Path) -> None:
    """The document has what pytest printed; nothing else is printed beside it."""
    root = project(tmp_path, OUTCOMES)
    ended = world_of(tmp_path).run(f"test {root} --json", "--", "-p", "no:cacheprovider")
    found = json.loads(ended.stdout)
    assert ended.exit_code == 9
    assert (found["passed"], found["failed"], found["skipped"]) == (1, 2, 1)
    assert [name.rpartition("::")[2] for name in found["failures"]] == ["test_fails", "test_errs"]
    assert "assert False" in found["output"]


def test_a_file_that_is_no_python_is_a_failure_too(tmp_path: Path) -> None:
    """It is the author's to mend, not the caller's."""
    ended = world_of(tmp_path).run(f"test {project(tmp_path, 'def :')} --json")
    assert ended.exit_code == 9
    assert json.loads(ended.stdout)["failures"] == ["tests/test_clock.py"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--", "-k", "nothing"), 3, "There are no tests"),
        (("--", "--bogus"), 2, "unrecognized arguments: --bogus"),
    ],
)
def test_tests_that_did_not_run_are_no_success(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """Each says why."""
    ended = world_of(tmp_path).run(f"test {project(tmp_path, OUTCOMES)} --json", *words)
    assert ended.exit_code == code
    assert said in json.loads(ended.stdout)["error"]["message"]


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    """Nobody wonders which tests ran."""
    ended = world_of(tmp_path).run(f"test {tmp_path}")
    assert (ended.exit_code, "There is no project" in ended.stderr) == (3, True)
