"""What a plugin costs before its first answer, while it does nothing, and until it is gone.

``python -m benchmarks.host_start [--quick]``. Wall time, with the least of all rounds beside the
median: the machine's other work only adds. Each start ends with the first reply. The peer of the
starts is a bare interpreter that is executed in the same round.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.host_plugins import spec
from benchmarks.measure import BARE, Row, show
from heimnetz_git.errors import HeimnetzError
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.usage import family, usage
from heimnetz_git.sandbox.levels import Level

EXECUTED: tuple[tuple[Level, float], ...] = (("minimal", 50), ("standard", 60), ("strict", 80))
ZYGOTE_MS, STOP_MS, DEAF_MS, CRASH_MS, IDLE_MB = 12, 50, 1000, 10, 5.0


def quiet(_text: str) -> None:
    """Warnings are nobody's business here."""


def manager(specs: list[LaunchSpec], *, level: Level, preload: bool) -> PluginManager:
    """A host without restarts."""
    mode: dict[str, object] = {"sandbox": "off"} if level == "minimal" else {"level": level}
    return PluginManager(
        specs,
        preload=preload,
        restart=None,
        on_warning=quiet,
        **mode,  # type: ignore[arg-type]
    )


def timed(act: Callable[[], object]) -> float:
    """Milliseconds that ``act`` takes."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e3


def figure(job: str, wanted: float, found: list[float], peer: str = "") -> Row:
    """A row with the least and the median of some milliseconds."""
    least = min(found)
    said = f"{least:.1f} ms (median {statistics.median(found):.1f})"
    return Row("HOST", job, f"<= {wanted:g} ms", said, peer, least <= wanted)


def executed(folder: Path, rounds: int) -> Iterator[Row]:
    """Starts by executing an interpreter, level by level, each beside a bare one."""
    for level, wanted in EXECUTED:
        one = spec(folder, f"executed-{level}")
        found, bare = [], []
        for _ in range(rounds):
            bare.append(timed(lambda: subprocess.run(BARE, check=True)))
            with manager([one], level=level, preload=False) as plugins:
                found.append(timed(partial(_first_reply, plugins, one.name)))
        peer = f"python -I -c pass: {min(bare):.1f} ms"
        yield figure(f"exec start to first reply, {level}", wanted, found, peer)


def _first_reply(plugins: PluginManager, name: str) -> None:
    plugins.start([name])
    plugins.call(name, "version")


def forked(folder: Path, rounds: int) -> Iterator[Row]:
    """Starts from the zygote, and what its children use."""
    for level, wanted in (("minimal", ZYGOTE_MS), ("standard", ZYGOTE_MS)):
        specs = [spec(folder, f"forked-{level}-{number}") for number in range(rounds + 1)]
        with manager(specs, level=level, preload=True) as plugins:  # type: ignore[arg-type]
            _first_reply(plugins, specs[0].name)
            found = [timed(partial(_first_reply, plugins, one.name)) for one in specs[1:]]
            yield figure(f"zygote start to first reply, {level}", wanted, found)
            pids = [plugins.pid(one.name) for one in specs]
            trees = [usage(pid).memory / 1e6 for pid in pids]
            own = [min(_own_memory(pid) for pid in [list(family(pid))[-1]]) for pid in pids]
        yield _idle(f"idle plugin from the zygote, {level}: its own process", own)
        yield _idle(f"idle plugin from the zygote, {level}: with its helpers", trees)


def _own_memory(pid: int) -> float:
    """The proportional share of one process, in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.partition("Pss:")[2].split()[0]) * 1024 / 1e6


def _idle(job: str, found: list[float]) -> Row:
    middle = statistics.median(found)
    return Row("HOST", job, f"<= {IDLE_MB:g} MB PSS", f"{middle:.2f} MB", "", middle <= IDLE_MB)


def ends(folder: Path, rounds: int) -> Iterator[Row]:
    """Ends: in good order, of one that does not hear, and a crash until it is noticed."""
    clean, deaf, crash = [], [], []
    specs = [spec(folder, name) for name in ("clean", "deaf", "crash")]
    with manager(specs, level="standard", preload=True) as plugins:
        for _ in range(rounds):
            plugins.start()
            plugins.call("deaf", "be_deaf")
            clean.append(timed(lambda: plugins.stop(["clean"])))
            deaf.append(timed(lambda: plugins.stop(["deaf"])))
            crash.append(_crash(plugins))
    yield figure("clean stop", STOP_MS, clean)
    yield figure("stop of one that ignores everything", DEAF_MS, deaf)
    yield figure("crash noticed by the waiting caller", CRASH_MS, crash)


def _crash(plugins: PluginManager) -> float:
    """Milliseconds from the kill to the caller's error."""
    import threading

    killed: list[float] = []

    def kill() -> None:
        time.sleep(0.05)
        victim = list(family(plugins.pid("crash")))[-1]
        killed.append(time.perf_counter())
        os.kill(victim, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        plugins.call("crash", "nap")
    except HeimnetzError:
        noticed = time.perf_counter()
    thread.join()
    return (noticed - killed[0]) * 1e3


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rounds: only that it runs")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    rounds = 2 if asked.quick else asked.rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        show([*executed(folder, rounds), *forked(folder, rounds), *ends(folder, rounds)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
