"""Plugins that crash, wait, and are exchanged: what a host does about them by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heimnetz_git.errors import AccessDenied, PluginCrashed, PluginFailed, PluginNotFound
from heimnetz_git.host.lifecycle import Restart, State
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions
from tests.pluginkit import alive, family, plugin
from tests.test_host_manager import COUNTER

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="plugins run on Linux and macOS")

Run = Callable[..., PluginManager]
SOON = Restart(first=0.01, cap=0.05, most=3)
BROKEN = "\n    def initialize(self, context):\n        raise OSError('no device')\n"


@pytest.fixture
def run() -> Iterator[Run]:
    """Managers that are closed at the end, whatever the test does."""
    managers = []

    def make(*specs: LaunchSpec, **options: Any) -> PluginManager:
        manager = PluginManager(
            specs, **{"on_warning": lambda _text: None, "sandbox": "off", **options}
        )
        managers.append(manager)
        return manager

    yield make
    for manager in managers:
        manager.close()


def wait_for(true: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it becomes true."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return true()


def test_one_bad_plugin_does_not_keep_the_others_from_starting(run: Run, tmp_path: Path) -> None:
    """The report names each with its reason; what requires the bad one is named too."""
    plugins = run(
        plugin(tmp_path, COUNTER, name="good"),
        plugin(tmp_path, BROKEN, name="bad"),
        plugin(tmp_path, COUNTER, name="needs-bad", requires=("bad",)),
        plugin(tmp_path, COUNTER, name="needs-gone", requires=("gone",)),
        restart=None,
    )
    report = plugins.start_all()
    assert not report.ok
    lines = {one.name: one for one in report.plugins}
    assert lines["good"].ok
    assert lines["good"].seconds > 0
    assert lines["bad"].reason.startswith("bad could not start: OSError: no device")
    assert (lines["bad"].state, lines["bad"].code) == (State.ERROR, "plugin-failed")
    assert "requires bad, which does not run" in lines["needs-bad"].reason
    assert "'gone' is installed, which needs-gone requires" in lines["needs-gone"].reason
    assert plugins.running() == ("good",)
    assert {one.name for one in report.failed} == {"bad", "needs-bad", "needs-gone"}
    assert "good 1.0.0: active after" in str(report)


def test_files_that_are_not_there_are_noticed_before_anything_runs(
    run: Run, tmp_path: Path
) -> None:
    """Loading looks at the files only."""
    spec = msgspec.structs.replace(plugin(tmp_path, COUNTER), paths=(str(tmp_path / "gone"),))
    plugins = run(spec)
    with pytest.raises(PluginCrashed, match="cannot be loaded: there is no"):
        plugins.start()
    assert plugins.state("probe") is State.ERROR


def test_a_plugin_that_crashes_is_started_again(run: Run, tmp_path: Path) -> None:
    """By itself, after a pause, in a new process."""
    plugins = run(plugin(tmp_path, COUNTER), restart=SOON)
    plugins.start_all()
    first = plugins.pid("probe")
    plugins.call("probe", "add")
    os.kill(first, signal.SIGKILL)
    assert wait_for(lambda: plugins.running() == ("probe",) and plugins.pid("probe") != first)
    assert plugins.call("probe", "add") == 1
    assert plugins.stats()["probe"].restarts == 1


def test_a_plugin_that_crashes_again_and_again_is_put_in_quarantine(
    run: Run, tmp_path: Path
) -> None:
    """Only it: the others go on. A new life, by hand, begins with a clean slate."""
    body = COUNTER + "\n    @operation\n    def die(self) -> None:\n        os._exit(3)\n"
    plugins = run(plugin(tmp_path, body), plugin(tmp_path, COUNTER, name="other"), restart=SOON)
    plugins.start_all()
    for _ in range(SOON.most):
        assert wait_for(lambda: "probe" in plugins.running())
        with pytest.raises(PluginCrashed):
            plugins.call("probe", "die")
    assert wait_for(lambda: plugins.state("probe") is State.DISABLED)
    assert plugins.reason("probe") == "quarantine"
    with pytest.raises(PluginCrashed, match="disabled by quarantine"):
        plugins.start(["probe"])
    assert plugins.call("other", "add") == 1
    plugins.enable("probe", "quarantine")
    plugins.start(["probe"])
    assert plugins.call("probe", "add") == 1


def test_a_plugin_that_cannot_start_is_tried_again_and_then_left(run: Run, tmp_path: Path) -> None:
    """A start that fails counts as a crash."""
    plugins = run(plugin(tmp_path, BROKEN), restart=SOON)
    plugins.start_all()
    assert wait_for(lambda: plugins.state("probe") is State.DISABLED)


def test_a_quarantine_outlives_the_host_but_not_an_update(run: Run, tmp_path: Path) -> None:
    """The journal keeps it with the version that earned it."""
    spec = plugin(tmp_path, BROKEN)
    journal = tmp_path / "journal"
    first = run(spec, restart=SOON, journal=journal)
    first.start_all()
    assert wait_for(lambda: first.state("probe") is State.DISABLED)
    first.close()
    assert run(spec, journal=journal).state("probe") is State.DISABLED
    update = msgspec.structs.replace(spec, version="1.0.1")
    assert run(update, journal=journal).state("probe") is State.UNLOADED


def test_in_safe_mode_only_essential_plugins_run(run: Run, tmp_path: Path) -> None:
    """The others wait for the next start without it."""
    essential = msgspec.structs.replace(plugin(tmp_path, COUNTER, name="essential"), essential=True)
    plugins = run(essential, plugin(tmp_path, COUNTER), safe_mode=True)
    plugins.start_all()
    assert plugins.running() == ("essential",)
    assert plugins.reason("probe") == "safe-mode"


def test_a_disabled_plugin_is_stopped_and_stays_so(run: Run, tmp_path: Path) -> None:
    """Until the one who disabled it changes their mind."""
    plugins = run(plugin(tmp_path, COUNTER))
    plugins.start()
    plugins.disable("probe")
    assert (plugins.running(), plugins.state("probe")) == ((), State.DISABLED)
    assert plugins.start_all().plugins == ()
    plugins.enable("probe")
    assert plugins.start_all().ok


HOST = """
import sys, time
import msgspec
from pathlib import Path
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.spec import LaunchSpec
specs = msgspec.json.decode(sys.argv[1], type=list[LaunchSpec])
plugins = PluginManager(specs, sandbox="off", on_warning=len, journal=Path(sys.argv[2]))
plugins.start(["good"])
print(plugins.pid("good"), flush=True)
plugins.start()
"""


def test_a_host_that_is_killed_leaves_a_suspect_and_no_process(run: Run, tmp_path: Path) -> None:
    """The plugin that was being started is named by the next host."""
    slow = "\n    def initialize(self, context):\n        time.sleep(60)\n"
    specs = [
        plugin(tmp_path, COUNTER, name="good"),
        plugin(tmp_path, slow, name="slow", limits=Limits(start="60s")),
    ]
    journal = tmp_path / "journal"
    text = msgspec.json.encode(specs).decode()
    command = [sys.executable, "-c", HOST, text, str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        good = int(host.stdout.readline() if host.stdout else "")
        assert wait_for(lambda: len(family(host.pid)) >= 3)
        assert wait_for(lambda: b'"slow"' in journal.read_bytes())
        pids = [pid for pid in family(host.pid) if pid != host.pid]
        assert good in pids
        host.kill()
    assert wait_for(lambda: not alive(pids))
    assert run(*specs, journal=journal).suspects == ("slow",)


def test_a_plugin_that_waits_for_its_first_call_is_started_by_it(run: Run, tmp_path: Path) -> None:
    """From the host or from another plugin."""
    lazy = msgspec.structs.replace(
        plugin(tmp_path, COUNTER, name="lazy"), activation=("operation",)
    )
    asks = """
        @operation
        def ask(self) -> int:
            return self.context.call("lazy", "add")
    """
    plugins = run(lazy, plugin(tmp_path, asks, requires=("lazy",)))
    assert plugins.start_all().ok
    assert plugins.running() == ("lazy", "probe") or plugins.running() == ("probe",)
    plugins.stop(["lazy"])
    assert plugins.call("probe", "ask") == 1
    plugins.stop(["lazy"])
    assert plugins.call("lazy", "add") == 1


def test_several_instances_of_one_plugin_live_side_by_side(run: Run, tmp_path: Path) -> None:
    """Each with a process, data and a state of its own, called by NAME@INSTANCE."""
    base = plugin(tmp_path, COUNTER)
    specs = [
        msgspec.structs.replace(base, instance=one, data=str(tmp_path / one))
        for one in ("attic", "cellar")
    ]
    plugins = run(*specs)
    plugins.start()
    assert [plugins.call("probe@attic", "add") for _ in range(2)] == [1, 2]
    assert plugins.call("probe@cellar", "add") == 1
    plugins.stop(["probe@attic"])
    assert plugins.running() == ("probe@cellar",)
    with pytest.raises(PluginNotFound):
        plugins.call("probe", "add")


LISTENS = """
    def initialize(self, context):
        self.heard = []

    @on("source.joined")
    def joined(self, mac: str):
        self.heard.append(mac)

    @on("app.ready")
    def ready(self):
        self.heard.append("ready")

    @operation
    def tell(self) -> list[str]:
        return self.heard
"""
HEAD = """\
import os, time, threading
from collections.abc import Iterator
from typing import Any
from heimnetz_git import BasePlugin, every, health, on, operation

class Plugin(BasePlugin):
"""
SOURCE = """
    @operation
    def join(self, mac: str) -> None:
        self.context.emit("joined", mac=mac)
"""


def test_events_reach_those_that_require_the_source(run: Run, tmp_path: Path) -> None:
    """And the host; an event of the host reaches everybody who listens."""
    heard: list[tuple[str, dict[str, Any]]] = []
    plugins = run(
        plugin(tmp_path, SOURCE, name="source", head=HEAD),
        plugin(tmp_path, LISTENS, name="near", requires=("source",), head=HEAD),
        plugin(tmp_path, LISTENS, name="far", head=HEAD),
        on_event=lambda name, data: heard.append((name, data)),
    )
    plugins.start_all()
    plugins.call("source", "join", mac="aa")
    assert wait_for(lambda: plugins.call("near", "tell") == ["aa"])
    plugins.emit("app.ready")
    assert wait_for(lambda: plugins.call("near", "tell") == ["aa", "ready"])
    assert wait_for(lambda: plugins.call("far", "tell") == ["ready"])
    assert heard == [("source.joined", {"mac": "aa"})]


def test_an_event_wakes_a_plugin_that_waits_for_it(run: Run, tmp_path: Path) -> None:
    """Its activation names the event."""
    waits = msgspec.structs.replace(
        plugin(tmp_path, LISTENS, head=HEAD), activation=("event:app.ready",)
    )
    plugins = run(waits)
    assert plugins.start_all().plugins == ()
    plugins.emit("app.ready")
    assert wait_for(lambda: plugins.running() == ("probe",))


def test_a_schedule_is_kept_while_the_plugin_runs(run: Run, tmp_path: Path) -> None:
    """And what it raises is logged, not lost."""
    body = """
        def initialize(self, context):
            self.n = 0

        @every("1s")
        def tick(self):
            self.n += 1
            raise ValueError("tock")

        @operation
        def ticks(self) -> int:
            return self.n
    """
    said: list[str] = []
    plugins = run(
        plugin(tmp_path, body, head=HEAD), on_log=lambda _name, _level, line: said.append(line)
    )
    plugins.start()
    assert wait_for(lambda: plugins.call("probe", "ticks") >= 2)
    assert "every tick: ValueError: tock" in said


def test_a_plugin_tells_how_it_is(run: Run, tmp_path: Path) -> None:
    """Well, or what it raises."""
    body = """
        def initialize(self, context):
            self.fine = True

        @health
        def how(self) -> bool:
            if not self.fine:
                raise OSError("the device is gone")
            return True

        @operation
        def fall_ill(self) -> None:
            self.fine = False
    """
    plugins = run(plugin(tmp_path, body, head=HEAD))
    plugins.start()
    assert plugins.check_health("probe") == "ok"
    plugins.call("probe", "fall_ill")
    assert "the device is gone" in plugins.check_health("probe")


def test_the_host_serves_what_a_plugin_was_granted(run: Run, tmp_path: Path) -> None:
    """And nothing else."""
    body = """
        @operation
        def ask(self, service: str) -> Any:
            return self.context.host(service, n=2)
    """
    grants = Permissions(host=("devices.read", "devices.lost"))
    services = {"devices.read": lambda n: ["a"] * n, "secrets": lambda n: n}
    plugins = run(plugin(tmp_path, body, permissions=grants), services=services)
    plugins.start()
    assert plugins.call("probe", "ask", service="devices.read") == ["a", "a"]
    with pytest.raises(AccessDenied, match="which it was not granted"):
        plugins.call("probe", "ask", service="secrets")
    with pytest.raises(PluginNotFound, match=r"no service 'devices\.lost'"):
        plugins.call("probe", "ask", service="devices.lost")


def version(folder: Path, number: str, body: str = "") -> LaunchSpec:
    """A plugin that tells its version."""
    told = f"\n    @operation\n    def version(self) -> str:\n        return {number!r}\n"
    spec = plugin(folder / number, told + body, name="probe", head=HEAD)
    return msgspec.structs.replace(spec, version=number)


def test_another_version_takes_over_and_no_call_fails(run: Run, tmp_path: Path) -> None:
    """While others call without pause; the old process is gone afterwards."""
    specs = [version(tmp_path, number) for number in ("1.0.0", "1.1.0", "1.2.0")]
    plugins = run(specs[0])
    plugins.start()
    heard: list[str] = []
    failed: list[BaseException] = []
    over = threading.Event()

    def talk() -> None:
        while not over.is_set():
            try:
                heard.append(plugins.call("probe", "version"))
            except BaseException as error:
                failed.append(error)

    threads = [threading.Thread(target=talk) for _ in range(3)]
    for thread in threads:
        thread.start()
    for spec in specs[1:]:
        old = family(plugins.pid("probe"))
        plugins.swap(spec)
        assert alive(old) == []
    over.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert plugins.call("probe", "version") == "1.2.0"
    assert set(heard) >= {"1.0.0"}
    assert plugins.stats()["probe"].generation == 3


def test_a_version_that_is_unwell_does_not_take_over(run: Run, tmp_path: Path) -> None:
    """The old one goes on as if nothing had been."""
    ill = """
    @health
    def how(self) -> bool:
        return False
"""
    plugins = run(version(tmp_path, "1.0.0"))
    plugins.start()
    with pytest.raises(PluginFailed, match="unwell"):
        plugins.swap(version(tmp_path, "1.1.0", ill))
    with pytest.raises(PluginFailed):
        plugins.swap(msgspec.structs.replace(version(tmp_path, "1.2.0"), entry_point="gone:Plugin"))
    assert plugins.call("probe", "version") == "1.0.0"


def test_items_of_a_stream_come_one_by_one_and_never_too_many(run: Run, tmp_path: Path) -> None:
    """A slow reader holds the plugin back; closing the stream ends the generator."""
    body = """
        def initialize(self, context):
            self.given, self.closed = 0, False

        @operation
        def count(self, n: int) -> Iterator[int]:
            try:
                for one in range(n):
                    self.given = one
                    yield one
            finally:
                self.closed = True

        @operation
        def look(self) -> dict[str, Any]:
            return {"given": self.given, "closed": self.closed}
    """
    plugins = run(plugin(tmp_path, body, head=HEAD))
    plugins.start()
    assert list(plugins.stream("probe", "count", n=1000)) == list(range(1000))
    assert plugins.call("probe", "count", n=3) == [0, 1, 2]
    items = plugins.stream("probe", "count", n=10_000)
    assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
    items.close()  # type: ignore[attr-defined]  # it is a generator
    seen = plugins.call("probe", "look")
    assert seen["closed"]
    assert seen["given"] < 100


def test_answers_that_may_be_remembered_are(run: Run, tmp_path: Path) -> None:
    """For the same question, for a while; a new process is asked anew."""
    body = """
        def initialize(self, context):
            self.n = 0

        @operation(cache=60)
        def look(self, of: str) -> int:
            self.n += 1
            return self.n
    """
    plugins = run(plugin(tmp_path, body, head=HEAD))
    plugins.start()
    asked = [plugins.call("probe", "look", of=of) for of in ("a", "a", "b", "a")]
    assert asked == [1, 1, 2, 1]
    assert plugins.stats()["probe"].cached == 2
    plugins.stop(["probe"])
    plugins.start(["probe"])
    assert plugins.call("probe", "look", of="b") == 1


def test_a_coroutine_is_run_to_its_end_on_a_loop_that_stays(run: Run, tmp_path: Path) -> None:
    """So that what it made for one call is good for the next."""
    body = """
        @operation
        async def nap(self, n: int) -> int:
            import asyncio
            self.lock = getattr(self, "lock", None) or asyncio.Lock()
            async with self.lock:
                await asyncio.sleep(0.001)
            return n
    """
    plugins = run(plugin(tmp_path, body, head=HEAD))
    plugins.start()
    assert [plugins.call("probe", "nap", n=n) for n in range(3)] == [0, 1, 2]
