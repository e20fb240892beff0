"""What an operation of a plugin costs: time, processor, memory, and the start split by import."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from heimnetz_git.host.manager import PluginManager
from heimnetz_git.host.spec import LaunchSpec
from heimnetz_git.model.release import Release
from heimnetz_git.sandbox.launcher import Mode
from heimnetz_git.sdk.flame import Stacks
from heimnetz_git.sdk.testing_workshop import Workshop

__all__ = ["Import", "Profile", "profile"]

MODULE = "heimnetz_profiled"
REPORT = "heimnetz_profile"
_SOURCE = """from heimnetz_git.sdk.profile_probe import profiled

Plugin = profiled({entry_point!r})
"""


class Import(msgspec.Struct, frozen=True):
    """One module of the start: seconds without (``own``) and with (``whole``) what it imports."""

    module: str
    own: float
    whole: float


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """All times in seconds, ``memory`` in bytes: the most that the process had, its start included.

    ``cpu`` is of all calls together, ``call`` is the median as the host saw it; ``imports`` are
    those of the start, the longest first. ``stacks`` and ``import_stacks`` are for flame graphs.
    """

    plugin: str
    version: str
    operation: str
    isolated: bool
    calls: int
    call: float
    fastest: float
    slowest: float
    cpu: float
    memory: int
    start: float
    initialize: float
    imports: tuple[Import, ...]
    samples: int
    stacks: Stacks
    import_stacks: Stacks


def profile(
    path: Path,
    operation: str,
    parameters: Callable[[Release], Mapping[str, Any]],
    *,
    calls: int = 1,
    config: Mapping[str, Any] | None = None,
    others: Callable[[Release], Sequence[LaunchSpec]] = lambda _release: (),
    sandbox: Mode = "auto",
    **options: Any,
) -> Profile:
    """Build the project at ``path`` (or take a wheel), and call an operation in its sandbox.

    ``parameters`` gives those of the call once the release is known, ``others`` the plugins that it
    may call; ``options`` are those of PluginManager. The data folder is empty. Raises what a build,
    a start and a call raise.
    """
    with tempfile.TemporaryDirectory(prefix="heimnetz-profile-") as name:
        folder = Path(name)
        workshop = Workshop(sandbox, lambda: Path(tempfile.mkdtemp(dir=folder)))
        unpacked = workshop.unpacked(path)
        release = unpacked.release
        given = dict(parameters(release))
        module = Path(unpacked.paths[0]) / f"{MODULE}.py"
        module.write_text(_SOURCE.format(entry_point=unpacked.entry_point), encoding="utf-8")
        spec = msgspec.structs.replace(
            unpacked.spec(folder / "data", dict(config or {})),
            entry_point=f"{MODULE}:Plugin",
            requires=tuple(release.requires),
        )
        specs = [spec, *others(release)]
        with PluginManager(specs, sandbox=sandbox, restart=None, **options) as manager:
            manager.start([release.name])
            before = manager.call(release.name, REPORT, begin=True)
            times = [_timed(manager, release.name, operation, given) for _ in range(calls)]
            seen = manager.call(release.name, REPORT)
            start = manager.stats()[release.name].start
            isolated = manager.isolated
    chains = [(tuple(chain), float(spent)) for chain, spent in seen["imports"]]
    return Profile(
        plugin=release.name,
        version=release.version,
        operation=operation,
        isolated=isolated,
        calls=calls,
        call=statistics.median(times),
        fastest=min(times),
        slowest=max(times),
        cpu=max(0.0, seen["cpu"] - before["cpu"]),
        memory=seen["memory"],
        start=start,
        initialize=seen["initialize"],
        imports=_imports(chains),
        samples=sum(count for _, count in seen["stacks"]),
        stacks=_stacks(seen["stacks"], sum(times), unpacked.paths),
        import_stacks=tuple((tuple((one, "", 0) for one in it), spent) for it, spent in chains),
    )


def _timed(manager: PluginManager, plugin: str, operation: str, given: Mapping[str, Any]) -> float:
    begun = time.perf_counter()
    manager.call(plugin, operation, **given)
    return time.perf_counter() - begun


def _imports(chains: list[tuple[tuple[str, ...], float]]) -> tuple[Import, ...]:
    own: dict[str, float] = {}
    whole: dict[str, float] = {}
    for chain, spent in chains:
        own[chain[-1]] = own.get(chain[-1], 0.0) + spent
        for module in chain:
            whole[module] = whole.get(module, 0.0) + spent
    found = [Import(module, own.get(module, 0.0), spent) for module, spent in whole.items()]
    return tuple(sorted(found, key=lambda one: (-one.whole, one.module)))


def _stacks(seen: list[Any], seconds: float, paths: tuple[str, ...]) -> Stacks:
    """What was seen, with its share of the time; files from the plugin's folders."""
    total = sum(count for _, count in seen) or 1
    return tuple(
        (
            tuple((name, _short(file, paths), line) for name, file, line in stack),
            seconds * count / total,
        )
        for stack, count in seen
    )


def _short(file: str, paths: tuple[str, ...]) -> str:
    for path in paths:
        if file.startswith(f"{path}/"):
            return file[len(path) + 1 :]
    return "/".join(file.split("/")[-2:])
