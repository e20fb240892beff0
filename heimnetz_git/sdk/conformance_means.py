"""What conformance checks are made of: demands, refusals, and what can be seen of a process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from heimnetz_git.errors import HeimnetzError, PluginCrashed
from heimnetz_git.host.usage import usage
from heimnetz_git.sdk.conformance import Broken, NotApplicable, Stand
from heimnetz_git.sdk.testing_host import Bench

__all__ = [
    "alive",
    "all_words",
    "cpu",
    "digest",
    "files",
    "hold",
    "parameters",
    "quietly",
    "quietly_or_broken",
    "refused",
    "still_well",
    "typed",
]


def hold(good: object, otherwise: str) -> None:
    if not good:
        raise Broken(otherwise)


def refused(act: Callable[[], Any], kind: type[HeimnetzError]) -> HeimnetzError:
    """The error of that kind that ``act`` must raise."""
    try:
        act()
    except kind as error:
        return error
    except HeimnetzError as error:
        raise Broken(f"it was refused otherwise: {error}") from None
    raise Broken("it was accepted")


def quietly(act: Callable[[], Any]) -> None:
    try:
        act()
    except HeimnetzError:
        return


def quietly_or_broken(start: Callable[[], Any]) -> None:
    """A start that works, or that fails with an error of the plugin's own and no crash."""
    try:
        start()
    except PluginCrashed as error:
        raise Broken(f"it crashed: {error}") from None
    except HeimnetzError:
        return


def still_well(stand: Stand, bench: Bench) -> None:
    said = bench.check_health(stand.name)
    hold(said == "ok", f"it is not well afterwards: {said}")


def all_words(error: HeimnetzError) -> str:
    return " ".join([str(error), *(str(problem) for problem in error.problems)])


def parameters(stand: Stand) -> Iterator[tuple[str, str, Any]]:
    """Operation, parameter, schema."""
    for name, operation in stand.release.operations.items():
        for key, said in (operation.get("parameters", {}).get("properties") or {}).items():
            yield name, key, said


def typed(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings of one type, and that type."""
    for key, said in (described.get("properties") or {}).items():
        kind = said.get("type") if isinstance(said, dict) else None
        if isinstance(kind, str):
            yield key, kind


def files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def digest(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files(folder)
    }


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


def cpu(pid: int) -> float:
    """Seconds of processor time of the process and all that came of it.

    Raises NotApplicable where the system does not say.
    """
    found = usage(pid)
    if not found.processes:
        raise NotApplicable("this system does not say what a process costs")
    return found.cpu
