"""What it takes to start one installed plugin."""

from __future__ import annotations

from typing import Any

import msgspec

from heimnetz_git.model.limits import Limits
from heimnetz_git.model.permission import Permissions

__all__ = ["LaunchSpec"]


class LaunchSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One plugin, ready to be started.

    ``entry_point`` is ``module:Class``; ``paths`` are absolute folders for ``sys.path`` (its code,
    then its Python packages), read-only to it; ``data`` is the absolute folder that it may write
    to, made if missing; ``permissions`` are what the user granted; ``config`` plain values for its
    Config; ``requires`` the plugins it may call, and that are started before it.

    ``essential`` ones run in safe mode too. ``activation`` says what a plugin waits for instead of
    being started with the others: ``operation`` (its first call), ``event:NAME``, ``every:15m``.
    ``instance`` tells several of one plugin apart: they are called ``NAME@INSTANCE``.
    """

    name: str
    version: str
    entry_point: str
    paths: tuple[str, ...]
    data: str
    permissions: Permissions = Permissions()
    limits: Limits = Limits()
    config: dict[str, Any] = {}
    requires: tuple[str, ...] = ()
    essential: bool = False
    activation: tuple[str, ...] = ()
    instance: str = ""

    @property
    def key(self) -> str:
        """What the host calls it."""
        return f"{self.name}@{self.instance}" if self.instance else self.name
