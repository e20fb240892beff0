"""Checks that any plugin passes: what a host may do to it at any time, and a person will.

Each check is a function of a Stand, which starts the built plugin in its real process and sandbox;
it raises Broken for what the plugin does wrong and NotApplicable where there is nothing to check.
No check calls an operation with parameters that it would accept: nobody knows what that does.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from heimnetz_git.errors import HeimnetzError
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.permission import Permissions
from heimnetz_git.model.release import Release
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.sandbox.launcher import Mode
from heimnetz_git.sdk.testing_host import Bench, Host
from heimnetz_git.sdk.testing_workshop import Workshop

__all__ = ["Broken", "Check", "Conformance", "NotApplicable", "Outcome", "Stand", "examine"]


class Broken(Exception):
    """The plugin does what no plugin may do; the message says what."""


class NotApplicable(Exception):
    """There is nothing to check; the message says why."""


Check = Callable[["Stand"], None]


class Stand:
    """A built plugin to be examined; every bench has a data folder of its own.

    ``config`` are values that the plugin accepts, as given.
    """

    def __init__(
        self,
        spec: LaunchSpec,
        release: Release,
        *,
        sandbox: Mode,
        folder: Path,
        config: Mapping[str, Any],
    ) -> None:
        self.release = release
        self.config = dict(config)
        self.log: list[tuple[int, str]] = []
        self._spec = spec
        self._sandbox: Mode = sandbox
        self._folder = folder
        self._count = 0

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.release.name

    @property
    def code(self) -> Path:
        """Where its code lies."""
        return Path(self._spec.paths[0])

    def folder(self, name: str = "") -> Path:
        """A new folder that nobody else has."""
        self._count += 1
        made = self._folder / f"{self._count}{name}"
        made.mkdir()
        return made

    def spec(self, **changes: Any) -> LaunchSpec:
        """How it is started, in a new data folder unless ``data`` says where."""
        data = changes.pop("data", None) or self.folder()
        plain = {"config": self.config, "data": str(data), **changes}
        return msgspec.structs.replace(self._spec, **plain)

    @contextmanager
    def bench(self, **changes: Any) -> Iterator[Bench]:
        """A host that has the plugin and has not started it; ``changes`` are fields of its spec.

        What it requires answers nothing: a call to it fails as one to a plugin that is not there.
        """
        self.log.clear()
        bench = Bench(
            [self.spec(**changes)],
            Host(),
            sandbox=self._sandbox,
            on_warning=lambda _text: None,
            on_log=lambda _plugin, level, line: self.log.append((level, line)),
        )
        with bench:
            yield bench

    @contextmanager
    def started(self, **changes: Any) -> Iterator[Bench]:
        """As ``bench``, with the plugin running. Raises NotApplicable where it cannot start."""
        with self.bench(**changes) as bench:
            try:
                bench.start()
            except HeimnetzError as error:
                raise NotApplicable(f"it does not start: {error}") from None
            yield bench

    def without_permissions(self) -> Permissions:
        """What a user grants who grants nothing."""
        return Permissions()


class Outcome(NamedTuple):
    """What became of one check: ``passed``, ``failed`` or ``skipped``, and why."""

    check: str
    says: str
    result: str
    reason: str
    seconds: float


class Conformance(NamedTuple):
    """Every check's outcome."""

    name: str
    version: str
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """What the plugin does wrong."""
        return tuple(one for one in self.outcomes if one.result == "failed")


def examine(
    path: Path,
    checks: Mapping[str, Check],
    *,
    sandbox: Mode = "auto",
    config: Mapping[str, Any] | None = None,
    reporter: Reporter = SILENT,
) -> Conformance:
    """Build the project (or take the wheel) at ``path`` and put it to every check.

    Raises what a build raises.
    """
    with tempfile.TemporaryDirectory(prefix="heimnetz-conformance-") as root:
        workshop = Workshop(sandbox, lambda: Path(tempfile.mkdtemp(dir=root)))
        unpacked = workshop.unpacked(path)
        stand = Stand(
            unpacked.spec(Path(root), dict(config or {})),
            unpacked.release,
            sandbox=sandbox,
            folder=Path(tempfile.mkdtemp(dir=root)),
            config=config or {},
        )
        reporter.start(f"Examining {unpacked.release.name}", len(checks))
        try:
            outcomes = tuple(
                _outcome(name, check, stand, reporter) for name, check in checks.items()
            )
        finally:
            reporter.done()
    return Conformance(unpacked.release.name, unpacked.release.version, outcomes)


def _outcome(name: str, check: Check, stand: Stand, reporter: Reporter) -> Outcome:
    result, reason = "passed", ""
    begun = time.monotonic()
    try:
        check(stand)
    except NotApplicable as error:
        result, reason = "skipped", str(error)
    except (Broken, HeimnetzError) as error:
        result, reason = "failed", str(error)
    reporter.advance(1)
    says = (check.__doc__ or "").strip().partition("\n")[0]
    return Outcome(name, says, result, reason, time.monotonic() - begun)
