"""Calls from the host to its plugins: one by one, as a stream, answered from memory, counted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from heimnetz_git.errors import AccessDenied, HeimnetzError
from heimnetz_git.host.calls import Chain, Pending
from heimnetz_git.host.contract import Contract
from heimnetz_git.host.denial import explain
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.managed import Managed
from heimnetz_git.host.process import PluginProcess, outcome
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.stats import PluginStats, Tally, summary
from heimnetz_git.host.usage import Usage, usage

__all__ = ["Caller", "Route"]

MOST_REMEMBERED = 1000

_encode = msgspec.msgpack.Encoder(order="sorted").encode


class Route(NamedTuple):
    """Where a call goes."""

    record: Managed
    process: PluginProcess
    contract: Contract
    operation: str
    params: dict[str, Any]


class Caller:
    """Makes calls to plugins; ``wake`` gives a plugin that may have to be started first."""

    def __init__(self, wake: Callable[[str], Managed], clock: Callable[[], float]) -> None:
        self.tallies: dict[str, dict[str, Tally]] = {}
        self.denials: dict[str, int] = {}
        self.cached: dict[str, int] = {}
        self.clock = clock
        self._wake = wake
        self._lock = threading.Lock()
        self._memory: OrderedDict[tuple[str, str, bytes], tuple[float, Any]] = OrderedDict()

    # One answer

    def call(self, name: str, operation: str, params: dict[str, Any], chain: Chain) -> Any:
        """The plain result of an operation, both sides held to its schemas. Raises Raised too."""
        route = self.route(name, operation, params)
        found, value = self.remembered(route)
        if found:
            return value
        began = self.clock()
        failed: BaseException | None = None
        try:
            route, pending = self.send(route, chain)
            route.process.await_news(pending, operation)
            return self.keep(route, self.checked(route, pending))
        except (HeimnetzError, Raised) as error:
            failed = error
            raise
        finally:
            self.count(name, operation, self.clock() - began, failed)

    def route(self, name: str, operation: str, params: dict[str, Any]) -> Route:
        """Where a call goes. Raises what is wrong with it before anything is sent."""
        record = self._wake(name)
        process, contract = record.serving()
        contract.check_call(operation, params)
        return Route(record, process, contract, operation, params)

    def send(
        self,
        route: Route,
        chain: Chain,
        *,
        streams: bool = False,
        listener: Callable[[Pending], None] | None = None,
    ) -> tuple[Route, Pending]:
        """Send a call; to the process that serves by now, should the plugin just be swapped."""
        while True:
            try:
                return route, route.process.invoke(
                    route.operation, route.params, chain, streams=streams, listener=listener
                )
            except HeimnetzError:
                if route.record.process is route.process or not route.record.running:
                    raise
                route = self.route(route.record.spec.key, route.operation, route.params)

    def checked(self, route: Route, pending: Pending) -> Any:
        """The value of an answered call, if it is what the plugin promises."""
        value = outcome(pending)
        streams = route.operation in route.contract.streaming
        for one in value if streams and isinstance(value, list) else [value]:
            route.contract.check_result(route.operation, one)
        return value

    # Many items

    def stream(
        self, name: str, operation: str, params: dict[str, Any], chain: Chain
    ) -> Iterator[Any]:
        """The items of an operation that streams, as they come."""
        route = self.route(name, operation, params)
        began, failed = self.clock(), None
        route, pending = self.send(route, chain, streams=True)
        try:
            while True:
                route.process.await_news(pending, operation)
                while pending.items:
                    yield self.item(route, pending)
                if pending.answer is not None:
                    outcome(pending)
                    return
        except (HeimnetzError, Raised) as error:
            failed = error
            raise
        finally:
            if pending.answer is None:
                route.process.cancel(pending)
            self.count(name, operation, self.clock() - began, failed)

    def finished(self, pending: Pending) -> None:
        """Raise what a stream ended with, unless it ended well."""
        outcome(pending)

    def item(self, route: Route, pending: Pending) -> Any:
        """The next item that has come, if it is what the plugin promises."""
        value = route.process.take(pending)
        route.contract.check_result(route.operation, value)
        return value

    # Memory

    def remembered(self, route: Route) -> tuple[bool, Any]:
        """Whether the answer is known already, and what it is."""
        if route.operation not in route.contract.cacheable:
            return False, None
        key = (route.record.spec.key, route.operation, _encode(route.params))
        with self._lock:
            until, value = self._memory.get(key, (0.0, None))
            if until <= self.clock():
                return False, None
            self.cached[key[0]] = self.cached.get(key[0], 0) + 1
        return True, msgspec.msgpack.decode(value)

    def keep(self, route: Route, value: Any) -> Any:
        """``value``, remembered if its operation may be."""
        period = route.contract.cacheable.get(route.operation)
        if period:
            key = (route.record.spec.key, route.operation, _encode(route.params))
            with self._lock:
                self._memory[key] = (self.clock() + period, _encode(value))
                self._memory.move_to_end(key)
                while len(self._memory) > MOST_REMEMBERED:
                    self._memory.popitem(last=False)
        return value

    def forget(self, name: str) -> None:
        """Remember no answer of a plugin: it is another one now."""
        with self._lock:
            for key in [key for key in self._memory if key[0] == name]:
                del self._memory[key]

    # Counting

    def count(
        self, name: str, operation: str, seconds: float, failed: BaseException | None
    ) -> None:
        """Note a call that was answered, or failed."""
        try:
            tally = self.tallies[name][operation]
        except KeyError:
            tally = self.tallies.setdefault(name, {}).setdefault(operation, Tally())
        tally.count(seconds)
        if failed is not None:
            tally.errors += 1

    def explained(self, raised: Raised, spec: LaunchSpec, operation: str) -> HeimnetzError:
        """The error that a plugin's failure is for the host; refusals are counted."""
        error = explain(raised.failure, spec, operation)
        if isinstance(error, AccessDenied):
            self.denials[spec.key] = self.denials.get(spec.key, 0) + 1
        return error

    def observed(self, record: Managed) -> PluginStats:
        """What one plugin did and used so far."""
        name, life, process = record.spec.key, record.lifecycle, record.process
        serving = process if process is not None and process.running else None
        used = usage(serving.pid) if serving is not None else Usage(0.0, 0, 0)
        tallies = dict(self.tallies.get(name, {}))
        return PluginStats(
            name=name,
            version=record.spec.version,
            state=life.state,
            health=life.health,
            start=process.ready_after if process is not None else 0.0,
            uptime=self.clock() - serving.began if serving is not None else 0.0,
            cpu=used.cpu,
            memory=used.memory,
            processes=used.processes,
            generation=record.generation,
            restarts=life.restarts,
            denials=self.denials.get(name, 0),
            cached=self.cached.get(name, 0),
            operations={one: summary(tally) for one, tally in sorted(tallies.items())},
        )
