"""What a plugin says of itself, asked in the sandbox without initialising it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heimnetz_git.errors import UsageError
from heimnetz_git.host.calls import Chain
from heimnetz_git.host.contract import Contract
from heimnetz_git.host.denial import explain
from heimnetz_git.host.failures import Raised
from heimnetz_git.host.hub import Hub
from heimnetz_git.host.links import Links
from heimnetz_git.host.messages import HostCall
from heimnetz_git.host.process import PluginProcess
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.host.starter import Starter
from heimnetz_git.model.manifest import Compiled
from heimnetz_git.sandbox.launcher import Launcher, Mode

__all__ = ["describe", "log_warning"]


def describe(
    spec: LaunchSpec,
    *,
    sandbox: Mode = "auto",
    on_warning: Callable[[str], None] | None = None,
) -> Compiled:
    """A plugin's operations and the schema of its configuration, as ``plugin.json`` holds them.

    Loads its code in a sandboxed process without initialising it. Raises PluginFailed and the
    other errors of a start.
    """
    hub = Hub()
    process = PluginProcess(
        spec,
        Starter(Launcher(sandbox, on_warning=on_warning or log_warning), hub, preload=False),
        hub,
        Links(_route_nowhere, lambda _plugin, _level, _line: None),
        environ={},
        initialize=False,
    )
    try:
        contract = Contract(spec.key, process.start())
    except Raised as raised:
        raise explain(raised.failure, spec) from None
    finally:
        process.stop()
        hub.close()
    return Compiled(name=spec.name, operations=contract.operations, config=contract.config)


def _route_nowhere(caller: LaunchSpec, _message: HostCall, _chain: Chain) -> Any:
    """A plugin that is only described calls nobody."""
    raise UsageError(f"{caller.key} calls another plugin while it is loaded.")


def log_warning(text: str) -> None:
    """Where warnings go when nobody asked for them."""
    import logging

    logging.getLogger("heimnetz_git").warning(text)
