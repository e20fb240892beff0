"""What a wheel says about its plugin: its release file and its first plugin.yaml, recomputed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from email.utils import getaddresses
from pathlib import Path
from typing import NamedTuple

import msgspec

from heimnetz_git.errors import InvalidFile, UsageError, WheelRejected
from heimnetz_git.model.finding import Location, Problem
from heimnetz_git.model.layout import artifact_path
from heimnetz_git.model.manifest import Compiled, Manifest
from heimnetz_git.model.registry import Owner, PluginEntry
from heimnetz_git.model.release import Artifact, Author, Release, Source
from heimnetz_git.storage import yamlfile
from heimnetz_git.storage.wheelfile import Wheel, open_wheel

__all__ = [
    "BuiltWheel",
    "authors_of",
    "open_wheels",
    "plugin_entry_of",
    "release_of",
    "release_of_all",
]

_SHARED = sorted(set(Release.__struct_fields__) & set(Manifest.__struct_fields__))


class BuiltWheel(NamedTuple):
    """A wheel that an author built: its file name, its bytes, and what is in it."""

    file: str
    data: bytes
    wheel: Wheel


def open_wheels(paths: Iterable[Path]) -> tuple[BuiltWheel, ...]:
    """Wheels of one release, sorted by file name. Raises FileMissing, WheelRejected."""
    opened = []
    for path in sorted(paths, key=lambda path: path.name):
        wheel = open_wheel(path)
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != wheel.sha256:
            raise WheelRejected(f"{path.name} was changed while it was read.")
        opened.append(BuiltWheel(path.name, data, wheel))
    return tuple(opened)


def release_of_all(wheels: Sequence[BuiltWheel], source: Source | None, *, url: str) -> Release:
    """The release file of one or more wheels, one for each platform.

    Without ``url`` they lie in the registry; an address that ends in ``/`` is their folder. Raises
    UsageError when there are none, WheelRejected.
    """
    if not wheels:
        raise UsageError("A release needs a wheel.")
    artifacts = tuple(
        Artifact(
            path="" if url else artifact_path(each.wheel.name, each.file),
            url=url + each.file if url.endswith("/") else url,
            size=len(each.data),
            sha256=each.wheel.sha256,
        )
        for each in wheels
    )
    release = release_of(wheels[0].wheel, artifacts[0], source)
    return msgspec.structs.replace(release, artifacts=artifacts)


def release_of(wheel: Wheel, artifact: Artifact, source: Source | None) -> Release:
    """The release file of a wheel: a pure function of its bytes, its place and its source.

    Raises WheelRejected with every problem when it is not the wheel of a plugin as ``build`` makes
    it: without entry point, plugin.yaml or plugin.json, or with ones that are not valid.
    """
    manifest, compiled = _described(wheel)
    metadata = wheel.metadata
    return Release(
        **{field: getattr(manifest, field) for field in _SHARED},
        name=wheel.name,
        version=wheel.version,
        summary=metadata.summary or "",
        license=metadata.license_expression or "",
        authors=authors_of(metadata.author_email or "", metadata.author or ""),
        python=str(metadata.requires_python or ""),
        packages=tuple(str(need) for need in metadata.requires_dist or ()),
        operations=compiled.operations,
        config=compiled.config,
        source=source,
        artifacts=(artifact,),
    )


def plugin_entry_of(wheel: Wheel, owners: Iterable[Owner]) -> PluginEntry:
    """The first plugin.yaml of a new plugin; its owners change it later. Raises WheelRejected."""
    manifest, _ = _described(wheel)
    return PluginEntry(
        format=1,
        name=wheel.name,
        owners=tuple(owners),
        title=manifest.title,
        links=dict(sorted((wheel.metadata.project_urls or {}).items())),
        categories=manifest.categories,
        tags=manifest.tags,
    )


def _described(wheel: Wheel) -> tuple[Manifest, Compiled]:
    problems: list[Problem] = []
    if not wheel.entry_point:
        problems.append(_problem(wheel, "entry_points.txt", "It has no entry point of a plugin."))
    manifest = _manifest(wheel, problems)
    compiled = _compiled(wheel, problems)
    if problems or manifest is None or compiled is None:
        raise WheelRejected(
            f"{wheel.file or wheel.name} is not the wheel of a plugin: {problems[0].message}",
            problems=problems,
            wheel=wheel.file,
        )
    return manifest, compiled


def _manifest(wheel: Wheel, problems: list[Problem]) -> Manifest | None:
    if wheel.plugin_yaml is None:
        problems.append(_problem(wheel, "plugin.yaml", "It has no plugin.yaml."))
        return None
    try:
        return yamlfile.read(
            wheel.plugin_yaml, Manifest, f"{wheel.dist_info}/plugin.yaml", authoring=True
        )
    except InvalidFile as error:
        problems += error.problems or [_problem(wheel, "plugin.yaml", str(error))]
        return None


def _compiled(wheel: Wheel, problems: list[Problem]) -> Compiled | None:
    if wheel.plugin_json is None:
        problems.append(_problem(wheel, "plugin.json", "It has no plugin.json."))
        return None
    try:
        compiled = msgspec.json.decode(wheel.plugin_json, type=Compiled)
    except (msgspec.DecodeError, RecursionError) as error:
        problems.append(_problem(wheel, "plugin.json", f"plugin.json is not valid: {error}."))
        return None
    if compiled.name != wheel.name:
        problems.append(_problem(wheel, "plugin.json", "plugin.json is that of another plugin."))
    return compiled


def _problem(wheel: Wheel, file: str, message: str) -> Problem:
    return Problem("not-a-plugin", message, Location(f"{wheel.dist_info}/{file}"))


def authors_of(addresses: str, names: str) -> tuple[Author, ...]:
    """The authors in METADATA: ``Author-email`` with addresses, ``Author`` for those without."""
    pairs = getaddresses([addresses]) if addresses else []
    addressed = [Author(name or address, address) for name, address in pairs if name or address]
    named = [name.strip() for name in names.split(",") if name.strip()]
    known = {author.name for author in addressed}
    return (*addressed, *(Author(name) for name in named if name not in known))
