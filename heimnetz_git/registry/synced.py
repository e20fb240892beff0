"""What an update of an index brought, whatever carried it, and how it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import msgspec

from heimnetz_git.errors import HeimnetzError, HostileTree, ReleaseChanged
from heimnetz_git.model.finding import Finding
from heimnetz_git.model.report import Reporter
from heimnetz_git.registry.cache import Skipped

__all__ = ["MAIN", "TIMEOUT", "WAIT", "Checkpoint", "Options", "Synced", "broken", "no_checkpoint"]

Checkpoint = Callable[[str], None]

MAIN = "main"
TIMEOUT = 30.0
WAIT = 10.0


def no_checkpoint(_step: str) -> None:
    """Passes every step: nobody is counting."""


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What an update brought.

    ``registry`` is its UUID; ``before`` (None at first) and ``after`` are commits. ``added`` and
    ``removed`` count releases, ``changed`` plugins whose other facts changed. ``skipped`` are all
    files of the index that cannot be used; ``rewritten`` says that its past was replaced.
    """

    index: str
    registry: str
    before: str | None
    after: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    skipped: tuple[Skipped, ...] = ()
    rewritten: bool = False


class Options(TypedDict, total=False):
    """How to go about it; each has a default.

    ``timeout`` in seconds is the network's, ``wait`` that for another process to let go of the
    home; ``clock`` dates the import of a plain folder and the look at the index. ``checkpoint`` is
    told each of STEPS as it is done, for tests that end the process there.
    """

    offline: bool
    reporter: Reporter
    timeout: float
    wait: float
    clock: Callable[[], float]
    checkpoint: Checkpoint


def broken(name: str, findings: Sequence[Finding], before: str | None, after: str) -> HeimnetzError:
    """The error for an index that broke its law, with every finding."""
    changed = [found for found in findings if found.rule == "release-changed"]
    kind = ReleaseChanged if changed else HostileTree
    worst = (changed or findings)[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return kind(
        f"The index {name!r} broke its law at commit {after}: {worst}{more}. It stays as it was.",
        problems=findings,
        index=name,
        before=before,
        after=after,
    )
