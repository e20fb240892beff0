"""Plugins in their own processes: started, called, calling each other, failing, and ended."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heimnetz_git.errors import (
    AccessDenied,
    HeimnetzError,
    InvalidParameters,
    OperationFailed,
    OperationNotFound,
    PluginCrashed,
    PluginFailed,
    PluginNotFound,
    PluginTimedOut,
    ProtocolViolation,
)
from heimnetz_git.host.describe import describe
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.order import start_order
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.limits import Limits
from tests.pluginkit import alive, family, plugin

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="plugins run on Linux and macOS")

Run = Callable[..., PluginManager]

COUNTER = '''
    def initialize(self, context):
        self.n = 0

    @operation
    def add(self, by: int = 1) -> int:
        """Count on."""
        self.n += by
        return self.n

    @operation
    def echo(self, value: Any) -> Any:
        return value
'''


@pytest.fixture
def run() -> Iterator[Run]:
    """Managers that are stopped at the end, whatever the test does."""
    managers = []

    def make(*specs: LaunchSpec, start: bool = True, **options: Any) -> PluginManager:
        options = {"restart": None, "on_warning": lambda _text: None, **options}
        manager = PluginManager(specs, **options)
        managers.append(manager)
        if start:
            manager.start()
        return manager

    yield make
    for manager in managers:
        manager.stop()


def test_a_plugin_keeps_its_state_between_calls(run: Run, tmp_path: Path) -> None:
    """One process, initialised once, serves every call."""
    plugins = run(plugin(tmp_path, COUNTER))
    assert [plugins.call("probe", "add", by=by) for by in (1, 2)] == [1, 3]
    assert plugins.running() == ("probe",)


@pytest.mark.parametrize(
    "value", [None, True, -1, 2.5, "ä\x00\n", [], {}, {"a": [1, {"b": None}]}, "x" * 500_000]
)
def test_plain_values_cross_unchanged(run: Run, tmp_path: Path, value: Any) -> None:
    """Whatever JSON can hold, up to the size of a message."""
    assert run(plugin(tmp_path, COUNTER)).call("probe", "echo", value=value) == value


def test_stopping_cleans_up_and_leaves_no_process(run: Run, tmp_path: Path) -> None:
    """cleanup runs, in the reverse order of the start."""
    body = COUNTER + "\n    def cleanup(self):\n        self.context.logger.info('bye')\n"
    heard: list[str] = []
    plugins = run(
        plugin(tmp_path, body, name="first"),
        plugin(tmp_path, body, name="second", requires=("first",)),
        on_log=lambda name, _level, line: heard.append(f"{name}: {line}"),
    )
    pids = [pid for name in ("first", "second") for pid in family(plugins.pid(name))]
    plugins.stop()
    assert heard == ["second: bye", "first: bye"]
    assert alive(pids) == []


def test_plugins_call_what_they_require(run: Run, tmp_path: Path) -> None:
    """By way of the host, while their own call is in flight; three deep, and again."""
    middle = """
        @operation
        def twice(self) -> int:
            self.context.call("count", "add")
            return self.context.call("count", "add")
    """
    top = """
        @operation
        def all(self) -> list[int]:
            return [self.context.call("middle", "twice") for _ in range(3)]
    """
    plugins = run(
        plugin(tmp_path, top, name="top", requires=("middle",)),
        plugin(tmp_path, middle, name="middle", requires=("count",)),
        plugin(tmp_path, COUNTER, name="count"),
    )
    assert plugins.running() == ("count", "middle", "top")
    assert plugins.call("top", "all") == [2, 4, 6]


def test_a_plugin_may_not_call_what_it_does_not_require(run: Run, tmp_path: Path) -> None:
    """It meets AccessDenied, and so does the host's caller, with the line to add."""
    body = """
        @operation
        def reach(self) -> int:
            return self.context.call("count", "add")
    """
    plugins = run(plugin(tmp_path, body), plugin(tmp_path, COUNTER, name="count"))
    with pytest.raises(AccessDenied, match="does not require"):
        plugins.call("probe", "reach")


def test_a_plugin_can_handle_the_failure_of_another(run: Run, tmp_path: Path) -> None:
    """The other's error arrives as one of heimnetz_git.errors, as text."""
    body = """
        @operation
        def careful(self) -> list[str]:
            from heimnetz_git import HeimnetzError
            said = []
            for operation, params in (("add", {"by": "x"}), ("gone", {}), ("fail", {})):
                try:
                    self.context.call("count", operation, **params)
                except HeimnetzError as error:
                    said.append(f"{type(error).__name__}: {error}")
            return said
    """
    failing = COUNTER + "\n    @operation\n    def fail(self) -> None:\n        raise KeyError(3)\n"
    plugins = run(
        plugin(tmp_path, body, requires=("count",)), plugin(tmp_path, failing, name="count")
    )
    wrong, gone, failed = plugins.call("probe", "careful")
    assert wrong.startswith("InvalidParameters: The parameters of count.add do not fit")
    assert gone.startswith("OperationNotFound")
    assert failed == "OperationFailed: KeyError: 3"


def test_plugins_that_call_each_other_do_not_lock_up(run: Run, tmp_path: Path) -> None:
    """A call comes back to a plugin that waits; how deep is bounded."""
    body = """
        @operation
        def down(self, n: int) -> int:
            return n if n == 0 else self.context.call("{other}", "down", n=n - 1) + 1
    """
    plugins = run(
        plugin(tmp_path, body.replace("{other}", "pong"), name="ping", requires=("pong",)),
        plugin(tmp_path, body.replace("{other}", "ping"), name="pong", requires=("ping",)),
    )
    assert plugins.call("ping", "down", n=8) == 8
    with pytest.raises(HeimnetzError, match="more than 16 deep"):
        plugins.call("ping", "down", n=40)
    assert plugins.call("pong", "down", n=2) == 2


def test_threads_of_the_host_take_turns(run: Run, tmp_path: Path) -> None:
    """No call is lost or answered with another's result."""
    plugins = run(plugin(tmp_path, COUNTER))
    heard: list[bool] = []

    def talk(own: int) -> None:
        heard.extend(plugins.call("probe", "echo", value=own) == own for _ in range(50))

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [True] * 400


def test_threads_of_a_plugin_may_call_others(run: Run, tmp_path: Path) -> None:
    """Each gets its own answer, while the main thread serves."""
    body = """
        @operation
        def many(self) -> int:
            done = []
            def ask(n):
                done.append(self.context.call("count", "echo", value=n) == n)
            threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
            [one.start() for one in threads]
            [one.join() for one in threads]
            return sum(done)
    """
    plugins = run(
        plugin(tmp_path, body, requires=("count",)), plugin(tmp_path, COUNTER, name="count")
    )
    assert plugins.call("probe", "many") == 8


def test_configuration_reaches_the_plugin_typed(run: Run, tmp_path: Path) -> None:
    """And all that is wrong with it comes back at once."""
    body = """
        class Config(msgspec.Struct):
            path: str
            every: int = 5

        @operation
        def show(self) -> str:
            return f"{self.config.path} {self.config.every}"
    """
    spec = plugin(tmp_path, body, config={"path": "/x"})
    assert run(spec).call("probe", "show") == "/x 5"
    wrong = msgspec.structs.replace(spec, config={"every": "x", "pat": 1})
    with pytest.raises(InvalidParameters) as caught:
        run(wrong)
    assert {problem.path for problem in caught.value.problems} == {"path", "every", "pat"}


def test_parameters_are_checked_before_they_are_sent(run: Run, tmp_path: Path) -> None:
    """With every problem, and what there is instead of what there is not."""
    plugins = run(plugin(tmp_path, COUNTER))
    with pytest.raises(InvalidParameters, match="Did you mean 'by'"):
        plugins.call("probe", "add", bye=1)
    with pytest.raises(OperationNotFound, match="it has: add, echo"):
        plugins.call("probe", "nothing")
    assert plugins.call("probe", "add") == 1


def test_an_error_of_the_plugin_names_its_own_line(run: Run, tmp_path: Path) -> None:
    """Type, message and the plugin's frames; the plugin goes on."""
    body = """
        @operation
        def fail(self) -> None:
            raise ValueError("no \\x1b[31mcolour\\x1b[0m, please")
    """
    plugins = run(plugin(tmp_path, body + COUNTER.replace("\n    ", "\n        ")))
    with pytest.raises(OperationFailed, match=r"probe.fail failed: ValueError: no ") as caught:
        plugins.call("probe", "fail")
    assert "\x1b" not in str(caught.value)
    assert re.fullmatch(r"probe\.py:\d+ in fail", caught.value.facts["trace"][-1])
    assert plugins.call("probe", "add") == 1


def test_a_result_that_breaks_the_plugins_word_is_refused(run: Run, tmp_path: Path) -> None:
    """What the hint denies does not leave the plugin."""
    body = """
        @operation
        def number(self) -> int:
            return "three"
    """
    with pytest.raises(OperationFailed, match="returned what its hint denies"):
        run(plugin(tmp_path, body)).call("probe", "number")


def test_what_a_plugin_prints_and_logs_is_heard_and_harmless(run: Run, tmp_path: Path) -> None:
    """Standard output and error too, line by line, without control characters."""
    body = """
        @operation
        def talk(self) -> str:
            print("printed \\x1b]0;evil\\x07")
            os.write(1, b"\\x00\\x00\\x00\\x05bytes\\n")
            os.write(2, b"error\\n")
            self.context.logger.warning("logged")
            return "done"
    """
    heard: list[tuple[int, str]] = []
    plugins = run(
        plugin(tmp_path, body), on_log=lambda _name, level, line: heard.append((level, line))
    )
    assert plugins.call("probe", "talk") == "done"
    plugins.stop()
    assert (30, "logged") in heard
    lines = [line for level, line in heard if level == 20]
    assert lines == [r"printed \x1b]0;evil\x07", r"\x00\x00\x00\x05bytes", "error"]


FIND_SOCKET = """
            import stat
            ends = [fd for fd in range(3, 300) if os.path.exists(f"/dev/fd/{fd}")
                    and stat.S_ISSOCK(os.fstat(fd).st_mode)]
"""

FAULTS: dict[str, tuple[str, type[HeimnetzError], str]] = {
    "hangs": ("time.sleep(60)", PluginTimedOut, "did not answer within 1s"),
    "hangs, deaf to signals": (
        "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; time.sleep(60)",
        PluginTimedOut,
        "did not answer",
    ),
    "spins in a thread too": (
        "spin = lambda: sum(iter(int, 1)); threading.Thread(target=spin).start(); spin()",
        PluginTimedOut,
        "did not answer",
    ),
    "exits": ("os._exit(3)", PluginCrashed, "exit status 3"),
    "says why it exits": ("os.write(2, b'sorry'); os._exit(3)", PluginCrashed, "words: sorry"),
    "raises SystemExit": ("sys.exit('enough')", OperationFailed, "SystemExit: enough"),
    "is killed": ("import signal; signal.raise_signal(9)", PluginCrashed, "by SIGKILL"),
    "crashes": ("import ctypes; ctypes.string_at(0)", PluginCrashed, "by SIGSEGV"),
    "floods its output": (
        "while True: os.write(1, b'x' * 60000)",
        PluginFailed,
        "floods its output",
    ),
    "floods the log": (
        "while True: self.context.logger.info('x' * 1900)",
        PluginFailed,
        "floods its output",
    ),
    "returns too much": ("return 'x' * (2 << 20)", ProtocolViolation, "larger than the limit"),
    "returns too deep": (
        "value = []\n            for _ in range(100): value = [value]\n            return value",
        ProtocolViolation,
        "levels deep",
    ),
    "sends garbage": (
        FIND_SOCKET + "            os.write(ends[0], b'\\xff' * 100); time.sleep(60)",
        ProtocolViolation,
        "announces",
    ),
    "sends a wrong message": (
        FIND_SOCKET
        + "            os.write(ends[0], b'\\0\\0\\0\\x0b\\x81\\xa4kind\\xa4evil'); time.sleep(60)",
        ProtocolViolation,
        "wrong shape",
    ),
    "sends half a message": (
        FIND_SOCKET + "            os.write(ends[0], b'\\0\\0\\1'); time.sleep(60)",
        PluginTimedOut,
        "did not answer",
    ),
    "hangs up": (
        FIND_SOCKET + "            os.close(ends[0]); time.sleep(60)",
        PluginCrashed,
        "ended",
    ),
    "eats memory": ("return len(bytearray(1 << 30))", OperationFailed, "MemoryError"),
}
LIVES_ON = {"raises SystemExit", "returns too much", "eats memory"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_plugin_that_misbehaves_gives_a_clear_error_and_leaves_no_process(
    run: Run, tmp_path: Path, fault: str
) -> None:
    """Whatever it does: one error, its process gone, others unharmed, and it can start again."""
    code, kind, words = FAULTS[fault]
    body = f"\n    @operation\n    def misbehave(self) -> Any:\n            {code}\n" + COUNTER
    limit = "20s" if fault.startswith("floods") else "1s"
    spec = plugin(tmp_path, body, limits=Limits(start="20s", call=limit))
    plugins = run(spec, plugin(tmp_path, COUNTER, name="other"))
    pids = family(plugins.pid("probe"))
    with pytest.raises(kind, match=words):
        plugins.call("probe", "misbehave")
    if fault in LIVES_ON:
        assert plugins.call("probe", "add") == 1
        return
    deadline = time.monotonic() + 3
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert alive(pids) == []
    with pytest.raises(PluginCrashed, match="is not running"):
        plugins.call("probe", "add")
    assert plugins.call("other", "add") == 1
    plugins.start(["probe"])
    assert plugins.call("probe", "add") == 1


STARTS: dict[str, tuple[str, type[HeimnetzError], str]] = {
    "raises": ("raise OSError('no device')", PluginFailed, "could not start: OSError: no device"),
    "hangs": ("time.sleep(60)", PluginTimedOut, "was not ready within 1s"),
    "exits": ("os._exit(7)", PluginCrashed, "exit status 7"),
}


@pytest.mark.parametrize("fault", STARTS)
def test_a_plugin_that_does_not_start_takes_nothing_down(
    run: Run, tmp_path: Path, fault: str
) -> None:
    """What was started for it is stopped again; what ran before stays."""
    code, kind, words = STARTS[fault]
    body = f"\n    def initialize(self, context):\n        {code}\n"
    plugins = run(
        plugin(tmp_path, COUNTER, name="running"),
        plugin(tmp_path, COUNTER, name="needed"),
        plugin(tmp_path, body, requires=("needed",), limits=Limits(start="1s")),
        start=False,
    )
    plugins.start(["running"])
    with pytest.raises(kind, match=words):
        plugins.start(["probe"])
    assert plugins.running() == ("running",)


@pytest.mark.parametrize(
    ("entry_point", "words"),
    [
        ("nowhere:Plugin", "ModuleNotFoundError"),
        ("probe:Nothing", "AttributeError"),
        ("probe:os", "is not a class derived from"),
        ("probe", "empty|AttributeError|ValueError"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_named(
    run: Run, tmp_path: Path, entry_point: str, words: str
) -> None:
    """The plugin could not start, and why."""
    spec = msgspec.structs.replace(plugin(tmp_path, COUNTER), entry_point=entry_point)
    with pytest.raises(PluginFailed, match=words):
        run(spec)


def test_a_cleanup_that_hangs_is_cut_short(run: Run, tmp_path: Path) -> None:
    """After a moment of grace it is killed."""
    body = COUNTER + "\n    def cleanup(self):\n        time.sleep(60)\n"
    plugins = run(plugin(tmp_path, body))
    pids = family(plugins.pid("probe"))
    begin = time.monotonic()
    plugins.stop()
    assert time.monotonic() - begin < 5
    assert alive(pids) == []


def test_the_clock_of_a_call_stands_still_while_it_waits_for_another(
    run: Run, tmp_path: Path
) -> None:
    """So the one that hangs is ended, not the one that asked it."""
    asks = """
        @operation
        def ask(self) -> str:
            from heimnetz_git import PluginTimedOut
            try:
                self.context.call("slow", "sleep")
            except PluginTimedOut as error:
                return str(error)
    """
    slow = """
        @operation
        def sleep(self) -> None:
            time.sleep(60)
    """
    plugins = run(
        plugin(tmp_path, asks, requires=("slow",), limits=Limits(start="20s", call="700ms")),
        plugin(tmp_path, slow, name="slow", limits=Limits(start="20s", call="1s")),
    )
    assert plugins.call("probe", "ask").startswith("slow.sleep did not answer within 1s")
    assert plugins.running() == ("probe",)


def test_describe_compiles_without_initialising(tmp_path: Path) -> None:
    """Operations and configuration, as the build writes them into the wheel."""
    body = """
        class Config(msgspec.Struct):
            path: str

        def initialize(self, context):
            raise RuntimeError("not now")

        @operation
        def show(self, n: int = 1) -> list[str]:
            \"\"\"Show it.\"\"\"
    """
    compiled = describe(plugin(tmp_path, body), on_warning=lambda _text: None)
    assert compiled.name == "probe"
    assert compiled.operations["show"]["summary"] == "Show it."
    assert compiled.operations["show"]["result"] == {"type": "array", "items": {"type": "string"}}
    assert compiled.config["required"] == ["path"]
    assert compiled.config["additionalProperties"] is False


def test_the_promises_for_a_plugin_can_be_asked_for(run: Run, tmp_path: Path) -> None:
    """They depend on its permissions and on this machine."""
    plugins = run(plugin(tmp_path, COUNTER), start=False)
    said = plugins.promises("probe")
    assert any("no network" in one for one in said)
    assert any(one.startswith("NOT enforced") for one in said)
    with pytest.raises(PluginNotFound):
        plugins.promises("nobody")


def spec(name: str, *requires: str) -> LaunchSpec:
    """A plugin that is never started."""
    return LaunchSpec(
        name=name, version="1", entry_point="x:X", paths=(), data="/x", requires=requires
    )


@pytest.mark.parametrize(
    ("edges", "names", "expected"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, ["a"], ["c", "b", "a"]),
        ({"a": ["c", "b"], "b": [], "c": []}, ["a"], ["b", "c", "a"]),
        ({"a": ["b"], "b": ["a"]}, ["a"], ["b", "a"]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, ["a"], ["d", "b", "c", "a"]),
        ({"a": [], "b": []}, ["b", "a"], ["b", "a"]),
        ({"a": ["a"]}, ["a"], ["a"]),
    ],
)
def test_requirements_start_first(
    edges: dict[str, list[str]], names: list[str], expected: list[str]
) -> None:
    """Each plugin after what it requires, once, even in a circle."""
    specs = {name: spec(name, *needs) for name, needs in edges.items()}
    assert list(start_order(specs, names)) == expected


def test_a_requirement_that_is_missing_is_named() -> None:
    """And who requires it."""
    with pytest.raises(PluginNotFound, match="'b' is installed, which a requires"):
        start_order({"a": spec("a", "b")}, ["a"])


HOST = """
import sys, time
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.spec import LaunchSpec
import msgspec
specs = msgspec.json.decode(sys.argv[1], type=list[LaunchSpec])
plugins = PluginManager(specs, on_warning=lambda text: None)
plugins.start()
print(plugins.pid("probe"), flush=True)
time.sleep(60)
"""


def test_plugins_die_with_their_host(tmp_path: Path) -> None:
    """Even with one that is killed and can clean up nothing."""
    specs = msgspec.json.encode([plugin(tmp_path, COUNTER)]).decode()
    host = subprocess.Popen([sys.executable, "-c", HOST, specs], stdout=subprocess.PIPE, text=True)
    with host:
        pids = family(int(host.stdout.readline() if host.stdout else ""))
        assert alive(pids) == pids
        host.kill()
    deadline = time.monotonic() + 5
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert alive(pids) == []
