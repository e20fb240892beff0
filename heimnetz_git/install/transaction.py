"""Makes a plan the next generation: all of it, or nothing that anyone sees.

Everything is fetched and checked, then the gate is asked, then each plugin is built aside in
``staging`` and renamed into ``store``, then the generation is written, and last ``current`` is
switched. Killed anywhere, the home has the old generation or the new one; the next run sweeps
``staging``, and reuses what has reached ``store``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from heimnetz_git.errors import HomeBusy, StorageError
from heimnetz_git.install.fetch import Fetch
from heimnetz_git.install.generations import (
    CODE,
    PACKAGES,
    RECEIPT,
    current,
    encode,
    numbers,
    stored,
    switch,
    write_generation,
)
from heimnetz_git.install.packages import install_packages
from heimnetz_git.install.planning import Choice, Plan, Step, is_same_release
from heimnetz_git.install.unpack import unpack
from heimnetz_git.install.verify import open_verified
from heimnetz_git.model.lock import Generation, Receipt
from heimnetz_git.model.report import SILENT, Reporter
from heimnetz_git.storage.home import Home, move_into_place, storage_errors, sync_tree

__all__ = ["Checkpoint", "Gate", "InstallPackages", "apply"]

Gate = Callable[[Plan], None]
InstallPackages = Callable[[Sequence[str], Path], None]
Checkpoint = Callable[[str], None]


def _pass(_: str) -> None:
    """The checkpoint of every day: goes on."""


def apply(  # noqa: PLR0913 # a transaction's outside: each argument is one part of it
    home: Home,
    plan: Plan,
    *,
    fetch: Fetch,
    gate: Gate,
    when: int,
    reason: str,
    install: InstallPackages = install_packages,
    reporter: Reporter = SILENT,
    timeout: float = 10.0,
    checkpoint: Checkpoint = _pass,
) -> Generation:
    """The generation that ``plan`` led to, active; the one that was when the plan is empty.

    ``gate`` is asked once, after every wheel was verified and before anything is unpacked: it
    raises PermissionRefused or PolicyDenied to stop. ``install`` puts Python packages into a
    folder. ``when`` is the time in seconds since 1970, ``reason`` the command behind it.
    ``checkpoint`` hears the name of each step before it is done.
    Raises HomeBusy when another process holds the home after ``timeout`` seconds, or has changed it
    since the plan was made; and whatever fetch, gate, install and the disk raise. After an error
    the old generation is active.
    """
    with home.lock(timeout):
        work = _Transaction(home, plan, fetch, gate, install, reporter, checkpoint)
        return work.run(when, reason)


@dataclass(frozen=True)
class _Transaction:
    """One plan on its way, with the home locked."""

    home: Home
    plan: Plan
    fetch: Fetch
    gate: Gate
    install: InstallPackages
    reporter: Reporter
    checkpoint: Checkpoint

    def run(self, when: int, reason: str) -> Generation:
        active = current(self.home)
        self._check_base(active)
        if active is not None and self.plan.is_empty:
            return active
        coming = [(step.name, step.after) for step in self.plan.steps if step.after]
        new = [(name, choice) for name, choice in coming if not self._is_stored(choice)]
        wheels = {name: self._fetch(name, choice) for name, choice in new}
        self.checkpoint("gate")
        self.gate(self.plan)
        for name, choice in new:
            self._build(name, choice, wheels[name])
        return self._switch(when, reason)

    def _check_base(self, active: Generation | None) -> None:
        number = active.number if active else None
        if number != self.plan.base:
            raise HomeBusy(
                f"Another process changed {self.home.root} since this was planned: generation"
                f" {number or 'none'} is active, not {self.plan.base or 'none'}.",
                hint="Run the command again.",
                home=str(self.home.root),
            )

    def _is_stored(self, choice: Choice) -> bool:
        """Whether the store has it whole, and it asks for no more than the index says."""
        receipt = stored(self.home, _folder(choice))
        return (
            receipt is not None
            and receipt.artifact == choice.artifact.sha256
            and is_same_release(receipt.release, choice.candidate.release)
        )

    def _fetch(self, name: str, choice: Choice) -> Path:
        self.checkpoint(f"fetch {name}")
        path = self.fetch(choice.locked, choice.artifact)
        self.checkpoint(f"verify {name}")
        open_verified(path, choice.artifact, choice.candidate.release)
        return path

    def _build(self, name: str, choice: Choice, path: Path) -> None:
        """The plugin in the store, built aside and complete before it gets there."""
        aside = self.home.new_staging(name)
        self.reporter.start(f"Installing {name} {choice.locked.version}")
        try:
            self._fill(name, choice, path, aside)
            target = self.home.store / _folder(choice)
            self.checkpoint(f"store {name}")
            self._make_way(target, choice)
            move_into_place(aside, target)
        finally:
            self.reporter.done()
            self.home.discard(aside)  # after an error; in its place, there is nothing left

    def _fill(self, name: str, choice: Choice, path: Path, aside: Path) -> None:
        release = choice.candidate.release
        # Opened anew: a file may have changed since, and one wheel at a time is in memory.
        wheel = open_verified(path, choice.artifact, release)
        self.checkpoint(f"unpack {name}")
        unpack(wheel, aside / CODE)
        if choice.locked.packages:
            self.checkpoint(f"packages {name}")
            self.install(choice.locked.packages, aside / PACKAGES)
        self.checkpoint(f"receipt {name}")
        receipt = Receipt(
            release=release,
            registry=choice.candidate.registry,
            index=choice.candidate.index,
            oid=choice.candidate.oid,
            folder=_folder(choice),
            entry_point=wheel.entry_point,
            artifact=wheel.sha256,
        )
        self.home.write_atomic(aside / RECEIPT, encode(receipt))
        self.checkpoint(f"sync {name}")
        sync_tree(aside)

    def _make_way(self, target: Path, choice: Choice) -> None:
        """Move what is not whole out of the way; another wheel of the same folder name stays."""
        receipt = stored(self.home, _folder(choice))
        if receipt is not None and receipt.artifact != choice.artifact.sha256:
            raise StorageError(
                f"{target} holds another wheel, whose digest begins alike.", folder=str(target)
            )
        if target.exists():
            with storage_errors(target):
                target.rename(self.home.new_staging("replaced") / CODE)

    def _switch(self, when: int, reason: str) -> Generation:
        new = Generation(
            number=max(numbers(self.home), default=0) + 1,
            parent=self.plan.base,
            created=datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            reason=reason,
            lock=self.plan.lock,
            active={step.name: step.folder for step in self.plan.steps if step.kind != "remove"},
            order=self.plan.order,
        )
        self.checkpoint("generation")
        write_generation(self.home, new)
        self.checkpoint("switch")
        switch(self.home, new.number)
        self.checkpoint("done")
        return new


def _folder(choice: Choice) -> str:
    return Step(name="", kind="add", after=choice).folder
