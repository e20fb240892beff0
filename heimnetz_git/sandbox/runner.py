"""The process that runs any script exactly as a plugin would be run: confine, report, run."""

from __future__ import annotations

import os
import socket
import struct
import sys
import types
from collections.abc import Callable

import msgspec

from heimnetz_git.sandbox.confine import Confinement, apply
from heimnetz_git.sandbox.online import descriptor_in, go_online

__all__ = ["Plan", "Report", "main", "receive", "send"]

LENGTH = struct.Struct("!I")
LARGEST = 16 << 20
GO = b"\x01"


class Plan(msgspec.Struct, frozen=True):
    """What to run: the text of a script, its path and arguments, and how to confine it.

    ``paths`` are the folders for ``sys.path``, ``environment`` all variables that it gets.
    """

    confinement: Confinement
    source: bytes
    path: str
    arguments: tuple[str, ...]
    paths: tuple[str, ...]
    environment: dict[str, str]
    folder: str


class Report(msgspec.Struct, frozen=True):
    """What was applied, or why that failed."""

    applied: tuple[str, ...] = ()
    error: str = ""


def send(connection: socket.socket, value: msgspec.Struct) -> None:
    """Send one value, its length before it."""
    data = msgspec.msgpack.encode(value)
    connection.sendall(LENGTH.pack(len(data)) + data)


def receive(connection: socket.socket) -> bytes:
    """The bytes of one value; none at the end. Raises ValueError if it is too long."""
    head = _exactly(connection, LENGTH.size)
    size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else 0
    if size > LARGEST:
        raise ValueError("a message is too long")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    """``size`` bytes, or fewer at the end."""
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            break
        found += more
    return found


def main(descriptor: int, own_paths: list[str]) -> None:
    """Run what comes over the socket ``descriptor``, once the host has seen how it is confined."""
    connection = socket.socket(fileno=descriptor)
    plan = msgspec.msgpack.decode(receive(connection), type=Plan)
    sys.path[:] = [path for path in sys.path if path not in own_paths]
    broker = descriptor_in(os.environ)
    os.environ.clear()
    try:
        applied = apply(plan.confinement, (descriptor, broker))
    except OSError as error:
        send(connection, Report(error=str(error)))
        os._exit(1)
    send(connection, Report(applied))
    if connection.recv(1) != GO:
        os._exit(1)
    connection.close()
    os.environ.update(plan.environment)
    os.chdir(plan.folder)
    go_online(broker)
    _run(plan)


def _run(plan: Plan) -> None:
    """The script as the main program; its traceback does not show this one."""
    sys.path[:0] = plan.paths
    sys.argv = [plan.path, *plan.arguments]
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=plan.path, __builtins__=__builtins__)
    sys.modules["__main__"] = module
    code = compile(plan.source, plan.path, "exec")
    hook: Callable[..., None] = sys.excepthook
    try:
        exec(code, module.__dict__)  # noqa: S102  # the script is what was asked for
    except SystemExit:
        raise
    except BaseException as error:  # as the interpreter does with a main program
        trace = error.__traceback__
        hook(type(error), error, trace.tb_next if trace else None)
        raise SystemExit(1) from None
