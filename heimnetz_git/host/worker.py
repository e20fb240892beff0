"""The main program of a plugin's process: confine, load, initialise, serve, clean up."""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from heimnetz_git.host.failures import describe_error
from heimnetz_git.host.hooks import Served, served_by
from heimnetz_git.host.link import Cancelled, HostGone, Link
from heimnetz_git.host.messages import (
    PROTOCOL,
    Call,
    Error,
    Event,
    Greeting,
    Hello,
    Ready,
    Result,
)
from heimnetz_git.host.plugin import BasePlugin, Context
from heimnetz_git.host.values import schema_of
from heimnetz_git.sandbox.confine import apply
from heimnetz_git.sandbox.online import descriptor_in, go_online

__all__ = ["main"]

PATIENCE = 1.0
"""Seconds that a process which has done waits for its host to end it and all that came of it."""


def main(descriptor: int, own_paths: list[str]) -> None:
    """Serve the host at the other end of the socket ``descriptor`` until it says stop.

    ``own_paths`` are the folders of heimnetz_git and msgspec: they are taken off ``sys.path``, so
    that a plugin sees the standard library, its own code and its own packages, and no others.
    """
    link = Link(socket.socket(fileno=descriptor))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # not replaced yet
    with suppress(HostGone, BrokenPipeError, ConnectionResetError):
        hello = link.next()
        if isinstance(hello, Hello):
            sys.path[:] = [path for path in sys.path if path not in own_paths]
            _live(link, hello)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        link.connection.shutdown(socket.SHUT_RDWR)
        time.sleep(PATIENCE)  # to be killed, while all that was started here can still be found
    os._exit(0)  # threads that the plugin left running must not keep the process alive


def _live(link: Link, hello: Hello) -> None:
    """Everything between the first message and the last."""
    broker = descriptor_in(os.environ)
    os.environ.clear()
    applied = apply(hello.confinement, (link.connection.fileno(), broker))
    os.environ.update(hello.environment)
    link.send(Greeting(PROTOCOL, applied))
    go_online(broker)
    try:
        plugin, served = _start(link, hello)
    except BaseException as error:  # a plugin may raise anything
        link.send(Error(0, describe_error(error, hello.paths)))
        return
    link.serve = lambda call: _serve(link, plugin, served, hello, call)
    while isinstance(message := link.next(), Call):
        link.handle(message)
    try:
        plugin.cleanup()
    except BaseException as error:  # as above
        link.log(40, f"cleanup failed: {type(error).__name__}: {error}")


def _start(link: Link, hello: Hello) -> tuple[BasePlugin, Served]:
    """Load the plugin, initialise it, and tell the host what it can do."""
    sys.path += hello.paths
    kind = _load(hello.entry_point)
    served = served_by(kind)
    described = {name: operation.describe() for name, operation in served.operations.items()}
    context = Context(
        name=hello.name,
        version=hello.version,
        data=Path(hello.data),
        config=hello.config,
        permissions=hello.permissions,
        caller=link.call,
        log=link.log,
        emit=lambda name, data: link.send(Event(name, data)),
    )
    plugin = context.start(kind) if hello.initialize else BasePlugin()
    config = schema_of(kind.Config, closed=True)
    link.send(Ready(described, config, tuple(served.events), served.every, bool(served.health)))
    return plugin, served


def _load(entry_point: str) -> type[BasePlugin]:
    """The class behind ``module:Class``. Raises ImportError, AttributeError or TypeError."""
    module, _, name = entry_point.partition(":")
    kind: Any = import_module(module)
    for part in name.split("."):
        kind = getattr(kind, part)
    if not (isinstance(kind, type) and issubclass(kind, BasePlugin)):
        raise TypeError(f"{entry_point} is not a class derived from heimnetz_git.BasePlugin")
    return kind


def _serve(link: Link, plugin: BasePlugin, served: Served, hello: Hello, call: Call) -> None:
    """Run one operation, or what an event, a schedule or the host's question calls for."""
    try:
        link.send(Result(call.id, _value(link, plugin, served, call)))
    except (HostGone, BrokenPipeError):
        raise
    except BaseException as error:  # a plugin may raise anything
        link.send(Error(call.id, describe_error(error, hello.paths)))


def _value(link: Link, plugin: BasePlugin, served: Served, call: Call) -> Any:
    """What the call gives, as plain values; items of a stream are sent as they come."""
    operation = served.operation(call.operation)
    if not operation.streams:
        return operation.run(plugin, call.params, lambda made: _complete(link, call.id, made))
    items = operation.items(plugin, call.params)
    if not call.credit:
        return list(items)
    for item in items:
        link.item(call.id, item)
    return None


def _complete(link: Link, number: int, coroutine: Any) -> Any:
    """The result of a coroutine, which is cancelled when nobody waits for it any more."""
    from heimnetz_git.host.coroutines import complete  # asyncio, which few plugins need

    try:
        return complete(link, number, coroutine)
    except BaseException as error:
        if type(error).__name__ == "CancelledError":
            raise Cancelled("nobody waits for this call any more") from None
        raise
