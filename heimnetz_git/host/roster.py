"""All plugins of a host: started in order, stopped in reverse, restarted, swapped."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from heimnetz_git.errors import HeimnetzError, PluginCrashed, PluginNotFound, printable
from heimnetz_git.host.hub import Hub
from heimnetz_git.host.lifecycle import Lifecycle, Restart, State, verdict
from heimnetz_git.host.managed import Managed
from heimnetz_git.host.order import levels, start_order
from heimnetz_git.host.process import PluginProcess
from heimnetz_git.host.report import Start, StartReport
from heimnetz_git.host.spec import LaunchSpec

__all__ = ["Diary", "Roster"]

MOST_AT_ONCE = 8
"""How many plugins start at the same time: more would only wait for the processor."""


class Diary(Protocol):
    """Where changes of state are noted before they happen."""

    def note(
        self, plugin: str, version: str, state: State, reason: str, disabled_by: tuple[str, ...]
    ) -> None:
        """``plugin`` is about to become ``state``."""


class Roster:
    """The plugins by name, and the changes of what runs, one at a time.

    ``make`` gives the process of a plugin, not begun yet. ``activated`` is told of each plugin that
    begins to serve, ``failed`` of each that ends unasked.
    """

    def __init__(
        self,
        specs: Iterable[LaunchSpec],
        hub: Hub,
        make: Callable[[LaunchSpec], PluginProcess],
        *,
        diary: Diary,
        restart: Restart | None,
        chance: Callable[[], float],
        activated: Callable[[Managed], None] = lambda _record: None,
    ) -> None:
        self.records: dict[str, Managed] = {}
        self._hub = hub
        self._make = make
        self._diary = diary
        self._restart = restart
        self._chance = chance
        self._activated = activated
        self._changing = threading.RLock()
        self._lock = threading.RLock()
        self._order: dict[str, None] = {}
        for spec in specs:
            self._adopt(spec)

    def _adopt(self, spec: LaunchSpec) -> Managed:
        def note(state: State, reason: str, disabled_by: tuple[str, ...]) -> None:
            version = self.records[spec.key].spec.version if spec.key in self.records else ""
            self._diary.note(spec.key, version or spec.version, state, reason, disabled_by)

        record = self.records[spec.key] = Managed(spec, Lifecycle(note))
        return record

    @property
    def specs(self) -> dict[str, LaunchSpec]:
        """The specifications by name."""
        return {name: record.spec for name, record in self.records.items()}

    def get(self, name: str) -> Managed:
        """The plugin ``name``. Raises PluginNotFound."""
        record = self.records.get(name)
        if record is None:
            raise PluginNotFound(f"No plugin {printable(name)!r} is installed.", plugin=name)
        return record

    def running(self) -> tuple[str, ...]:
        """The names of those that run, in the order of their start."""
        return tuple(name for name in list(self._order) if self.records[name].running)

    # Starting

    def start(self, names: Iterable[str]) -> None:
        """Start plugins and what they require; one that fails undoes this call and is raised."""
        with self._changing:
            before = set(self.running())
            try:
                for group in levels(self.specs, start_order(self.specs, names)):
                    for _record, _seconds, error in self._start_group(group):
                        if error is not None:
                            raise error
            except BaseException:
                self.stop(name for name in self.running() if name not in before)
                raise

    def start_all(self, names: Iterable[str]) -> StartReport:
        """Start what can be started; what became of each."""
        found: dict[str, Start] = {}
        with self._changing:
            order = self._possible(names, found)
            for group in levels(self.specs, order):
                for record, seconds, error in self._start_group(group):
                    found[record.spec.key] = _line(record, seconds, error)
                    if error is not None and record.lifecycle.state is State.ERROR:
                        self._crashed(record)
        return StartReport(tuple(found.values()))

    def _possible(self, names: Iterable[str], found: dict[str, Start]) -> list[str]:
        """The start order of those whose requirements are all there; the others are reported."""
        order: dict[str, None] = {}
        for name in names:
            try:
                order |= dict.fromkeys(start_order(self.specs, [name]))
            except PluginNotFound as error:
                version = self.records[name].spec.version if name in self.records else ""
                found[name] = Start(name, version, State.UNLOADED, 0, error.code, str(error))
        return list(order)

    def _start_group(
        self, names: Iterable[str]
    ) -> Iterable[tuple[Managed, float, HeimnetzError | None]]:
        """Start plugins side by side; each with its seconds, and its error if it failed."""
        waiting: deque[tuple[Managed, PluginProcess]] = deque()
        for name in names:
            record = self.records[name]
            if record.running:
                continue
            try:
                self._may_start(record)
                waiting.append((record, self._begin(record)))
            except HeimnetzError as error:
                yield record, 0.0, error
            if len(waiting) >= MOST_AT_ONCE:
                yield self._finish(*waiting.popleft())
        while waiting:
            yield self._finish(*waiting.popleft())

    def _may_start(self, record: Managed) -> None:
        """Raise PluginCrashed if it is disabled, or if what it requires does not run."""
        if record.lifecycle.disabled_by:
            record.serving()
        for needed in record.spec.requires:
            other = self.records.get(needed)
            if other is not None and other.lifecycle.state in {State.ERROR, State.DISABLED}:
                raise PluginCrashed(
                    f"{record.spec.key} was not started: it requires {needed}, which does not run.",
                    hint=f"See why {needed} does not start.",
                    plugin=record.spec.key,
                )

    def _begin(self, record: Managed) -> PluginProcess:
        """Load a plugin and have its process started."""
        record.quiet()
        with self._lock:
            if not record.lifecycle.load(record.check):
                raise PluginCrashed(record.lifecycle.reason, plugin=record.spec.key)
            record.lifecycle.move(State.INITIALIZING)
        process = self._make(record.spec)
        process.begin()
        return process

    def _finish(
        self, record: Managed, process: PluginProcess
    ) -> tuple[Managed, float, HeimnetzError | None]:
        """Wait until a process serves, or not."""
        try:
            contract = record.settle(process)
        except BaseException as error:
            with self._lock:
                record.lifecycle.move(State.ERROR, str(error))
            if not isinstance(error, HeimnetzError):
                process.stop()
                raise
            return record, 0.0, error
        with self._lock:
            record.lifecycle.move(State.ACTIVE)
            record.serve_from(process, contract)
            self._order.pop(record.spec.key, None)
            self._order[record.spec.key] = None
        self._activated(record)
        if process.ended is not None:
            self.ended(process)
        return record, process.ready_after, None

    # Stopping

    def stop(self, names: Iterable[str]) -> None:
        """Stop plugins, last started first; none of their processes is left."""
        with self._changing:
            chosen = set(names)
            for name in chosen:
                self.get(name).quiet()
            order = [name for name in self._order if name in chosen]
            for group in reversed(levels(self.specs, order)):
                self._stop_group([self.records[name] for name in reversed(group)])

    def _stop_group(self, records: list[Managed]) -> None:
        """Stop plugins side by side."""
        asked = []
        for record in records:
            process = record.process
            if process is None:
                continue
            with self._lock:
                ran = record.lifecycle.state is State.ACTIVE
                if ran:
                    record.lifecycle.move(State.STOPPING)
            process.ask_to_stop()
            asked.append((record, process, ran))
        for record, process, ran in asked:
            process.stop()
            with self._lock:
                if ran:
                    record.lifecycle.move(State.STOPPED)
                record.process = record.contract = None
                self._order.pop(record.spec.key, None)

    # What happens by itself

    def ended(self, process: PluginProcess) -> None:
        """A process has ended; if nobody wanted that, think of a new start."""
        with self._lock:
            record = self.records.get(process.spec.key)
            if record is None or record.process is not process or process.stopping:
                return
            if record.lifecycle.state is not State.ACTIVE:
                return
            record.lifecycle.move(State.ERROR, str(process.ended))
            self._crashed(record)

    def _crashed(self, record: Managed) -> None:
        """Start it again after a pause, or put it in quarantine."""
        rule = self._restart
        record.quiet()
        if rule is None:
            return
        with self._lock:
            now = self._hub.clock()
            record.lifecycle.crashes.append(now)
            pause = verdict(record.lifecycle.crashes, now, rule, self._chance)
            if pause is None:
                record.lifecycle.disable("quarantine")
            else:
                record.retry = self._hub.later(pause, lambda: self._aside(record))

    def _aside(self, record: Managed) -> None:
        """Restart in a thread of its own: it takes its time (hub)."""
        threading.Thread(target=self._retry, args=(record,), daemon=True).start()

    def _retry(self, record: Managed) -> None:
        with self._changing:
            if record.retry is None or record.lifecycle.state is not State.ERROR:
                return
            record.lifecycle.restarts += 1
            for one, _seconds, error in self._start_group([record.spec.key]):
                if error is not None and one.lifecycle.state is State.ERROR:
                    self._crashed(one)

    # Changing what there is

    def disable(self, name: str, why: str) -> None:
        """Stop a plugin and keep it from running for the reason ``why``."""
        with self._changing:
            record = self.get(name)
            self.stop([name])
            with self._lock:
                record.lifecycle.disable(why)

    def enable(self, name: str, why: str) -> None:
        """Take a reason away; it can be started again when none is left."""
        with self._changing, self._lock:
            self.get(name).lifecycle.enable(why)

    def swap(
        self,
        spec: LaunchSpec,
        healthy: Callable[[PluginProcess], None],
        *,
        drain: float,
    ) -> None:
        """Let another version serve: started and found healthy first, then the old one is ended.

        Calls that came before are answered by the old one, for at most ``drain`` seconds. Raises
        the error of a start, or what ``healthy`` raises; then the old one goes on.
        """
        with self._changing:
            record = self.get(spec.key)
            record.serving()
            changed = Managed(spec, record.lifecycle)
            process = self._make(spec)
            process.begin()
            contract = changed.settle(process)
            try:
                healthy(process)
            except BaseException:
                process.stop()
                raise
            record.quiet()
            with self._lock:
                record.spec = spec
                before = record.serve_from(process, contract)
                record.lifecycle.crashes.clear()
                self._diary.note(spec.key, spec.version, State.ACTIVE, "swapped", ())
            self._activated(record)
            if before is not None:
                before.drain(self._hub.clock() + drain)
                before.stop()


def _line(record: Managed, seconds: float, error: HeimnetzError | None) -> Start:
    """A plugin's line in the report."""
    code, reason = (error.code, str(error)) if error else ("", "")
    spec = record.spec
    return Start(spec.key, spec.version, record.lifecycle.state, seconds, code, reason)
