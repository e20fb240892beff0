"""Statistics on disk: what hosts that run now and hosts of the past saw of their plugins."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from heimnetz_git.host.stats import PluginStats, together
from heimnetz_git.storage.home import write_atomic

__all__ = ["Figures", "Snapshot", "history", "live", "merged", "total"]

HISTORY = "history.jsonl"
INTERVAL = 2.0
LONGEST = 1 << 20
"""Bytes from which on the history is folded into one line."""


class Snapshot(msgspec.Struct, frozen=True):
    """What one host saw: its process id, the wall clock in seconds, its plugins by name."""

    host: int
    at: float
    plugins: dict[str, PluginStats]


class Figures:
    """Keeps a host's figures in ``folder``: a file while it runs, a line of history when it ends.

    ``look`` gives the figures; it is called every INTERVAL seconds in a thread of its own.
    """

    def __init__(
        self, folder: Path, look: Callable[[], dict[str, PluginStats]], now: Callable[[], float]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / f"{os.getpid()}.json"
        self._look = look
        self._now = now
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="heimnetz-figures", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        """Write the figures again and again."""
        while not self._over.wait(INTERVAL):
            with suppress(OSError):
                write_atomic(self._file, msgspec.json.encode(self._snapshot()))

    def _snapshot(self) -> Snapshot:
        return Snapshot(os.getpid(), self._now(), self._look())

    def close(self) -> None:
        """Write the last figures to the history; call this while the plugins still run."""
        self._over.set()
        self._thread.join()
        found = self._snapshot()
        self._file.unlink(missing_ok=True)
        if any(one.operations or one.start for one in found.plugins.values()):
            _append(self._folder / HISTORY, found)


def live(folder: Path, runs: Callable[[int], bool]) -> list[Snapshot]:
    """The snapshots of hosts that run; ``runs`` tells whether a process does."""
    found = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        with suppress(OSError, msgspec.MsgspecError):
            snapshot = msgspec.json.decode(path.read_bytes(), type=Snapshot)
            if runs(snapshot.host):
                found.append(snapshot)
    return found


def history(folder: Path) -> list[Snapshot]:
    """The last snapshots of hosts that have ended; lines that are torn are left out."""
    decoder = msgspec.json.Decoder(Snapshot)
    found = []
    with suppress(FileNotFoundError):
        for line in (folder / HISTORY).read_bytes().split(b"\n"):
            with suppress(msgspec.MsgspecError):
                found.append(decoder.decode(line))
    return found


def merged(snapshots: Iterable[Snapshot]) -> dict[str, PluginStats]:
    """All of them together: sums of what is counted, the most of what is used, the last state."""
    found: dict[str, PluginStats] = {}
    for snapshot in sorted(snapshots, key=lambda one: one.at):
        for name, stats in snapshot.plugins.items():
            found[name] = _sum(found[name], stats) if name in found else stats
    return dict(sorted(found.items()))


def _sum(old: PluginStats, new: PluginStats) -> PluginStats:
    operations = dict(old.operations)
    for name, one in new.operations.items():
        operations[name] = together((operations[name], one)) if name in operations else one
    return msgspec.structs.replace(
        new,
        start=max(old.start, new.start),
        uptime=old.uptime + new.uptime,
        cpu=old.cpu + new.cpu,
        memory=max(old.memory, new.memory),
        processes=max(old.processes, new.processes),
        generation=old.generation + new.generation,
        restarts=old.restarts + new.restarts,
        denials=old.denials + new.denials,
        cached=old.cached + new.cached,
        operations=operations,
    )


def _append(path: Path, snapshot: Snapshot) -> None:
    """Add a line; a history that has grown long is folded into one. One writer at a time."""
    import fcntl  # not on Windows

    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(msgspec.json.encode(snapshot) + b"\n")
        file.flush()
        if file.tell() > LONGEST:
            folded = Snapshot(0, snapshot.at, merged(history(path.parent)))
            file.truncate(0)
            file.write(msgspec.json.encode(folded) + b"\n")


def total(folder: Path, runs: Callable[[int], bool]) -> Mapping[str, PluginStats]:
    """What all hosts that used this folder saw, those that run now included."""
    return merged([*history(folder), *live(folder, runs)])
