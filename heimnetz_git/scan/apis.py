"""The capability model: what the functions of the standard library and of known packages do.

The tables are data. Their source is the library's reference manual (every function that connects,
listens, touches files by name, starts programs, reads the environment or runs code that it is
given) and, for other packages, their own documentation. A line is a function and where it says to
what: the place of an argument and after a colon its name, ``self`` for the path object whose
method it is, ``made`` for the first argument of the call that made the object, ``-`` for nowhere.
``{a,b}`` stands for either; ``x()`` for an object that x made.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from heimnetz_git.scan import api_tables

__all__ = ["ANY_LAST", "BY_NAME", "LAST", "SOURCES", "USES", "Api", "Kind", "Tag"]


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
    REFLECTION = "reflection"
    THREADS = "threads"
    IMPORT = "import-effect"


Tag = str


class Api(NamedTuple):
    """One thing that a function does, and which argument says to what."""

    kind: Kind
    place: str
    word: str


# Constants whose mere use says what a socket is for.
USES: dict[str, Kind] = {
    "socket.IP_ADD_MEMBERSHIP": Kind.MULTICAST, "socket.IPV6_JOIN_GROUP": Kind.MULTICAST,
    "socket.IPV6_ADD_MEMBERSHIP": Kind.MULTICAST, "socket.AF_PACKET": Kind.RAW,
    "socket.SOCK_RAW": Kind.RAW, "os.environ": Kind.ENV,
    "ctypes.WinDLL()": Kind.NATIVE, "ctypes.CDLL()": Kind.NATIVE,
}  # fmt: skip


def _spread(text: str) -> list[str]:
    """``a.{b,c}`` as ``a.b`` and ``a.c``."""
    match = re.search(r"\{([^{}]*)\}", text)
    if match is None:
        return [text]
    return [
        whole
        for part in match[1].split(",")
        for whole in _spread(text[: match.start()] + part + text[match.end() :])
    ]


def _by_name() -> dict[str, tuple[Api, ...]]:
    tables = {
        Kind.CONNECT: api_tables.CONNECT,
        Kind.LISTEN: api_tables.LISTEN,
        Kind.READ: api_tables.READ,
        Kind.WRITE: api_tables.WRITE,
        Kind.RUN: api_tables.RUN,
        Kind.DYNAMIC: api_tables.DYNAMIC,
        Kind.NATIVE: api_tables.NATIVE,
        Kind.THREADS: api_tables.THREADS,
        **{Kind[name]: table for name, table in api_tables.OTHER.items()},
    }
    found: dict[str, tuple[Api, ...]] = {}
    for kind, table in tables.items():
        for line in table.strip().splitlines():
            pattern, _, where = line.rpartition(" ")
            place, _, word = where.partition(":")
            for name in _spread(pattern):
                found[name] = (*found.get(name, ()), Api(kind, place, word))
    return found


BY_NAME: dict[str, tuple[Api, ...]] = _by_name()
SOURCES: dict[str, str] = {
    name: label
    for label, names in api_tables.SOURCES.items()
    for pattern in names.split()
    for name in _spread(pattern)
}
# The last words of all names that matter: other calls need not be looked at.
LAST: frozenset[str] = frozenset(
    {name.rpartition(".")[2].rstrip("()[]") for name in (*BY_NAME, *SOURCES)}
    | set(api_tables.MORE_LAST.split())
)
ANY_LAST = frozenset(name.rpartition(".")[2] for name in USES) | {"windll", "cdll", "oledll"}
