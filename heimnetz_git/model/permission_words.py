"""What a grant means to a family member, and how much harm it could do.

Each place of a permission has a function that gives the words after "may" and one that gives the
severity. Wording takes a grant's canonical text; technical terms stand in brackets, if at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Severity
from heimnetz_git.model.grant import (
    HOME_NETWORKS,
    MOST_PORTS,
    NetworkGrant,
    host_set,
    networks_cover,
    parse_connect,
    parse_listen,
    parse_multicast,
)

__all__ = ["severity_of", "words_of"]

_WAKE_PORTS = {7, 9}
_DISCOVERY = {"239.255.255.250": "UPnP", "224.0.0.251": "mDNS", "ff02::fb": "mDNS"}
# Programs that run whatever they are told: shells, interpreters, and those that start others.
_SHELLS = re.compile(
    r"(?:ba|da|a|z|k|c|tc|fi)?sh|busybox|env|xargs|find|sudo|su|doas|pkexec|nsenter|unshare|chroot"
    r"|docker|podman|ssh|nc|ncat|socat|(?:python|perl|ruby|node|php|lua)[0-9.]*|g?awk|gdb|crontab|at"
    r"|systemctl|systemd-run"
)
_PRIVATE = (
    "/home",
    "/root",
    "/etc/ssh",
    "/etc/shadow",
    "/etc/ssl/private",
    "/proc",
    "/dev",
    "/boot",
)
_VITAL = (
    "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/sbin",
    "/sys", "/usr", "/var/spool/cron",
)  # fmt: skip
_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock")


def words_of(place: str, text: str) -> str:
    """The words after "may" for one grant, without a full stop: ``read the file /etc/hosts``."""
    return _WORDS[place](text)


def severity_of(place: str, text: str) -> Severity:
    """How much harm one grant could do in wrong hands."""
    return _SEVERITIES[place](text)


def _connect_words(text: str) -> str:
    grant = parse_connect(text)
    ports = _ports_words(grant)
    verb = "ping" if grant.protocol == "icmp" else "send data to"
    if grant.host == "*":
        return f"{verb} any address on the internet or in your home network{ports}"
    if _at_home(grant):
        wakes = grant.protocol == "udp" and {grant.first, grant.last} <= _WAKE_PORTS
        verb = "wake or reach" if wakes else "ping" if grant.protocol == "icmp" else "reach"
        return f"{verb} {_home_words(grant.host)} in your home network{ports}"
    if _on_this_machine(grant):
        return f"reach other programs on this machine{ports}"
    return f"{verb} {_host_words(grant.host)}{ports}"


def _home_words(host: str) -> str:
    return "devices" if host == "lan" else f"the {_addresses(host, 'device')}"


def _host_words(host: str) -> str:
    names, networks = host_set(host)
    if networks:
        return f"the {_addresses(host, 'address')} on the internet"
    return f"every address that ends in {names[1:]}" if names.startswith("*") else names


def _addresses(host: str, noun: str) -> str:
    network = ip_network(host)
    first, last = network.network_address, network.broadcast_address
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{noun} {first}" if first == last else f"{plural} {first} to {last}"


def _ports_words(grant: NetworkGrant) -> str:
    protocol = " (UDP)" if grant.protocol == "udp" else ""
    if grant.protocol == "icmp":
        return ""
    if (grant.first, grant.last) == MOST_PORTS:
        return " on any port" + protocol
    if grant.first == grant.last:
        return f" on port {grant.first}{protocol}"
    return f" on the ports {grant.first} to {grant.last}{protocol}"


def _at_home(grant: NetworkGrant) -> bool:
    networks = host_set(grant.host).networks
    return bool(networks) and all(networks_cover(HOME_NETWORKS, one) for one in networks)


def _on_this_machine(grant: NetworkGrant) -> bool:
    networks = host_set(grant.host).networks
    loopback = host_set("localhost").networks
    return bool(networks) and all(networks_cover(loopback, one) for one in networks)


def _listen_words(text: str) -> str:
    first, last, protocol = parse_listen(text)
    ports = _ports_words(NetworkGrant("", first, last, protocol))
    what = "receive data from" if protocol == "udp" else "accept connections from"
    return f"{what} other devices{ports}"


def _multicast_words(text: str) -> str:
    group, port = parse_multicast(text)
    known = _DISCOVERY.get(group)
    how = f"{known}, " if known else ""
    return f"discover devices in your home network ({how}group {group}, port {port})"


def _raw_words(_: str) -> str:
    return "read and forge any traffic in the network of this machine (raw sockets)"


def _path_words(path: str) -> str:
    if path == "/":
        return "every file on this machine"
    file = "." in path.rpartition("/")[2].lstrip(".")
    return f"the file {printable(path)}" if file else f"{printable(path)} and all that is in it"


def _read_words(path: str) -> str:
    return f"read {_path_words(path)}"


def _write_words(path: str) -> str:
    return f"read, change and delete {_path_words(path)}"


def _run_words(path: str) -> str:
    if _runs_anything(path):
        return f"run any command on this machine (through {printable(path)})"
    return f"run the program {printable(path)}"


def _env_words(name: str) -> str:
    return f"see the setting {printable(name)} of this machine (environment variable)"


def _secret_words(name: str) -> str:
    return f"use the password or key that you store as {printable(name)}"


def _host_api_words(name: str) -> str:
    return f"use the function {printable(name)} of the application"


def _runs_anything(path: str) -> bool:
    return _SHELLS.fullmatch(path.rpartition("/")[2]) is not None


def _connect_severity(text: str) -> Severity:
    grant = parse_connect(text)
    if grant.protocol == "icmp":
        return Severity.LOW
    if _at_home(grant):
        return Severity.MEDIUM if (grant.first, grant.last) == MOST_PORTS else Severity.LOW
    if _on_this_machine(grant):
        return Severity.HIGH if (grant.first, grant.last) == MOST_PORTS else Severity.MEDIUM
    names, networks = host_set(grant.host)
    if grant.host == "*" or (names.startswith("*.") and names.count(".") == 1):
        return Severity.HIGH
    wide = any(one.prefixlen < (16 if one.version == 4 else 32) for one in networks)
    return Severity.HIGH if wide else Severity.MEDIUM


def _listen_severity(text: str) -> Severity:
    first, last, _ = parse_listen(text)
    return Severity.HIGH if (first, last) == MOST_PORTS else Severity.MEDIUM


def _read_severity(path: str) -> Severity:
    if path == "/" or _touches(path, _SOCKETS):
        return Severity.CRITICAL
    if _touches(path, _PRIVATE):
        return Severity.HIGH
    return Severity.MEDIUM if path.count("/") == 1 else Severity.LOW


def _write_severity(path: str) -> Severity:
    if path == "/" or _touches(path, _SOCKETS):
        return Severity.CRITICAL
    return Severity.HIGH if _touches(path, _VITAL) or path.count("/") == 1 else Severity.MEDIUM


def _touches(path: str, places: tuple[str, ...]) -> bool:
    """Whether a path is one of the places, lies below one, or contains one."""
    return any(
        f"{path}/".startswith(f"{place}/") or place.startswith(f"{path}/") for place in places
    )


def _run_severity(path: str) -> Severity:
    return Severity.CRITICAL if _runs_anything(path) else Severity.MEDIUM


def _host_api_severity(name: str) -> Severity:
    return Severity.LOW if name.endswith(".read") else Severity.MEDIUM


def _always(severity: Severity) -> Callable[[str], Severity]:
    return lambda _: severity


_WORDS: dict[str, Callable[[str], str]] = {
    "network.connect": _connect_words,
    "network.listen": _listen_words,
    "network.multicast": _multicast_words,
    "network.raw": _raw_words,
    "files.read": _read_words,
    "files.write": _write_words,
    "run": _run_words,
    "env": _env_words,
    "secrets": _secret_words,
    "host": _host_api_words,
}
_SEVERITIES: dict[str, Callable[[str], Severity]] = {
    "network.connect": _connect_severity,
    "network.listen": _listen_severity,
    "network.multicast": _always(Severity.LOW),
    "network.raw": _always(Severity.CRITICAL),
    "files.read": _read_severity,
    "files.write": _write_severity,
    "run": _run_severity,
    "env": _always(Severity.LOW),
    "secrets": _always(Severity.MEDIUM),
    "host": _host_api_severity,
}
