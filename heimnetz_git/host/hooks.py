"""What a plugin class offers to its host: operations, events it hears, schedules, its health."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heimnetz_git.host.operations import Operation, operations_of, pick
from heimnetz_git.host.plugin import BasePlugin

__all__ = ["EVENT", "EVERY", "HEALTH", "Served", "served_by"]

EVENT, EVERY, HEALTH = "on ", "every ", "health "
"""What the host calls them by; no operation can have such a name."""


class Served:
    """All that the host may call, by name; the table is closed once the class is loaded.

    ``events`` maps an event to the method that hears it, ``every`` a method to seconds, ``health``
    is the method that tells how the plugin is, or empty.
    """

    def __init__(self, operations: dict[str, Operation], hooks: dict[str, Operation]) -> None:
        self.operations = operations
        self._hooks = hooks
        self.events = [name.removeprefix(EVENT) for name in hooks if name.startswith(EVENT)]
        self.every = {
            name.removeprefix(EVERY): hook.every
            for name, hook in hooks.items()
            if isinstance(hook, _Hook) and name.startswith(EVERY)
        }
        self.health = HEALTH in hooks

    def operation(self, name: str) -> Operation:
        """The operation or hook ``name``. Raises OperationNotFound."""
        if name in self._hooks:
            return self._hooks[name]
        return pick(self.operations, name)


class _Hook(Operation):
    """A method that the host calls by itself."""

    def __init__(self, name: str, function: Any) -> None:
        super().__init__(name, function, "")
        self.every = float(getattr(function, "__heimnetz_every__", 0.0))


def served_by(kind: type[BasePlugin]) -> Served:
    """Everything that a plugin class offers. Raises TypeError for what cannot be offered."""
    hooks = {name: _Hook(name, function) for name, function in _hooks(kind)}
    for hook in hooks.values():
        if hook.streams:
            raise TypeError(f"{hook.name!r} is a generator, which nobody would read")
    return Served(operations_of(kind), dict(hooks))


def _hooks(kind: type[BasePlugin]) -> Iterator[tuple[str, Any]]:
    """The names under which the host calls marked methods."""
    for name in sorted(dir(kind)):
        function = getattr(kind, name)
        event = getattr(function, "__heimnetz_event__", None)
        if isinstance(event, str):
            yield EVENT + event, function
        if getattr(function, "__heimnetz_every__", None) is not None:
            yield EVERY + name, function
        if getattr(function, "__heimnetz_health__", None) is not None:
            yield HEALTH, function
