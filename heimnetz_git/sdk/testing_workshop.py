"""What an author's tests share: projects built once, and what the sandbox said in all of them."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from heimnetz_git.errors import AccessDenied
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.install.unpack import unpack
from heimnetz_git.model.layout import artifact_path
from heimnetz_git.model.release import Artifact, Release
from heimnetz_git.registry.manifest import release_of
from heimnetz_git.sandbox.launcher import Mode
from heimnetz_git.sdk.build import build
from heimnetz_git.sdk.testing_trace import Trace, Tracer
from heimnetz_git.storage.wheelfile import Wheel, open_wheel

__all__ = ["Denied", "Unpacked", "Workshop"]


class Denied(msgspec.Struct, frozen=True):
    """The sandbox refused something to a plugin: what it would have had to declare, in which test.

    ``wanted`` is a permission such as ``files.read: /etc/passwd``.
    """

    plugin: str
    wanted: str
    test: str


class Unpacked(msgspec.Struct, frozen=True):
    """A built plugin on disk: its release, and the folders that it is imported from."""

    release: Release
    entry_point: str
    paths: tuple[str, ...]

    def spec(self, data: Path, config: dict[str, Any]) -> LaunchSpec:
        """How it is started, with all that its manifest asks for."""
        release = self.release
        return LaunchSpec(
            name=release.name,
            version=release.version,
            entry_point=self.entry_point,
            paths=self.paths,
            data=str(data),
            permissions=release.permissions,
            limits=release.limits,
            config=config,
            requires=(*release.requires, *release.optional),
        )


class Workshop:
    """Builds each project once; ``make_folder`` gives a new empty folder for it.

    ``isolated`` is None until a plugin ran; ``warnings`` and ``denied`` are of all tests.
    """

    def __init__(self, sandbox: Mode, make_folder: Callable[[], Path]) -> None:
        self.sandbox = sandbox
        self.isolated: bool | None = None
        self.warnings: list[str] = []
        self.denied: list[Denied] = []
        self._make_folder = make_folder
        self._unpacked: dict[Path, Unpacked] = {}
        self._tracers: dict[str, Tracer] = {}

    @property
    def traces(self) -> tuple[Trace, ...]:
        """What each plugin did with its permissions, by name; only sandboxed ones are traced."""
        return tuple(self._tracers[name].trace() for name in sorted(self._tracers))

    def unpacked(self, path: Path) -> Unpacked:
        """The plugin of the project in the folder ``path``, or of the wheel there.

        Raises what ``sdk.build.build`` does.
        """
        path = path.resolve()
        if path not in self._unpacked:
            folder = self._make_folder()
            file = path
            if path.is_dir():
                file = build(path, folder / "dist", sandbox=self.sandbox).wheel
            wheel = open_wheel(file)
            unpack(wheel, folder / "code")
            release = _release(wheel)
            paths = (str(folder / "code"), *_packages(release))
            self._unpacked[path] = Unpacked(release, wheel.entry_point, paths)
        return self._unpacked[path]

    def warn(self, text: str) -> None:
        """Note a sentence for the summary, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def deny(self, error: AccessDenied, plugin: str, test: str) -> None:
        """Note what the sandbox refused, once for each test."""
        facts = (error.facts.get("wanted", ""), error.facts.get("path", ""))
        wanted = ": ".join(str(fact) for fact in facts if fact)
        one = Denied(plugin, wanted or str(error), test)
        if one not in self.denied:
            self.denied.append(one)

    def note_use(self, bench: PluginManager) -> None:
        """Note what the plugins on a bench did with their permissions; before it ends."""
        if not bench.isolated:
            return
        for one in self._unpacked.values():
            name = one.release.name
            if name in bench.specs:
                made = Tracer(name, one.release.permissions)
                self._tracers.setdefault(name, made).add(*bench.trace(name))


def _release(wheel: Wheel) -> Release:
    path = artifact_path(wheel.name, wheel.file)
    return release_of(wheel, Artifact(path=path, size=wheel.size, sha256=wheel.sha256), None)


def _packages(release: Release) -> tuple[str, ...]:
    """Where the plugin's Python packages lie: in the author's own environment."""
    if not release.packages:
        return ()
    paths = sysconfig.get_paths()
    return tuple(dict.fromkeys((paths["purelib"], paths["platlib"])))
