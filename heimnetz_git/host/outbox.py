"""Sending over a socket that must not block: now what it takes, the rest when it takes more."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from threading import Lock

from heimnetz_git.host.hub import WRITE, Hub

__all__ = ["Outbox"]


class Outbox:
    """What is still to be sent over ``own``; the hub sends it, holding ``lock`` meanwhile."""

    def __init__(self, own: socket.socket, hub: Hub, lock: Lock) -> None:
        self._socket = own
        self._hub = hub
        self._lock = lock
        self._unsent = bytearray()
        self._descriptor = -1

    def __len__(self) -> int:
        """How many bytes wait."""
        return len(self._unsent)

    def send(self, data: bytes) -> None:
        """Send now what the socket takes, leave the rest to the hub (locked)."""
        if not self._unsent:
            with suppress(BlockingIOError, OSError):
                data = data[self._socket.send(data) :]
        if not data:
            return
        self._unsent += data
        if self._descriptor < 0:  # a number of its own: the socket's is watched for reading
            self._descriptor = os.dup(self._socket.fileno())
        self._hub.watch(self._descriptor, self._writable, WRITE)

    def close(self) -> None:
        """Send no more."""
        with self._lock:
            self._unsent.clear()
            if self._descriptor >= 0:
                self._hub.unwatch(self._descriptor)
                os.close(self._descriptor)
                self._descriptor = -1

    def _writable(self, _events: int) -> None:
        """The socket takes more."""
        with self._lock:
            if self._descriptor < 0:
                return
            try:
                del self._unsent[: self._socket.send(self._unsent)]
            except BlockingIOError:
                return
            except OSError:
                self._unsent.clear()
            if not self._unsent:
                self._hub.unwatch(self._descriptor)
