"""What the host asks of plugins by itself: events for those that listen, schedules, health."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from heimnetz_git.errors import HeimnetzError, PluginFailed, printable
from heimnetz_git.host.calls import Chain, Pending
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.hooks import EVENT, EVERY, HEALTH
from heimnetz_git.host.hub import Hub
from heimnetz_git.host.links import LogLine
from heimnetz_git.host.managed import Managed
from heimnetz_git.host.messages import Event
from heimnetz_git.host.process import PluginProcess, outcome
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.limits import period

__all__ = ["Notices"]

JITTER = 0.1
MOST_EVENTS = 100
"""How many answers of one plugin may be outstanding before events for it are dropped."""
EVENT_ACTIVATION, EVERY_ACTIVATION = "event:", "every:"


class Notices:
    """Delivers events and keeps schedules; nobody waits for what it starts.

    ``records`` are all plugins, ``wake`` starts one that waits for an event or a time, ``listen``
    hears every event as (name, data), ``on_log`` hears what went wrong.
    """

    def __init__(
        self,
        hub: Hub,
        records: Callable[[], Iterable[Managed]],
        *,
        wake: Callable[[str], None],
        listen: Callable[[str, dict[str, Any]], None],
        on_log: LogLine,
        chance: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._records = records
        self._wake = wake
        self._listen = listen
        self._on_log = on_log
        self._chance = chance

    def emitted(self, spec: LaunchSpec, event: Event) -> None:
        """A plugin emitted something: those hear of it that require the plugin."""
        name = f"{spec.name}.{printable(event.name)}"
        self._listen(name, event.data)
        self._deliver(name, event.data, lambda other: spec.key in other.requires)

    def emit(self, name: str, data: dict[str, Any]) -> None:
        """The host emits something: every plugin may hear of it."""
        self._deliver(name, data, lambda _other: True)

    def begin(self, record: Managed) -> None:
        """A plugin serves: keep its schedules from now on."""
        ready = record.contract.ready if record.contract is not None else None
        for method, seconds in ready.every.items() if ready is not None else ():
            if seconds > 0:
                self._plan(record, method, seconds)

    def arm(self, record: Managed) -> None:
        """A plugin waits for a time: start it then."""
        for word in record.spec.activation:
            if word.startswith(EVERY_ACTIVATION):
                seconds = float(period(word.removeprefix(EVERY_ACTIVATION)))
                key = record.spec.key
                timer = self._hub.later(self._around(seconds), partial(self._wake, key))
                record.timers.append(timer)

    def ask_health(self, process: PluginProcess) -> None:
        """Ask a plugin how it is. Raises what it raises, or HeimnetzError when it is unwell."""
        if process.ready is None or not process.ready.health:
            return
        if process.call(HEALTH, {}, Chain.new()) is False:
            raise PluginFailed(f"{process.spec.key} says that it is unwell.")

    def _deliver(self, name: str, data: dict[str, Any], may: Callable[[LaunchSpec], bool]) -> None:
        for record in list(self._records()):
            if not may(record.spec):
                continue
            if not record.running and f"{EVENT_ACTIVATION}{name}" in record.spec.activation:
                self._wake(record.spec.key)
            process = record.process
            if process is None or process.ready is None or name not in process.ready.events:
                continue
            if len(process.connection) < MOST_EVENTS:
                self._ask(process, EVENT + name, data)

    def _plan(self, record: Managed, method: str, seconds: float) -> None:
        """Call a method after a while, and again after that."""
        process = record.process

        def due() -> None:
            if process is None or record.process is not process or not process.running:
                return
            record.timers[:] = [one for one in record.timers if not one.done]
            self._ask(process, EVERY + method, {}, lambda: self._plan(record, method, seconds))

        record.timers.append(self._hub.later(self._around(seconds), due))

    def _ask(
        self,
        process: PluginProcess,
        operation: str,
        params: dict[str, Any],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """Call something; what goes wrong goes to the log."""

        def answered(pending: Pending) -> None:
            try:
                outcome(pending)
            except (HeimnetzError, Raised) as error:
                self._on_log(process.spec.key, 40, f"{operation}: {printable(str(error))}")
            done()

        try:
            process.invoke(operation, params, Chain.new(), listener=answered)
        except HeimnetzError as error:
            self._on_log(process.spec.key, 30, f"{operation}: {printable(str(error))}")

    def _around(self, seconds: float) -> float:
        """``seconds``, give or take a tenth."""
        return seconds * (1 + JITTER * (2 * self._chance() - 1))
