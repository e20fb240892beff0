"""A small host for the plugin that is being written: it reloads on change and drops no call.

A change builds the project anew and swaps the running plugin for it: the new process is started
and asked how it is, calls go to it, the old one answers what it has and ends. What does not build
or start leaves the old one running.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from heimnetz_git.errors import AccessDenied, HeimnetzError, PluginNotFound, printable
from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.release import Release
from heimnetz_git.sandbox.launcher import Mode
from heimnetz_git.sdk.project import source_files
from heimnetz_git.sdk.testing_workshop import Workshop

__all__ = ["DevHost", "Renewal", "line_to_add"]


class Renewal(NamedTuple):
    """What a build came to: the release that serves now, or the error; and the seconds it took."""

    release: Release | None
    error: HeimnetzError | None
    seconds: float


class DevHost:
    """One project's plugin, running as it would be installed; a context manager.

    ``others`` are the plugins that it may call, ready to be started; ``data`` is its data folder.
    ``options`` are those of PluginManager. Calls and ``renew`` may come from different threads.
    """

    def __init__(
        self,
        root: Path,
        *,
        data: Path,
        config: Mapping[str, Any] | None = None,
        others: Callable[[Release], Sequence[LaunchSpec]] = lambda _release: (),
        sandbox: Mode = "auto",
        **options: Any,
    ) -> None:
        self.root = root
        self.release: Release | None = None
        self._data = data
        self._config = dict(config or {})
        self._others = others
        self._sandbox: Mode = sandbox
        self._options = options
        self._manager: PluginManager | None = None
        self._work = Path(tempfile.mkdtemp(prefix="heimnetz-dev-"))
        self._seen: dict[str, tuple[int, int]] = {}
        self._serving: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._manager is not None:
            self._manager.close()
        shutil.rmtree(self._work, ignore_errors=True)

    def changed(self) -> bool:
        """Whether any of the author's files changed since the last build was begun."""
        return self._snapshot() != self._seen

    def renew(self) -> Renewal:
        """Build what is there now and let it serve; on any error the old one goes on."""
        begun = time.monotonic()
        self._seen = self._snapshot()
        folder = Path(tempfile.mkdtemp(dir=self._work))
        try:
            workshop = Workshop(self._sandbox, lambda: Path(tempfile.mkdtemp(dir=folder)))
            unpacked = workshop.unpacked(self.root)
            spec = msgspec.structs.replace(
                unpacked.spec(self._data, self._config), requires=tuple(unpacked.release.requires)
            )
            self._serve(spec, unpacked.release)
        except HeimnetzError as error:
            shutil.rmtree(folder, ignore_errors=True)
            return Renewal(None, error, time.monotonic() - begun)
        old, self._serving, self.release = self._serving, folder, unpacked.release
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
        return Renewal(self.release, None, time.monotonic() - begun)

    def call(self, operation: str, /, **params: Any) -> Any:
        """The result of an operation. Raises as PluginManager.call, and before one is built."""
        if self._manager is None or self.release is None:
            raise PluginNotFound("The plugin has not been built yet.")
        return self._manager.call(self.release.name, operation, **params)

    @property
    def operations(self) -> dict[str, dict[str, Any]]:
        """What it offers: ``{name: {summary, parameters, result}}``; nothing before it runs."""
        return dict(self.release.operations) if self.release else {}

    def _serve(self, spec: LaunchSpec, release: Release) -> None:
        running = self._manager.running() if self._manager else ()
        if self._manager is not None and self.release is not None:
            same = (self.release.name, self.release.requires) == (release.name, release.requires)
            if same and release.name in running:
                self._manager.swap(spec)
                return
        manager = PluginManager(
            [spec, *self._others(release)], sandbox=self._sandbox, **self._options
        )
        try:
            manager.start([spec.name])
        except BaseException:
            manager.close()
            raise
        old, self._manager = self._manager, manager
        if old is not None:
            old.close()

    def _snapshot(self) -> dict[str, tuple[int, int]]:
        found = {}
        for file in source_files(self.root):
            try:
                about = file.stat()
            except OSError:
                continue  # an editor is replacing it; it is seen the next time
            found[str(file)] = (about.st_mtime_ns, about.st_size)
        return found


def line_to_add(error: AccessDenied) -> tuple[str, ...]:
    """The lines of ``plugin.yaml`` that would allow what was refused; none if nobody can tell."""
    wanted, path = str(error.facts.get("wanted", "")), str(error.facts.get("path", ""))
    head, _, tail = wanted.partition(".")
    if head == "files" and tail in ("read", "write") and path:
        return ("permissions:", "  files:", f"    {tail}: [{printable(path)}]")
    if head == "network":
        return ("permissions:", "  network:", '    connect: ["HOST:PORT"]')
    if head == "run":
        program = printable(path) or "/path/of/the/program"
        return ("permissions:", f"  run: [{program}]")
    return ()
