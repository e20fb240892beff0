"""In a plugin's process: the standard library's sockets, made by the host's broker.

``install`` changes the class ``socket.socket`` and the functions that look up names, so that
libraries work as they are. Nothing here confines: a plugin that undoes it has no network at all,
because the kernel refuses to make or connect sockets.

A socket begins as one end of a local pair. When it is connected or listens, the broker sends a
real one, which takes the place of the pair's end under the same descriptor.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import msgspec

from heimnetz_git.sandbox import wire
from heimnetz_git.sandbox.wire import Answer, Option, Request

__all__ = [
    "NAME_ERRORS", "Client", "State", "answer_from", "client", "duplicate", "install", "is_numeric",
    "state_of",
]  # fmt: skip

TYPE_MASK = 0xF
PATIENCE = 50  # tries to send, while descriptors of closed sockets are still on their way
FAMILIES = (socket.AF_INET, socket.AF_INET6)
NAME_ERRORS = {errno.EACCES: "the plugin's permissions do not grant this name"}

_original: dict[str, Any] = {}


class State:
    """What a socket that is not real yet has been told.

    ``peer`` is the other end of its pair until the broker has it; ``mark`` tells its descriptor
    from a later one of the same number.
    """

    def __init__(self, peer: socket.socket | None, mark: tuple[int, int]) -> None:
        self.peer = peer
        self.mark = mark
        self.bound: tuple[str, int] = ("", 0)
        self.options: list[Option] = []
        self.connecting = False
        self.target: tuple[str, int] | None = None
        self.opened = False
        self.private = False


PRIVATE = ("127.0.0.1", "localhost")

_states: dict[int, State] = {}
_private: dict[int, State] = {}


class Client:
    """Asks the broker; used by any number of threads at once."""

    def __init__(self, descriptor: int) -> None:
        self._connection = _local(descriptor)
        self._lock = threading.Lock()

    def send(self, request: Request, reply: int) -> None:
        """Send a request whose answer is to go to the descriptor ``reply``. Raises OSError."""
        with self._lock:
            wire.send(self._connection, request, reply, tries=PATIENCE)

    def ask(self, request: Request) -> tuple[Any, int]:
        """The answer's value, and its descriptor or -1. Raises OSError."""
        mine, theirs = _pair()
        with mine:
            with theirs:
                self.send(request, theirs.fileno())
            return answer_from(mine)


_client: list[Client] = []
_datagram: list[type[socket.socket]] = []


def client() -> Client:
    """The one that ``install`` made. Raises OSError without a broker."""
    if not _client:
        raise OSError(errno.EACCES, "this plugin was granted nothing that takes the host's help")
    return _client[0]


def _local(descriptor: int) -> socket.socket:
    """A socket object for an end of a local pair."""
    made = socket.socket.__new__(socket.socket)
    _original["__init__"](made, socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, descriptor)
    return made


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a local pair that keeps messages apart."""
    ends = _socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    first, second = (_local(end.detach()) for end in ends)
    return first, second


def duplicate(sock: socket.socket) -> socket.socket:
    """Another object for the same end of a pair."""
    return _local(os.dup(sock.fileno()))


def answer_from(end: socket.socket) -> tuple[Any, int]:
    """Wait for an answer. Raises OSError with what the broker said."""
    data, descriptors = wire.receive(end)
    if not data:
        raise ConnectionAbortedError(errno.ECONNABORTED, "the host has gone")
    answer = msgspec.msgpack.decode(data, type=Answer)
    found = descriptors[0] if descriptors else -1
    if answer.number:
        raise OSError(answer.number, answer.message or os.strerror(answer.number))
    return answer.value, found


def state_of(sock: socket.socket) -> State | None:
    """What is known of a socket that is not real yet, or a datagram one; else None."""
    number = sock.fileno()
    state = _states.get(number)
    if state is not None and state.mark != _mark(number):
        _states.pop(number, None)
        return None
    return state


def _mark(descriptor: int) -> tuple[int, int]:
    if descriptor < 0:
        return (0, 0)
    found = os.fstat(descriptor)
    return (found.st_dev, found.st_ino)


def install(descriptor: int, datagram: type[socket.socket]) -> None:
    """Let sockets come from the broker behind ``descriptor``, datagram ones as ``datagram``."""
    if not _original:
        for name in ("__init__", "connect", "connect_ex", "bind", "listen", "_accept"):
            _original[name] = getattr(socket.socket, name)
        for name in ("setsockopt", "getsockopt", "getsockname", "getpeername"):
            _original[name] = getattr(socket.socket, name)
    _client[:] = [Client(descriptor)]
    _datagram[:] = [datagram]
    changed: dict[str, Callable[..., Any]] = {
        "__init__": _init,
        "connect": _connect,
        "connect_ex": _connect_ex,
        "bind": _bind,
        "listen": _listen,
        "_accept": _accept,
        "setsockopt": _setsockopt,
        "getsockopt": _getsockopt,
        "getsockname": _getsockname,
        "getpeername": _getpeername,
    }
    for name, function in changed.items():
        setattr(socket.socket, name, function)


def _init(
    self: socket.socket,
    family: int = -1,
    type: int = -1,  # noqa: A002  # as socket.socket names it
    proto: int = -1,
    fileno: int | None = None,
) -> None:
    """As ``socket.socket``: internet ones begin as one end of a local pair."""
    if fileno is not None:
        _original["__init__"](self, family, type, proto, fileno)
        return
    family = socket.AF_INET if family == -1 else family
    type = socket.SOCK_STREAM if type == -1 else type  # noqa: A001  # likewise
    kind = type & TYPE_MASK
    if family not in FAMILIES or kind not in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        _original["__init__"](self, family, type, proto, None)  # the kernel says why not
        return
    mine, theirs = _pair()
    number = mine.detach()
    _original["__init__"](self, family, kind, max(proto, 0), number)
    if type & getattr(socket, "SOCK_NONBLOCK", 0):
        self.setblocking(False)
    _states[number] = State(theirs, _mark(number))
    if kind == socket.SOCK_DGRAM and self.__class__ is socket.socket:
        self.__class__ = _datagram[0]


def _connect(self: socket.socket, address: Any) -> None:
    """Ask the broker for a connection; at once for a blocking socket, later for another."""
    state = state_of(self)
    if state is None or (state.peer is None and not state.connecting):
        _original["connect"](self, address)
        return
    listener = _private.get(_port(address)) if _host(address) in PRIVATE else None
    if listener is not None:
        _connect_privately(self, state, listener)
        return
    timeout = self.gettimeout()
    if state.peer is not None:
        request = Request(
            "connect", _host(address), _port(address), family=self.family, timeout=timeout or 0.0
        )
        if timeout == 0:
            _fill(self)
        client().send(request, state.peer.fileno())
        state.peer.close()
        state.peer, state.connecting = None, True
    if timeout == 0:
        raise BlockingIOError(errno.EINPROGRESS, "the connection is being made")
    if not _ready(self, timeout):
        raise TimeoutError("timed out")
    _finish(self, state)


def _connect_ex(self: socket.socket, address: Any) -> int:
    """As ``connect``, with an errno instead of an exception."""
    try:
        self.connect(address)
    except OSError as error:
        return error.errno or errno.EAGAIN
    return 0


def _host(address: Any) -> str:
    host = address[0]
    return host.decode() if isinstance(host, bytes) else str(host) or "127.0.0.1"


def _port(address: Any) -> int:
    port = address[1]
    if not isinstance(port, int):
        raise TypeError("a port must be an integer")
    if not 0 <= port <= 65535:
        raise OverflowError("connect(): port must be 0-65535.")
    return port


def _fill(sock: socket.socket) -> None:
    """Make it unwritable until the broker has answered, as one that is being connected is."""
    _original["setsockopt"](sock, socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    try:
        while True:
            os.write(sock.fileno(), bytes(1024))
    except BlockingIOError:
        return


def _ready(sock: socket.socket, timeout: float | None) -> bool:
    """Has the broker answered, within so many seconds?"""
    waiting = select.poll()
    waiting.register(sock.fileno(), select.POLLIN)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


def _finish(sock: socket.socket, state: State) -> None:
    """Put the real socket in the place of the pair's end. Raises OSError if there is none."""
    end = duplicate(sock)
    try:
        with end:
            _, real = answer_from(end)
    except OSError:
        _forget(sock, state)
        raise
    _replace(sock, real, state)


def _forget(sock: socket.socket, state: State) -> None:
    """Be an unconnected socket again, so that one can try another address."""
    mine, theirs = _pair()
    os.dup2(mine.fileno(), sock.fileno(), inheritable=False)
    mine.close()
    os.set_blocking(sock.fileno(), sock.gettimeout() is None)
    state.peer, state.connecting, state.mark = theirs, False, _mark(sock.fileno())


def _replace(sock: socket.socket, real: int, state: State) -> None:
    """From now on ``sock`` is the socket ``real``."""
    number = sock.fileno()
    os.dup2(real, number, inheritable=False)
    os.close(real)
    _states.pop(number, None)
    os.set_blocking(number, sock.gettimeout() is None)
    for option in state.options:
        try:
            _original["setsockopt"](sock, option.level, option.name, option.value)
        except OSError:
            continue  # it was set on a socket that is not there any more


def _bind(self: socket.socket, address: Any) -> None:
    """Note the address; it takes effect when the socket listens."""
    state = state_of(self)
    if state is None:
        _original["bind"](self, address)
    else:
        state.bound = (_host(address) if address[0] else "", _port(address))


def _listen(self: socket.socket, backlog: int = 128) -> None:
    """Ask the broker for a listening socket."""
    state = state_of(self)
    if state is None:
        return  # it listens already
    host, port = state.bound
    request = Request("listen", host, port, family=self.family, flags=max(1, backlog))
    try:
        _, real = client().ask(request)
    except PermissionError:
        if host not in PRIVATE or port:
            raise
        _listen_privately(state)
        return
    _replace(self, real, state)


def _listen_privately(state: State) -> None:
    """Wait for this very process: libraries make themselves a pair of sockets in this way.

    Nobody else can come to it; connections are local pairs that travel over the socket's own.
    """
    port = next(number for number in range(49152, 65536) if number not in _private)
    state.bound, state.private = ("127.0.0.1", port), True
    _private[port] = state


def _connect_privately(sock: socket.socket, state: State, listener: State) -> None:
    """Give one end of a pair to whoever listens in this process, be the other."""
    if listener.peer is None:
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    mine, theirs = _socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    wire.send(listener.peer, Answer(), theirs.fileno())
    theirs.close()
    if state.peer is not None:
        state.peer.close()
    _replace(sock, mine.detach(), state)


def _accept(self: socket.socket) -> tuple[int, Any]:
    """The next connection; from this process where it listens privately."""
    state = state_of(self)
    if state is None or not state.private:
        found: tuple[int, Any] = _original["_accept"](self)
        return found
    timeout = self.gettimeout()
    if timeout != 0 and not _ready(self, timeout):
        raise TimeoutError("timed out")
    with duplicate(self) as end:
        _, real = answer_from(end)
    return real, ("127.0.0.1", 0)


def _setsockopt(self: socket.socket, level: int, name: int, value: Any, *rest: Any) -> None:
    """Set an option now, or once the socket is real."""
    state = state_of(self)
    if state is None:
        _original["setsockopt"](self, level, name, value, *rest)
    elif not rest:
        state.options.append(Option(level, name, value if isinstance(value, int) else bytes(value)))


def _getsockopt(self: socket.socket, level: int, name: int, *rest: int) -> Any:
    """An option; for a socket that is not real yet what it was set to."""
    state = state_of(self)
    if state is None:
        return _original["getsockopt"](self, level, name, *rest)
    if level == socket.SOL_SOCKET:
        if name == socket.SO_TYPE:
            return int(self.type)
        if name == socket.SO_ERROR:
            return _error(self, state)
    for option in reversed(state.options):
        if (option.level, option.name) == (level, name):
            return option.value
    return 0


def _error(sock: socket.socket, state: State) -> int:
    """How a connection that was being made turned out."""
    if not state.connecting:
        return 0
    if not _ready(sock, 0):
        return errno.EINPROGRESS
    try:
        _finish(sock, state)
    except OSError as error:
        return error.errno or errno.ECONNREFUSED
    return 0


def _getsockname(self: socket.socket) -> Any:
    """Its own address; what it asked for while it is not real."""
    state = state_of(self)
    if state is None:
        return _original["getsockname"](self)
    return _address(self, state.bound)


def _getpeername(self: socket.socket) -> Any:
    """The other's address. Raises OSError while there is none."""
    state = state_of(self)
    if state is None:
        return _original["getpeername"](self)
    if state.target is None:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
    return _address(self, state.target)


def _address(sock: socket.socket, where: tuple[str, int]) -> Any:
    """An address in the form of the socket's family."""
    if sock.family == socket.AF_INET6:
        return (where[0] or "::", where[1], 0, 0)
    return (where[0] or "0.0.0.0", where[1])  # noqa: S104  # nothing is bound to it


def is_numeric(host: str) -> bool:
    """Is it an address, not a name?"""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
