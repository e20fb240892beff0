"""Looking which TCP ports of a host accept a connection (a plain connect, nothing is sent)."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import NamedTuple

__all__ = ["Seen", "address", "knock"]

AT_ONCE = 32


class Seen(NamedTuple):
    """What the ports of a host did: accept, or neither accept nor refuse in time.

    ``refused`` is empty unless the sandbox or the machine forbade a try; then it says why.
    """

    open: frozenset[int]
    silent: frozenset[int]
    refused: str


def address(text: str) -> str:
    """An IP address in its usual form. Raises ValueError, also for a name: it may mean several."""
    return str(ip_address(text.strip()))


def knock(host: str, ports: Iterable[int], timeout: float) -> Seen:
    """Which of the ports are open; ``timeout`` is for each of them, in seconds.

    A port that refuses is closed; one that is filtered, or whose host is away, is silent.
    """
    wanted = sorted(set(ports))
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        states = list(pool.map(lambda port: _state(host, port, timeout), wanted))
    by_state = dict(zip(wanted, states, strict=True))
    return Seen(
        open=frozenset(port for port, state in by_state.items() if state == "open"),
        silent=frozenset(port for port, state in by_state.items() if state == "silent"),
        refused=next((state for state in states if state not in ("open", "silent", "closed")), ""),
    )


def _state(host: str, port: int, timeout: float) -> str:
    """``open``, ``closed``, ``silent``, or why nobody could try."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return "open"
    except ConnectionRefusedError:
        return "closed"
    except PermissionError as error:
        return f"this plugin may not reach {host}: {error}"
    except OSError:
        return "silent"
