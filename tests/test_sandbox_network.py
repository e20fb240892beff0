"""Ordinary network code in the sandbox, served by the broker; and what the broker refuses."""

from __future__ import annotations

import http.server
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heimnetz_git.model.permission import NetworkPermissions, Permissions
from heimnetz_git.sandbox.netpolicy import NetworkPolicy, Refusal
from tests.sandboxkit import execute, needs_levels

pytestmark = needs_levels


class Page(http.server.BaseHTTPRequestHandler):
    """Answers every GET, and redirects /away to another port."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        body = b"hello"
        self.send_response(302 if self.path == "/away" else 200)
        if self.path == "/away":
            self.send_header("Location", "http://127.0.0.1:9/secret")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Echo(socketserver.BaseRequestHandler):
    """Sends a datagram back."""

    def handle(self) -> None:
        """Answer."""
        data, sock = self.request
        sock.sendto(data.upper(), self.client_address)


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    """The port of a web server on the loopback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    """The port of a datagram server on the loopback."""
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def network(**grants: Any) -> Permissions:
    """Grants of the network only."""
    return Permissions(network=NetworkPermissions(**grants))


CLIENTS = {
    "http.client": (
        "import http.client\nc = http.client.HTTPConnection('localhost', P)\n"
        "c.request('GET', '/')\n"
        "assert c.getresponse().read() == b'hello'"
    ),
    "urllib": (
        "import urllib.request\n"
        "assert urllib.request.urlopen(f'http://localhost:{P}/').read() == b'hello'"
    ),
    "urllib3": (
        "import urllib3\np = urllib3.PoolManager()\n"
        "for _ in range(3): assert p.request('GET', f'http://localhost:{P}/').data == b'hello'"
    ),
    "asyncio streams": (
        "import asyncio\nasync def f():\n    r, w = await asyncio.open_connection('localhost', P)\n"
        "    w.write(b'GET / HTTP/1.0\\r\\n\\r\\n'); return await r.read()\n"
        "assert b'hello' in asyncio.run(f())"
    ),
    "many at once": (
        "import asyncio\nasync def f():\n    r, w = await asyncio.open_connection('127.0.0.1', P)\n"
        "    w.write(b'GET / HTTP/1.0\\r\\n\\r\\n'); x = await r.read(); w.close(); return x\n"
        "async def g(): return await asyncio.gather(*(f() for _ in range(16)))\n"
        "assert all(b'hello' in x for x in asyncio.run(g()))"
    ),
    "threads": (
        "import urllib.request\nfrom concurrent.futures import ThreadPoolExecutor as E\n"
        "get = lambda _: urllib.request.urlopen(f'http://localhost:{P}/').read()\n"
        "assert list(E(8).map(get, range(24))) == [b'hello'] * 24"
    ),
    "a pair made by listening": (
        "import socket\ns = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(1)\n"
        "a = socket.socket(); a.setblocking(False); a.connect(s.getsockname())\n"
        "b, _ = s.accept(); s.close(); b.sendall(b'x'); b.close()\n"
        "a.setblocking(True); assert a.recv(9) == b'x' and a.recv(9) == b''"
    ),
    "connect_ex": (
        "import socket\ns = socket.socket(); s.settimeout(5)\n"
        "assert s.connect_ex(('127.0.0.1', P)) == 0 and s.getpeername() == ('127.0.0.1', P)"
    ),
    "options set before": (
        "import socket\ns = socket.socket(); s.setsockopt(6, 1, 1); s.settimeout(5)\n"
        "s.connect(('127.0.0.1', P)); assert s.getsockopt(6, 1) == 1 and s.gettimeout() == 5"
    ),
    "a refused connection": (
        "import socket\ntry: socket.create_connection(('127.0.0.1', C), 5)\n"
        "except ConnectionRefusedError: pass\nelse: raise SystemExit('connected')"
    ),
    "a refused connection of asyncio": (
        "import asyncio\nasync def f(): await asyncio.open_connection('127.0.0.1', C)\n"
        "try: asyncio.run(f())\nexcept ConnectionRefusedError: pass\nelse: raise SystemExit('?')"
    ),
}


@pytest.fixture
def closed() -> int:
    """A port at which nobody listens."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that the plugin's user can come to."""
    tmp_path.chmod(0o755)
    return tmp_path


def libraries() -> tuple[Path, ...]:
    """Where the libraries of these tests are, as a plugin's own packages would be."""
    import urllib3

    return (Path(urllib3.__file__).parent.parent,)


@pytest.mark.parametrize("what", CLIENTS)
@pytest.mark.parametrize("level", ["standard", "maximum"])
def test_ordinary_libraries_work_unchanged(
    home: Path, web: int, closed: int, what: str, level: Any
) -> None:
    """With the grant for this machine and these ports, at any level."""
    grants = network(connect=(f"localhost:{web}", f"localhost:{closed}"))
    code = f"P, C = {web}, {closed}\n{CLIENTS[what]}\n"
    ran = execute(code, home, level=level, permissions=grants, code=libraries())
    assert ran.outcome.status == 0, ran.err[-2000:]


@pytest.mark.parametrize("level", ["standard", "maximum"])
def test_datagrams_go_both_ways(home: Path, echo: int, level: Any) -> None:
    """Connected or not, with asyncio too."""
    code = f"""
import asyncio, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
s.sendto(b'one', ('127.0.0.1', {echo}))
data, where = s.recvfrom(100)
assert (data, where) == (b'ONE', ('127.0.0.1', {echo})), (data, where)
s.connect(('localhost', {echo})); s.send(b'two'); assert s.recv(100) == b'TWO'
class Protocol(asyncio.DatagramProtocol):
    def datagram_received(self, data, where): got.set_result(data)
async def main():
    global got
    loop = asyncio.get_running_loop(); got = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        Protocol, remote_addr=('127.0.0.1', {echo}))
    transport.sendto(b'three')
    return await asyncio.wait_for(got, 5)
assert asyncio.run(main()) == b'THREE'
"""
    grants = network(connect=(f"localhost:{echo}/udp",))
    ran = execute(code, home, level=level, permissions=grants)
    assert ran.outcome.status == 0, ran.err[-2000:]


def test_it_listens_where_it_was_granted(home: Path) -> None:
    """And serves connections of others; on another port it does not."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = made.getsockname()[1]
    code = f"""
import socket
try: socket.create_server(('127.0.0.1', {port} + 1))
except PermissionError: pass
else: raise SystemExit('listens')
with socket.create_server(('127.0.0.1', {port})) as server:
    print('ready', flush=True)
    connection, _ = server.accept()
    connection.sendall(b'served')
    connection.close()
"""
    got: list[bytes] = []

    def visit() -> None:
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as visitor:
                    got.append(visitor.recv(100))
                    return
            except OSError:
                threading.Event().wait(0.05)

    visitor = threading.Thread(target=visit)
    visitor.start()
    ran = execute(code, home, permissions=network(listen=(str(port),)))
    visitor.join()
    assert ran.outcome.status == 0, ran.err[-2000:]
    assert got == [b"served"]


REFUSED = {
    "another port": "socket.create_connection(('127.0.0.1', O), 5)",
    "another address": "socket.create_connection(('127.0.0.2', P), 5)",
    "a mapped address": "socket.create_connection(('::ffff:127.0.0.2', P), 5)",
    "another name": "socket.getaddrinfo('other.invalid', P)",
    "a redirect elsewhere": (
        "__import__('urllib.request').request.urlopen(f'http://127.0.0.1:{P}/away')"
    ),
    "datagrams to the port": (
        "s = socket.socket(2, 2); s.settimeout(0.3); s.sendto(b'x', ('127.0.0.1', P)); s.recv(9)"
    ),
    "datagrams by connecting": (
        "s = socket.socket(2, 2); s.connect(('127.0.0.1', P)); s.send(b'x')"
    ),
    "listening": "socket.create_server(('', 0))",
    "listening at a port": "socket.create_server(('127.0.0.1', 4711))",
    "a datagram port of its own": "socket.socket(2, 2).bind(('', 5353))",
    "a ping": "s = socket.socket(2, 2, 1); s.connect(('127.0.0.1', 0))",
    "turning a socket elsewhere": (
        "import _socket; s = socket.create_connection(('127.0.0.1', P))\n"
        "_socket.socket.connect(s, ('127.0.0.1', O))"
    ),
    "turning it elsewhere by sending": (
        "import _socket; s = socket.create_connection(('127.0.0.1', P)); s.shutdown(2)\n"
        "_socket.socket.sendto(s, b'x', 0x20000000, ('127.0.0.1', O))"
    ),
    "listening on a connected socket": (
        "import _socket; s = socket.create_connection(('127.0.0.1', P))\n"
        "_socket.socket.listen(s, 1)"
    ),
    "a secret": "__import__('heimnetz_git.sandbox.online', fromlist=['x']).secret('token')",
    "a file": "__import__('heimnetz_git.sandbox.online', fromlist=['x']).open_file('/etc/passwd')",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_was_not_granted_is_refused(home: Path, web: int, closed: int, what: str) -> None:
    """By the broker or by the kernel, while the granted port works."""
    code = f"""
import socket
P, O = {web}, {closed}
socket.create_connection(('127.0.0.1', P), 5).close()
try:
    {REFUSED[what].replace(chr(10), chr(10) + "    ")}
except OSError as error:
    print(type(error).__name__)
else:
    raise SystemExit('not refused')
"""
    ran = execute(code, home, permissions=network(connect=(f"127.0.0.1:{web}",)))
    assert ran.outcome.status == 0, ran.err[-2000:]


GARBAGE = """
import array, os, random, socket, time, _socket
from heimnetz_git.sandbox import shim
end = _socket.socket(fileno=os.dup(shim.client()._connection.fileno()))
random.seed(1)
for _ in range(300):
    a, b = _socket.socketpair(1, 5)
    body = random.randbytes(random.randrange(1, 300))
    rights = [(1, 1, array.array('i', [b.fileno()] * random.randrange(0, 4)).tobytes())]
    try: end.sendmsg([body], rights if random.random() < 0.7 and rights[0][2] else [])
    except OSError: time.sleep(0.002)
    a.close(); b.close()
socket.create_connection(('127.0.0.1', P), 5).close()
"""


def test_the_broker_survives_what_is_no_request(home: Path, web: int) -> None:
    """And still serves its plugin, in whose process the garbage was made."""
    ran = execute(f"P = {web}\n{GARBAGE}", home, permissions=network(connect=(f"localhost:{web}",)))
    assert ran.outcome.status == 0, ran.err[-2000:]


REBINDING = [
    ("evil.example.org", "127.0.0.1", False),
    ("evil.example.org", "192.168.1.1", False),
    ("evil.example.org", "10.0.0.1", False),
    ("evil.example.org", "169.254.169.254", False),
    ("evil.example.org", "::1", False),
    ("evil.example.org", "::ffff:127.0.0.1", False),
    ("evil.example.org", "::ffff:192.168.1.1", False),
    ("evil.example.org", "fd00::1", False),
    ("evil.example.org", "64:ff9b::c0a8:101", False),
    ("evil.example.org", "2002:c0a8:101::1", False),
    ("evil.example.org", "224.0.0.1", False),
    ("evil.example.org", "0.0.0.0", False),
    ("evil.example.org", "93.184.215.14", True),
    ("nas.local", "192.168.1.1", True),
    ("nas.local", "127.0.0.1", False),
]


@pytest.mark.parametrize(("name", "address", "allowed"), REBINDING)
def test_a_name_does_not_lead_into_the_home(name: str, address: str, allowed: bool) -> None:
    """Wherever a name server says that it leads; nor does the address by itself."""
    grants = network(connect=("*.example.org:443", "nas.local:443"))
    policy = NetworkPolicy(grants, lambda _name, _family: [address])
    if allowed:
        assert policy.check(name, 443, "tcp") == [address]
        assert policy.allows(address, 443, "tcp")
        assert not policy.allows(address, 80, "tcp")
        return
    with pytest.raises(Refusal):
        policy.check(name, 443, "tcp")
    assert not policy.allows(address, 443, "tcp")


def test_an_address_counts_for_a_name_only_if_the_host_found_it() -> None:
    """What a plugin says an address is called is worth nothing."""
    policy = NetworkPolicy(network(connect=("api.example.org:443",)), lambda *_: ["93.184.215.14"])
    assert not policy.allows("93.184.215.14", 443, "tcp")
    policy.resolve("api.example.org", 0)
    assert policy.allows("93.184.215.14", 443, "tcp")
    assert not policy.allows("93.184.215.15", 443, "tcp")
