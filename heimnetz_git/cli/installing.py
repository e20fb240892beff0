"""From a wish to active plugins: choose, ask for permission, install."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from heimnetz_git.cli.output import Answer, plain
from heimnetz_git.cli.terms import Terms, parse_wishes
from heimnetz_git.cli.words import bullet_permissions
from heimnetz_git.errors import (
    FileMissing,
    PermissionRefused,
    printable,
)
from heimnetz_git.model.lock import Candidate, Generation, Lock, Receipt
from heimnetz_git.model.release import Release

if TYPE_CHECKING:
    from heimnetz_git.cli.session import Session
    from heimnetz_git.install.planning import Plan, Step
    from heimnetz_git.resolve.request import Request, Resolution

__all__ = [
    "active_lock",
    "carry_out",
    "choose",
    "enforce_policy_on",
    "follow",
    "parse_wishes",
    "pinned",
    "remove",
    "request_of",
    "resolved_lock",
]


def pinned(session: Session, wishes: Mapping[str, str]) -> dict[str, str]:
    """The wishes by plugin; those of ``index/name`` come from that index from now on.

    Raises PluginNotFound, with a guess, for a name that no index has.
    """
    for name in wishes:
        session.catalog.find(name)
    return {session.catalog.pin(name): span for name, span in wishes.items()}


def follow(session: Session, lock: Lock) -> None:
    """Keep locked plugins with their registries; tell of those whose registry is gone."""
    installed = [_candidate(receipt) for receipt in session.receipts.values()]
    for stays in session.catalog.follow(lock, installed):
        name, version = stays.release.name, stays.release.version
        session.output.warn(
            f"{name} stays at {version}: no index is of the registry that it came from,"
            f" '{session.catalog.registry_name(stays)}'."
        )


def active_lock(session: Session) -> Lock:
    """What is active, as a lock; an empty one before the first installation."""
    if session.generation is not None:
        return session.generation.lock
    machine = session.environment
    return Lock(requested={}, host=machine.host, python=machine.python)


def choose(
    session: Session,
    requested: Mapping[str, str],
    *,
    locked: Lock | None,
    upgrade: frozenset[str] | bool = frozenset(),
    with_optional: bool = False,
    terms: Terms | None = None,
) -> Resolution:
    """One release of each plugin that is needed; tells of yanked and deprecated ones.

    Raises PluginNotFound, ResolutionImpossible.
    """
    from heimnetz_git.resolve.resolver import resolve

    request = request_of(
        session, requested, locked=locked, upgrade=upgrade, with_optional=with_optional, terms=terms
    )
    return resolve(request, session.catalog, session.environment)


def request_of(
    session: Session,
    requested: Mapping[str, str],
    *,
    locked: Lock | None,
    upgrade: frozenset[str] | bool = frozenset(),
    with_optional: bool = False,
    terms: Terms | None = None,
) -> Request:
    """What the resolver is asked; locked plugins come from their registries from now on."""
    from heimnetz_git.resolve.request import Request

    if locked is not None:
        follow(session, locked)
    said = terms or Terms()
    return Request(
        requested=dict(requested),
        locked=locked,
        upgrade=upgrade,
        prereleases=session.settings.prereleases,
        with_optional=with_optional,
        constraints=said.constraints,
        overrides=said.overrides,
        exclude_newer=said.exclude_newer,
        resolution=said.resolution,
    )


def resolved_lock(
    session: Session, resolution: Resolution, overrides: Mapping[str, str] | None = None
) -> Lock:
    """The resolution, made with ``overrides``, as a lock."""
    from heimnetz_git.resolve.lock import to_lock
    from heimnetz_git.resolve.request import Request

    chosen = resolution.chosen.values()
    names = {one.registry: session.catalog.registry_name(one) for one in chosen}
    request = Request(requested=resolution.requested, overrides=dict(overrides or {}))
    return to_lock(resolution, request, session.environment, names)


def carry_out(
    session: Session,
    resolution: Resolution,
    *,
    yes: bool,
    dry_run: bool,
    reason: str,
    overrides: Mapping[str, str] | None = None,
) -> Answer:
    """Make exactly the plugins of a resolution, made with ``overrides``, the active ones.

    Asks first. Raises PermissionRefused, PolicyDenied, or what installing raises; then nothing has
    changed.
    """
    from heimnetz_git.install.generations import installed
    from heimnetz_git.install.planning import plan
    from heimnetz_git.resolve.artifact import best_artifact

    for note in resolution.notes:
        session.output.warn(str(note))
    check_needs(session, [one.release for one in resolution.chosen.values()])
    made = plan(
        resolved_lock(session, resolution, overrides),
        resolution.chosen,
        resolution.order,
        have=installed(session.home),
        pick=lambda release: best_artifact(release, session.environment),
    )
    return _apply(session, made, yes=yes, dry_run=dry_run, reason=reason)


def remove(session: Session, names: Iterable[str], *, dry_run: bool, reason: str) -> Answer:
    """Make what is left without ``names`` the active plugins; needs no index."""
    from heimnetz_git.install.generations import installed
    from heimnetz_git.install.planning import plan_removal

    made = plan_removal(names, have=installed(session.home))
    return _apply(session, made, yes=True, dry_run=dry_run, reason=reason)


def _apply(session: Session, made: Plan, *, yes: bool, dry_run: bool, reason: str) -> Answer:
    enforce_policy(session, made)
    lines = [line for step in made.steps if (line := step_line(step))]
    data: dict[str, Any] = {"steps": [step_data(step) for step in made.steps]}
    if made.is_empty or dry_run:
        said = lines if dry_run and lines else ["Nothing to do."]
        return Answer({**data, "changed": False, "generation": made.base}, said, narrates=True)
    generation = execute(session, made, yes=yes, reason=reason)
    active = f"Generation {generation.number} is active."
    return Answer(
        {**data, "changed": True, "generation": generation.number}, [*lines, active], narrates=True
    )


def execute(session: Session, made: Plan, *, yes: bool, reason: str) -> Generation:
    """Ask, fetch, unpack, switch."""
    from heimnetz_git.install.fetch import fetcher
    from heimnetz_git.install.packages import PackageSettings, install_packages
    from heimnetz_git.install.transaction import apply

    settings = session.settings
    packages = PackageSettings(
        installer=settings.package_installer,
        index=settings.package_index,
        offline=settings.offline,
    )
    fetch = fetcher(
        session.home,
        session.catalog.artifact_bytes,
        reporter=session.reporter,
        timeout=settings.timeout,
        offline=settings.offline,
        proxy=session.proxy,
    )
    return apply(
        session.home,
        made,
        fetch=fetch,
        gate=lambda plan: ask_permission(session, plan, yes=yes),
        install=lambda names, folder: install_packages(names, folder, packages),
        reporter=session.reporter,
        when=session.now(),
        reason=reason,
    )


def ask_permission(session: Session, made: Plan, *, yes: bool) -> None:
    """Show what the plugins will be able to do, and ask. Raises PermissionRefused."""
    asking = [step for step in made.steps if any(_gained(step))]
    if not asking:
        return
    lines = [line for step in asking for line in permission_lines(step)]
    if yes:
        for line in lines:
            session.output.note(line)
        return
    if not session.may_ask:
        raise PermissionRefused(
            "\n".join(["These permissions were not granted:", *map(click.unstyle, lines)]),
            hint="Grant them with --yes if you agree.",
            plugins=[_asked(step) for step in asking],
        )
    for line in lines:
        session.output.tell(line)
    if not session.ask("Grant this?"):
        raise PermissionRefused(
            "The permissions were not granted.",
            hint="Nothing was changed.",
            plugins=[_asked(step) for step in asking],
        )


def permission_lines(step: Step) -> list[str]:
    """What changes for one plugin, in words."""
    name = click.style(f"{step.name} {step.version}", bold=True)
    what = "changes what it may do" if step.kind == "change" else "asks for permission"
    return [f"{name} {what}:", *bullet_permissions(step.permission_changes)]


def _gained(step: Step) -> Iterator[bool]:
    for change in step.permission_changes if step.kind != "remove" else ():
        yield change.kind == "gained"


def _asked(step: Step) -> dict[str, Any]:
    return {"name": step.name, "version": step.version, "changes": plain(step.permission_changes)}


def step_line(step: Step) -> str:
    """``+ name 1.0.0``, ``~ name 1.0.0 -> 1.1.0``, ``- name 1.0.0``; nothing for what stays."""
    if step.kind == "add":
        return f"{click.style('+', fg='green')} {step.name} {step.version}"
    if step.kind == "remove":
        return f"{click.style('-', fg='red')} {step.name} {step.old_version}"
    if step.kind == "change":
        return f"{click.style('~', fg='yellow')} {step.name} {step.old_version} -> {step.version}"
    return ""


def step_data(step: Step) -> dict[str, Any]:
    """One step for programs."""
    return {
        "name": step.name,
        "kind": step.kind,
        "before": step.old_version,
        "after": step.version,
        "permissions": step.permission_changes,
    }


def check_needs(session: Session, releases: Iterable[Release]) -> None:
    """Warn of programs that a plugin can do without, and of services that it will look for.

    Raises FileMissing for one that it needs.
    """
    path = session.environ.get("PATH", os.defpath)
    missing: list[str] = []
    for release in releases:
        for need in release.binaries:
            if shutil.which(need.name, path=path) is None:
                said = f"{release.name} {'can use' if need.optional else 'needs'} the program"
                (session.output.warn if need.optional else missing.append)(
                    f"{said} '{printable(need.name)}', which is not on this machine."
                )
        for need in release.services:
            said = f"{release.name} {'can use' if need.optional else 'needs'} the service"
            session.output.note(f"note: {said} '{printable(need.name)}'; it was not looked for.")
    if missing:
        raise FileMissing(
            missing[0] if len(missing) == 1 else " ".join(missing),
            hint="Install the program with your system's package manager, then try again.",
        )


def enforce_policy(session: Session, made: Plan) -> None:
    """Hold what a plan makes active against the policy of this machine's operator.

    Raises PolicyDenied.
    """
    _enforce(session, [step.after.candidate for step in made.steps if step.after is not None])


def enforce_policy_on(session: Session, receipts: Iterable[Receipt]) -> None:
    """The same for what is installed already: going back to it, or running it."""
    _enforce(session, [_candidate(receipt) for receipt in receipts])


def _candidate(receipt: Receipt) -> Candidate:
    return Candidate(
        release=receipt.release, registry=receipt.registry, index=receipt.index, oid=receipt.oid
    )


def _enforce(session: Session, candidates: Iterable[Candidate]) -> None:
    from heimnetz_git.enterprise.policy import enforce
    from heimnetz_git.model.machinepolicy import MachinePolicy
    from heimnetz_git.storage.yamlfile import read_file

    path = session.policy_file
    if not path.is_file():
        return
    enforce(read_file(path, MachinePolicy, authoring=True), candidates, source=str(path))
