"""What a call of a plugin's operation costs, against JSON over a bare pair of sockets.

``python -m benchmarks.host_calls [--quick]``. Round trips with 1 KB each way, one after the other,
from a thread and from an event loop; and many at once on one connection. The peer is the smallest
thing that could work: a child that reads a length and JSON, and sends the same back, without
schemas, limits, deadlines or a sandbox; it takes turns with ours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.host_plugins import spec
from benchmarks.host_start import quiet
from benchmarks.measure import Row, show
from heimnetz_git.host.aio import AsyncPluginManager
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.stats import Tally

VALUE = "x" * 1024
SYNC_US, AIO_US, PIPELINED, STATS_SHARE = 60, 100, 15_000, 0.02
BLOCK = 200


def peer() -> socket.socket:
    """The end of a pair of sockets; at the other a child echoes."""
    own, other = socket.socketpair()
    if os.fork() == 0:
        own.close()
        try:
            while (data := _read(other)) is not None:
                _send(other, json.loads(data))
        finally:
            os._exit(0)
    other.close()
    return own


def _read(end: socket.socket) -> bytes | None:
    head = end.recv(4)
    if not head:
        return None
    size = int.from_bytes(head, "big")
    data = b""
    while len(data) < size:
        data += end.recv(size - len(data))
    return data


def _send(end: socket.socket, value: object) -> None:
    data = json.dumps(value).encode()
    end.sendall(len(data).to_bytes(4, "big") + data)


def blocks(
    plugins: PluginManager, end: socket.socket, rounds: int
) -> Iterator[tuple[float, float]]:
    """Microseconds of a round trip, ours and the peer's, in turns."""
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(BLOCK):
            plugins.call("probe", "echo", value=VALUE)
        middle = time.perf_counter()
        for _ in range(BLOCK):
            _send(end, {"id": 1, "operation": "echo", "params": {"value": VALUE}})
            json.loads(_read(end) or b"")
        ended = time.perf_counter()
        yield (middle - began) / BLOCK * 1e6, (ended - middle) / BLOCK * 1e6


def synchronous(folder: Path, rounds: int) -> Iterator[Row]:
    """One call after the other, from one thread; and what counting them costs."""
    end = peer()
    with PluginManager([spec(folder, "probe")], on_warning=quiet) as plugins:
        plugins.start()
        list(blocks(plugins, end, 1))
        pairs = list(blocks(plugins, end, rounds))
    end.close()
    ours, theirs = (min(column) for column in zip(*pairs, strict=True))
    said = f"{ours:.0f} us (median {statistics.median(pair[0] for pair in pairs):.0f})"
    other = f"bare JSON: {theirs:.0f} us"
    yield Row("HOST", "round trip 1 KB, thread", f"<= {SYNC_US} us", said, other, ours <= SYNC_US)
    yield _counting(ours)


def _counting(call: float) -> Row:
    """What the statistics add to a call."""
    tally = Tally()
    tallies = {"probe": {"echo": tally}}
    began = time.perf_counter()
    for _ in range(100_000):
        tallies["probe"]["echo"].count(time.perf_counter() - began)
    cost = (time.perf_counter() - began) * 10  # us a call
    share = cost / call
    said = f"{share:.1%} ({cost:.2f} us)"
    return Row(
        "HOST", "statistics, of a call", f"< {STATS_SHARE:.0%}", said, "", share < STATS_SHARE
    )


async def asynchronous(folder: Path, rounds: int) -> list[Row]:
    """One after the other from an event loop, then a hundred tasks at once."""
    async with AsyncPluginManager([spec(folder, "probe")], on_warning=quiet) as plugins:
        await plugins.start()

        async def calls(count: int) -> None:
            for _ in range(count):
                await plugins.call("probe", "echo", value=VALUE)

        single, many = [], []
        await calls(BLOCK)
        for _ in range(rounds):
            began = time.perf_counter()
            await calls(BLOCK)
            single.append((time.perf_counter() - began) / BLOCK * 1e6)
            began = time.perf_counter()
            await asyncio.gather(*(calls(20) for _ in range(100)))
            many.append(2000 / (time.perf_counter() - began))
    least, most = min(single), max(many)
    return [
        Row("HOST", "round trip 1 KB, event loop", f"<= {AIO_US} us",
            f"{least:.0f} us (median {statistics.median(single):.0f})", "", least <= AIO_US),
        Row("HOST", "calls at once on one connection", f">= {PIPELINED:,}/s",
            f"{most:,.0f}/s (median {statistics.median(many):,.0f})", "", most >= PIPELINED),
    ]  # fmt: skip


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rounds: only that it runs")
    parser.add_argument("--rounds", type=int, default=30)
    asked = parser.parse_args()
    rounds = 2 if asked.quick else asked.rounds
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        rows = list(synchronous(Path(name) / "one", rounds))
        rows += asyncio.run(asynchronous(Path(name) / "two", rounds))
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
