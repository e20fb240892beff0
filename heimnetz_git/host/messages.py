"""The messages between host and plugin: a closed set of kinds, each with an exact shape."""

from __future__ import annotations

from typing import Any

import msgspec

from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox.confine import Confinement

__all__ = [
    "API",
    "PROTOCOL",
    "Answer",
    "Call",
    "Cancel",
    "Credit",
    "Error",
    "Event",
    "Failure",
    "FromHost",
    "FromPlugin",
    "Greeting",
    "Hello",
    "HostCall",
    "HostResult",
    "Item",
    "Log",
    "Ready",
    "Result",
    "Stop",
]

PROTOCOL = 2
API = "1.0"
"""The version of what plugins are written with: another major number is another interface."""


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all messages share: a map with the key ``kind`` and no keys but the declared ones."""


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An error as text: never an object of the other process.

    ``code`` is that of an error of ``heimnetz_git.errors`` or empty; ``type`` the name of the
    exception's class; ``trace`` the plugin's own frames, innermost last; ``path``, ``number`` and
    ``doing`` say which file, errno and deed (``run``, ``network`` or empty) an OSError was about;
    ``problems`` are pairs of path and message.
    """

    type: str
    message: str
    code: str = ""
    trace: tuple[str, ...] = ()
    path: str = ""
    number: int = 0
    doing: str = ""
    problems: tuple[tuple[str, str], ...] = ()


class Hello(_Message, frozen=True, tag="hello"):
    """Host to plugin, first: what to confine, what to load, and whether to initialise it."""

    protocol: int
    name: str
    version: str
    entry_point: str
    paths: tuple[str, ...]
    data: str
    confinement: Confinement
    environment: dict[str, str]
    permissions: Permissions
    config: dict[str, Any]
    initialize: bool = True
    api: str = API


class Greeting(_Message, frozen=True, tag="hello"):
    """Plugin to host, before any code of the plugin runs: what was confined."""

    protocol: int
    applied: tuple[str, ...]
    api: str = API


class Ready(_Message, frozen=True, tag="ready"):
    """Plugin to host: initialised. ``operations`` and ``config`` as in ``plugin.json``.

    ``events`` are those that it wants to hear of, ``every`` maps methods to seconds between two
    runs, ``health`` tells whether it can be asked how it is.
    """

    operations: dict[str, dict[str, Any]]
    config: dict[str, Any]
    events: tuple[str, ...] = ()
    every: dict[str, float] = {}
    health: bool = False


class Call(_Message, frozen=True, tag="call"):
    """Host to plugin: run an operation.

    ``chain`` is the number of the chain of calls that this one belongs to: while the plugin waits
    within a chain it serves that one only. With ``credit`` the result comes as Items, so many of
    them before the next Credit.
    """

    id: int
    operation: str
    params: dict[str, Any]
    chain: int = 0
    credit: int = 0


class Cancel(_Message, frozen=True, tag="cancel"):
    """Host to plugin: nobody waits for that call any more. It is answered all the same."""

    id: int


class Credit(_Message, frozen=True, tag="credit"):
    """Host to plugin: so many more items of a stream are welcome."""

    id: int
    count: int


class Item(_Message, frozen=True, tag="item"):
    """Plugin to host: one item of a stream; a Result ends it."""

    id: int
    value: Any


class Event(_Message, frozen=True, tag="event"):
    """Plugin to host: something happened that others may want to hear of."""

    name: str
    data: dict[str, Any]


class Result(_Message, frozen=True, tag="result"):
    """Plugin to host: what an operation returned."""

    id: int
    value: Any


class Error(_Message, frozen=True, tag="error"):
    """Plugin to host: an operation raised, or, with id 0, the plugin could not start."""

    id: int
    failure: Failure


class Log(_Message, frozen=True, tag="log"):
    """Plugin to host: a line for the log; ``level`` as in the logging module."""

    level: int
    text: str


class HostCall(_Message, frozen=True, tag="host-call"):
    """Plugin to host: call an operation of another plugin, for the call ``parent`` (or 0).

    Without ``plugin`` it is the host itself that is asked.
    """

    id: int
    parent: int
    plugin: str
    operation: str
    params: dict[str, Any]


class HostResult(_Message, frozen=True, tag="host-result"):
    """Host to plugin: how a HostCall ended; ``failure`` is None if it went well."""

    id: int
    value: Any = None
    failure: Failure | None = None


class Stop(_Message, frozen=True, tag="stop"):
    """Host to plugin: clean up and end."""


FromHost = Hello | Call | Cancel | Credit | HostResult | Stop
FromPlugin = Greeting | Ready | Result | Error | Item | Log | Event | HostCall
Answer = Result | Error
