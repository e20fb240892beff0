"""The main program of a plugin's process: confine, load, initialise, serve, clean up."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from heimnetz_git.host.failures import describe_error
from heimnetz_git.host.link import HostGone, Link
from heimnetz_git.host.messages import PROTOCOL, Call, Error, Greeting, Hello, Ready, Result
from heimnetz_git.host.operations import Operation, operations_of, pick
from heimnetz_git.host.plugin import BasePlugin, Context
from heimnetz_git.host.values import schema_of
from heimnetz_git.sandbox.confine import apply

__all__ = ["main"]


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
    os._exit(0)  # threads that the plugin left running must not keep the process alive


def _live(link: Link, hello: Hello) -> None:
    """Everything between the first message and the last."""
    os.environ.clear()
    applied = apply(hello.confinement)
    os.environ.update(hello.environment)
    link.send(Greeting(PROTOCOL, applied))
    try:
        plugin, operations = _start(link, hello)
    except BaseException as error:  # a plugin may raise anything
        link.send(Error(0, describe_error(error, hello.paths)))
        return
    link.serve = lambda call: _serve(link, plugin, operations, hello, call)
    while isinstance(message := link.next(), Call):
        link.handle(message)
    try:
        plugin.cleanup()
    except BaseException as error:  # as above
        link.log(40, f"cleanup failed: {type(error).__name__}: {error}")


def _start(link: Link, hello: Hello) -> tuple[BasePlugin, dict[str, Operation]]:
    """Load the plugin, initialise it, and tell the host what it can do."""
    sys.path += hello.paths
    kind = _load(hello.entry_point)
    operations = operations_of(kind)
    described = {name: operation.describe() for name, operation in operations.items()}
    context = Context(
        name=hello.name,
        version=hello.version,
        data=Path(hello.data),
        config=hello.config,
        permissions=hello.permissions,
        caller=link.call,
        log=link.log,
    )
    plugin = context.start(kind) if hello.initialize else BasePlugin()
    link.send(Ready(described, schema_of(kind.Config, closed=True)))
    return plugin, operations


def _load(entry_point: str) -> type[BasePlugin]:
    """The class behind ``module:Class``. Raises ImportError, AttributeError or TypeError."""
    module, _, name = entry_point.partition(":")
    kind: Any = import_module(module)
    for part in name.split("."):
        kind = getattr(kind, part)
    if not (isinstance(kind, type) and issubclass(kind, BasePlugin)):
        raise TypeError(f"{entry_point} is not a class derived from heimnetz_git.BasePlugin")
    return kind


def _serve(
    link: Link,
    plugin: BasePlugin,
    operations: dict[str, Operation],
    hello: Hello,
    call: Call,
) -> None:
    """Run one operation and send what became of it."""
    try:
        value = pick(operations, call.operation).run(plugin, call.params)
        link.send(Result(call.id, value))
    except (HostGone, BrokenPipeError):
        raise
    except BaseException as error:  # a plugin may raise anything
        link.send(Error(call.id, describe_error(error, hello.paths)))
