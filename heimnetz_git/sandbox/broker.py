"""The host's broker: does for a plugin what its sandbox cannot, as far as the grants go.

It resolves names, makes connections and hands them over, relays datagrams, opens granted files and
knows granted secrets. One thread per plugin that was granted any of this waits for requests; each
request has a thread of its own while it lasts.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from heimnetz_git.errors import printable
from heimnetz_git.model.permission import Permissions
from heimnetz_git.sandbox import beneath
from heimnetz_git.sandbox.netpolicy import Lookup, NetworkPolicy, Refusal, system_lookup
from heimnetz_git.sandbox.relay import Relay
from heimnetz_git.sandbox.wire import Answer, Request, receive, send

__all__ = ["Broker", "Secrets"]

Secrets = Callable[[str], str | None]
"""The value of a secret, None if there is none of that name."""

CONNECT_SECONDS = 30.0
MOST_AT_ONCE = 32
MOST_RELAYS = 64
MOST_DENIALS = 256
MOST_PORTS_TRIED = 64


def _no_secrets(_name: str) -> str | None:
    return None


class Broker:
    """Serves one plugin over ``child``'s other end, until that is closed.

    ``denied`` counts what was refused, by the grant that would have allowed it; ``used`` what was
    allowed. Close ``child`` in the host once the plugin has it.
    """

    def __init__(
        self,
        permissions: Permissions,
        *,
        lookup: Lookup = system_lookup,
        secrets: Secrets = _no_secrets,
        on_denied: Callable[[str], None] = lambda _wanted: None,
    ) -> None:
        self.denied: Counter[str] = Counter()
        self.used: Counter[str] = Counter()
        self.child: socket.socket
        self._host, self.child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._permissions = permissions
        self._policy = NetworkPolicy(permissions, lookup)
        self._secrets = secrets
        self._on_denied = on_denied
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._relays: dict[int, Relay] = {}
        self._new: list[Relay] = []
        self._wake, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        threading.Thread(target=self._live, name="heimnetz-broker", daemon=True).start()

    def close(self) -> None:
        """End it and all that it relays; connections that were handed over live on."""
        with suppress(OSError):
            self._host.shutdown(socket.SHUT_RDWR)

    # The broker's own thread.

    def _live(self) -> None:
        """Wait for requests and datagrams."""
        self._selector.register(self._host, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        try:
            while True:
                for key, _ in self._selector.select():
                    if key.fileobj is self._host:
                        if not self._read_request():
                            return
                    elif key.fileobj is self._wake:
                        self._wake.recv(4096)
                        self._take_up()
                    else:
                        self._pump(key.data, key.fileobj)
        finally:
            for relay in {id(one): one for one in self._relays.values()}.values():
                relay.close()
            for end in (self._host, self.child, self._wake, self._waker):
                end.close()
            self._selector.close()

    def _read_request(self) -> bool:
        """Take one request and begin to serve it; False at the end."""
        try:
            data, descriptors = receive(self._host)
        except OSError:
            return False
        if not data or len(descriptors) != 1:
            _close(descriptors)
            return bool(data)
        try:
            reply = socket.socket(fileno=descriptors[0])
        except OSError:
            _close(descriptors)
            return True
        if not self._places.acquire(blocking=False):
            _answer(reply, Answer(errno.EAGAIN, "too many requests at once"))
            return True
        threading.Thread(target=self._serve, args=(data, reply), daemon=True).start()
        return True

    def _take_up(self) -> None:
        """Wait for what comes over new relays too."""
        while self._new:
            relay = self._new.pop()
            for end in relay.ends():
                self._selector.register(end, selectors.EVENT_READ, relay)
                self._relays[end.fileno()] = relay

    def _pump(self, relay: Relay, end: object) -> None:
        """Move what has come; forget a relay that has ended."""
        if relay.pump(end):
            return
        for one in relay.ends():
            self._relays.pop(one.fileno(), None)
            self._selector.unregister(one)
        relay.close()

    # A thread for each request.

    def _serve(self, data: bytes, reply: socket.socket) -> None:
        """Do what a request asks for."""
        kept = False
        try:
            request = msgspec.msgpack.decode(data, type=Request)
            if request.what == "datagram":
                kept = self._datagram(request, reply)
            else:
                handler = _HANDLERS.get(request.what)
                if handler is None:
                    _answer(reply, Answer(errno.EINVAL, "no such request"))
                else:
                    handler(self, request, reply)
        except Refusal as refused:
            self._deny(refused.wanted)
            _answer(reply, Answer(errno.EACCES, str(refused)))
        except OSError as error:
            number = error.errno or errno.EIO
            _answer(reply, Answer(number, printable(error.strerror or str(error))))
        except (msgspec.MsgspecError, ValueError, OverflowError, UnicodeError):
            _answer(reply, Answer(errno.EINVAL, "not a request"))
        finally:
            if not kept:
                reply.close()
            self._places.release()

    def _deny(self, wanted: str) -> None:
        """Count a refusal, and tell of the first of each kind."""
        text = printable(wanted)
        if text not in self.denied and len(self.denied) >= MOST_DENIALS:
            text = "others"
        self.denied[text] += 1
        if self.denied[text] == 1:
            self._on_denied(text)

    def _use(self, what: str) -> None:
        """Count a use of a grant."""
        text = printable(what)
        if text in self.used or len(self.used) < MOST_DENIALS:
            self.used[text] += 1

    def _resolve(self, request: Request, reply: socket.socket) -> None:
        found = self._policy.resolve(request.host, request.family, request.port, request.protocol)
        _answer(reply, Answer(value=found))

    def _check(self, request: Request, reply: socket.socket) -> None:
        found = self._policy.check(request.host, request.port, request.protocol)
        _answer(reply, Answer(value=found))

    def _connect(self, request: Request, reply: socket.socket) -> None:
        addresses = self._policy.check(request.host, request.port, "tcp")
        patience = min(request.timeout or CONNECT_SECONDS, CONNECT_SECONDS)
        fitting = [one for one in addresses if _fits(one, request.family)]
        if not fitting:
            raise OSError(errno.EAFNOSUPPORT, "no address of this kind")
        connection = _first(fitting, request.port, patience)
        self._use(f"network.connect {request.host}:{request.port}")
        _hand_over(reply, connection)

    def _listen(self, request: Request, reply: socket.socket) -> None:
        ports = self._policy.listen(request.port, "tcp")
        family = socket.AF_INET6 if request.family == socket.AF_INET6 else socket.AF_INET
        last: OSError = OSError(errno.EADDRINUSE, "no port is free")
        for _, port in zip(range(MOST_PORTS_TRIED), ports, strict=False):
            listener = socket.socket(family, socket.SOCK_STREAM)
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((request.host or ("::" if family == socket.AF_INET6 else ""), port))
                listener.listen(max(1, min(request.flags, 128)))
            except OSError as error:
                listener.close()
                last = error
                continue
            self._use(f"network.listen {port or 'any port'}")
            _hand_over(reply, listener)
            return
        raise last

    def _datagram(self, request: Request, reply: socket.socket) -> bool:
        if len(self._relays) >= 2 * MOST_RELAYS:
            raise OSError(errno.EMFILE, "too many datagram sockets")
        if not self._policy.bind(request.port):
            raise Refusal(f"network.listen {request.port}/udp")
        relay = Relay(request, reply, self._policy, on_denied=self._deny)
        relay.answer()
        self._new.append(relay)
        self._waker.send(b"!")
        self._use(f"network {request.protocol} datagrams")
        return True

    def _open(self, request: Request, reply: socket.socket) -> None:
        files = self._permissions.files
        writing = request.flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        folders = files.write if writing else (*files.read, *files.write)
        try:
            descriptor = beneath.open_below(request.host, folders, request.flags)
        except beneath.NotBelowError:
            kind = "write" if writing else "read"
            raise Refusal(f"files.{kind} {request.host}") from None
        self._use(f"files {request.host}")
        try:
            send(reply, Answer(), descriptor)
        finally:
            os.close(descriptor)

    def _secret(self, request: Request, reply: socket.socket) -> None:
        if request.host not in self._permissions.secrets:
            raise Refusal(f"secrets {request.host}")
        value = self._secrets(request.host)
        if value is None:
            raise OSError(errno.ENOENT, f"there is no secret '{request.host}'")
        self._use(f"secrets {request.host}")
        _answer(reply, Answer(value=value))


_Handler = Callable[[Broker, Request, socket.socket], None]
_HANDLERS: dict[str, _Handler] = {
    "check": Broker._check,  # noqa: SLF001  # the table of this class's own methods
    "connect": Broker._connect,  # noqa: SLF001
    "listen": Broker._listen,  # noqa: SLF001
    "open": Broker._open,  # noqa: SLF001
    "resolve": Broker._resolve,  # noqa: SLF001
    "secret": Broker._secret,  # noqa: SLF001
}


def _close(descriptors: Iterable[int]) -> None:
    for one in descriptors:
        os.close(one)


def _answer(reply: socket.socket, answer: Answer) -> None:
    """Send an answer; a plugin that does not wait for it does not get it."""
    _drain(reply)
    with suppress(OSError):
        send(reply, answer)


def _hand_over(reply: socket.socket, connection: socket.socket) -> None:
    """Give a socket away."""
    _drain(reply)
    with connection, suppress(OSError):
        send(reply, Answer(), connection.fileno())


def _drain(reply: socket.socket) -> None:
    """Read what filled the plugin's end while it waited; unread, it would look like a reset."""
    with suppress(OSError):
        reply.setblocking(False)
        while reply.recv(1 << 16):
            pass


def _fits(address: str, family: int) -> bool:
    return not family or (":" in address) == (family == socket.AF_INET6)


def _first(addresses: list[str], port: int, patience: float) -> socket.socket:
    """A connection to the first address that answers. Raises OSError."""
    last: OSError = OSError(errno.EHOSTUNREACH, "no address")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(patience)
            where = socket.getaddrinfo(
                address, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST
            )[0][4]
            connection.connect(where)
        except OSError as error:
            connection.close()
            last = error
            continue
        connection.settimeout(None)
        return connection
    if isinstance(last, TimeoutError):
        raise OSError(errno.ETIMEDOUT, "the connection timed out")
    raise last
