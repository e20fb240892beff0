"""How closely a plugin is confined: four levels, what each promises, and what each takes (pure)."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["LEVELS", "PROMISES", "Abilities", "Engine", "Level", "engine_for", "missing"]

Level = Literal["minimal", "standard", "strict", "maximum"]
LEVELS: tuple[Level, ...] = ("minimal", "standard", "strict", "maximum")

Engine = Literal["", "namespaces", "bubblewrap"]
"""Who makes a plugin's view of files and processes: nobody, its own bootstrap, bubblewrap."""

PROMISES: dict[Level, str] = {
    "minimal": "A crash, a leak or a hang stays the plugin's own. No defence against malice.",
    "standard": "Files, network, programs and other processes beyond the grants are out of reach.",
    "strict": "And the machine is not to be seen: its files, processes, names and times.",
    "maximum": "And only the system calls on a list, and no code but what came in a file.",
}


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine can do for a sandbox.

    ``system`` as ``sys.platform``; ``processor`` as ``platform.machine()``; ``landlock`` the
    version of its interface, 0 for none; ``seccomp`` whether a filter can be loaded;
    ``namespaces`` and ``bubblewrap`` whether a view of one's own was really made, ``bubblewrap``
    by the path of the program; ``users`` whether plugins can be users of their own; ``cgroup``
    the controllers that may be used. ``reasons`` says why what is missing is missing.
    """

    system: str
    processor: str
    landlock: int = 0
    seccomp: bool = False
    namespaces: bool = False
    bubblewrap: str = ""
    root: bool = False
    users: bool = False
    cgroup: tuple[str, ...] = ()
    reasons: dict[str, str] = {}


def engine_for(level: Level, abilities: Abilities) -> Engine:
    """Who makes the view of a plugin at a level on this machine."""
    if level == "minimal":
        return ""
    if abilities.namespaces:
        return "namespaces"
    return "bubblewrap" if abilities.bubblewrap else ""


def missing(level: Level, abilities: Abilities) -> str:
    """Why this machine cannot keep what a level promises; empty if it can."""
    if level == "minimal":
        return ""
    if abilities.system != "linux":
        return f"there is no sandbox for {abilities.system} yet"
    if not abilities.seccomp:
        return _why(abilities, "seccomp", f"no system-call filter for {abilities.processor}")
    if abilities.root and not abilities.users:
        return _why(abilities, "users", "root has no other user here to let a plugin be")
    if engine_for(level, abilities):
        return "" if level != "maximum" or abilities.namespaces else _maximum(abilities)
    reason = _why(abilities, "namespaces", "no namespaces")
    if level == "standard" and abilities.landlock:
        return ""
    return reason


def _maximum(abilities: Abilities) -> str:
    """bubblewrap cannot keep a plugin from running code that it has written itself."""
    why = _why(abilities, "namespaces", "no namespaces")
    return f"it takes namespaces made by the plugin's own process: {why}"


def _why(abilities: Abilities, what: str, otherwise: str) -> str:
    return abilities.reasons.get(what, otherwise)
