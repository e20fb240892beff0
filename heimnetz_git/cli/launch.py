"""What the commands start: an installed plugin with all that it uses, and what it may do now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from heimnetz_git.errors import PluginNotFound
from heimnetz_git.model.permission import FilePermissions
from heimnetz_git.sdk.installed import closure, spec_of

if TYPE_CHECKING:
    from heimnetz_git.cli.session import Session
    from heimnetz_git.host.spec import LaunchSpec

__all__ = ["closure", "launch_specs", "with_files"]


def launch_specs(session: Session, name: str) -> tuple[LaunchSpec, ...]:
    """How to start ``name`` and what it calls. Raises PluginNotFound when one is not installed."""
    receipts = session.receipts
    for needed in receipts[name].release.requires:
        if needed not in receipts:
            raise PluginNotFound(
                f"{name} requires {needed}, which is not installed.",
                hint=f"Install it: 'heimnetz-git install {needed}'.",
                name=needed,
            )
    return tuple(spec_of(session.home, receipts[one], receipts) for one in closure(name, receipts))


def with_files(
    specs: Sequence[LaunchSpec], name: str, *, read: Iterable[str], write: Iterable[str]
) -> tuple[LaunchSpec, ...]:
    """The same, with more files granted to ``name`` for this one run."""
    more_read, more_write = tuple(read), tuple(write)

    def widened(spec: LaunchSpec) -> LaunchSpec:
        files = spec.permissions.files
        grown = FilePermissions(read=(*files.read, *more_read), write=(*files.write, *more_write))
        permissions = msgspec.structs.replace(spec.permissions, files=grown)
        return msgspec.structs.replace(spec, permissions=permissions)

    return tuple(widened(spec) if spec.name == name else spec for spec in specs)
