"""Several built plugins in an author's test, calling each other as they would in a real home."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heimnetz_git.errors import AccessDenied, PluginCrashed
from heimnetz_git.sdk.testing_host import Bench, Host
from heimnetz_git.sdk.testing_plugin import Line
from heimnetz_git.sdk.testing_workshop import Workshop

__all__ = ["PluginSet"]


class PluginSet:
    """Plugins of several projects, each in a process and a sandbox of its own::

    plugins.start(".", "../device-registry")
    plugins.call("dhcp-leases", "update", path=str(leases))
    """

    def __init__(
        self, workshop: Workshop, host: Host, *, root: Path, folder: Path, test: str
    ) -> None:
        """Paths are below ``root``; data folders are made in ``folder``."""
        self.log: dict[str, list[Line]] = {}
        self._workshop = workshop
        self._host = host
        self._root = root
        self._folder = folder
        self._test = test
        self._bench: Bench | None = None

    def start(
        self, *paths: Path | str, config: Mapping[str, Mapping[str, Any]] | None = None
    ) -> tuple[str, ...]:
        """Build the projects (or take the wheels) at ``paths`` and start them, requirements first.

        ``config`` is by the plugins' names. Returns the names in the order of the start. Those that
        ran before are ended first, their data stays.
        """
        self.stop()
        found = [self._workshop.unpacked(self._root / path) for path in paths]
        specs = [
            one.spec(
                self._folder / one.release.name, dict((config or {}).get(one.release.name, {}))
            )
            for one in found
        ]
        self._bench = Bench(
            specs,
            self._host,
            sandbox=self._workshop.sandbox,
            on_warning=self._workshop.warn,
            on_log=self._note,
        )
        self._bench.start()
        self._workshop.isolated = self._bench.isolated
        return self._bench.running()

    def call(self, plugin: str, operation: str, /, **params: Any) -> Any:
        """The plain result of an operation. Raises what PluginManager's ``call`` raises."""
        if self._bench is None:
            raise PluginCrashed(f"{plugin} is not running.", hint="Start it with plugins.start().")
        try:
            return self._bench.call(plugin, operation, **params)
        except AccessDenied as error:
            self._workshop.deny(error, plugin, self._test)
            raise

    def data(self, plugin: str) -> Path:
        """The data folder of a plugin."""
        return self._folder / plugin

    def stop(self) -> None:
        """End all of them in good order; nothing of them is left."""
        if self._bench is not None:
            self._workshop.note_use(self._bench)
            self._bench.stop()
            self._bench = None

    def _note(self, plugin: str, level: int, text: str) -> None:
        self.log.setdefault(plugin, []).append(Line(level, text))
