"""A plugin process's end of the line: sends and receives messages over the inherited socket."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from heimnetz_git.host.failures import to_error
from heimnetz_git.host.messages import (
    Call,
    Cancel,
    Credit,
    Error,
    Failure,
    FromPlugin,
    Hello,
    HostResult,
    Item,
    Log,
    Stop,
)
from heimnetz_git.host.rpc import PluginSide

__all__ = ["Cancelled", "HostGone", "Link"]

LONGEST_LOG_LINE = 2000
CHUNK = 1 << 16
CANCELLED = Failure("Cancelled", "Nobody waits for this call any more.")


class HostGone(Exception):
    """The host closed the connection: there is nobody left to work for."""


class Cancelled(Exception):
    """Nobody waits for what this call would give."""


class Link:
    """The connection to the host, for any number of the plugin's threads.

    Whoever waits for something reads the socket, one thread at a time, and hands the others what
    is theirs. While the main thread waits for another plugin, it serves calls of the same chain.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._side = PluginSide()
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._reading = False
        self._inbox: deque[Hello | Call | Stop] = deque()
        self._results: dict[int, HostResult] = {}
        self._main = threading.get_ident()
        self._active: list[Call] = []
        self._credit: dict[int, int] = {}
        self._cancelled: set[int] = set()
        self.serve: Callable[[Call], None] = lambda _call: None
        self.on_cancel: Callable[[int], None] = lambda _number: None

    def send(self, message: FromPlugin) -> None:
        """Send a message. Raises ProtocolViolation if it is too large."""
        self._write(self._side.send(message))

    def log(self, level: int, text: str) -> None:
        """Send a line for the host's log."""
        self.send(Log(level, text[:LONGEST_LOG_LINE]))

    def next(self) -> Hello | Call | Stop:
        """The next message for the main thread. Raises HostGone."""
        self._wait(lambda: bool(self._inbox))
        return self._inbox.popleft()

    def handle(self, call: Call) -> None:
        """Serve one call; what it asks of other plugins is asked in its name."""
        self._active.append(call)
        self._credit[call.id] = call.credit
        try:
            self.serve(call)
        finally:
            self._active.pop()
            self._credit.pop(call.id, None)
            self._cancelled.discard(call.id)

    def item(self, number: int, value: Any) -> None:
        """Send one item of a stream, once there is room. Raises Cancelled, HostGone."""
        self.poll()
        self._wait(lambda: self._credit[number] > 0 or number in self._cancelled)
        if number in self._cancelled:
            raise Cancelled
        self._credit[number] -= 1
        self.send(Item(number, value))

    def call(self, plugin: str, operation: str, params: dict[str, Any]) -> Any:
        """The result of another plugin's operation. Raises its error, and HostGone."""
        main = threading.get_ident() == self._main
        with self._sending:
            parent = self._active[-1].id if main and self._active else 0
            number, data = self._side.host_call(parent, plugin, operation, params)
            self.connection.sendall(data)
        while True:
            self._wait(lambda: number in self._results or (main and self._nested() >= 0))
            if number in self._results:
                break
            self._serve_while_waiting()
        answer = self._results.pop(number)
        if answer.failure is not None:
            raise to_error(answer.failure)
        return answer.value

    def poll(self) -> None:
        """Read what is there already, without waiting."""
        with self._changed:
            if self._reading:
                return
            self._reading = True
        try:
            data = self.connection.recv(CHUNK, socket.MSG_DONTWAIT)
            messages = self._side.receive(data)
        except BlockingIOError:
            return
        finally:
            with self._changed:
                self._reading = False
                self._changed.notify_all()
        if not data:
            raise HostGone
        self._sort(messages)

    def _nested(self) -> int:
        """Where in the inbox a message is that may not wait for this call, or -1."""
        chain = self._active[-1].chain if self._active else 0
        for place, message in enumerate(self._inbox):
            if not isinstance(message, Call) or message.chain == chain or not self._active:
                return place
        return -1

    def _serve_while_waiting(self) -> None:
        """A plugin that this one called calls back: serve it now, or it would wait for ever."""
        place = self._nested()
        message = self._inbox[place]
        del self._inbox[place]
        if not isinstance(message, Call):
            raise HostGone
        self.handle(message)

    def _write(self, data: bytes) -> None:
        """All of ``data``, not mixed with another thread's."""
        with self._sending:
            self.connection.sendall(data)

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Return once ``ready()``; reads the socket unless another thread does."""
        while True:
            with self._changed:
                while not ready() and self._reading:
                    self._changed.wait()
                if ready():
                    return
                self._reading = True
            try:
                data = self.connection.recv(CHUNK)
                messages = self._side.receive(data)
            finally:
                with self._changed:
                    self._reading = False
                    self._changed.notify_all()
            if not data:
                raise HostGone
            self._sort(messages)

    def _sort(self, messages: list[Any]) -> None:
        """Give each message to whom it belongs."""
        dropped = []
        with self._changed:
            for message in messages:
                match message:
                    case HostResult():
                        self._results[message.id] = message
                    case Credit() if message.id in self._credit:
                        self._credit[message.id] += message.count
                    case Cancel():
                        dropped += self._drop(message.id)
                    case Credit():
                        pass
                    case _:
                        self._inbox.append(message)
            self._changed.notify_all()
        for number in dropped:
            self.send(Error(number, CANCELLED))

    def _drop(self, number: int) -> list[int]:
        """Take a call that has not begun out of the inbox; tell one that has."""
        for place, message in enumerate(self._inbox):
            if isinstance(message, Call) and message.id == number:
                del self._inbox[place]
                return [number]
        if any(call.id == number for call in self._active):
            self._cancelled.add(number)
            self.on_cancel(number)
        return []
