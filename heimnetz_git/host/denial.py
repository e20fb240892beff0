"""Telling a refusal of the sandbox from an error of the plugin; naming the line to add (pure)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import PurePosixPath

from heimnetz_git.errors import (
    AccessDenied,
    HeimnetzError,
    OperationFailed,
    PluginFailed,
    ProtocolViolation,
    printable,
)
from heimnetz_git.host.failures import to_error
from heimnetz_git.host.messages import Failure
from heimnetz_git.host.spec import LaunchSpec

__all__ = ["denial", "explain"]

NO_FILE = frozenset({errno.EACCES, errno.EPERM, errno.ENOENT, errno.EROFS})
NO_NETWORK = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT}
)


def explain(
    failure: Failure,
    spec: LaunchSpec,
    operation: str = "",
    *,
    exists: Callable[[str], bool] = os.path.exists,
) -> HeimnetzError:
    """The error that a failed operation, or start, is for the host's caller.

    AccessDenied if the sandbox refused something; one of our own errors as it is; else
    OperationFailed, or PluginFailed for a start, with the plugin's name and its own frames.
    """
    refused = denial(failure, spec, exists)
    if refused is not None:
        return refused
    error = to_error(failure)
    where = f"{spec.name}.{operation} failed" if operation else f"{spec.name} could not start"
    if isinstance(error, ProtocolViolation):
        return ProtocolViolation(f"{where}: {error}", plugin=spec.name, operation=operation)
    if not isinstance(error, OperationFailed):
        return error
    kind = OperationFailed if operation else PluginFailed
    last = f" ({failure.trace[-1]})" if failure.trace else ""
    return kind(
        f"{where}: {error}{last}",
        plugin=spec.name,
        operation=operation,
        type=failure.type,
        trace=list(failure.trace),
    )


def denial(
    failure: Failure, spec: LaunchSpec, exists: Callable[[str], bool]
) -> AccessDenied | None:
    """The refusal behind a failure, or None if the sandbox had no part in it.

    ``exists`` tells whether an absolute path is there on the host: what is not would be missing
    with any permission.
    """
    if failure.doing == "network":
        return _network(failure, spec)
    if not failure.path.startswith("/") or failure.number not in NO_FILE:
        return _program(failure, spec)
    if not exists(failure.path):
        return None
    if failure.doing == "run":
        return _program(failure, spec)
    return _file(failure, spec)


def _network(failure: Failure, spec: LaunchSpec) -> AccessDenied | None:
    """No network was granted at all, and a socket was refused."""
    network = spec.permissions.network
    if network.connect or network.listen or network.multicast or network.raw:
        return None
    unresolved = failure.number < 0 or failure.type == "gaierror"
    if failure.number not in NO_NETWORK and not unresolved:
        return None
    return AccessDenied(
        f"{spec.name} tried to use the network, and its permissions grant none:"
        f" {printable(failure.message)}",
        hint="Its author must declare it in plugin.yaml: 'permissions: {network: {connect:"
        ' ["HOST:PORT"]}}\'.',
        plugin=spec.name,
        wanted="network",
    )


def _program(failure: Failure, spec: LaunchSpec) -> AccessDenied | None:
    """A program was started that is not among the granted ones."""
    if failure.doing != "run" or failure.number not in NO_FILE:
        return None
    if failure.path in spec.permissions.run:
        return None
    path = printable(failure.path)
    wanted = path if path.startswith("/") else f"/usr/bin/{path or 'PROGRAM'}"
    return AccessDenied(
        f"{spec.name} tried to run {path or 'a program'}, which its permissions do not grant.",
        hint=f"Its author must declare it in plugin.yaml: 'permissions: {{run: [{wanted}]}}'.",
        plugin=spec.name,
        path=path,
        wanted="run",
    )


def _file(failure: Failure, spec: LaunchSpec) -> AccessDenied | None:
    """A file was touched that is not among the granted ones, or in a way that is not granted."""
    files = spec.permissions.files
    path = printable(failure.path, longest=500)
    if _below(failure.path, (*files.write, spec.data, *spec.paths, *spec.permissions.run)):
        return None
    granted = _below(failure.path, files.read)
    if granted and failure.number != errno.EROFS:
        return AccessDenied(
            f"{spec.name} was refused {path}: its permissions grant reading it, and the file's own"
            " mode must let the plugin's user do so too.",
            hint="A host that runs as root gives each plugin a user of its own: let others read"
            " the file, or run the host as a user who may.",
            plugin=spec.name,
            path=path,
            wanted="mode",
        )
    kind = "write" if failure.number == errno.EROFS else "read"
    return AccessDenied(
        f"{spec.name} tried to {kind} {path}, which its permissions do not grant.",
        hint="Its author must declare it in plugin.yaml: 'permissions: {files: {"
        f"{kind}: [{path}]}}}}'.",
        plugin=spec.name,
        path=path,
        wanted=f"files.{kind}",
    )


def _below(path: str, folders: tuple[str, ...]) -> bool:
    """Is ``path`` one of ``folders``, or below one?"""
    pure = PurePosixPath(path)
    return any(pure.is_relative_to(folder) for folder in folders)
