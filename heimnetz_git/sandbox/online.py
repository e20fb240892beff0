"""In a plugin's process: finding the host's broker, and what goes through it from then on."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

__all__ = ["VARIABLE", "descriptor_in", "go_online", "open_file", "secret"]

VARIABLE = "HEIMNETZ_BROKER"
"""The environment variable that carries the number of the broker's descriptor to the bootstrap."""


def descriptor_in(environ: Mapping[str, str]) -> int:
    """The descriptor of the broker; -1 if this process was given none."""
    text = environ.get(VARIABLE, "")
    return int(text) if text.isdigit() else -1


def go_online(descriptor: int) -> None:
    """Let sockets and names come from the broker, if there is one."""
    if descriptor < 0:
        return
    from heimnetz_git.sandbox import shim, shim_names
    from heimnetz_git.sandbox.shim_datagram import Datagram

    getaddrinfo = socket.getaddrinfo
    shim.install(descriptor, Datagram)
    shim_names.install(getaddrinfo)


def open_file(path: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a granted file, opened by the host. Raises OSError."""
    from heimnetz_git.sandbox import shim
    from heimnetz_git.sandbox.wire import Request

    return shim.client().ask(Request("open", path, flags=flags))[1]


def secret(name: str) -> str:
    """The value of a granted secret. Raises OSError."""
    from heimnetz_git.sandbox import shim
    from heimnetz_git.sandbox.wire import Request

    return str(shim.client().ask(Request("secret", name))[0])
