"""PluginManager: plugins in processes of their own, started in order, called, and ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from heimnetz_git.errors import AccessDenied, PluginCrashed, PluginNotFound, UsageError, printable
from heimnetz_git.host.calls import Chain
from heimnetz_git.host.contract import Contract
from heimnetz_git.host.denial import explain
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.messages import HostCall
from heimnetz_git.host.plugin import as_plain
from heimnetz_git.host.process import LogLine, PluginProcess
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.start import profile_for
from heimnetz_git.model.manifest import Compiled
from heimnetz_git.sandbox.launcher import Launcher, Mode

__all__ = ["PluginManager", "describe"]


class PluginManager:
    """Runs plugins, each in a process and a sandbox of its own; a context manager::

        with PluginManager(specs) as plugins:
            plugins.start(["dhcp-leases"])              # and what it requires, first
            plugins.call("dhcp-leases", "leases")

    ``sandbox`` is ``auto`` (isolated where that works, else a plain process and a warning),
    ``required`` (else SandboxUnavailable) or ``off``. ``on_warning`` gets sentences, ``on_log``
    (plugin, level of the logging module, line). ``environ`` is where granted variables are read.
    May be used from several threads.
    """

    def __init__(
        self,
        specs: Iterable[LaunchSpec],
        *,
        sandbox: Mode = "auto",
        on_warning: Callable[[str], None] | None = None,
        on_log: LogLine | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.specs = {spec.name: spec for spec in specs}
        self._launcher = Launcher(sandbox, on_warning=on_warning or _warn)
        self._on_log = on_log or (lambda _plugin, _level, _line: None)
        self._environ = os.environ if environ is None else environ
        self._running: dict[str, tuple[PluginProcess, Contract]] = {}
        self._changing = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def isolated(self) -> bool:
        """Do plugins run in a sandbox that hides the machine from them?"""
        return self._launcher.isolated

    def running(self) -> tuple[str, ...]:
        """The names of the plugins that run, in the order in which they were started."""
        return tuple(name for name, (process, _) in self._running.items() if process.running)

    def pid(self, name: str) -> int:
        """The process id of a started plugin (of bubblewrap, where it is isolated)."""
        return self._started(name)[0].pid

    def operations(self, name: str) -> dict[str, dict[str, Any]]:
        """The operations of a started plugin: ``{name: {summary, parameters, result}}``."""
        return self._started(name)[1].operations

    def promises(self, name: str) -> tuple[str, ...]:
        """What is enforced for a plugin on this machine and what is not, each as a sentence."""
        if name not in self.specs:
            raise PluginNotFound(f"No plugin {printable(name)!r} is installed.", plugin=name)
        return profile_for(self.specs[name], self._launcher).promises()

    def start(self, names: Iterable[str] | None = None) -> None:
        """Start plugins (default: all) and what they require, requirements first.

        Raises the error of the first that fails; those that this call had started are stopped.
        """
        with self._changing:
            begun: list[str] = []
            try:
                for name in start_order(self.specs, self.specs if names is None else names):
                    if name not in self.running():
                        self._start(name)
                        begun.append(name)
            except BaseException:
                self._stop(reversed(begun))
                raise

    def call(self, name: str, operation: str, /, **params: Any) -> Any:
        """The plain result of a started plugin's operation.

        Raises OperationFailed if it raised, InvalidParameters, OperationNotFound, PluginTimedOut,
        PluginCrashed, ProtocolViolation, AccessDenied if the sandbox refused it something. A
        plugin that timed out or broke the protocol is gone afterwards; ``start`` starts it anew.
        """
        try:
            return self._call(name, operation, as_plain(params), Chain.new())
        except Raised as raised:
            raise explain(raised.failure, self.specs[name], operation) from None

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Stop plugins (default: all), last started first; none of their processes is left."""
        with self._changing:
            chosen = set(self._running if names is None else names)
            self._stop([name for name in reversed(list(self._running)) if name in chosen])

    def _start(self, name: str) -> None:
        """Start one plugin whose requirements run."""
        spec = self.specs[name]
        process = PluginProcess(
            spec,
            self._launcher,
            environ=self._environ,
            route=self._route,
            on_log=self._on_log,
        )
        try:
            contract = Contract(name, process.start())
        except Raised as raised:
            raise explain(raised.failure, spec) from None
        except BaseException:
            process.stop()
            raise
        self._running.pop(name, None)
        self._running[name] = (process, contract)

    def _stop(self, names: Iterable[str]) -> None:
        """Stop those of ``names`` that were started, in that order."""
        for name in names:
            process, _contract = self._running.pop(name)
            process.stop()

    def _started(self, name: str) -> tuple[PluginProcess, Contract]:
        """A plugin that was started. Raises PluginNotFound or PluginCrashed."""
        if name not in self.specs:
            raise PluginNotFound(f"No plugin {printable(name)!r} is installed.", plugin=name)
        if name not in self._running:
            raise PluginCrashed(f"{name} is not running.", hint="Start it first.", plugin=name)
        return self._running[name]

    def _call(self, name: str, operation: str, params: dict[str, Any], chain: Chain) -> Any:
        """Call an operation in a chain of calls, both sides held to its schemas."""
        process, contract = self._started(name)
        contract.check_call(operation, params)
        value = process.call(operation, params, chain)
        contract.check_result(operation, value)
        return value

    def _route(self, caller: LaunchSpec, message: HostCall, chain: Chain) -> Any:
        """A plugin's call to another one: allowed if the caller requires it."""
        if message.plugin not in caller.requires:
            raise AccessDenied(
                f"{caller.name} called {printable(message.plugin)}, which it does not require.",
                hint="Its author must declare it under 'requires:' in plugin.yaml.",
                plugin=caller.name,
                wanted=f"requires.{printable(message.plugin)}",
            )
        return self._call(
            message.plugin, message.operation, message.params, chain.then(caller.name)
        )


def start_order(specs: Mapping[str, LaunchSpec], names: Iterable[str]) -> tuple[str, ...]:
    """``names`` and all that they require, each after its requirements; names break ties.

    Where plugins require each other in a circle, the one that comes up first starts last. Raises
    PluginNotFound for a requirement that is not there.
    """
    order: dict[str, None] = {}
    entered: set[str] = set()

    def visit(name: str, wanted_by: str) -> Iterator[tuple[str, str]]:
        if name not in specs:
            needs = f", which {wanted_by} requires" if wanted_by else ""
            raise PluginNotFound(f"No plugin {printable(name)!r} is installed{needs}.", plugin=name)
        entered.add(name)
        yield from ((one, name) for one in sorted(specs[name].requires) if one not in entered)

    for first in names:
        stack = [(first, iter(visit(first, "")))] if first not in entered else []
        while stack:
            name, waiting = stack[-1]
            following = next((one for one in waiting if one[0] not in entered), None)
            if following is None:
                order[name] = None
                stack.pop()
            else:
                stack.append((following[0], iter(visit(*following))))
    return tuple(order)


def describe(
    spec: LaunchSpec,
    *,
    sandbox: Mode = "auto",
    on_warning: Callable[[str], None] | None = None,
) -> Compiled:
    """A plugin's operations and the schema of its configuration, as ``plugin.json`` holds them.

    Loads its code in a sandboxed process without initialising it. Raises PluginFailed and the
    other errors of a start.
    """
    process = PluginProcess(
        spec,
        Launcher(sandbox, on_warning=on_warning or _warn),
        environ={},
        route=_route_nowhere,
        on_log=lambda _plugin, _level, _line: None,
        initialize=False,
    )
    try:
        contract = Contract(spec.name, process.start())
    except Raised as raised:
        raise explain(raised.failure, spec) from None
    finally:
        process.stop()
    return Compiled(name=spec.name, operations=contract.operations, config=contract.config)


def _route_nowhere(caller: LaunchSpec, _message: HostCall, _chain: Chain) -> Any:
    """A plugin that is only described calls nobody."""
    raise UsageError(f"{caller.name} calls another plugin while it is loaded.")


def _warn(text: str) -> None:
    """Where warnings go when nobody asked for them."""
    import logging

    logging.getLogger("heimnetz_git").warning(text)
