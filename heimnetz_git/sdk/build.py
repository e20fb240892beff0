"""From an author's project to a plugin's wheel, whose bytes depend on nothing but its source."""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
from packaging.version import Version

from heimnetz_git.errors import BuildFailed, printable
from heimnetz_git.host.describe import describe
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.layout import artifact_path
from heimnetz_git.model.manifest import Compiled, Manifest
from heimnetz_git.model.release import Artifact, Release, Source
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.registry.manifest import release_of
from heimnetz_git.sandbox.launcher import Mode
from heimnetz_git.sdk.build_backend import Isolation, build_wheel, unmet
from heimnetz_git.sdk.project import MANIFEST, ProjectSource, read_project, source_files
from heimnetz_git.sdk.repack import EPOCH, repack
from heimnetz_git.sdk.sbom import bill_of_materials, bill_path
from heimnetz_git.storage.wheelfile import Wheel, open_wheel

__all__ = ["BackEnd", "Built", "build"]


class BackEnd(Protocol):
    """Makes the wheel of the project in a folder, in another; its path. Raises BuildFailed."""

    def __call__(self, source: Path, out: Path, /, *, environ: Mapping[str, str]) -> Path:
        """See above."""


class Built(msgspec.Struct, frozen=True):
    """A plugin's wheel on disk, and the release that an index would say of it."""

    wheel: Path
    release: Release


def build(  # noqa: PLR0913 # what is built, and how
    path: Path,
    out: Path,
    *,
    isolation: Isolation = "auto",
    sandbox: Mode = "auto",
    source: Source | None = None,
    when: int = EPOCH,
    reporter: Reporter = SILENT,
    back_end: BackEnd | None = None,
) -> Built:
    """Build the project in the folder ``path``; the wheel appears in ``out`` whole or not at all.

    The back end sees a clean copy of the source tree and the fixed time ``when`` (Unix, as in
    SOURCE_DATE_EPOCH); the plugin is then asked for its operations in the sandbox. ``back_end``
    runs it in another way than in a process of this user's. Raises
    ProjectInvalid, BuildFailed, WheelRejected, SandboxUnavailable or PluginFailed.
    """
    project = read_project(path)
    manifest = (project.root / MANIFEST).read_bytes()
    with tempfile.TemporaryDirectory(prefix="heimnetz-build-") as folder:
        work = Path(folder)
        run = back_end or partial(build_wheel, isolation=isolation)
        raw = _raw_wheel(project, work, run, when, reporter)
        reporter.start(f"Asking {project.name} for its operations")
        try:
            compiled = _compiled(project, raw, work, sandbox)
        finally:
            reporter.done()
        data = _finished(raw, project.manifest, manifest, compiled, when)
    target = out / raw.file
    _write(target, data)
    return Built(target, _release(target, project, source))


def _raw_wheel(
    project: ProjectSource, work: Path, run: BackEnd, when: int, reporter: Reporter
) -> Wheel:
    """What the back end makes of a clean copy, checked: name, version and layout as promised."""
    reporter.start(f"Building {project.name} {project.version}")
    try:
        clean = _clean_copy(project.root, work / "source")
        environ = {"SOURCE_DATE_EPOCH": str(max(when, EPOCH)), "PYTHONHASHSEED": "0"}
        made = run(clean, work / "raw", environ=environ)
    finally:
        reporter.done()
    wheel = open_wheel(made)
    if (wheel.name, Version(wheel.version)) != (project.name, Version(project.version)):
        said = printable(f"{wheel.name} {wheel.version}")
        raise BuildFailed(f"The back end built {said}, not {project.name} {project.version}.")
    if wheel.entry_point != project.entry_point:
        said = printable(wheel.entry_point) or "none"
        raise BuildFailed(f"The wheel's entry point is {said}, not {project.entry_point}.")
    return wheel


def _clean_copy(root: Path, target: Path) -> Path:
    """The author's own files: no caches, no earlier output, one mode for all of them."""
    for file in source_files(root):
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return target


def _compiled(
    project: ProjectSource,
    wheel: Wheel,
    work: Path,
    sandbox: Mode,
) -> Compiled:
    """The plugin's operations and configuration, from a run in the sandbox with no permissions."""
    code = work / "code"
    for member in wheel.members:
        file = code / member.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wheel.read(member.name))
    spec = LaunchSpec(
        name=project.name,
        version=project.version,
        entry_point=project.entry_point,
        paths=(str(code), *_packages(project)),
        data=str(work / "data"),
        limits=project.manifest.limits,
    )
    return describe(spec, sandbox=sandbox)


def _packages(project: ProjectSource) -> tuple[str, ...]:
    """Where the plugin's Python packages lie: the author's own environment must have them."""
    if not project.table.packages:
        return ()
    missing = unmet(project.table.packages)
    if missing:
        raise BuildFailed(
            f"The plugin needs {printable(', '.join(missing))}, which this environment lacks.",
            hint="Install the project's dependencies here first: 'pip install -e .'.",
        )
    paths = sysconfig.get_paths()
    return tuple(dict.fromkeys((paths["purelib"], paths["platlib"])))


def _finished(
    raw: Wheel, manifest: Manifest, written: bytes, compiled: Compiled, when: int
) -> bytes:
    files = {member.name: raw.read(member.name) for member in raw.members}
    files[bill_path(raw)] = bill_of_materials(raw, manifest)
    files[f"{raw.dist_info}/plugin.yaml"] = written
    files[f"{raw.dist_info}/plugin.json"] = msgspec.json.encode(compiled, order="sorted") + b"\n"
    return repack(files, raw.dist_info, when=when)


def _write(target: Path, data: bytes) -> None:
    """Aside first, then in place: nobody sees half a wheel."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.part")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(target)


def _release(target: Path, project: ProjectSource, source: Source | None) -> Release:
    wheel = open_wheel(target)
    artifact = Artifact(
        path=artifact_path(project.name, target.name), size=wheel.size, sha256=wheel.sha256
    )
    return release_of(wheel, artifact, source)
