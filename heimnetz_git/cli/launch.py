"""From what is installed to what the host starts: receipts become launch specifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from heimnetz_git.errors import InvalidFile, PluginNotFound
from heimnetz_git.model.lock import Receipt
from heimnetz_git.model.permission import FilePermissions
from heimnetz_git.storage.home import Home

if TYPE_CHECKING:
    from heimnetz_git.cli.session import Session
    from heimnetz_git.host.spec import LaunchSpec

__all__ = ["closure", "launch_specs", "with_files"]


def closure(name: str, receipts: Mapping[str, Receipt]) -> tuple[str, ...]:
    """``name`` and all that it needs or can use, of what is installed; sorted."""
    seen: set[str] = set()
    queue = [name]
    while queue:
        current = queue.pop()
        if current in seen or current not in receipts:
            continue
        seen.add(current)
        queue.extend(_uses(receipts[current], receipts))
    return tuple(sorted(seen))


def _uses(receipt: Receipt, receipts: Mapping[str, Receipt]) -> tuple[str, ...]:
    release = receipt.release
    wanted = (*release.requires, *(name for name in release.optional if name in receipts))
    return tuple(dict.fromkeys(wanted))


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
    return tuple(_spec(session.home, receipts[one], receipts) for one in closure(name, receipts))


def _spec(home: Home, receipt: Receipt, receipts: Mapping[str, Receipt]) -> LaunchSpec:
    from heimnetz_git.host.spec import LaunchSpec
    from heimnetz_git.install.generations import import_paths

    release = receipt.release
    return LaunchSpec(
        name=release.name,
        version=release.version,
        entry_point=receipt.entry_point,
        paths=tuple(str(path) for path in import_paths(home, receipt)),
        data=str(home.plugin_data(release.name)),
        permissions=release.permissions,
        limits=release.limits,
        config=configuration(home, release.name),
        requires=_uses(receipt, receipts),
    )


def configuration(home: Home, name: str) -> dict[str, Any]:
    """The user's ``config/<plugin>.yaml`` as plain values; empty when there is none."""
    path = home.plugin_config(name)
    if not path.is_file():
        return {}
    from heimnetz_git.storage import yamlfile

    found = yamlfile.parse(path.read_bytes(), str(path))
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidFile(f"{path} must be a mapping of settings.", file=str(path))
    return found


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
