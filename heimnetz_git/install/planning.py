"""What an install, update or removal will do, as a value: pure, decided before anything happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from heimnetz_git.errors import (
    LockOutOfDate,
    PluginNotFound,
    ResolutionImpossible,
    StorageError,
    UsageError,
)
from heimnetz_git.install.generations import Installed
from heimnetz_git.model.lock import Candidate, Lock, LockedPlugin, Receipt
from heimnetz_git.model.permission import PermissionChange, Permissions, difference
from heimnetz_git.model.release import Artifact, Release

__all__ = ["Choice", "Pick", "Plan", "Step", "is_same_release", "plan", "plan_removal"]

Kind = Literal["add", "change", "remove", "keep"]
Pick = Callable[[Release], Artifact | None]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A release to install: as its index offers it, as it is locked, and the wheel for here."""

    candidate: Candidate
    locked: LockedPlugin
    artifact: Artifact


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one plugin; ``before`` is None when it is new, ``after`` when it goes."""

    name: str
    kind: Kind
    before: Receipt | None = None
    after: Choice | None = None

    @property
    def folder(self) -> str:
        """Where it will be, relative to the home's store; empty when it goes."""
        if self.after is None:
            return self.before.folder if self.before and self.kind == "keep" else ""
        release = self.after.candidate.release
        return f"{release.name}/{release.version}-{self.after.artifact.sha256[:12]}"

    @property
    def version(self) -> str:
        """The version that will be active, empty when it goes."""
        if self.after is not None:
            return self.after.candidate.release.version
        return self.before.release.version if self.before and self.kind == "keep" else ""

    @property
    def old_version(self) -> str:
        """The version that was active, empty when it is new."""
        return self.before.release.version if self.before else ""

    @property
    def permission_changes(self) -> tuple[PermissionChange, ...]:
        """What the plugin may do from now on and could not before, and the reverse, in words."""
        if self.kind == "keep":
            return ()
        old = self.before.release.permissions if self.before else Permissions()
        new = self.after.candidate.release.permissions if self.after else Permissions()
        return difference(old, new)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The way from the generation ``base`` (None: nothing yet) to the next.

    ``steps`` are sorted by name and name every plugin of both; ``order`` is the order to start
    what will be active in, ``lock`` what it was resolved to.
    """

    base: int | None
    base_lock: Lock | None
    base_order: tuple[str, ...]
    lock: Lock
    order: tuple[str, ...]
    steps: tuple[Step, ...]

    def of_kind(self, kind: Kind) -> tuple[Step, ...]:
        """The steps of that kind."""
        return tuple(step for step in self.steps if step.kind == kind)

    @property
    def add(self) -> tuple[Step, ...]:
        """Plugins that are new."""
        return self.of_kind("add")

    @property
    def change(self) -> tuple[Step, ...]:
        """Plugins that get another release."""
        return self.of_kind("change")

    @property
    def remove(self) -> tuple[Step, ...]:
        """Plugins that go."""
        return self.of_kind("remove")

    @property
    def keep(self) -> tuple[Step, ...]:
        """Plugins that stay as they are."""
        return self.of_kind("keep")

    @property
    def is_empty(self) -> bool:
        """Whether the next generation would be the same as the active one."""
        same = (self.base_lock, self.base_order) == (self.lock, self.order)
        return self.base is not None and same and len(self.keep) == len(self.steps)


def plan(
    lock: Lock,
    candidates: Mapping[str, Candidate],
    order: Sequence[str],
    *,
    have: Installed,
    pick: Pick,
) -> Plan:
    """The plan that makes exactly the plugins of ``lock`` active.

    ``candidates`` holds the release of each, ``order`` all their names, dependencies first;
    ``pick`` chooses the wheel for this machine. Raises LockOutOfDate when lock and candidates
    disagree, ResolutionImpossible when a release has no wheel for this machine.
    """
    names = {plugin.name for plugin in lock.plugins}
    if set(order) != names:
        raise LockOutOfDate("The order to start plugins in does not name those of the lock.")
    choices = {each.name: _choice(each, candidates.get(each.name), pick) for each in lock.plugins}
    steps = [_step(name, have.receipts.get(name), choice) for name, choice in choices.items()]
    steps += [
        Step(name=name, kind="remove", before=receipt)
        for name, receipt in have.receipts.items()
        if name not in names
    ]
    return _plan(have, lock, tuple(order), steps)


def plan_removal(names: Iterable[str], *, have: Installed) -> Plan:
    """The plan that removes plugins, and those that only they required; needs no index.

    Raises PluginNotFound when one is not installed, UsageError when one is required by a plugin
    that stays, StorageError when one that stays is not complete in the store.
    """
    active = have.generation
    gone = set(names)
    for name in sorted(gone):
        if active is None or name not in active.active:
            raise PluginNotFound(
                f"The plugin {name!r} is not installed.",
                hint="See what is with 'heimnetz-git list'.",
                name=name,
            )
    if active is None:
        raise UsageError("No plugin to remove was named.")
    requested = {name: said for name, said in active.lock.requested.items() if name not in gone}
    needed = _reachable(active.lock, requested, gone)
    if kept := sorted(gone & needed):
        _refuse_required(kept[0], active.lock, needed)
    plugins = tuple(plugin for plugin in active.lock.plugins if plugin.name in needed)
    registries = {plugin.registry for plugin in plugins}
    lock = msgspec.structs.replace(
        active.lock,
        requested=requested,
        plugins=plugins,
        registries={
            uuid: name for uuid, name in active.lock.registries.items() if uuid in registries
        },
    )
    steps = [
        Step(name=name, kind="keep" if name in needed else "remove", before=have.receipts.get(name))
        for name in active.active
    ]
    if broken := sorted(step.name for step in steps if step.kind == "keep" and not step.before):
        raise StorageError(
            f"The plugin {broken[0]} is not complete.",
            hint="Mend it with 'heimnetz-git sync'.",
            names=broken,
        )
    order = tuple(name for name in active.order if name in needed)
    return _plan(have, lock, order, steps)


def is_same_release(one: Release, other: Release) -> bool:
    """Whether two releases are of the same wheel; where it was built and lies may differ."""
    return _bare(one) == _bare(other)


def _bare(release: Release) -> Release:
    return msgspec.structs.replace(release, source=None, artifacts=())


def _plan(have: Installed, lock: Lock, order: tuple[str, ...], steps: Iterable[Step]) -> Plan:
    active = have.generation
    return Plan(
        base=active.number if active else None,
        base_lock=active.lock if active else None,
        base_order=active.order if active else (),
        lock=lock,
        order=order,
        steps=tuple(sorted(steps, key=lambda step: step.name)),
    )


def _choice(locked: LockedPlugin, candidate: Candidate | None, pick: Pick) -> Choice:
    said = (locked.version, locked.registry, locked.release)
    if candidate is None or said != (
        candidate.release.version,
        candidate.registry,
        candidate.oid,
    ):
        raise LockOutOfDate(
            f"The registry no longer has {locked.name} {locked.version} as it was locked.",
            name=locked.name,
            version=locked.version,
        )
    artifact = pick(candidate.release)
    if artifact is None:
        raise ResolutionImpossible(
            f"{locked.name} {locked.version} has no wheel for this machine.",
            hint="Choose another version, or ask its author for one.",
            name=locked.name,
        )
    pinned = {(each.size, each.sha256) for each in locked.artifacts}
    if (artifact.size, artifact.sha256) not in pinned:
        raise LockOutOfDate(
            f"The lock does not name the wheel {artifact.file} of {locked.name}.", name=locked.name
        )
    return Choice(candidate=candidate, locked=locked, artifact=artifact)


def _step(name: str, before: Receipt | None, after: Choice) -> Step:
    if before is None:
        return Step(name=name, kind="add", after=after)
    same = before.artifact == after.artifact.sha256 and is_same_release(
        before.release, after.candidate.release
    )
    return Step(name=name, kind="keep" if same else "change", before=before, after=after)


def _reachable(lock: Lock, roots: Iterable[str], gone: set[str]) -> set[str]:
    """What ``roots`` need, themselves included; what is ``gone`` only when it is required."""
    plugins = {plugin.name: plugin for plugin in lock.plugins}
    seen: set[str] = set()
    queue = [name for name in roots if name in plugins]
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            plugin = plugins[name]
            queue += [need for need in plugin.requires if need in plugins]
            queue += [need for need in plugin.optional if need in plugins and need not in gone]
    return seen


def _refuse_required(name: str, lock: Lock, staying: set[str]) -> None:
    by = sorted(
        plugin.name for plugin in lock.plugins if plugin.name in staying and name in plugin.requires
    )
    raise UsageError(
        f"{name} is required by {', '.join(by)}.",
        hint=f"Remove {by[0]} too, or keep both.",
        name=name,
        required_by=by,
    )
