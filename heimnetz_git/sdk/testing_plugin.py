"""A built plugin in an author's test: called, restarted, killed and hung, in its real sandbox."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from heimnetz_git.errors import AccessDenied
from heimnetz_git.model.limits import Limits, size_in_bytes
from heimnetz_git.model.limits import seconds as seconds_of
from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.model.release import Release
from heimnetz_git.sdk.testing_host import Bench, Host
from heimnetz_git.sdk.testing_workshop import Unpacked, Workshop

__all__ = ["Cost", "Line", "RunningPlugin"]

ENDED_WITHIN = 5.0


class Line(msgspec.Struct, frozen=True):
    """What a plugin logged or printed; ``level`` as in the logging module."""

    level: int
    text: str


class Cost(NamedTuple):
    """Seconds of the start, seconds of processor time, bytes of memory; 0 where none can tell."""

    start: float
    cpu: float
    memory: int


class RunningPlugin:
    """A plugin as its users have it: built, unpacked, and in a process and a sandbox of its own.

    It starts when it is first called. ``data`` is its data folder, ``log`` what it said.
    """

    def __init__(
        self,
        unpacked: Unpacked,
        workshop: Workshop,
        host: Host,
        *,
        folder: Path,
        test: str,
        config: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> None:
        """``config`` and ``limits`` are plain values; ``test`` is the name of the test."""
        self.release: Release = unpacked.release
        self.data = folder / "data"
        self.log: list[Line] = []
        self._workshop = workshop
        self._host = host
        self._test = test
        spec = unpacked.spec(self.data, dict(config or {}))
        grown = msgspec.structs.asdict(spec.limits) | dict(limits or {})
        self._spec = msgspec.structs.replace(spec, limits=msgspec.convert(grown, Limits))
        self._granted = self._spec.permissions
        self._limits = self._spec.limits
        self._bench: Bench | None = None

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.release.name

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self._bench is not None and self.name in self._bench.running()

    @property
    def isolated(self) -> bool:
        """Whether it runs in a sandbox that hides the machine from it; starts it if need be."""
        return self._started().isolated

    @property
    def operations(self) -> dict[str, dict[str, Any]]:
        """Its operations, ``{name: {summary, parameters, result}}``; starts it if need be."""
        return self._started().operations(self.name)

    def call(self, operation: str, /, **params: Any) -> Any:
        """The plain result of an operation; starts the plugin if it was never started.

        Raises what PluginManager's ``start`` and ``call`` raise.
        """
        try:
            return self._started().call(self.name, operation, **params)
        except AccessDenied as error:
            self._workshop.deny(error, self.name, self._test)
            raise

    def start(self) -> None:
        """Start it, and fail here if it cannot be started; nothing if it runs."""
        try:
            self._started().start()
        except AccessDenied as error:
            self._workshop.deny(error, self.name, self._test)
            raise

    def restart(
        self,
        *,
        config: Mapping[str, Any] | None = None,
        read: Iterable[Path | str] | None = None,
        write: Iterable[Path | str] | None = None,
        connect: Iterable[str] | None = None,
    ) -> None:
        """End it in good order if it runs, and start it anew on the same data.

        ``config`` takes the place of the earlier one. ``read``, ``write`` and ``connect`` grant
        more than the manifest asks for, for tests that need a file or a port of their own; without
        any of them what was granted stays.
        """
        if config is not None:
            self._spec = msgspec.structs.replace(self._spec, config=dict(config))
        if (read, write, connect) != (None, None, None):
            more = _widened(self._granted, read or (), write or (), connect or ())
            self._spec = msgspec.structs.replace(self._spec, permissions=more)
        self.stop()
        self.start()

    def alter(
        self,
        *,
        limits: Mapping[str, Any] | None = None,
        network: NetworkPermissions | None = None,
    ) -> None:
        """Start it anew with the test's limits and permissions, but for those given here."""
        changed = msgspec.structs.asdict(self._limits) | dict(limits or {})
        granted = self._granted
        if network is not None:
            granted = msgspec.structs.replace(granted, network=network)
        self._spec = msgspec.structs.replace(
            self._spec, limits=msgspec.convert(changed, Limits), permissions=granted
        )
        self.stop()
        self.start()

    @property
    def cost(self) -> Cost:
        """What it took to start, and what it uses now; starts it if need be."""
        found = self._started().stats()[self.name]
        return Cost(found.start, found.cpu, found.memory)

    def stays_within(self, *, start: str = "", memory: str = "", cpu: str = "") -> None:
        """Raise AssertionError unless it costs at most this: times as ``2s``, sizes as ``40M``.

        ``start`` is from the beginning of its process until it is ready, ``cpu`` the processor
        time so far, ``memory`` what its processes have now (a proportional share of what they
        share). What this system does not tell is not held against it.
        """
        cost = self.cost
        over = []
        if start and cost.start > seconds_of(start):
            over.append(f"started in {cost.start:.3f} s, allowed are {start}")
        if cpu and cost.cpu > seconds_of(cpu):
            over.append(f"used {cost.cpu:.2f} s of processor time, allowed are {cpu}")
        if memory and cost.memory > size_in_bytes(memory):
            over.append(f"has {cost.memory / (1 << 20):.1f}M of memory, allowed are {memory}")
        if over:
            raise AssertionError(f"{self.name} is over its budget: it {'; it '.join(over)}.")

    def stop(self) -> None:
        """End it in good order; nothing of it is left. The next call starts it anew."""
        if self._bench is not None:
            self._workshop.note_use(self._bench)
            self._bench.stop()
            self._bench = None

    def kill(self) -> None:
        """End its process as a crash or the kernel would (SIGKILL); then calls fail."""
        os.kill(self._started().pid(self.name), signal.SIGKILL)
        until = time.monotonic() + ENDED_WITHIN
        while self.running and time.monotonic() < until:
            time.sleep(0.005)

    def hang(self) -> None:
        """Halt its process (SIGSTOP): it is there and answers nothing until it is ended.

        A call then raises PluginTimedOut after ``limits.call``; see the marker plugin_limits.
        """
        pid = self._started().pid(self.name)
        for one in _family(pid)[1:] if self.isolated else [pid]:
            os.kill(one, signal.SIGSTOP)

    def _started(self) -> Bench:
        """The bench that it is on, started if it never was."""
        if self._bench is None:
            bench = Bench(
                [self._spec],
                self._host,
                sandbox=self._workshop.sandbox,
                on_warning=self._workshop.warn,
                on_log=lambda _plugin, level, text: self.log.append(Line(level, text)),
            )
            bench.start()
            self._workshop.isolated = bench.isolated
            self._bench = bench
        return self._bench


def _widened(
    granted: Permissions,
    read: Iterable[Path | str],
    write: Iterable[Path | str],
    connect: Iterable[str],
) -> Permissions:
    files, network = granted.files, granted.network
    return msgspec.structs.replace(
        granted,
        files=FilePermissions(
            read=(*files.read, *map(str, read)), write=(*files.write, *map(str, write))
        ),
        network=msgspec.structs.replace(network, connect=(*network.connect, *connect)),
    )


def _family(pid: int) -> list[int]:
    """A process and all that came of it, parents first (Linux; elsewhere itself alone)."""
    found = [pid]
    for one in found:
        for path in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(word) for word in path.read_text().split()]
    return found
