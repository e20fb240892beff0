"""AsyncPluginManager: plugins for a host with an event loop, without a thread per call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Self

from heimnetz_git.errors import HeimnetzError
from heimnetz_git.host.calling import Route
from heimnetz_git.host.calls import Chain, Pending
from heimnetz_git.host.connection import Connection
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.plugin import as_plain
from heimnetz_git.host.report import StartReport
from heimnetz_git.host.spec import LaunchSpec

__all__ = ["AsyncPluginManager"]

LINGER = 0.02
"""Seconds for which a loop goes on reading when its last call is answered: the next may follow."""


class AsyncPluginManager:
    """A PluginManager whose calls are awaited; an asynchronous context manager::

        async with AsyncPluginManager(specs) as plugins:
            report = await plugins.start_all()
            print(await plugins.call("ping", "probe", host="router.lan"))
            async for line in plugins.stream("log", "follow"):
                ...

    While calls of an event loop are open, that loop reads the plugin's connection itself; any
    number of calls may be open at once, and a task that is cancelled cancels its call. ``plugins``
    is the manager underneath, for threads; the options are its own.
    """

    def __init__(self, specs: Iterable[LaunchSpec], **options: Any) -> None:
        self.plugins = PluginManager(specs, **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.plugins.close)

    async def start_all(self) -> StartReport:
        """As PluginManager's: what became of each; raises for none."""
        return await asyncio.to_thread(self.plugins.start_all)

    async def start(self, names: Iterable[str] | None = None) -> None:
        """As PluginManager's: raises the first error."""
        await asyncio.to_thread(self.plugins.start, names)

    async def stop(self, names: Iterable[str] | None = None) -> None:
        """As PluginManager's: nothing of them is left."""
        await asyncio.to_thread(self.plugins.stop, names)

    async def swap(self, spec: LaunchSpec) -> None:
        """As PluginManager's: another version serves from now on, and no call fails."""
        await asyncio.to_thread(self.plugins.swap, spec)

    async def call(self, name: str, operation: str, /, **params: Any) -> Any:
        """The plain result of a plugin's operation; raises what PluginManager's ``call`` raises."""
        caller = self.plugins.caller
        if not self.plugins.awake(name):
            await asyncio.to_thread(self.plugins.wake, name)
        route = caller.route(name, operation, as_plain(params))
        found, value = caller.remembered(route)
        if found:
            return value
        began = caller.clock()
        failed: BaseException | None = None
        try:
            route, waiting = _send(self.plugins, route, streams=False)
            await waiting.answered()
            return caller.keep(route, caller.checked(route, waiting.pending))
        except Raised as raised:
            failed = raised
            raise caller.explained(raised, route.record.spec, operation) from None
        except HeimnetzError as error:
            failed = error
            raise
        finally:
            caller.count(name, operation, caller.clock() - began, failed)

    async def stream(self, name: str, operation: str, /, **params: Any) -> AsyncIterator[Any]:
        """The items of an operation that streams; leaving the loop cancels the rest."""
        caller = self.plugins.caller
        if not self.plugins.awake(name):
            await asyncio.to_thread(self.plugins.wake, name)
        route = caller.route(name, operation, as_plain(params))
        began = caller.clock()
        failed: BaseException | None = None
        route, waiting = _send(self.plugins, route, streams=True)
        try:
            while await waiting.news():
                yield caller.item(route, waiting.pending)
            caller.finished(waiting.pending)
        except Raised as raised:
            failed = raised
            raise caller.explained(raised, route.record.spec, operation) from None
        finally:
            waiting.leave()
            caller.count(name, operation, caller.clock() - began, failed)

    def emit(self, event: str, /, **data: Any) -> None:
        """Tell the plugins that listen that something happened; returns at once."""
        self.plugins.emit(event, **data)


def _send(plugins: PluginManager, route: Route, *, streams: bool) -> tuple[Route, _Waiting]:
    """Send a call from this event loop."""
    waiting = _Waiting(asyncio.get_running_loop())
    route, pending = plugins.caller.send(
        route, Chain.new(), streams=streams, listener=waiting.listen
    )
    waiting.begin(route, pending)
    return route, waiting


class _Waiting:
    """One call that a task waits for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.pending: Pending
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()
        self._route: Route | None = None
        self._reading: _LoopReader | None = None

    def begin(self, route: Route, pending: Pending) -> None:
        """It was sent: let this loop read the answer."""
        self.pending = pending
        self._route = route
        self._reading = _LoopReader.of(self._loop, route.process.connection)
        self._reading.enter()

    def listen(self, _pending: Pending) -> None:
        """There is news; called by whoever reads, maybe in another thread."""
        if self._reading is not None and self._reading.here():
            self._wake()
        else:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def answered(self) -> None:
        """Wait for the answer; cancel the call if this task is cancelled."""
        try:
            if self.pending.answer is None:
                await self._future
        finally:
            self.leave()

    async def news(self) -> bool:
        """Wait for the next item: True if there is one, False if there are no more."""
        while not self.pending.items and self.pending.answer is None:
            self._future = self._loop.create_future()
            if not self.pending.news:
                await self._future
        return bool(self.pending.items)

    def leave(self) -> None:
        """Nobody waits any more."""
        if self.pending.answer is None and self._route is not None:
            self._route.process.cancel(self.pending)
        if self._reading is not None:
            self._reading.leave()
            self._reading = None


class _LoopReader:
    """An event loop that reads one connection as long as calls of its tasks are open."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> None:
        self._loop = loop
        self._connection = connection
        self._descriptor = -1
        self._users = 0
        self._uses = 0
        self._lingers = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop, connection: Connection) -> _LoopReader:
        """The reader of this loop for that connection."""
        found = connection.loops.get(id(loop))
        if not isinstance(found, _LoopReader) or not found.belongs_to(loop):
            found = connection.loops[id(loop)] = cls(loop, connection)
        return found

    def belongs_to(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Is it this loop's?"""
        return self._loop is loop

    def gone(self) -> bool:
        """Has the loop been closed?"""
        return self._loop.is_closed()

    def let_go(self, then: Callable[[], None]) -> None:
        """Stop reading, then call ``then``: the descriptor is about to be closed."""

        def drop() -> None:
            self._drop()
            then()

        try:
            self._loop.call_soon_threadsafe(drop)
        except RuntimeError:  # the loop was closed, and forgot about the descriptor
            then()

    def here(self) -> bool:
        """Is this code run by that loop's thread?"""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def enter(self) -> None:
        """One more call is open; read, unless somebody else does."""
        self._users += 1
        self._uses += 1
        if self._descriptor < 0 and self._connection.adopt(self):
            self._descriptor = self._connection.descriptor
            self._loop.add_reader(self._descriptor, self._read)

    def leave(self) -> None:
        """One less; without any for a moment the hub reads again."""
        self._users -= 1
        if self._users == 0 and not self._lingers:
            self._lingers = True
            self._loop.call_later(LINGER, self._idle, self._uses)

    def _idle(self, uses: int) -> None:
        """A moment has passed since there was no call."""
        if self._users or self._uses != uses:
            self._lingers = self._users == 0
            if self._lingers:
                self._loop.call_later(LINGER, self._idle, self._uses)
            return
        self._lingers = False
        self._drop()
        self._connection.release(self)

    def _read(self) -> None:
        """There are bytes, or somebody took the reading over."""
        if not self._connection.read(self):
            self._drop()

    def _drop(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = -1
