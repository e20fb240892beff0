"""Capabilities: what the standard library's functions do, in the vocabulary of Permissions.

The table is data. Its source is the library's own reference manual: every function that opens a
connection, listens, reads or writes files by name, starts programs or reads the environment; and
of third-party packages those that home-network plugins use most, by their documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import msgspec

from heimnetz_git.model.finding import Location
from heimnetz_git.scan.facts import Call, Facts
from heimnetz_git.scan.fold import UNKNOWN

__all__ = ["Capability", "Kind", "capabilities_of"]


class Kind(StrEnum):
    """What code can do; the words of ``permissions:`` where there is one."""

    CONNECT = "network.connect"
    LISTEN = "network.listen"
    MULTICAST = "network.multicast"
    RAW = "network.raw"
    READ = "files.read"
    WRITE = "files.write"
    RUN = "run"
    ENV = "env"
    DYNAMIC = "dynamic-code"
    NATIVE = "native-code"
    THREADS = "threads"


class Capability(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that the code can do: by which function, where, and to what if that is constant.

    ``target`` is ``host:port``, a port, an absolute path, a program or a variable's name.
    """

    kind: Kind
    via: str
    location: Location
    target: str = ""


# Which argument says to what; OBJECT when the object does whose method it is, NOTHING if none does.
NOTHING = -99
OBJECT = -98
_CALLS: dict[Kind, dict[str, int]] = {
    Kind.CONNECT: {
        "socket.create_connection": 0,
        "socket.socket().connect": 0,
        "socket.socket().connect_ex": 0,
        "socket.socket().sendto": -1,
        "asyncio.open_connection": 0,
        "asyncio.open_unix_connection": NOTHING,
        "asyncio.get_event_loop().create_connection": 1,
        "asyncio.get_running_loop().create_connection": 1,
        "asyncio.get_running_loop().create_datagram_endpoint": NOTHING,
        "asyncio.get_running_loop().sock_connect": 1,
        "ftplib.FTP": 0,
        "ftplib.FTP_TLS": 0,
        "http.client.HTTPConnection": 0,
        "http.client.HTTPSConnection": 0,
        "imaplib.IMAP4": 0,
        "imaplib.IMAP4_SSL": 0,
        "nntplib.NNTP": 0,
        "poplib.POP3": 0,
        "poplib.POP3_SSL": 0,
        "smtplib.SMTP": 0,
        "smtplib.SMTP_SSL": 0,
        "ssl.get_server_certificate": 0,
        "telnetlib.Telnet": 0,
        "urllib.request.urlopen": 0,
        "urllib.request.urlretrieve": 0,
        "urllib.request.build_opener().open": 0,
        "xmlrpc.client.ServerProxy": 0,
        "logging.handlers.SMTPHandler": 0,
        "logging.handlers.HTTPHandler": 0,
        "logging.handlers.SocketHandler": 0,
        "aiohttp.ClientSession": NOTHING,
        "dns.resolver.resolve": NOTHING,
        "paho.mqtt.client.Client().connect": 0,
        "paramiko.SSHClient().connect": 0,
        "urllib3.PoolManager": NOTHING,
        "urllib3.request": 1,
        "websockets.connect": 0,
        **{
            f"{client}.{verb}": 0
            for client in ("requests", "httpx", "requests.Session()", "httpx.Client()")
            for verb in ("get", "post", "put", "patch", "delete", "head", "options")
        },
    },
    Kind.LISTEN: {
        "socket.create_server": 0,
        "socket.socket().bind": 0,
        "socket.socket().listen": NOTHING,
        "asyncio.start_server": 2,
        "asyncio.get_running_loop().create_server": 2,
        "http.server.HTTPServer": 0,
        "http.server.ThreadingHTTPServer": 0,
        "socketserver.TCPServer": 0,
        "socketserver.ThreadingTCPServer": 0,
        "socketserver.ThreadingUDPServer": 0,
        "socketserver.UDPServer": 0,
        "wsgiref.simple_server.make_server": 1,
        "xmlrpc.server.SimpleXMLRPCServer": 0,
        "logging.config.listen": 0,
        "aiohttp.web.run_app": NOTHING,
    },
    Kind.MULTICAST: {"zeroconf.Zeroconf": NOTHING, "zeroconf.asyncio.AsyncZeroconf": NOTHING},
    Kind.READ: {
        "open": 0,
        "io.open": 0,
        "os.open": 0,
        "os.listdir": 0,
        "os.scandir": 0,
        "os.walk": 0,
        "glob.glob": 0,
        "glob.iglob": 0,
        "linecache.getlines": 0,
        "sqlite3.connect": 0,
        "configparser.ConfigParser().read": 0,
        "pathlib.Path().open": OBJECT,
        "pathlib.Path().read_bytes": OBJECT,
        "pathlib.Path().read_text": OBJECT,
        "pathlib.Path().iterdir": OBJECT,
        "pathlib.Path().glob": OBJECT,
        "pathlib.Path().rglob": OBJECT,
        "shutil.copy": 0,
        "shutil.copyfile": 0,
        "shutil.copytree": 0,
        "zipfile.ZipFile": 0,
        "tarfile.open": 0,
    },
    Kind.WRITE: {
        "os.chmod": 0,
        "os.link": 1,
        "os.makedirs": 0,
        "os.mkdir": 0,
        "os.remove": 0,
        "os.rename": 1,
        "os.replace": 1,
        "os.rmdir": 0,
        "os.symlink": 1,
        "os.truncate": 0,
        "os.unlink": 0,
        "pathlib.Path().mkdir": OBJECT,
        "pathlib.Path().rename": OBJECT,
        "pathlib.Path().replace": OBJECT,
        "pathlib.Path().touch": OBJECT,
        "pathlib.Path().unlink": OBJECT,
        "pathlib.Path().write_bytes": OBJECT,
        "pathlib.Path().write_text": OBJECT,
        "shutil.copy": 1,
        "shutil.copyfile": 1,
        "shutil.copytree": 1,
        "shutil.move": 1,
        "shutil.rmtree": 0,
    },
    Kind.RUN: {
        "os.popen": 0,
        "os.posix_spawn": 0,
        "os.posix_spawnp": 0,
        "os.startfile": 0,
        "os.system": 0,
        "pty.spawn": 0,
        "asyncio.create_subprocess_exec": 0,
        "asyncio.create_subprocess_shell": 0,
        "commands.getoutput": 0,
        "webbrowser.open": NOTHING,
        **{f"os.exec{form}": 0 for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
        **{f"os.spawn{form}": 1 for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
        **{
            f"subprocess.{call}": 0
            for call in (
                "run", "call", "check_call", "check_output", "Popen", "getoutput", "getstatusoutput"
            )
        },
    },
    Kind.ENV: {
        "os.getenv": 0,
        "os.environ.get": 0,
        "os.environ.pop": 0,
        "os.environ.copy": NOTHING,
    },
    Kind.DYNAMIC: {
        "eval": NOTHING,
        "exec": NOTHING,
        "code.InteractiveInterpreter": NOTHING,
        "marshal.loads": NOTHING,
        "marshal.load": NOTHING,
        "pickle.load": NOTHING,
        "pickle.loads": NOTHING,
        "pickle.Unpickler": NOTHING,
        "runpy.run_module": NOTHING,
        "runpy.run_path": NOTHING,
        "shelve.open": NOTHING,
        "types.CodeType": NOTHING,
        "types.FunctionType": NOTHING,
    },
    Kind.NATIVE: {
        **{f"ctypes.{loader}": 0 for loader in ("CDLL", "PyDLL", "WinDLL", "OleDLL")},
        **{f"ctypes.{loader}.LoadLibrary": 0 for loader in ("cdll", "pydll", "windll", "oledll")},
        "cffi.FFI().dlopen": 0,
    },
    Kind.THREADS: {
        "threading.Thread": NOTHING,
        "threading.Timer": NOTHING,
        "concurrent.futures.ThreadPoolExecutor": NOTHING,
        "concurrent.futures.ProcessPoolExecutor": NOTHING,
        "multiprocessing.Pool": NOTHING,
        "multiprocessing.Process": NOTHING,
        "os.fork": NOTHING,
    },
}  # fmt: skip
# Constants whose mere use says what a socket is for.
_USES: dict[str, Kind] = {
    "socket.IP_ADD_MEMBERSHIP": Kind.MULTICAST,
    "socket.IPV6_JOIN_GROUP": Kind.MULTICAST,
    "socket.IPV6_ADD_MEMBERSHIP": Kind.MULTICAST,
    "socket.AF_PACKET": Kind.RAW,
    "socket.SOCK_RAW": Kind.RAW,
    "os.environ": Kind.ENV,
    "os.environb": Kind.ENV,
}


def _by_call() -> dict[str, tuple[tuple[Kind, int], ...]]:
    """The table the other way round: a function may do two things, such as copying a file."""
    found: dict[str, tuple[tuple[Kind, int], ...]] = {}
    for kind, functions in _CALLS.items():
        for name, argument in functions.items():
            found[name] = (*found.get(name, ()), (kind, argument))
    return found


_BY_CALL = _by_call()


def capabilities_of(facts: Iterable[Facts]) -> tuple[Capability, ...]:
    """Everything that these modules can do, in the order of kinds, files and lines."""
    found = {capability for module in facts for capability in _of_module(module)}
    return tuple(sorted(found, key=_order))


def _order(it: Capability) -> tuple[Any, ...]:
    place = it.location
    return (list(Kind).index(it.kind), place.file, place.line, place.column, it.via, it.target)


def _of_module(module: Facts) -> Iterator[Capability]:
    for call in module.calls:
        for kind, argument in _BY_CALL.get(call.name, ()):
            target = _target(kind, call, argument)
            if _counts(kind, call, target):
                place = Location(module.file, call.line, call.column)
                yield Capability(_refined(kind, call), call.name, place, target or "")
    for use in module.uses:
        name, item, key = use.name.partition("[")
        known = _USES.get(name)
        if known is not None and bool(item) == (known is Kind.ENV):
            place = Location(module.file, use.line, use.column)
            yield Capability(known, name, place, key.removesuffix("]"))


def _counts(kind: Kind, call: Call, target: str | None) -> bool:
    """Binding port 0 asks the system for any free port: how a client begins, not a server."""
    return not (kind is Kind.LISTEN and call.name.endswith(".bind") and target == "0")


def _refined(kind: Kind, call: Call) -> Kind:
    """``open`` for writing is writing."""
    if kind is not Kind.READ or call.name not in ("open", "io.open", "pathlib.Path().open"):
        return kind
    position = 0 if call.name.startswith("pathlib") else 1
    mode = call.keywords.get("mode", _argument(call, position))
    return Kind.WRITE if isinstance(mode, str) and set(mode) & set("wax+") else kind


def _argument(call: Call, position: int) -> Any:
    try:
        return call.args[position]
    except IndexError:
        return UNKNOWN


def _target(kind: Kind, call: Call, argument: int) -> str | None:
    """What an argument names, as the permission would write it; None when it is not constant."""
    if argument in (NOTHING, OBJECT):
        value = call.receiver[0] if argument == OBJECT and call.receiver else UNKNOWN
    else:
        value = _argument(call, argument)
    if value is UNKNOWN:
        return None
    if kind is Kind.CONNECT:
        return _address(value, _argument(call, argument + 1) if argument >= 0 else UNKNOWN)
    if kind is Kind.LISTEN:
        port = value[1] if isinstance(value, tuple) and len(value) > 1 else value
        return str(port) if isinstance(port, int) else None
    if kind is Kind.RUN:
        program = value[0] if isinstance(value, tuple) and value else value
        return program.split()[0] if isinstance(program, str) and program.strip() else None
    return value if isinstance(value, str) else None


def _address(value: Any, port: Any) -> str | None:
    """``host:port`` of an address tuple, of a host and a port, or of a URL."""
    if isinstance(value, tuple):
        host, port = (*value, UNKNOWN, UNKNOWN)[:2]
    elif isinstance(value, str) and "://" in value:
        return _of_url(value)
    else:
        host = value
    if not isinstance(host, str):
        return None
    return f"{host}:{port}" if isinstance(port, int) else host


def _of_url(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        port = parts.port or {"http": 80, "ws": 80, "https": 443, "wss": 443}.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return f"{parts.hostname}:{port}" if port else parts.hostname
