"""The calls in flight to one plugin: whose turn it is, how long each may take (no I/O)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from heimnetz_git.errors import HeimnetzError, PluginFailed
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.messages import Answer, HostCall

__all__ = ["DEEPEST_CHAIN", "WINDOW", "Calls", "Chain", "Pending"]

DEEPEST_CHAIN = 16
PATIENCE = 10
"""How many times its own limit a call may take while it waits for other plugins."""
WINDOW = 32
"""How many items of a stream may be on their way or unread; then the plugin waits."""

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
    """A call that is not answered yet.

    Its clock runs from ``begin`` on (until then it waits for its turn, and a second clock runs),
    and stands still while the call waits for other plugins, or for somebody to read its items.
    ``listener``, if any, is told when there is news: an item, or the answer.
    """

    __slots__ = (
        *("answer", "begun", "chain", "event", "items", "limit", "listener", "number", "queued"),
        *("streams", "taken", "_clock", "_since", "_waited", "_waiting"),
    )

    def __init__(
        self, number: int, chain: Chain, limit: float, clock: Callable[[], float], *, streams: bool
    ) -> None:
        self.number = number
        self.chain = chain
        self.limit = limit
        self.answer: Outcome | None = None
        self.items: deque[Any] = deque()
        self.streams = streams
        self.taken = 0
        self.event: threading.Event | None = None
        self.listener: Callable[[Pending], None] | None = None
        self.queued = clock()
        self.begun = 0.0
        self._clock = clock
        self._waiting = 0
        self._since = 0.0
        self._waited = 0.0

    @property
    def news(self) -> bool:
        """Is there an item to read, or the answer?"""
        return self.answer is not None or bool(self.items)

    def begin(self) -> None:
        """Its turn has come."""
        if not self.begun:
            self.begun = self._clock()

    def remaining(self) -> float:
        """Seconds until it has had its time, or waited too long for its turn; 0 when it has."""
        now = self._clock()
        if not self.begun:
            return max(0.0, self.limit - (now - self.queued))
        if len(self.items) >= WINDOW:
            return self.limit
        total = now - self.begun
        waited = self._waited + (now - self._since if self._waiting else 0.0)
        left = min(self.limit - (total - waited), self.limit * PATIENCE - total)
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

    def add(self, value: Any) -> None:
        """An item of its stream has come: the clock begins anew."""
        self.items.append(value)
        self.touch()
        self._tell()

    def touch(self) -> None:
        """Begin its clock anew: there was a sign of life, or room for the next item."""
        self.begun = self._clock()
        self._waited = 0.0

    def settle(self, answer: Outcome) -> None:
        """It is answered."""
        if self.answer is None:
            self.answer = answer
            self._tell()

    def _tell(self) -> None:
        if self.event is not None:
            self.event.set()
        if self.listener is not None:
            self.listener(self)


class Calls:
    """All calls in flight to one plugin, in the order in which they were sent.

    A plugin works on one chain of calls at a time, the oldest; the clock of a call only runs while
    the plugin works on its chain. A call of the same chain (the plugin called somebody who calls
    back) is worked on at once. The caller locks.
    """

    def __init__(self, limit: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._open: dict[int, Pending] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, number: int, chain: Chain, *, streams: bool = False) -> Pending:
        """Note a call that is being sent."""
        pending = Pending(number, chain, self._limit, self._clock, streams=streams)
        self._open[number] = pending
        head = next(iter(self._open.values()))
        if head.chain.root == chain.root:
            pending.begin()
        return pending

    def get(self, number: int) -> Pending | None:
        """The open call of that number."""
        return self._open.get(number)

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

    def close(self, answer: Answer) -> Pending | None:
        """Take an answered call off the list; the next one's turn begins. Settle it thereafter."""
        pending = self._open.pop(answer.id, None)
        if pending is None or not self._open:
            return pending
        head = next(iter(self._open.values()))
        if not head.begun:
            head.begin()
        return pending

    def overdue(self) -> list[Pending]:
        """The calls that have had their time."""
        return [one for one in self._open.values() if one.remaining() <= 0]

    def drain(self) -> list[Pending]:
        """All open calls, taken off the list: no more answers will come."""
        waiting = list(self._open.values())
        self._open.clear()
        return waiting
