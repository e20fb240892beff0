"""What the plugins of a universe say of themselves: words, people, permissions, JSON Schemas."""

from __future__ import annotations

from random import Random
from typing import Any

from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import FilePermissions, NetworkPermissions, Permissions
from heimnetz_git.model.release import Author, Change

__all__ = [
    "LICENSES",
    "authors",
    "changes",
    "limits",
    "operation",
    "packages",
    "permissions",
    "schema",
    "sentence",
    "some",
]

LICENSES = ("MIT", "MIT", "Apache-2.0", "BSD-3-Clause", "MPL-2.0", "GPL-3.0-or-later", "ISC")
_TEXT = (
    "address alert archive backup bridge cache camera certificate channel charge client clock"
    " config counter device disk door driver energy event export feed filter firmware flow gateway"
    " group guest health heat history host image import interface inventory key lamp lease light"
    " link list log map meter monitor name neighbour network notice packet panel policy port power"
    " presence printer probe proxy queue record relay report room router rule scan scene schedule"
    " script sensor service session share signal socket speed status storage stream switch sync"
    " table task token topic traffic tunnel unit update user vendor video voice volume wake window"
)
_WORDS = _TEXT.split()
_VERBS = (
    "adds", "checks", "collects", "counts", "finds", "keeps", "lists", "maps", "reads", "reports",
    "sends", "shows",
)  # fmt: skip
_GIVEN = (
    "Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "Hedy", "Jean", "Karen", "Ken",
    "Leslie", "Margaret", "Niklaus",
)  # fmt: skip
_FAMILY = (
    "Ahlström", "Baker", "Dupont", "Example", "Fischer", "García", "Ito", "Kowalski", "Müller",
    "Nakamura", "Rossi",
)  # fmt: skip
_CONNECT = (
    "lan:9/udp", "lan:80", "lan:443", "lan:1883", "lan:161/udp", "lan:5683/udp", "localhost:6379",
    "api.example.org:443", "*.example.net:443", "192.168.0.0/16:22", "[fd00::]/8:443", "*:443",
)  # fmt: skip
_LISTEN = ("8080", "5353/udp", "9000-9010", "1883", "514/udp")
_MULTICAST = ("224.0.0.251:5353", "239.255.255.250:1900")
_READ = ("/etc/hosts", "/proc/net/arp", "/var/lib/misc/dnsmasq.leases", "/var/log/syslog")
_RUN = ("/usr/sbin/ip", "/usr/bin/ping", "/usr/sbin/ethtool", "/usr/bin/nmap")
_APIS = ("devices.read", "devices.write", "events.emit", "notify.send", "store.read")
_PACKAGES = (
    "zeroconf>=0.130", "httpx>=0.27,<1", "paho-mqtt>=2", "psutil>=5.9", "pysnmp>=6", "PyYAML>=6",
    'uvloop>=0.19; sys_platform != "win32"', "ifaddr~=0.2",
)  # fmt: skip
_KINDS = ("added", "changed", "fixed", "fixed", "fixed", "security", "deprecated", "removed")


def some(chance: Random, of: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Up to ``most`` of them, sorted, each once."""
    return tuple(sorted(chance.sample(of, chance.randint(0, min(most, len(of))))))


def sentence(chance: Random) -> str:
    """What a plugin does, in four to ten words."""
    words = chance.choices(_WORDS, k=chance.randint(3, 9))
    colon = ":" if chance.random() < 0.1 else ""
    return f"{chance.choice(_VERBS).capitalize()} {words[0]}{colon} {' '.join(words[1:])}"


def authors(chance: Random) -> tuple[Author, ...]:
    """One person, or two."""
    found = {}
    for _ in range(chance.choice((1, 1, 1, 2))):
        given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
        email = f"{given}.{family}@example.org".lower() if family.isascii() else ""
        found[given, family] = Author(f"{given} {family}", email)
    return tuple(found.values())


def permissions(chance: Random) -> Permissions:
    """A few grants; one plugin in four needs none."""
    if chance.random() < 0.25:
        return Permissions()
    return Permissions(
        network=NetworkPermissions(
            connect=some(chance, _CONNECT, 3),
            listen=some(chance, _LISTEN, 1) if chance.random() < 0.2 else (),
            multicast=some(chance, _MULTICAST, 1) if chance.random() < 0.2 else (),
            raw=chance.random() < 0.03,
        ),
        files=FilePermissions(read=some(chance, _READ, 2) if chance.random() < 0.3 else ()),
        run=some(chance, _RUN, 2) if chance.random() < 0.2 else (),
        env=("TZ",) if chance.random() < 0.1 else (),
        secrets=(f"{chance.choice(_WORDS)}_password",) if chance.random() < 0.2 else (),
        host=some(chance, _APIS, 2),
    )


def limits(chance: Random) -> Limits:
    """The default ones, for most."""
    if chance.random() < 0.7:
        return Limits()
    return Limits(
        memory=chance.choice(("64M", "128M", "256M", "1G")),
        cpu=chance.choice((0.25, 0.5, 1.0, 2.0)),
        call=chance.choice(("30s", "2m")),
    )


def packages(chance: Random) -> tuple[str, ...]:
    """Requirements for a Python package index; two plugins in three have none."""
    return some(chance, _PACKAGES, 3) if chance.random() < 0.33 else ()


def schema(chance: Random, most: int = 3) -> dict[str, Any]:
    """A JSON Schema of an object, as the build compiles it from type hints."""
    names = sorted({chance.choice(_WORDS) for _ in range(chance.randint(0, most))})
    properties = {name: _property(chance) for name in names}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": [name for name, inner in properties.items() if "default" not in inner],
    }


def _property(chance: Random) -> dict[str, Any]:
    kind = chance.choice(("string", "string", "string", "integer", "boolean", "number", "array"))
    found: dict[str, Any] = {"type": kind}
    if kind == "array":
        found["items"] = {"type": "string"}
    elif chance.random() < 0.5:
        defaults = {
            "string": "",
            "integer": chance.randint(0, 999),
            "number": 0.5,
            "boolean": False,
        }
        found["default"] = defaults[kind]
    return found


def operation(chance: Random) -> tuple[str, dict[str, Any]]:
    """An operation's name, and its summary with the schemas of parameters and result."""
    result: dict[str, Any] = {"type": chance.choice(("boolean", "string", "integer", "null"))}
    if chance.random() < 0.25:
        record = schema(chance) | {
            "title": chance.choice(_WORDS).capitalize(),
            "description": f"{sentence(chance)}.\n\n    ``{chance.choice(_WORDS)}`` may be empty.",
        }
        result = {
            "type": "array",
            "items": {"$ref": f"#/$defs/{record['title']}"},
            "$defs": {record["title"]: record},
        }
    words = {"parameters": schema(chance), "result": result, "summary": f"{sentence(chance)}."}
    return "_".join(dict.fromkeys(chance.choices(_WORDS, k=chance.choice((1, 1, 2))))), words


def changes(chance: Random) -> tuple[Change, ...]:
    """A release's notes: one line to three, each its own."""
    return tuple(
        Change(chance.choice(_KINDS), f"{sentence(chance)} (#{chance.randint(1, 4000)})")  # type: ignore[arg-type] # one of its kinds
        for _ in range(chance.choice((1, 1, 2, 3)))
    )
