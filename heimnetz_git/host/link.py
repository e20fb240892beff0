"""A plugin process's end of the line: sends and receives messages over the inherited socket."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from heimnetz_git.host.failures import to_error
from heimnetz_git.host.messages import Call, FromPlugin, Hello, HostResult, Log, Stop
from heimnetz_git.host.rpc import PluginSide

__all__ = ["HostGone", "Link"]

LONGEST_LOG_LINE = 2000


class HostGone(Exception):
    """The host closed the connection: there is nobody left to work for."""


class Link:
    """The connection to the host, for any number of the plugin's threads.

    Whoever waits for something reads the socket, one thread at a time, and hands the others what
    is theirs. While the main thread waits for another plugin, it serves calls that come in.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._side = PluginSide()
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._reading = False
        self._inbox: deque[Hello | Call | Stop] = deque()
        self._results: dict[int, HostResult] = {}
        self._main = threading.get_ident()
        self._parents: list[int] = []
        self.serve: Callable[[Call], None] = lambda _call: None

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
        self._parents.append(call.id)
        try:
            self.serve(call)
        finally:
            self._parents.pop()

    def call(self, plugin: str, operation: str, params: dict[str, Any]) -> Any:
        """The result of another plugin's operation. Raises its error, and HostGone."""
        main = threading.get_ident() == self._main
        with self._sending:
            parent = self._parents[-1] if main and self._parents else 0
            number, data = self._side.host_call(parent, plugin, operation, params)
            self._connection.sendall(data)
        while True:
            self._wait(lambda: number in self._results or (main and bool(self._inbox)))
            if number in self._results:
                break
            self._serve_while_waiting()
        answer = self._results.pop(number)
        if answer.failure is not None:
            raise to_error(answer.failure)
        return answer.value

    def _serve_while_waiting(self) -> None:
        """A plugin that this one called calls back: serve it now, or it would wait for ever."""
        message = self._inbox.popleft()
        if not isinstance(message, Call):
            raise HostGone
        self.handle(message)

    def _write(self, data: bytes) -> None:
        """All of ``data``, not mixed with another thread's."""
        with self._sending:
            self._connection.sendall(data)

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
                data = self._connection.recv(1 << 16)
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
        with self._changed:
            for message in messages:
                if isinstance(message, HostResult):
                    self._results[message.id] = message
                else:
                    self._inbox.append(message)
            self._changed.notify_all()
