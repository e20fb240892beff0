"""What became of a start: every plugin, how long it took, and why it did not work."""

from __future__ import annotations

import msgspec

from heimnetz_git.errors import HeimnetzError
from heimnetz_git.host.lifecycle import State

__all__ = ["Start", "StartReport"]


class Start(msgspec.Struct, frozen=True):
    """One plugin in a StartReport.

    ``seconds`` from the wish to readiness; ``code`` and ``reason`` are empty when it is active, and
    when it is ``lazy`` and waits for its first call.
    """

    name: str
    version: str
    state: State
    seconds: float = 0.0
    code: str = ""
    reason: str = ""
    lazy: bool = False

    @property
    def ok(self) -> bool:
        """Does it run, or is it ready to?"""
        return self.state is State.ACTIVE or self.lazy


class StartReport(msgspec.Struct, frozen=True):
    """Every plugin that was to be started, in the order of the start."""

    plugins: tuple[Start, ...]

    @property
    def ok(self) -> bool:
        """Did all of them start?"""
        return all(one.ok for one in self.plugins)

    @property
    def failed(self) -> tuple[Start, ...]:
        """Those that did not."""
        return tuple(one for one in self.plugins if not one.ok)

    def __str__(self) -> str:
        return "\n".join(
            f"{one.name} {one.version}: {one.state}"
            + (f" after {one.seconds:.3f} s" if one.seconds else "")
            + (f" ({one.reason})" if one.reason else "")
            for one in self.plugins
        )


def failed_start(name: str, version: str, state: State, error: HeimnetzError) -> Start:
    """The line of a plugin that did not start."""
    return Start(name, version, state, 0.0, error.code, str(error))
