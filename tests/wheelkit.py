"""Real plugin wheels for tests: small, pure Python, as the build makes them; hostile ones too."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from email.utils import parseaddr
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from heimnetz_git.model.lock import Candidate, Lock, LockedPlugin
from heimnetz_git.model.manifest import ENTRY_POINT_GROUP, Compiled, Manifest
from heimnetz_git.model.names import import_name
from heimnetz_git.model.release import Artifact, Author, Release
from heimnetz_git.storage.wheelfile import open_wheel

__all__ = [
    "DEFAULT_MANIFEST",
    "REGISTRY_ID",
    "Raw",
    "class_name",
    "make_candidate",
    "make_lock",
    "make_package",
    "make_release",
    "make_wheel",
    "write_zip",
]

REGISTRY_ID = "6f1c1f0e-8d35-4d0c-9a53-0d5d1b7f9d11"
DEFAULT_MANIFEST: dict[str, Any] = {
    "format": 1,
    "type": "utility",
    "host": {"heimnetz": ">=1.0,<2"},
}
_HELLO = {
    "hello": {
        "summary": "Greet someone.",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string", "default": "world"}},
            "required": [],
            "additionalProperties": False,
        },
        "result": {"type": "string"},
    }
}


class Raw(NamedTuple):
    """A member exactly as given: any name, Unix mode (``0o120777`` is a link), packing method."""

    name: str
    data: bytes = b""
    mode: int = 0o100644
    method: int = zipfile.ZIP_DEFLATED


def class_name(name: str) -> str:
    """``wake-on-lan`` -> ``WakeOnLan``."""
    return "".join(part.capitalize() for part in name.split("-"))


def make_wheel(
    folder: Path,
    name: str = "clock",
    version: str = "1.0.0",
    *,
    files: Mapping[str, str | bytes] | None = None,
    manifest: Mapping[str, Any] | None = None,
    plugin_yaml: str | bytes | None = "",
    plugin_json: bytes | None = b"",
    operations: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    packages: Iterable[str] = (),
    python: str = ">=3.11",
    summary: str = "Tells the time",
    licence: str = "MIT",
    license_file: bytes = b"Permission is hereby granted\n",
    authors: Sequence[str] = ("Ada Example <ada@example.org>",),
    metadata: str = "",
    entry_points: str | None = None,
    tag: str = "py3-none-any",
    record: Mapping[str, str | None] | None = None,
    extra: Iterable[Raw] = (),
    file: str = "",
) -> Path:
    """The wheel of a plugin in ``folder``, same bytes for the same arguments; its path.

    ``files`` are the members outside ``.dist-info`` (default: a package with one operation
    ``hello``); ``manifest`` adds to or, with None as a value, takes from ``DEFAULT_MANIFEST``, from
    which ``plugin.yaml`` is written unless ``plugin_yaml`` gives it; None for it or ``plugin_json``
    leaves the member out. ``metadata`` are further header lines. For hostile wheels: ``record``
    replaces lines of RECORD (None drops one), ``extra`` are members that RECORD does not know.
    """
    own = import_name(name)
    info = f"{own}-{version}.dist-info"
    if files is None:
        files = {f"{own}/__init__.py": default_code(name)}
    members = {path: _bytes(content) for path, content in files.items()}
    members[f"{info}/METADATA"] = _lines(
        "Metadata-Version: 2.4",
        f"Name: {name}",
        f"Version: {version}",
        f"Summary: {summary}",
        *(f"Author-email: {', '.join(authors)}" for _ in authors[:1]),
        f"License-Expression: {licence}",
        *("License-File: LICENSE" for _ in license_file[:1]),
        f"Requires-Python: {python}",
        *(f"Requires-Dist: {package}" for package in packages),
        *metadata.splitlines(),
    )
    members[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: wheelkit\n"
        f"Root-Is-Purelib: {'true' if tag.endswith('-any') else 'false'}\nTag: {tag}\n"
    ).encode()
    if entry_points is None:
        entry_points = f"[{ENTRY_POINT_GROUP}]\n{name} = {own}:{class_name(name)}\n"
    if entry_points:
        members[f"{info}/entry_points.txt"] = entry_points.encode()
    if plugin_yaml is not None:
        members[f"{info}/plugin.yaml"] = _bytes(plugin_yaml) or _manifest(manifest or {})
    if plugin_json is not None:
        compiled = Compiled(
            name=name,
            operations=dict(_HELLO if operations is None else operations),
            config=dict(config or {}),
        )
        members[f"{info}/plugin.json"] = plugin_json or msgspec.json.encode(
            compiled, order="sorted"
        )
    if license_file:
        members[f"{info}/licenses/LICENSE"] = license_file
    members[f"{info}/RECORD"] = _record(members, f"{info}/RECORD", record or {})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (file or f"{own}-{version}-{tag}.whl")
    raw = [Raw(member, data) for member, data in sorted(members.items())]
    path.write_bytes(write_zip([*raw, *extra]))
    return path


def make_package(
    folder: Path,
    name: str,
    version: str = "1.0.0",
    *,
    requires: Iterable[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    tag: str = "py3-none-any",
) -> Path:
    """The wheel of an ordinary Python package, no plugin: what a plugin's ``packages`` name."""
    own = import_name(name)
    return make_wheel(
        folder,
        name,
        version,
        files=files or {f"{own}/__init__.py": f"VERSION = {version!r}\n"},
        plugin_yaml=None,
        plugin_json=None,
        packages=requires,
        entry_points="",
        tag=tag,
    )


def make_release(wheel: Path, *, path: str = "", url: str = "", **more: Any) -> Release:
    """The release of a wheel by ``make_wheel``, whose ``plugin.yaml`` it has written itself.

    Without ``path`` or ``url`` the artifact has the wheel's ``file:`` address; ``more`` are fields
    of the release that win over those of the wheel.
    """
    opened = open_wheel(wheel)
    lines = (opened.plugin_yaml or b"").decode().splitlines()
    said = {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines)}
    address = "" if path or url else wheel.as_uri()
    artifact = Artifact(path=path, url=url or address, size=opened.size, sha256=opened.sha256)
    compiled = msgspec.json.decode(opened.plugin_json or b"", type=Compiled)
    authors = (parseaddr(each) for each in (opened.metadata.author_email or "").split(", ") if each)
    manifest = msgspec.convert(said, Manifest)
    shared = sorted(set(Release.__struct_fields__) & set(Manifest.__struct_fields__))
    fields: dict[str, Any] = {field: getattr(manifest, field) for field in shared} | {
        "name": opened.name,
        "version": opened.version,
        "summary": opened.metadata.summary or "",
        "license": opened.metadata.license_expression or "",
        "authors": tuple(Author(name=name, email=email) for name, email in authors),
        "python": str(opened.metadata.requires_python or ""),
        "packages": tuple(str(each) for each in opened.metadata.requires_dist or ()),
        "operations": compiled.operations,
        "config": compiled.config,
        "artifacts": (artifact,),
    }
    return Release(**(fields | more))


def make_candidate(
    release: Release, *, index: str = "home", yanked: str | None = None
) -> Candidate:
    """``release`` as the index ``index`` offers it."""
    oid = hashlib.sha1(msgspec.json.encode(release), usedforsecurity=False).hexdigest()
    return Candidate(release=release, registry=REGISTRY_ID, index=index, oid=oid, yanked=yanked)


def make_lock(
    candidates: Iterable[Candidate], *, requested: Mapping[str, str] | None = None
) -> Lock:
    """The lock of exactly these; all are requested unless ``requested`` says which."""
    plugins = tuple(
        LockedPlugin(
            name=each.release.name,
            version=each.release.version,
            registry=each.registry,
            release=each.oid,
            requires=each.release.requires,
            packages=each.release.packages,
            artifacts=each.release.artifacts,
        )
        for each in sorted(candidates, key=lambda candidate: candidate.release.name)
    )
    wanted = {plugin.name: "" for plugin in plugins} if requested is None else dict(requested)
    return Lock(
        requested=wanted,
        host={"heimnetz": "1.0.0"},
        python="3.11.0",
        registries={REGISTRY_ID: "home"},
        plugins=plugins,
    )


def default_code(name: str) -> str:
    """The smallest plugin: one operation ``hello(name="world")``."""
    return f'''"""A plugin for tests."""

from heimnetz_git import BasePlugin, operation


class {class_name(name)}(BasePlugin):
    """Greets."""

    @operation
    def hello(self, name: str = "world") -> str:
        """Greet someone."""
        return f"hello {{name}}"
'''


def write_zip(members: Iterable[Raw]) -> bytes:
    """A ZIP archive of these members in this order, with the build's fixed times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            info = zipfile.ZipInfo(member.name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = member.mode << 16
            info.compress_type = member.method
            info.create_system = 3
            archive.writestr(info, member.data)
    return buffer.getvalue()


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _merged(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in (DEFAULT_MANIFEST | dict(manifest)).items() if v is not None}


def _manifest(manifest: Mapping[str, Any]) -> bytes:
    """``plugin.yaml``: a value in JSON's notation is YAML too."""
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in _merged(manifest).items()]
    return "".join(lines).encode()


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _record(members: Mapping[str, bytes], own: str, changed: Mapping[str, str | None]) -> bytes:
    lines: dict[str, str | None] = {}
    for name, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        lines[name] = f"{name},sha256={digest},{len(data)}"
    lines[own] = f"{own},,"
    lines |= changed
    return "".join(f"{line}\n" for _, line in sorted(lines.items()) if line is not None).encode()
