"""One running plugin as its host sees it: a process, a connection, and how both end."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from heimnetz_git.errors import (
    HeimnetzError,
    PluginCrashed,
    PluginTimedOut,
    ProtocolViolation,
    SandboxUnavailable,
)
from heimnetz_git.host.calls import Calls, Chain, Pending
from heimnetz_git.host.connection import Connection
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.hub import Hub
from heimnetz_git.host.links import Links
from heimnetz_git.host.messages import (
    Error,
    Event,
    Failure,
    FromPlugin,
    Greeting,
    HostCall,
    HostResult,
    Log,
    Ready,
)
from heimnetz_git.host.output import Output
from heimnetz_git.host.printed import Printed
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.start import hello_for
from heimnetz_git.host.started import Started
from heimnetz_git.host.starter import Starter
from heimnetz_git.model.limits import seconds

__all__ = ["PluginProcess", "outcome"]

GRACE = 0.6
"""Seconds that a plugin has for cleaning up before it is killed."""
EXIT_STATUS_WITHIN = 0.3
DRAIN_POLL = 0.002
WATCHED = 8
"""How many times within a call's limit somebody looks whether it is over."""


class PluginProcess:
    """A plugin's process, from its start to its end; used by any number of threads."""

    def __init__(
        self,
        spec: LaunchSpec,
        starter: Starter,
        hub: Hub,
        links: Links,
        *,
        environ: Mapping[str, str],
        initialize: bool = True,
    ) -> None:
        self.spec = spec
        self.ready: Ready | None = None
        self.began = hub.clock()
        self.ready_after = 0.0
        """Seconds from ``begin`` to Ready."""
        self.ended: HeimnetzError | Raised | None = None
        self.stopping = False
        self._starter = starter
        self._hub = hub
        self._links = links
        self._environ = environ
        self._initialize = initialize
        self._calls = Calls(seconds(spec.limits.call), hub.clock)
        self._printed = Printed(
            Output(spec.key, hub.clock),
            hub,
            heard=lambda line: links.on_log(spec.key, 20, line),
            flooded=self.fail,
        )
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._gone = threading.Event()
        self._begun = self._finishing = self._watched = False
        self._started: Started | None = None
        self._connection: Connection | None = None
        self._patience = 0.0
        self._promised: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        """The process id, 0 before it was started."""
        return self._started.pid if self._started else 0

    @property
    def running(self) -> bool:
        """Is it ready, and has not ended?"""
        return self.ready is not None and self.ended is None and not self.stopping

    @property
    def connection(self) -> Connection:
        """Its connection. Raises PluginCrashed with the reason if it does not run."""
        if self._connection is None or not self.running:
            why = f": {self.ended}" if self.ended else "."
            raise PluginCrashed(f"{self.spec.key} is not running{why}", plugin=self.spec.key)
        return self._connection

    # The life of it

    def begin(self) -> None:
        """Have it started; ``wait_ready`` tells what became of it."""
        self._begun = True
        self.began = self._hub.clock()
        self._hub.post(self._launch)
        self._hub.later(seconds(self.spec.limits.start), self._too_late)

    def wait_ready(self) -> Ready:
        """Wait until it is ready.

        Raises PluginTimedOut after ``limits.start``, Raised with what the plugin could not start
        for, SandboxUnavailable, PluginCrashed; then nothing of it is left.
        """
        self._settled.wait()
        if self.ended is not None or self.ready is None:
            self._gone.wait()
            raise self.ended or PluginCrashed(f"{self.spec.key} did not start.")
        return self.ready

    def start(self) -> Ready:
        """``begin`` and ``wait_ready``."""
        self.begin()
        return self.wait_ready()

    def ask_to_stop(self) -> None:
        """Ask it to clean up and end, without waiting."""
        with self._lock:
            asks = self.running
            self.stopping = True
        if asks and self._connection is not None:
            self._connection.stop()
            self._patience = self._hub.clock() + GRACE

    def stop(self) -> None:
        """Ask it to clean up and end; kill it after GRACE. Nothing of it is left on return."""
        if not self._begun:
            return
        self.ask_to_stop()
        if not self._gone.wait(max(0.0, self._patience - self._hub.clock())):
            self.fail(PluginCrashed(f"{self.spec.key} was stopped.", plugin=self.spec.key))
            self._gone.wait()

    def drain(self, until: float) -> None:
        """Wait until its calls are answered, or until the hub's clock says ``until``."""
        connection = self._connection
        while connection is not None and len(connection) and self._hub.clock() < until:
            if self._gone.wait(DRAIN_POLL):
                return

    def fail(self, error: HeimnetzError | Raised) -> None:
        """End the process because of ``error``, unless it has ended already."""
        with self._lock:
            if self.ended is None:
                self.ended = error
        if self._connection is not None:
            self._connection.end(error)
        self._finish_soon()

    # Calls

    def invoke(
        self,
        operation: str,
        params: dict[str, Any],
        chain: Chain,
        *,
        streams: bool = False,
        listener: Callable[[Pending], None] | None = None,
    ) -> Pending:
        """Send a call; ``listener`` is told of news, by whichever thread reads them."""
        pending = self.connection.call(operation, params, chain, streams=streams, listener=listener)
        if listener is not None and not self._watched:
            self._watched = True
            self._hub.later(seconds(self.spec.limits.call) / WATCHED, self._watch)
        return pending

    def call(self, operation: str, params: dict[str, Any], chain: Chain) -> Any:
        """The plain result of an operation.

        Raises Raised with what the plugin raised, PluginTimedOut after ``limits.call`` (and
        the process is gone), PluginCrashed if it ended, ProtocolViolation if it broke the rules.
        """
        pending = self.invoke(operation, params, chain)
        self.await_news(pending, operation)
        return outcome(pending)

    def await_news(self, pending: Pending, operation: str) -> None:
        """Wait for an item or the answer; whoever takes too long is ended."""
        connection = self._connection
        while connection is not None:
            connection.wait(pending)
            if pending.news:
                return
            if pending.remaining() <= 0:
                self._overdue(pending, operation)

    def take(self, pending: Pending) -> Any:
        """The next item of a stream that has one."""
        return (
            pending.items.popleft() if self._connection is None else self._connection.take(pending)
        )

    def cancel(self, pending: Pending) -> None:
        """Nobody waits for a call any more."""
        if self._connection is not None:
            self._connection.cancel(pending)

    def _overdue(self, pending: Pending, operation: str = "it") -> None:
        """A call has had its time: end the process, or give up waiting for a turn."""
        name, limit = self.spec.key, self.spec.limits.call
        if pending.begun:
            words = f"{name}.{operation} did not answer within {limit}; its process was ended."
            self.fail(PluginTimedOut(words, plugin=name, operation=operation))
            self._gone.wait() if not self._hub.current else None
            return
        pending.settle(PluginTimedOut(f"{name} was busy for {limit}.", plugin=name))
        self.cancel(pending)

    def _watch(self) -> None:
        """Look for calls of event loops that have had their time (hub)."""
        connection = self._connection
        if connection is None or not len(connection) or self.ended is not None:
            self._watched = False
            return
        for pending in connection.overdue():
            self._overdue(pending)
        self._hub.later(seconds(self.spec.limits.call) / WATCHED, self._watch)

    # What comes from the plugin, in the thread that reads

    def _handle(self, message: FromPlugin, chain: Chain | None) -> None:
        """Do what a message asks for."""
        try:
            self._act(message, chain)
        except (HeimnetzError, Raised) as error:
            self.fail(error)

    def _act(self, message: FromPlugin, chain: Chain | None) -> None:
        match message:
            case Log():
                self._links.on_log(
                    self.spec.key, message.level, self._printed.output.line(message.text)
                )
            case HostCall():
                arguments = (message, chain or Chain.new())
                threading.Thread(target=self._answer, args=arguments, daemon=True).start()
            case Event():
                self._links.on_event(self.spec, message)
            case Greeting() if not set(self._promised) <= set(message.applied):
                raise SandboxUnavailable(
                    f"{self.spec.key} could not be confined: {', '.join(self._promised)} were to"
                    f" be applied, {', '.join(message.applied) or 'nothing'} was."
                )
            case Ready():
                self.ready_after = self._hub.clock() - self.began
                self.ready = message
                self._settled.set()
            case Error(id=0):
                raise Raised(message.failure)

    def _answer(self, message: HostCall, chain: Chain) -> None:
        """Route a plugin's call and send back what became of it."""
        try:
            result = HostResult(message.id, self._links.route(self.spec, message, chain))
        except Raised as refused:
            result = HostResult(message.id, None, refused.failure)
        except HeimnetzError as error:
            failure = Failure(type(error).__name__, str(error), error.code)
            result = HostResult(message.id, None, failure)
        connection = self._connection
        if connection is None:
            return
        try:
            connection.answer(message, result)
        except ProtocolViolation as error:
            refusal = Failure("ProtocolViolation", str(error), error.code)
            connection.answer(message, HostResult(message.id, None, refusal))

    def _broken(self, error: ProtocolViolation | None) -> None:
        """The connection is of no further use."""
        if error is not None:
            self.fail(error)
        self._finish_soon()

    # The hub's part

    def _launch(self) -> None:
        """Start the process and tell it who it is."""
        try:
            self._begin_process()
        except (HeimnetzError, Raised) as error:
            self.fail(error)
        except OSError as error:
            self.fail(SandboxUnavailable(f"{self.spec.key} cannot be started: {error}."))

    def _begin_process(self) -> None:
        profile = self._starter.profile(self.spec)
        own, child = socket.socketpair()
        child_out = self._printed.open()
        try:
            self._started = self._starter.start(self.spec, profile, child.fileno(), child_out)
        except BaseException:
            own.close()
            raise
        finally:
            child.close()
            os.close(child_out)
        self._promised = profile.confinement.promised() if sys.platform == "linux" else ()
        self._started.watch(self._hub, self._finish_soon)
        self._connection = Connection(
            own, self._hub, self._calls, handle=self._handle, broken=self._broken
        )
        if self.ended is not None:  # it was stopped meanwhile
            self._connection.end(self.ended)
            self._finish_soon()
            return
        hello = hello_for(self.spec, profile, self._environ, initialize=self._initialize)
        self._connection.hello(hello)

    def _too_late(self) -> None:
        """Its time to start is over."""
        if self.ready is None and self.ended is None:
            self.fail(
                PluginTimedOut(
                    f"{self.spec.key} was not ready within {self.spec.limits.start}."
                    f"{self._printed.last_words()}",
                    plugin=self.spec.key,
                )
            )

    # The end, in a thread of its own: it may have to wait

    def _finish_soon(self) -> None:
        """Clear up, once."""
        with self._lock:
            if self._finishing:
                return
            self._finishing = True
        threading.Thread(target=self._finish, name=f"end-{self.spec.key}", daemon=True).start()

    def _finish(self) -> None:
        """Leave nothing of the process, and tell everybody who waits."""
        self._hub.wait_for_turn()  # a start that is under way comes to its end first
        status = self._end_process()
        with self._lock:
            if self.ended is None:
                said = "was stopped" if self.stopping else f"ended unexpectedly ({status})"
                self.ended = PluginCrashed(
                    f"{self.spec.key} {said}.{self._printed.last_words()}", plugin=self.spec.key
                )
        if self._connection is not None:
            self._connection.dispose(self.ended)
        self._settled.set()
        self._gone.set()
        self._links.on_end(self)

    def _end_process(self) -> str:
        """Kill what is left, read the last words; how it ended."""
        started = self._started
        if started is None:
            self._printed.finish()
            return "it was not started"
        status = "killed"
        if self.ended is None and not self.stopping:
            status = started.status(EXIT_STATUS_WITHIN)
        started.end()
        self._printed.finish()
        return status


def outcome(pending: Pending) -> Any:
    """The plain value of an answered call. Raises Raised, or the error it ended with."""
    answer = pending.answer
    if isinstance(answer, HeimnetzError | Raised):
        raise answer
    if isinstance(answer, Error):
        raise Raised(answer.failure)
    return None if answer is None else answer.value
