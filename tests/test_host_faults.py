"""Anything may be killed at any time: no process is left, and the next start is clean."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from heimnetz_git.host.journal import CLOSED, Journal, last_rows
from heimnetz_git.host.lifecycle import Restart, State
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.spec import LaunchSpec
from tests.pluginkit import alive, family, plugin
from tests.test_host_manager import COUNTER
from tests.test_host_zygote import quiet

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

NAMES = ("one", "two", "three")
HOST = """
import random, select, sys
from pathlib import Path
import msgspec
from heimnetz_git import HeimnetzError, PluginManager, Restart
from heimnetz_git.host.spec import LaunchSpec

specs = msgspec.json.decode(sys.argv[1], type=list[LaunchSpec])
plugins = PluginManager(
    specs, sandbox="off", on_warning=len, preload=True, journal=Path(sys.argv[2]),
    restart=Restart(first=0.01, cap=0.05, most=100_000),
)
with plugins:
    print("begun", flush=True)
    plugins.start_all()
    while not select.select([0], [], [], 0)[0]:
        try:
            plugins.call(random.choice(specs).name, "add")
        except HeimnetzError:
            pass
        if len(plugins.running()) == len(specs):
            print("all", flush=True)
print("closed", flush=True)
"""


class Host:
    """A host program that calls its plugins without a pause until its input is closed."""

    def __init__(self, specs: list[LaunchSpec], journal: Path) -> None:
        text = msgspec.json.encode(specs).decode()
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOST, text, str(journal)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._expect(b"begun")

    def _expect(self, word: bytes) -> None:
        """Read its output until it says the word."""
        for line in self.process.stdout or ():
            if line.strip() == word:
                return
        raise AssertionError(f"the host ended before it said {word!r}")

    def wait_until_all_run(self) -> None:
        """Read what it said so far, then wait for the next time that all plugins run."""
        output = self.process.stdout
        if output is not None:
            os.set_blocking(output.fileno(), False)
            with suppress(BlockingIOError):
                while os.read(output.fileno(), 1 << 16):
                    pass
            os.set_blocking(output.fileno(), True)
        self._expect(b"all")

    def family(self) -> list[int]:
        """All that came of it, without itself."""
        return [pid for pid in family(self.process.pid) if pid != self.process.pid]

    def end(self) -> None:
        """Let it end in good order."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self._expect(b"closed")
        assert self.process.wait(20) == 0


@contextmanager
def running(specs: list[LaunchSpec], journal: Path) -> Iterator[Host]:
    """A host that is not left behind whatever happens."""
    host = Host(specs, journal)
    with host.process:
        try:
            yield host
        finally:
            host.process.kill()


def gone(pids: list[int]) -> list[int]:
    """Those that are still there after a while."""
    deadline = time.monotonic() + 10
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.002)
    return alive(pids)


def kill_some(specs: list[LaunchSpec], folder: Path, rounds: int, chance: random.Random) -> None:
    """Kill a plugin or the zygote again and again: the host brings all of them back."""
    journal = folder / "journal"
    with running(specs, journal) as host:
        host.wait_until_all_run()
        for _ in range(rounds):
            victim = chance.choice(host.family() or [0])
            with suppress(ProcessLookupError):
                if victim:
                    os.kill(victim, signal.SIGKILL)
            time.sleep(chance.random() * 0.05)
        host.wait_until_all_run()
        pids = host.family()
        host.end()
        assert gone(pids) == []
    rows = Journal(journal, run="look", now=time.time).rows
    assert rows[-1].plugin == CLOSED
    # One that was killed just before the end was not started again: that is an end, too.
    assert {last_rows(rows)[name].state for name in NAMES} <= {State.STOPPED, State.ERROR}


def kill_host(specs: list[LaunchSpec], folder: Path, rounds: int, chance: random.Random) -> None:
    """Kill the host at any moment: nothing is left of it, and the next one starts all."""
    journal = folder / "journal"
    for _ in range(rounds):
        with running(specs, journal) as host:
            time.sleep(chance.random() * 0.4)
            pids = host.family()
            os.kill(host.process.pid, signal.SIGKILL)
            pids = list({*pids, *host.family()})
            host.process.wait()
            assert gone(pids) == []
    restart = Restart(first=0.01, cap=0.05, most=100_000)
    with PluginManager(
        specs, journal=journal, restart=restart, sandbox="off", on_warning=quiet
    ) as plugins:
        assert set(plugins.suspects) <= set(NAMES)
        assert plugins.start_all().ok


@pytest.fixture
def specs(tmp_path: Path) -> list[LaunchSpec]:
    """Three plugins, one of which requires another."""
    return [
        plugin(tmp_path, COUNTER, name=name, requires=("one",) if name == "two" else ())
        for name in NAMES
    ]


def test_plugins_and_zygote_may_be_killed_at_any_time(
    specs: list[LaunchSpec], tmp_path: Path
) -> None:
    """Two dozen times within a second or two."""
    kill_some(specs, tmp_path, 24, random.Random(1))


def test_the_host_may_be_killed_at_any_time(specs: list[LaunchSpec], tmp_path: Path) -> None:
    """While it starts, calls, and restarts."""
    kill_host(specs, tmp_path, 6, random.Random(2))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_kills(specs: list[LaunchSpec], tmp_path: Path, seed: int) -> None:
    """Plugins, zygote and host, at random points."""
    chance = random.Random(seed)
    kill_some(specs, tmp_path / "some", 80, chance)
    kill_host(specs, tmp_path / "host", 20, chance)


SOAK_SECONDS = float(os.environ.get("HEIMNETZ_SOAK_SECONDS", "1800"))


@pytest.mark.slow
def test_a_long_run_of_calls_swaps_and_crashes_grows_nothing(tmp_path: Path) -> None:
    """Fifty plugins for half an hour: memory and descriptors of the host stay flat."""
    versions = [
        [
            msgspec.structs.replace(
                plugin(tmp_path / str(version), COUNTER, name=f"p{n}"), version=f"1.0.{version}"
            )
            for n in range(50)
        ]
        for version in (0, 1)
    ]
    restart = Restart(first=0.01, cap=0.05, most=10**9)
    chance = random.Random(3)
    with PluginManager(versions[0], sandbox="off", on_warning=quiet, restart=restart) as plugins:
        assert plugins.start_all().ok
        until = time.monotonic() + SOAK_SECONDS
        _live_a_little(plugins, versions, chance, 500)
        before = _footprint()
        while time.monotonic() < until:
            _live_a_little(plugins, versions, chance, 500)
        deadline = time.monotonic() + 60
        while len(plugins.running()) < 50 and time.monotonic() < deadline:
            time.sleep(0.05)
        after = _footprint()
        assert len(plugins.running()) == 50
    assert after[0] <= before[0] * 1.25 + 8_000_000
    assert after[1] <= before[1] + 10


def _live_a_little(
    plugins: PluginManager, versions: list[list[LaunchSpec]], chance: random.Random, acts: int
) -> None:
    """Random calls, and now and then a crash or another version."""
    from heimnetz_git.errors import HeimnetzError

    for _ in range(acts):
        number = chance.randrange(50)
        name, dice = f"p{number}", chance.random()
        with suppress(HeimnetzError, ProcessLookupError):
            if dice < 0.01:
                os.kill(plugins.pid(name), signal.SIGKILL)
            elif dice < 0.03:
                plugins.swap(chance.choice(versions)[number])
            else:
                plugins.call(name, "add")


def _footprint() -> tuple[int, int]:
    """Resident bytes and open descriptors of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(list(Path("/proc/self/fd").iterdir()))
