"""Whom a plugin's process talks to besides those who call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heimnetz_git.host.calls import Chain
from heimnetz_git.host.messages import Event, HostCall
from heimnetz_git.host.spec import LaunchSpec

__all__ = ["Links", "LogLine", "Route"]

Route = Callable[[LaunchSpec, HostCall, Chain], Any]
LogLine = Callable[[str, int, str], None]


class Links:
    """The host's side of everything that a plugin begins by itself.

    ``route`` answers its calls to others and to the host (in a thread of its own), ``on_log`` gets
    (plugin, level, line), ``on_event`` (its specification, the event), ``on_end`` the process that
    ended, once nothing of it is left.
    """

    def __init__(
        self,
        route: Route,
        on_log: LogLine,
        on_event: Callable[[LaunchSpec, Event], None] = lambda _spec, _event: None,
        on_end: Callable[[Any], None] = lambda _process: None,
    ) -> None:
        self.route = route
        self.on_log = on_log
        self.on_event = on_event
        self.on_end = on_end
