"""The one thread behind a host's plugins: it starts processes, reads, keeps time."""

from __future__ import annotations

import heapq
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count

__all__ = ["Hub", "Timer"]

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Timer:
    """Something that is to happen later, unless it is cancelled."""

    def __init__(self, due: float, act: Callable[[], None]) -> None:
        self.due = due
        self.act = act
        self.cancelled = False
        self.done = False

    def cancel(self) -> None:
        """It shall not happen."""
        self.cancelled = True


class Hub:
    """A thread with a selector, timers and a list of things to do; any thread may hand it work.

    It lives from the first ``post`` to ``close``, and starts anew after that. Processes are started
    from it because Linux kills a child whose parent's *thread* has gone. What it is given to do
    must not block; an exception in it is logged and ends nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._todo: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._thread: threading.Thread | None = None
        self._selector: selectors.BaseSelector = selectors.SelectSelector()
        self._wake: socket.socket | None = None
        self._waker: socket.socket | None = None

    @property
    def current(self) -> bool:
        """Is this code run by the hub's own thread?"""
        return threading.current_thread() is self._thread

    def post(self, act: Callable[[], None]) -> None:
        """Have ``act`` called soon, by the hub's thread."""
        with self._lock:
            self._todo.append(act)
            self._ensure()
            waker = self._waker
        if waker is not None and not self.current:
            with suppress(OSError):
                waker.send(b"!")

    def wait_for_turn(self) -> None:
        """Return when the hub has come to the end of what it does now (never from its thread)."""
        reached = threading.Event()
        self.post(reached.set)
        reached.wait()

    def later(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Have ``act`` called in so many seconds, by the hub's thread."""
        timer = Timer(self.clock() + seconds, act)
        self.post(lambda: heapq.heappush(self._timers, (timer.due, next(self._numbers), timer)))
        return timer

    def watch(self, file: int, act: Callable[[int], None], events: int = READ) -> None:
        """Have ``act`` called with the ready events whenever the descriptor ``file`` is ready."""
        with suppress(KeyError):
            self._selector.unregister(file)
        self._selector.register(file, events, act)

    def unwatch(self, file: int) -> None:
        """Forget about a descriptor; call this before it is closed."""
        with suppress(KeyError, ValueError, OSError):
            self._selector.unregister(file)

    def close(self) -> None:
        """End the thread; what it was still to do is dropped."""
        with self._lock:
            thread, self._thread = self._thread, None
            waker = self._waker
        if thread is None:
            return
        if waker is not None:
            with suppress(OSError):
                waker.send(b"!")
        if thread is not threading.current_thread():
            thread.join()

    def _ensure(self) -> None:
        """Start the thread unless it runs (lock held)."""
        if self._thread is not None:
            return
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="heimnetz-plugins", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """The thread."""
        own, wake, waker = threading.current_thread(), self._wake, self._waker
        if wake is None or waker is None:
            return
        self._selector.register(wake, READ, lambda _events: _drain(wake))
        while self._thread is own:
            for key, events in self._selector.select(self._until_due()):
                _guarded(lambda act=key.data, ready=events: act(ready))  # type: ignore[misc]
            self._work()
        with self._lock:
            self._selector.close()
            self._timers.clear()
            wake.close()
            waker.close()

    def _until_due(self) -> float | None:
        """Seconds until the next timer, or None."""
        if self._todo:
            return 0.0
        return max(0.0, self._timers[0][0] - self.clock()) if self._timers else None

    def _work(self) -> None:
        """Do what was posted, and what is due."""
        while self._todo:
            _guarded(self._todo.popleft())
        while self._timers and self._timers[0][0] <= self.clock():
            timer = heapq.heappop(self._timers)[2]
            timer.done = True
            if not timer.cancelled:
                _guarded(timer.act)


def _drain(wake: socket.socket) -> None:
    with suppress(BlockingIOError, OSError):
        while wake.recv(4096):
            pass


def _guarded(act: Callable[[], None]) -> None:
    """Call ``act``; what it raises is logged, for it must not end every other plugin."""
    try:
        act()
    except Exception:
        logging.getLogger("heimnetz_git").exception("an error in the host of the plugins")
