"""The host's end of the line to one plugin: calls go out from any thread, whoever waits reads."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from heimnetz_git.errors import HeimnetzError, PluginCrashed, PluginFailed, ProtocolViolation
from heimnetz_git.host.calls import WINDOW, Calls, Chain, Pending
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.hub import Hub
from heimnetz_git.host.messages import Error, FromPlugin, Hello, HostCall, HostResult, Item, Result
from heimnetz_git.host.outbox import Outbox
from heimnetz_git.host.reader import Reader
from heimnetz_git.host.rpc import HostSide

__all__ = ["Connection"]

CHUNK = 1 << 16
MOST_OPEN = 10_000
MOST_UNSENT = 32 << 20
LINGER = 0.02
"""Seconds for which nobody reads after a thread's call: the next may follow, and then it reads."""
LOOK_AFTER = 0.2
STEAL_AFTER = 0.05
"""Seconds after which a thread that waits takes the reading over from an event loop."""

Handle = Callable[[FromPlugin, Chain | None], None]


class Connection:
    """A socket, the protocol on it, and the calls in flight.

    One at a time reads: a thread that waits for its answer (which saves two changes of threads a
    call), an event loop that does, else the hub. Whoever reads hands all others what is theirs.
    ``handle`` gets what is neither an answer nor an item, ``broken`` is told of the end: a
    ProtocolViolation, or None when the other side hung up.
    """

    def __init__(
        self,
        own: socket.socket,
        hub: Hub,
        calls: Calls,
        *,
        handle: Handle,
        broken: Callable[[ProtocolViolation | None], None],
    ) -> None:
        own.setblocking(False)
        self._socket = own
        self._hub = hub
        self._calls = calls
        self._handle = handle
        self._broken = broken
        self._side = HostSide()
        self._lock = threading.Lock()
        self._receiving = threading.Lock()
        self._reader: int | Reader | None = None
        self._over = self._stopped = self._lingers = False
        self._watched = True
        self._led = 0
        """How often a thread began to read."""
        self._ended: HeimnetzError | Raised | None = None
        self._outbox = Outbox(own, hub, self._lock)
        self.loops: dict[int, Reader] = {}
        """The event loops that read at times, by identity."""
        self._poll = select.poll()
        self._poll.register(own, select.POLLIN)
        hub.watch(own.fileno(), self._readable)

    def __len__(self) -> int:
        """How many calls are open."""
        return len(self._calls)

    # Sending

    def hello(self, message: Hello) -> None:
        """Send the first message."""
        with self._lock:
            self._outbox.send(self._side.hello(message))

    def stop(self) -> None:
        """Ask the plugin to end."""
        with self._lock:
            if self._stopped or self._ended is not None:
                return
            self._stopped = True
            self._outbox.send(self._side.stop())

    def call(
        self,
        operation: str,
        params: dict[str, Any],
        chain: Chain,
        *,
        streams: bool = False,
        listener: Callable[[Pending], None] | None = None,
    ) -> Pending:
        """Send a call. Raises why the connection ended, or PluginFailed when too many wait."""
        with self._lock:
            if self._ended is not None:
                raise self._ended
            if self._stopped:
                raise PluginCrashed("The plugin is being stopped.")
            if len(self._calls) >= MOST_OPEN or len(self._outbox) > MOST_UNSENT:
                raise PluginFailed(
                    f"{len(self._calls)} calls wait for an answer already.",
                    hint="Wait for some of them before the next.",
                )
            credit = WINDOW if streams else 0
            number, data = self._side.call(operation, params, chain.root, credit)
            pending = self._calls.open(number, chain, streams=streams)
            pending.listener = listener
            if listener is not None and self._reader is None:
                self._let_hub_read()
            self._outbox.send(data)
        return pending

    def cancel(self, pending: Pending) -> None:
        """Say that nobody waits for a call any more."""
        with self._lock:
            if self._ended is None:
                self._outbox.send(self._side.cancel(pending.number))

    def take(self, pending: Pending) -> Any:
        """The next item of a stream that has one; asks for more in time."""
        item = pending.items.popleft()
        with self._lock:
            pending.touch()
            pending.taken += 1
            if pending.taken % (WINDOW // 2) == 0 and self._ended is None:
                self._outbox.send(self._side.credit(pending.number, WINDOW // 2))
        return item

    def answer(self, message: HostCall, result: HostResult) -> None:
        """Answer a plugin's call; the clock of the call that it belongs to runs on."""
        with self._lock:
            self._calls.resume(message.parent)
            if self._ended is None:
                self._outbox.send(self._side.host_result(result))

    # Waiting and reading

    def wait(self, pending: Pending) -> None:
        """Return when ``pending`` has news, or its time is over."""
        while not pending.news and pending.remaining() > 0:
            if self._lead():
                self._read_for(pending)
            else:
                self._follow(pending)

    def adopt(self, reader: Reader) -> bool:
        """Let an event loop read from now on, unless somebody else does."""
        with self._lock:
            if self._reader is not None or self._over:
                return False
            self._reader = reader
            self._stop_hub()
        self._look_after(reader)
        return True

    def _look_after(self, reader: Reader) -> None:
        """Take the reading back from a loop that was closed while it had it."""
        if self._reader != reader or self._over:
            return
        if reader.gone():
            self.release(reader)
        else:
            self._hub.later(LOOK_AFTER, lambda: self._look_after(reader))

    def release(self, reader: int | Reader) -> None:
        """Let the hub read again, if it was ``reader`` who did."""
        with self._lock:
            if self._reader != reader:
                return
            self._reader = None
            if self._over:
                return
            if len(self._calls) or not isinstance(reader, int):
                self._let_hub_read()
            elif not self._lingers:
                self._lingers = True
                self._hub.later(LINGER, self._linger)

    def read(self, reader: Reader | None) -> bool:
        """Read what is there, for ``reader``; False if reading is not its business any more."""
        if self._reader is not reader or self._over:
            return False
        if self._receiving.acquire(blocking=False):
            try:
                if self._reader is reader:
                    self._receive()
            finally:
                self._receiving.release()
        return not self._over

    def overdue(self) -> list[Pending]:
        """The calls that have had their time."""
        with self._lock:
            return self._calls.overdue()

    @property
    def descriptor(self) -> int:
        """The socket's."""
        return self._socket.fileno()

    # Ending

    def end(self, error: HeimnetzError | Raised) -> None:
        """Nothing is sent or read any more; whoever reads stops."""
        with self._lock:
            if self._ended is None:
                self._ended = error
            self._over = True
            self._hub.unwatch(self._socket.fileno())
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def dispose(self, error: HeimnetzError | Raised) -> None:
        """Close everything and tell whoever waits that it ended with ``error``."""
        self.end(error)
        with self._receiving:
            self._outbox.close()
            self._close_socket()
        with self._lock:
            waiting = self._calls.drain()
        for pending in waiting:
            pending.settle(error)

    # Inside

    def _close_socket(self) -> None:
        """Close the socket, once no event loop has its number any more."""
        holders = set(self.loops.values())
        if not holders:
            self._socket.close()

        def left(reader: Reader) -> None:
            holders.discard(reader)
            if not holders:
                self._socket.close()

        for reader in tuple(holders):
            reader.let_go(partial(left, reader))

    def _readable(self, _events: int) -> None:
        """The hub sees bytes."""
        self.read(None)

    def _let_hub_read(self) -> None:
        """From now on the hub reads (locked)."""
        if not self._watched and not self._over:
            self._watched = True
            self._hub.watch(self._socket.fileno(), self._readable)

    def _stop_hub(self) -> None:
        """From now on the hub does not read (locked)."""
        if self._watched:
            self._watched = False
            self._hub.unwatch(self._socket.fileno())

    def _linger(self, led: int = -1) -> None:
        """Let the hub read when no thread has called for a moment (hub)."""
        with self._lock:
            if self._led == led and self._reader is None:
                self._lingers = False
                self._let_hub_read()
            elif not self._over:
                led = self._led
                self._hub.later(LINGER, lambda: self._linger(led))

    def _lead(self) -> bool:
        """Become the one who reads, if nobody does or the event loop of this very thread."""
        with self._lock:
            if self._over:
                return False
            self._led += 1
            if self._reader is None:
                self._stop_hub()
            elif isinstance(self._reader, int) or not self._reader.here():
                return False
            self._reader = threading.get_ident()
            return True

    def _read_for(self, pending: Pending) -> None:
        """Read until ``pending`` has news or its time is over."""
        try:
            with self._receiving:
                while not (pending.news or self._over):
                    left = pending.remaining()
                    if left <= 0:
                        break
                    if self._poll.poll(left * 1000):
                        self._receive()
        finally:
            self.release(threading.get_ident())

    def _follow(self, pending: Pending) -> None:
        """Wait for whoever reads; an event loop that is blocked loses the reading."""
        with self._lock:
            if pending.event is None:
                pending.event = threading.Event()
            pending.event.clear()
            loop = self._reader if not isinstance(self._reader, int) else None
        if pending.news:
            return
        limit = min(pending.remaining(), STEAL_AFTER) if loop else pending.remaining()
        if pending.event.wait(limit) or loop is None:
            return
        with self._lock:
            if self._reader is not loop or self._over:
                return
            self._reader = threading.get_ident()
        self._read_for(pending)

    def _receive(self) -> None:
        """Read once and hand out what came (receiving)."""
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(None)
            return
        try:
            with self._lock:
                sorted_out = [(one, self._sort(one)) for one in self._side.receive(data)]
        except ProtocolViolation as error:
            self._close(error)
            return
        for message, whose in sorted_out:
            if isinstance(whose, Pending):
                _hand(whose, message)
            elif not isinstance(message, Result | Item):
                self._handle(message, whose)

    def _sort(self, message: FromPlugin) -> Pending | Chain | None:
        """The call that a message answers, or the chain that a host call belongs to."""
        match message:
            case Result():
                return self._calls.close(message)
            case Item():
                return self._calls.get(message.id)
            case Error() if message.id:
                return self._calls.close(message)
            case HostCall():
                return self._calls.suspend(message)
        return None

    def _close(self, error: ProtocolViolation | None) -> None:
        """Stop reading and say so."""
        with self._lock:
            first, self._over = not self._over, True
            self._hub.unwatch(self._socket.fileno())
        if first:
            self._broken(error)


def _hand(pending: Pending, message: FromPlugin) -> None:
    """Give a call its item or its answer."""
    if isinstance(message, Item):
        pending.add(message.value)
    elif isinstance(message, Result | Error):
        pending.settle(message)
