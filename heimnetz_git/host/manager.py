"""PluginManager: plugins in processes of their own, started in order, called, and ended."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from heimnetz_git.errors import (
    AccessDenied,
    HeimnetzError,
    PluginNotFound,
    printable,
)
from heimnetz_git.host.bisect import WITHOUT
from heimnetz_git.host.calling import Caller
from heimnetz_git.host.calls import Chain
from heimnetz_git.host.denial import explain
from heimnetz_git.host.describe import log_warning
from heimnetz_git.host.failures import Raised, describe_error
from heimnetz_git.host.figures import Figures
from heimnetz_git.host.hub import Hub
from heimnetz_git.host.journal import Journal, last_rows, suspects
from heimnetz_git.host.lifecycle import Restart, State
from heimnetz_git.host.links import Links, LogLine
from heimnetz_git.host.managed import Managed
from heimnetz_git.host.messages import HostCall
from heimnetz_git.host.notices import Notices
from heimnetz_git.host.plugin import as_plain
from heimnetz_git.host.process import PluginProcess
from heimnetz_git.host.report import StartReport
from heimnetz_git.host.roster import Roster
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.start import profile_for
from heimnetz_git.host.starter import Starter
from heimnetz_git.host.stats import PluginStats
from heimnetz_git.model.limits import seconds
from heimnetz_git.sandbox.launcher import Launcher, Mode
from heimnetz_git.sandbox.levels import Level

__all__ = ["PluginManager"]

Service = Callable[..., Any]


class PluginManager:
    """Runs plugins, each in a process and a sandbox of its own; a context manager::

        with PluginManager(specs) as plugins:
            plugins.start(["dhcp-leases"])              # and what it requires, first
            plugins.call("dhcp-leases", "leases")

    ``sandbox`` is ``auto`` (isolated where that works, else a plain process and a warning),
    ``required`` (else SandboxUnavailable) or ``off``; ``level`` says how much of it.
    ``on_warning`` gets sentences, ``on_log`` (plugin, level of the logging module, line),
    ``on_event`` (``PLUGIN.event``, data). ``environ`` is where granted variables are read.
    ``services`` are what plugins may ask of the host with the
    permission of that name. ``restart`` says what is done about crashes (None: nothing);
    ``journal`` is a file that outlives this process, ``figures`` a folder in which ``stats`` are
    kept for others to read; ``safe_mode`` runs essential plugins only;
    ``preload`` forks plugins from a process that has the SDK loaded (default: with two or more).
    May be used from several threads; ``AsyncPluginManager`` is the same for an event loop.
    """

    def __init__(  # noqa: PLR0913  # options, each with a default
        self,
        specs: Iterable[LaunchSpec],
        *,
        sandbox: Mode = "auto",
        level: Level = "standard",
        on_warning: Callable[[str], None] | None = None,
        on_log: LogLine | None = None,
        on_event: Callable[[str, dict[str, Any]], None] = lambda _name, _data: None,
        environ: Mapping[str, str] | None = None,
        services: Mapping[str, Service] | None = None,
        restart: Restart | None = Restart(),  # noqa: B008  # a frozen value
        journal: Path | None = None,
        figures: Path | None = None,
        safe_mode: bool = False,
        preload: bool | None = None,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._launcher = Launcher(sandbox, level=level, on_warning=on_warning or log_warning)
        self._on_log = on_log or (lambda _plugin, _level, _line: None)
        self._environ = os.environ if environ is None else environ
        self._services = dict(services or {})
        self._hub = Hub()
        specs = tuple(specs)
        preloads = len(specs) > 1 if preload is None else preload
        self._starter = Starter(self._launcher, self._hub, preload=preloads)
        run = f"{os.getpid()}-{now():.6f}"
        self._journal = Journal(journal, run=run, now=now) if journal else None
        self._roster = Roster(
            specs,
            self._hub,
            self._make,
            diary=self,
            restart=restart,
            chance=chance,
            activated=self._activated,
        )
        self.caller = Caller(self.wake, self._hub.clock)
        self._notices = Notices(
            self._hub,
            self._roster.records.values,
            wake=self._wake_aside,
            listen=on_event,
            on_log=self._on_log,
            chance=chance,
        )
        self._links = Links(
            self._route,
            self._on_log,
            self._notices.emitted,
            self._roster.ended,
        )
        self.suspects = self._remember()
        """The plugins that were about to start or stop when the last host ended abruptly."""
        without = self._environ.get(WITHOUT, "").split(",")
        self._keep_out([name for name in without if name in self._roster.records], BISECT)
        if safe_mode:
            records = self._roster.records.items()
            self._keep_out([name for name, one in records if not one.spec.essential], SAFE_MODE)
        self._figures = Figures(figures, self.stats, now) if figures is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    # What there is

    @property
    def specs(self) -> dict[str, LaunchSpec]:
        """The plugins by name."""
        return self._roster.specs

    @property
    def isolated(self) -> bool:
        """Do plugins run in a sandbox that hides the machine from them?"""
        return self._launcher.isolated

    def running(self) -> tuple[str, ...]:
        """The names of the plugins that run, in the order in which they were started."""
        return self._roster.running()

    def state(self, name: str) -> State:
        """Where a plugin is in its life; ``reason`` says why."""
        return self._roster.get(name).lifecycle.state

    def reason(self, name: str) -> str:
        """Why a plugin is in its state: its last error, or what disabled it."""
        life = self._roster.get(name).lifecycle
        return ", ".join(sorted(life.disabled_by)) or life.reason

    def pid(self, name: str) -> int:
        """The process id of a started plugin (of bubblewrap, where it is isolated)."""
        return self._started(name).serving()[0].pid

    def trace(self, name: str) -> tuple[dict[str, int], dict[str, int]]:
        """What a plugin asked the host for and was refused, and what it used, each with a count.

        Each is the place and the line of a grant, such as ``network.connect example.org:443``.
        """
        spec = self._roster.get(name).spec
        denied: Counter[str] = Counter()
        used: Counter[str] = Counter()
        for broker in self._launcher.brokered(spec.data):
            denied += broker.denied
            used += broker.used
        return dict(denied), dict(used)

    def operations(self, name: str) -> dict[str, dict[str, Any]]:
        """The operations of a started plugin: ``{name: {summary, parameters, result}}``."""
        return self._started(name).serving()[1].operations

    def promises(self, name: str) -> tuple[str, ...]:
        """What is enforced for a plugin on this machine and what is not, each as a sentence."""
        return profile_for(self._roster.get(name).spec, self._launcher).promises()

    def stats(self) -> dict[str, PluginStats]:
        """What each plugin did and used so far, by name."""
        records = self._roster.records.items()
        return {name: self.caller.observed(record) for name, record in records}

    # Starting and ending

    def start(self, names: Iterable[str] | None = None) -> None:
        """Start plugins (default: all) and what they require, requirements first.

        Raises the error of the first that fails; those that this call had started are stopped.
        """
        self._roster.start(self.specs if names is None else names)

    def start_all(self) -> StartReport:
        """Start all plugins that can be started, and say what became of each; raises for none.

        One that waits for something (``activation``) is left to that; one that fails is tried again
        after a while.
        """
        records = self._roster.records
        eager = [name for name, one in records.items() if not one.spec.activation]
        allowed = [name for name in eager if not records[name].lifecycle.disabled_by]
        report = self._roster.start_all(allowed)
        for record in records.values():
            if record.spec.activation and not record.running:
                self._notices.arm(record)
        return report

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Stop plugins (default: all), last started first; none of their processes is left."""
        self._roster.stop(list(self._roster.records) if names is None else names)
        if names is None:
            self._starter.close()
            self._hub.close()

    def close(self) -> None:
        """Stop everything and end the journal."""
        if self._figures is not None:
            self._figures.close()
            self._figures = None
        self.stop()
        if self._journal is not None:
            self._journal.close()

    def disable(self, name: str, why: str = "user") -> None:
        """Stop a plugin and keep it from being started for that reason."""
        self._roster.disable(name, why)

    def enable(self, name: str, why: str = "user") -> None:
        """Take a reason away; with none left the plugin can be started again."""
        self._roster.enable(name, why)

    def swap(self, spec: LaunchSpec, *, drain: float | None = None) -> None:
        """Let another version of a running plugin serve from now on; no call fails for it.

        It is started beside the old one and asked how it is, then calls go to it; the old one
        answers what it has (for at most ``drain`` seconds, default its limit) and is stopped.
        Raises why the new one does not start; then nothing has changed.
        """
        patience = seconds(spec.limits.call) if drain is None else drain
        try:
            self._roster.swap(spec, self._notices.ask_health, drain=patience)
        except Raised as raised:
            raise explain(raised.failure, spec) from None
        self.caller.forget(spec.key)

    # Talking

    def call(self, name: str, operation: str, /, **params: Any) -> Any:
        """The plain result of a started plugin's operation.

        Raises OperationFailed if it raised, InvalidParameters, OperationNotFound, PluginTimedOut,
        PluginCrashed, ProtocolViolation, AccessDenied if the sandbox refused it something. A
        plugin that timed out or broke the protocol is gone afterwards; ``start`` starts it anew.
        """
        try:
            return self.caller.call(name, operation, as_plain(params), Chain.new())
        except Raised as raised:
            spec = self._roster.get(name).spec
            raise self.caller.explained(raised, spec, operation) from None

    def stream(self, name: str, operation: str, /, **params: Any) -> Iterator[Any]:
        """The items of an operation that streams, as they come; close it to cancel the rest.

        The plugin is never more than a window of items ahead. Raises as ``call`` does.
        """
        try:
            yield from self.caller.stream(name, operation, as_plain(params), Chain.new())
        except Raised as raised:
            spec = self._roster.get(name).spec
            raise self.caller.explained(raised, spec, operation) from None

    def emit(self, event: str, /, **data: Any) -> None:
        """Tell the plugins that listen that something happened; returns at once."""
        self._notices.emit(event, as_plain(data))

    def check_health(self, name: str) -> str:
        """Ask a running plugin how it is: ``ok``, or what is wrong with it."""
        record = self._started(name)
        try:
            self._notices.ask_health(record.serving()[0])
            record.lifecycle.health = "ok"
        except Raised as raised:
            record.lifecycle.health = str(explain(raised.failure, record.spec, "health"))
        except HeimnetzError as error:
            record.lifecycle.health = str(error)
        return record.lifecycle.health

    def wake(self, name: str) -> Managed:
        """A plugin that is about to be called: started now if it waited for that."""
        record = self._roster.get(name)
        if not record.running and "operation" in record.spec.activation:
            self._roster.start([name])
        return record

    def awake(self, name: str) -> bool:
        """Can a plugin be called without being started first?"""
        record = self._roster.get(name)
        return record.running or "operation" not in record.spec.activation

    # Inside

    def note(
        self, plugin: str, version: str, state: State, reason: str, disabled_by: tuple[str, ...]
    ) -> None:
        """A plugin is about to become ``state``: for the journal."""
        if self._journal is not None:
            self._journal.note(plugin, version, state, reason, disabled_by)

    def _remember(self) -> tuple[str, ...]:
        """Take quarantines over from the last run, of the same versions; who is suspect."""
        rows = self._journal.rows if self._journal is not None else ()
        for name, row in last_rows(rows).items():
            record = self._roster.records.get(name)
            if record is None or row.version != record.spec.version:
                continue
            for why in row.disabled_by:
                if why not in {SAFE_MODE, BISECT}:
                    record.lifecycle.disable(why)
        return tuple(name for name in suspects(rows) if name in self._roster.records)

    def _keep_out(self, names: Iterable[str], why: str) -> None:
        """Disable plugins for this run only."""
        for name in names:
            self._roster.get(name).lifecycle.disable(why)

    def _make(self, spec: LaunchSpec) -> PluginProcess:
        """The process of a plugin, not begun yet."""
        return PluginProcess(spec, self._starter, self._hub, self._links, environ=self._environ)

    def _activated(self, record: Managed) -> None:
        """A plugin begins to serve."""
        self.caller.forget(record.spec.key)
        self._notices.begin(record)

    def _started(self, name: str) -> Managed:
        """A plugin by name. Raises PluginNotFound."""
        return self._roster.get(name)

    def _wake_aside(self, name: str) -> None:
        """Start a plugin without waiting for it."""

        def start() -> None:
            try:
                self._roster.start([name])
            except HeimnetzError as error:
                self._on_log(name, 40, printable(str(error)))

        threading.Thread(target=start, daemon=True).start()

    def _route(self, caller: LaunchSpec, message: HostCall, chain: Chain) -> Any:
        """A plugin's call to another one it requires, or to a service of the host it is granted."""
        if not message.plugin:
            return self._serve(caller, message)
        if message.plugin not in caller.requires:
            raise AccessDenied(
                f"{caller.key} called {printable(message.plugin)}, which it does not require.",
                hint="Its author must declare it under 'requires:' in plugin.yaml.",
                plugin=caller.key,
                wanted=f"requires.{printable(message.plugin)}",
            )
        return self.caller.call(
            message.plugin, message.operation, message.params, chain.then(caller.key)
        )

    def _serve(self, caller: LaunchSpec, message: HostCall) -> Any:
        """A service of the host."""
        service = printable(message.operation)
        if message.operation not in caller.permissions.host:
            raise AccessDenied(
                f"{caller.key} asked the host for {service}, which it was not granted.",
                hint=f"Its author must declare it: 'permissions: {{host: [{service}]}}'.",
                plugin=caller.key,
                wanted=f"host.{service}",
            )
        if message.operation not in self._services:
            raise PluginNotFound(f"This host has no service {service!r}.", plugin=caller.key)
        try:
            return as_plain(self._services[message.operation](**message.params))
        except HeimnetzError:
            raise
        except Exception as error:  # whatever the application's function raises
            raise Raised(describe_error(error)) from None


SAFE_MODE, BISECT = "safe-mode", "bisect"
