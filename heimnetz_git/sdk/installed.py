"""From what is installed to what a host starts: receipts become launch specifications."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heimnetz_git.errors import InvalidFile
from heimnetz_git.model.lock import Receipt
from heimnetz_git.storage.home import Home, default_root

if TYPE_CHECKING:
    from heimnetz_git.host.spec import LaunchSpec

__all__ = ["closure", "configuration", "installed_plugins", "spec_of"]


def installed_plugins(
    root: Path | str | None = None, *, environ: Mapping[str, str] | None = None
) -> tuple[LaunchSpec, ...]:
    """All installed plugins, ready for a PluginManager; sorted by name.

    ``root`` is the home that they were installed in: default the one that ``HEIMNETZ_GIT_HOME``
    names, else the user's own. Runs none of their code.
    """
    from heimnetz_git.install.generations import receipts

    place = (
        Path(root) if root is not None else default_root(os.environ if environ is None else environ)
    )
    home = Home(place)
    found = receipts(home)
    return tuple(spec_of(home, found[name], found) for name in sorted(found))


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


def spec_of(home: Home, receipt: Receipt, receipts: Mapping[str, Receipt]) -> LaunchSpec:
    """How to start one installed plugin, with the permissions that the user granted."""
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


def _uses(receipt: Receipt, receipts: Mapping[str, Receipt]) -> tuple[str, ...]:
    release = receipt.release
    wanted = (*release.requires, *(name for name in release.optional if name in receipts))
    return tuple(dict.fromkeys(wanted))
