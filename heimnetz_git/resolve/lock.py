"""A resolution as a lock, and a lock as a resolution again if it still holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from heimnetz_git.errors import LockOutOfDate, printable
from heimnetz_git.model.lock import Candidate, Environment, Lock, LockedPlugin
from heimnetz_git.model.ranges import contains
from heimnetz_git.resolve.graph import find_cycle, lock_edges, start_order
from heimnetz_git.resolve.notes import notes_on
from heimnetz_git.resolve.obstacle import unmet_hosts
from heimnetz_git.resolve.plain import outlined
from heimnetz_git.resolve.request import Outlined, Request, Resolution, Universe
from heimnetz_git.resolve.words import asks

__all__ = ["Difference", "from_lock", "to_lock"]


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing in which a lock is out of date.

    ``kind`` is ``requested`` (something else is asked for), ``gone`` (no such release), ``changed``
    (not the release that was locked), ``unfit`` (not for this machine), ``unmet`` (a locked plugin
    lacks what it needs), ``unneeded`` (nothing needs it) or ``cycle``.
    """

    kind: str
    plugin: str
    message: str

    def __str__(self) -> str:
        """One sentence for a person."""
        return self.message


def to_lock(
    resolution: Resolution,
    request: Request,
    environment: Environment,
    registries: Mapping[str, str],
) -> Lock:
    """The lock of a resolution; ``registries`` maps UUIDs to the names that registries give
    themselves, those that nothing comes from are left out.

    The same for the same input. It holds the wheels of all platforms and of the machine only the
    versions of the host APIs that are used and Python's first two numbers.
    """
    chosen = resolution.chosen
    used = sorted({one.registry for one in chosen.values()})
    apis = sorted({api for one in chosen.values() for api in one.release.host})
    major, minor = environment.python.split(".")[:2]
    return Lock(
        requested=dict(sorted(request.requested.items())),
        host={api: environment.host[api] for api in apis},
        python=f"{major}.{minor}",
        registries={registry: registries.get(registry, registry) for registry in used},
        plugins=tuple(
            _locked(name, one, request.overrides) for name, one in sorted(chosen.items())
        ),
    )


def _locked(name: str, candidate: Candidate, overrides: Mapping[str, str]) -> LockedPlugin:
    release = candidate.release
    return LockedPlugin(
        name=name,
        version=release.version,
        registry=candidate.registry,
        release=candidate.oid,
        requires=_overridden(release.requires, overrides),
        optional=_overridden(release.optional, overrides),
        packages=tuple(sorted(release.packages)),
        artifacts=tuple(sorted(release.artifacts, key=lambda one: one.file)),
    )


def _overridden(wanted: Mapping[str, str], overrides: Mapping[str, str]) -> dict[str, str]:
    """The ranges that were in force when a lock was made, sorted by plugin."""
    return {target: overrides.get(target, span) for target, span in sorted(wanted.items())}


def from_lock(
    lock: Lock,
    universe: Universe,
    environment: Environment,
    *,
    requested: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
    constraints: Mapping[str, str] | None = None,
) -> Resolution:
    """The resolution that a lock holds, without choosing anything anew.

    Yanked releases stay. Raises LockOutOfDate with every difference if the universe has other
    releases, the machine is not one for them, the lock contradicts itself, or ``requested`` (if
    given), ``overrides`` or ``constraints`` are not what it was made for.
    """
    offered, overrides = outlined(universe), overrides or {}
    found = {plugin.name: _candidate(plugin, offered) for plugin in lock.plugins}
    differences = [
        *_other_wishes(lock, requested),
        *_unbound(lock, constraints or {}),
        *(
            one
            for plugin in lock.plugins
            for one in _drift(plugin, found[plugin.name], environment, overrides)
        ),
        *_contradictions(lock, overrides),
    ]
    if differences:
        raise _out_of_date(differences)
    chosen = {name: candidate for name, candidate in found.items() if candidate}
    edges = lock_edges(lock)
    return Resolution(
        requested=dict(lock.requested),
        chosen=chosen,
        order=start_order(chosen, edges),
        edges=edges,
        notes=tuple(note for one in chosen.values() for note in notes_on(one)),
    )


def _out_of_date(differences: list[Difference]) -> LockOutOfDate:
    more = len(differences) - 1
    also = f" There {'is' if more == 1 else 'are'} {more} more." if more else ""
    return LockOutOfDate(
        f"The lock is out of date: {differences[0].message}{also}",
        problems=differences,
        differences=[msgspec.to_builtins(one) for one in differences],
    )


def _candidate(plugin: LockedPlugin, universe: Outlined) -> Candidate | None:
    found = universe.candidate(plugin.name, plugin.version)
    return found if found and found.registry == plugin.registry else None


def _other_wishes(lock: Lock, requested: Mapping[str, str] | None) -> Iterator[Difference]:
    wanted = lock.requested if requested is None else requested
    for name in sorted(lock.requested.keys() | wanted.keys()):
        then, now = lock.requested.get(name), wanted.get(name)
        if then is None:
            said = f"{asks(name, now or '')} is asked for and not in the lock."
        elif now is None:
            said = f"{printable(name)} is in the lock and no longer asked for."
        elif then != now:
            was, is_now = then or "any version", now or "any version"
            said = f"{printable(name)} was asked for as {was} and is now asked for as {is_now}."
        else:
            continue
        yield Difference("requested", name, said)


def _unbound(lock: Lock, constraints: Mapping[str, str]) -> Iterator[Difference]:
    for plugin in lock.plugins:
        wanted = constraints.get(plugin.name, "")
        if not contains(wanted, plugin.version):
            said = f"{plugin.name} is bound to {wanted}, and {printable(plugin.version)} is locked."
            yield Difference("requested", plugin.name, said)


def _drift(
    plugin: LockedPlugin,
    candidate: Candidate | None,
    environment: Environment,
    overrides: Mapping[str, str],
) -> Iterator[Difference]:
    """In what the world is no longer as it was when the plugin was locked."""
    named = f"{printable(plugin.name)} {printable(plugin.version)}"
    if candidate is None:
        said = f"{named} is not in the index that it was locked from; that may need an update."
        yield Difference("gone", plugin.name, said)
        return
    if _locked(plugin.name, candidate, overrides) != plugin:
        said = f"{named} in the index is not the release that was locked."
        yield Difference("changed", plugin.name, said)
    for said in _unfit(candidate, environment):
        yield Difference("unfit", plugin.name, f"{named} {said}.")


def _unfit(candidate: Candidate, environment: Environment) -> Iterator[str]:
    from heimnetz_git.resolve.artifact import best_artifact  # loads packaging

    release = candidate.release
    for api, wanted in unmet_hosts(release.host, environment).items():
        here = environment.host.get(api, "none")
        yield f"needs {asks(api, wanted)}, and this machine has {here}"
    if not contains(release.python, environment.python):
        yield f"needs Python {release.python}, and this is Python {environment.python}"
    if best_artifact(release, environment) is None:
        yield f"has no wheel for this machine ({environment.platform})"


def _contradictions(lock: Lock, overrides: Mapping[str, str]) -> Iterator[Difference]:
    """In what a lock, perhaps edited by hand or badly merged, does not fit itself."""
    versions = {plugin.name: plugin.version for plugin in lock.plugins}
    for name, wanted in sorted(lock.requested.items()):
        yield from _unmet("You", name, overrides.get(name, wanted), versions)
    for plugin in lock.plugins:
        source = f"{printable(plugin.name)} {printable(plugin.version)}"
        present = {name: one for name, one in plugin.optional.items() if name in versions}
        for name, wanted in sorted((plugin.requires | present).items()):
            yield from _unmet(source, name, wanted, versions)
    for name in sorted(versions.keys() - _reached(lock)):
        yield Difference(
            "unneeded", name, f"Nothing needs {printable(name)}, which is in the lock."
        )
    cycle = find_cycle(
        {one.name: [t for t in one.requires if t in versions] for one in lock.plugins}
    )
    if cycle:
        said = f"The locked plugins need each other in a circle: {' -> '.join(cycle)}."
        yield Difference("cycle", cycle[0], said)


def _unmet(
    source: str, name: str, wanted: str, versions: Mapping[str, str]
) -> Iterator[Difference]:
    asked = f"{source} ask for" if source == "You" else f"{source} requires"
    if name not in versions:
        yield Difference("unmet", name, f"{asked} {asks(name, wanted)}, which is not in the lock.")
    elif not contains(wanted, versions[name]):
        said = f"{asked} {asks(name, wanted)}, and {printable(versions[name])} is locked."
        yield Difference("unmet", name, said)


def _reached(lock: Lock) -> set[str]:
    """Everything that the requested plugins lead to."""
    targets: dict[str, list[str]] = {}
    for edge in lock_edges(lock):
        targets.setdefault(edge.source, []).append(edge.target)
    reached = set(lock.requested)
    queue = list(reached)
    while queue:
        fresh = [one for one in targets.get(queue.pop(), ()) if one not in reached]
        reached.update(fresh)
        queue.extend(fresh)
    return reached
