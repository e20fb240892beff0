"""Two hundred plugins at once, each called a hundred times; and versions exchanged under load.

``python -m benchmarks.host_many [--quick]``. Counts what must not happen: a call that fails, or
takes a second, a host that grows large.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.host_plugins import spec
from benchmarks.host_start import quiet
from benchmarks.measure import Row, show
from heimnetz_git.errors import HeimnetzError
from heimnetz_git.host.aio import AsyncPluginManager
from heimnetz_git.host.manager import PluginManager

SWAPS = 10
THREADS = 4
HOST_MB = 150


async def crowd(folder: Path, count: int, each: int) -> list[Row]:
    """So many plugins, called side by side."""
    specs = [spec(folder, f"plugin-{number}") for number in range(count)]
    async with AsyncPluginManager(specs, on_warning=quiet) as plugins:
        began = time.perf_counter()
        report = await plugins.start_all()
        started = time.perf_counter() - began
        slowest, failed = 0.0, 0

        async def talk(name: str) -> None:
            nonlocal slowest, failed
            for number in range(each):
                asked = time.perf_counter()
                try:
                    failed += await plugins.call(name, "echo", value=str(number)) != str(number)
                except HeimnetzError:
                    failed += 1
                slowest = max(slowest, time.perf_counter() - asked)

        await asyncio.gather(*(talk(one.name) for one in specs))
        memory = _resident()
    well = report.ok and not failed
    words = f"{count} plugins, {each} calls each"
    return [
        Row("HOST", words, "0 failed", f"{failed} failed, {len(report.failed)} not started",
            f"all started in {started:.1f} s", well),
        Row("HOST", "the slowest of these calls", "< 1 s", f"{slowest * 1e3:.0f} ms", "",
            slowest < 1),
        Row("HOST", "the host's own memory", f"<= {HOST_MB} MB", f"{memory:.0f} MB resident", "",
            memory <= HOST_MB),
    ]  # fmt: skip


def _resident() -> float:
    """Megabytes of this process that are in memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def swaps(folder: Path, calls: int) -> Iterator[Row]:
    """Ten exchanges of versions while threads call without a pause."""
    failed: list[str] = []
    heard: set[int] = set()
    done = [0] * THREADS
    with PluginManager([spec(folder, "probe")], preload=True, on_warning=quiet) as plugins:
        plugins.start()

        def talk(own: int) -> None:
            while done[own] < calls // THREADS or not over.is_set():
                try:
                    heard.add(plugins.call("probe", "version"))
                except HeimnetzError as error:
                    failed.append(str(error))
                done[own] += 1

        over = threading.Event()
        threads = [threading.Thread(target=talk, args=(own,)) for own in range(THREADS)]
        for thread in threads:
            thread.start()
        for version in range(2, SWAPS + 2):
            while sum(done) < calls * (version - 1) // (SWAPS + 1):
                time.sleep(0.001)
            plugins.swap(spec(folder, "probe", version=version))
        over.set()
        for thread in threads:
            thread.join()
    words = f"{SWAPS} exchanges of versions, {sum(done):,} calls"
    said = f"{len(failed)} failed, {len(heard)} versions answered"
    yield Row("HOST", words, "0 failed", said, "", not failed and len(heard) == SWAPS + 1)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few of each: only that it runs")
    parser.add_argument("--plugins", type=int, default=200)
    parser.add_argument("--calls", type=int, default=100_000)
    asked = parser.parse_args()
    count, calls = (8, 2000) if asked.quick else (asked.plugins, asked.calls)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        rows = asyncio.run(crowd(Path(name) / "crowd", count, 100))
        rows += list(swaps(Path(name) / "swaps", calls))
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
