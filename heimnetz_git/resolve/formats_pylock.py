"""A lock as ``pylock.toml`` (PEP 751) and back: what pip and uv install all plugins of a set from.

What the standard has no word for stands under ``tool.heimnetz``, so that nothing is lost on the
way. A plugin's Python packages are ranges, not pins, until somebody resolves them: they are listed
there, and pinned packages come in from another ``pylock.toml`` (such as ``uv pip compile --format
pylock.toml`` makes it).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from packaging.pylock import Package, PackageWheel, Pylock, PylockValidationError
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from heimnetz_git.errors import InvalidFile, UsageError, printable
from heimnetz_git.model.check import check
from heimnetz_git.model.lock import Candidate, Lock, LockedPlugin
from heimnetz_git.model.release import Artifact
from heimnetz_git.resolve.formats_toml import dump_toml

__all__ = ["Address", "address_of", "is_ours", "pins_of", "pylock", "read_pylock"]

Address = Callable[[LockedPlugin, Artifact], str]
PYLOCK_VERSION = Version("1.0")
LARGEST = 16 << 20
_TOOL = "heimnetz"


def address_of(bases: Mapping[str, str]) -> Address:
    """Where each wheel can be fetched from: its own address, or its place in an export.

    ``bases`` maps a registry's UUID to the address of the folder that its export is in. The
    function raises UsageError for a wheel that lies in a registry without one.
    """
    from urllib.parse import quote

    def address(plugin: LockedPlugin, artifact: Artifact) -> str:
        if artifact.url:
            return artifact.url
        base = bases.get(plugin.registry)
        if base is None:
            raise UsageError(
                f"The wheel of {plugin.name} {plugin.version} lies in its registry, and no address"
                " of an export of that is known.",
                hint="Say where its export is served, with --base-url.",
                plugin=plugin.name,
                registry=plugin.registry,
            )
        return f"{base.rstrip('/')}/{quote(artifact.path)}"

    return address


def pylock(
    lock: Lock,
    address: Address,
    *,
    chosen: Mapping[str, Candidate] | None = None,
    packages: str = "",
) -> str:
    """The lock as a ``pylock.toml``: every plugin with all its wheels, pinned by size and SHA-256.

    ``chosen`` (a resolution's) adds Python ranges and times. ``packages`` is the text of another
    pylock with the plugins' Python packages. The same input gives the same text. Raises InvalidFile
    when ``packages`` is no pylock, or pins a plugin to something else.
    """
    known = chosen or {}
    listed = [_package(lock, plugin, address, known.get(plugin.name)) for plugin in lock.plugins]
    names = {package.name for package in listed}
    for package in _read(packages).packages if packages else ():
        if package.name in names:
            raise _invalid(f"it pins {package.name}, which is a plugin of the lock")
        listed.append(package)
    about: dict[str, Any] = {
        "format": lock.format,
        "requested": lock.requested,
        "host": lock.host,
        "python": lock.python,
        "registries": lock.registries,
    }
    made = Pylock(
        lock_version=PYLOCK_VERSION,
        created_by="heimnetz-git",
        requires_python=SpecifierSet(f">={lock.python}"),
        packages=sorted(listed, key=lambda package: package.name),
        tool={_TOOL: about},
    )
    made.validate()
    return dump_toml(made.to_dict())


def read_pylock(text: str) -> Lock:
    """The lock that ``pylock`` wrote: equal to what it was made from.

    Packages that are no plugins are left out. Raises InvalidFile when it is no pylock, or another
    program's (see ``pins_of``).
    """
    found = _read(text)
    about = dict((found.tool or {}).get(_TOOL) or {})
    if not about:
        raise _invalid(
            "it was not made from a lock of plugins",
            hint="Ask for its versions by name instead: they are resolved anew.",
        )
    plugins = [package for package in found.packages if _TOOL in (package.tool or {})]
    about["plugins"] = [_plugin(package) for package in plugins]
    try:
        lock = msgspec.convert(about, Lock)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    for fault in check(lock):
        raise _invalid(f"{fault.path}: {fault.message}".rstrip("."))
    return lock


def is_ours(text: str) -> bool:
    """Whether a pylock was made from a lock of plugins. Raises InvalidFile if it is none."""
    return bool((_read(text).tool or {}).get(_TOOL))


def pins_of(text: str) -> dict[str, str]:
    """Name -> ``==version`` of each package in any program's pylock, sorted. Raises InvalidFile."""
    packages = sorted(_read(text).packages, key=lambda package: package.name)
    return {str(one.name): f"=={one.version}" for one in packages if one.version}


def _package(
    lock: Lock, plugin: LockedPlugin, address: Address, candidate: Candidate | None
) -> Package:
    versions = {other.name: other.version for other in lock.plugins}
    needs = sorted((plugin.requires.keys() | plugin.optional.keys()) & versions.keys())
    merged = candidate.merged if candidate else ""
    about: dict[str, Any] = {
        "registry": plugin.registry,
        "release": plugin.release,
        "requires": plugin.requires,
        "optional": plugin.optional,
        "packages": list(plugin.packages),
        "paths": {one.file: one.path for one in plugin.artifacts if one.path},
    }
    return Package(
        name=canonicalize_name(plugin.name),
        version=Version(plugin.version),
        requires_python=SpecifierSet(candidate.release.python) if candidate else None,
        dependencies=[{"name": name, "version": versions[name]} for name in needs] or None,
        wheels=[
            PackageWheel(
                name=artifact.file,
                upload_time=datetime.fromisoformat(merged) if merged else None,
                url=address(plugin, artifact),
                size=artifact.size,
                hashes={"sha256": artifact.sha256},
            )
            for artifact in plugin.artifacts
        ],
        tool={_TOOL: {key: value for key, value in about.items() if value}},
    )


def _plugin(package: Package) -> dict[str, Any]:
    about = dict((package.tool or {})[_TOOL])
    paths = about.pop("paths", {})
    wheels = []
    for wheel in package.wheels or ():
        path = paths.get(wheel.filename, "")
        place = {"path": path} if path else {"url": wheel.url}
        digest = wheel.hashes.get("sha256")
        wheels.append({**place, "size": wheel.size, "sha256": digest})
    return {**about, "name": package.name, "version": str(package.version), "artifacts": wheels}


def _read(text: str) -> Pylock:
    if len(text) > LARGEST:
        raise _invalid(f"it is longer than {LARGEST} characters")
    try:
        return Pylock.from_dict(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, PylockValidationError, RecursionError) as error:
        raise _invalid(str(error)) from None


def _invalid(said: str, *, hint: str | None = None) -> InvalidFile:
    return InvalidFile(f"The pylock cannot be used: {printable(said)}.", hint=hint)
