"""A plugin registry that is a Git repository, and the toolkit around it.

This is the face for those who write plugins and for those who host them; every name is loaded when
it is first used, so that ``import heimnetz_git`` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # the same names again, for type checkers and editors
    from typing import Any

    from heimnetz_git.errors import (
        AccessDenied,
        HeimnetzError,
        InvalidParameters,
        OperationFailed,
        OperationNotFound,
        PluginCrashed,
        PluginFailed,
        PluginNotFound,
        PluginTimedOut,
    )
    from heimnetz_git.host.aio import AsyncPluginManager
    from heimnetz_git.host.lifecycle import Restart
    from heimnetz_git.host.manager import PluginManager
    from heimnetz_git.host.plugin import BasePlugin, Context, every, health, on, operation
    from heimnetz_git.host.report import StartReport
    from heimnetz_git.host.spec import LaunchSpec
    from heimnetz_git.sdk.installed import installed_plugins

__all__ = [
    "AccessDenied",
    "AsyncPluginManager",
    "BasePlugin",
    "Context",
    "HeimnetzError",
    "InvalidParameters",
    "LaunchSpec",
    "OperationFailed",
    "OperationNotFound",
    "PluginCrashed",
    "PluginFailed",
    "PluginManager",
    "PluginNotFound",
    "PluginTimedOut",
    "Restart",
    "StartReport",
    "every",
    "health",
    "installed_plugins",
    "on",
    "operation",
]

_HOMES = {
    "AsyncPluginManager": "heimnetz_git.host.aio",
    "BasePlugin": "heimnetz_git.host.plugin",
    "Context": "heimnetz_git.host.plugin",
    "LaunchSpec": "heimnetz_git.host.spec",
    "PluginManager": "heimnetz_git.host.manager",
    "Restart": "heimnetz_git.host.lifecycle",
    "StartReport": "heimnetz_git.host.report",
    "every": "heimnetz_git.host.plugin",
    "health": "heimnetz_git.host.plugin",
    "installed_plugins": "heimnetz_git.sdk.installed",
    "on": "heimnetz_git.host.plugin",
    "operation": "heimnetz_git.host.plugin",
}


def __getattr__(name: str) -> Any:
    """The public ``name``, imported now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES.get(name, "heimnetz_git.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, loaded or not."""
    return sorted({*globals(), *__all__})
