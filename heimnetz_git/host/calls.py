"""The calls in flight to one plugin: whose turn it is, how long each may take (no I/O)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import msgspec

from heimnetz_git.errors import HeimnetzError, PluginFailed, PluginTimedOut
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.messages import Answer, HostCall

__all__ = ["DEEPEST_CHAIN", "Calls", "Chain", "Pending"]

DEEPEST_CHAIN = 16
PATIENCE = 10
"""How many times its own limit a call may take while it waits for other plugins."""

Outcome = Answer | HeimnetzError | Raised

_roots = count(1)


class Chain(msgspec.Struct, frozen=True):
    """The calls that led to this one: the number of the first, and the plugins on the way."""

    root: int
    plugins: tuple[str, ...] = ()

    @classmethod
    def new(cls) -> Chain:
        """The beginning of a chain, for a call from the host."""
        return cls(next(_roots))

    def then(self, plugin: str) -> Chain:
        """The chain with a call by ``plugin``. Raises PluginFailed when it gets too long."""
        if len(self.plugins) >= DEEPEST_CHAIN:
            raise PluginFailed(
                f"Plugins call each other more than {DEEPEST_CHAIN} deep: "
                + " -> ".join(self.plugins[-3:]),
                plugin=plugin,
            )
        return Chain(self.root, (*self.plugins, plugin))


class Pending:
    """A call that is not answered yet. Its clock stands still while it waits for other plugins."""

    def __init__(self, chain: Chain, limit: float, clock: Callable[[], float]) -> None:
        self.chain = chain
        self.done = threading.Event()
        self.answer: Outcome | None = None
        self._limit = limit
        self._clock = clock
        self._begin = clock()
        self._waiting = 0
        self._since = 0.0
        self._waited = 0.0

    def remaining(self) -> float:
        """Seconds until it has had its time; 0 when it has."""
        now = self._clock()
        total = now - self._begin
        waited = self._waited + (now - self._since if self._waiting else 0.0)
        left = min(self._limit - (total - waited), self._limit * PATIENCE - total)
        return max(0.0, left)

    def suspend(self) -> None:
        """It asks another plugin for something."""
        if not self._waiting:
            self._since = self._clock()
        self._waiting += 1

    def resume(self) -> None:
        """It got what it asked for."""
        self._waiting -= 1
        if not self._waiting:
            self._waited += self._clock() - self._since

    def settle(self, answer: Outcome) -> None:
        """It is answered."""
        self.answer = answer
        self.done.set()


class Calls:
    """All calls in flight to one plugin.

    A plugin works on one chain of calls at a time; others wait for their turn, so that the clock
    of a call only runs while the plugin works on it. A call that belongs to the chain it works on
    (it called somebody who calls back) comes in at once.
    """

    def __init__(self, limit: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._open: dict[int, Pending] = {}
        self._turn = threading.Condition()
        self._root = 0
        self._nested = 0

    @contextmanager
    def turn(self, name: str, chain: Chain) -> Iterator[None]:
        """Wait for one's turn. Raises PluginTimedOut when it does not come within the limit."""
        with self._turn:
            free = self._turn.wait_for(lambda: self._root in {0, chain.root}, self._limit)
            if not free:
                raise PluginTimedOut(f"{name} was busy for {self._limit:g} s.", plugin=name)
            self._root = chain.root
            self._nested += 1
        try:
            yield
        finally:
            with self._turn:
                self._nested -= 1
                if not self._nested:
                    self._root = 0
                    self._turn.notify_all()

    def open(self, number: int, chain: Chain) -> Pending:
        """Note a call that is being sent."""
        pending = Pending(chain, self._limit, self._clock)
        self._open[number] = pending
        return pending

    def suspend(self, message: HostCall) -> Chain:
        """The chain of the call that a host call belongs to; its clock stops."""
        parent = self._open.get(message.parent)
        if parent is None:
            return Chain.new()
        parent.suspend()
        return parent.chain

    def resume(self, number: int) -> None:
        """Let the clock of a call run on."""
        if number in self._open:
            self._open[number].resume()

    def close(self, answer: Answer) -> None:
        """Hand an answer to whom it belongs."""
        pending = self._open.get(answer.id)
        if pending is not None:
            pending.settle(answer)

    def fail(self, error: HeimnetzError | Raised) -> None:
        """No more answers will come."""
        for pending in list(self._open.values()):
            if not pending.done.is_set():
                pending.settle(error)

    def forget(self, number: int) -> None:
        """The caller has its answer."""
        self._open.pop(number, None)
