"""A profile in words: what a plugin sees, may do and may use up, line by line (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from heimnetz_git.sandbox import seccomp
from heimnetz_git.sandbox.profile import Profile
from heimnetz_git.sandbox.syscalls import ALLOWED, NETWORK
from heimnetz_git.sandbox.view import Mount

__all__ = ["as_document", "as_lines"]

ENGINES = {
    "namespaces": "namespaces of its own",
    "bubblewrap": "bubblewrap",
    "": "no view of its own: it shares the machine's files and processes",
}


def as_document(profile: Profile) -> dict[str, Any]:
    """The profile as JSON values."""
    confinement = profile.confinement
    files = confinement.files
    network = profile.granted.network
    return {
        "level": profile.level,
        "engine": profile.engine,
        "user": confinement.uid,
        "layers": list(confinement.promised()),
        "mounts": [
            {
                "kind": mount.kind, "path": mount.target, "source": mount.source,
                "size": mount.size, "noexec": mount.noexec,
            }
            for mount in profile.mounts
            if mount.kind != "dir"
        ],
        "landlock": None
        if files is None
        else {
            "read": sorted(files.read), "write": sorted(set(files.write)),
            "run": sorted(files.run), "devices": list(files.devices),
        },
        "system_calls": {
            "refused": [*seccomp.refused(profile.calls), *_sockets(profile)],
            "only": sorted(ALLOWED) if profile.calls.closed else [],
        },
        "limits": {**confinement.rlimits, "MEMORY": confinement.memory},
        "network": {
            "brokered": profile.brokered,
            "connect": list(network.connect),
            "listen": list(network.listen),
            "multicast": list(network.multicast),
        },
        "promises": list(profile.promises()),
    }  # fmt: skip


def as_lines(profile: Profile) -> tuple[str, ...]:
    """The same for people."""
    return tuple(_lines(profile))


def _sockets(profile: Profile) -> tuple[str, ...]:
    """What of the network's calls is refused."""
    return ("socket", *NETWORK) if profile.calls.sockets is None else ()


def _lines(profile: Profile) -> Iterator[str]:
    confinement = profile.confinement
    yield f"Level {profile.level}, by {ENGINES[profile.engine]}."
    yield f"Layers: {', '.join(confinement.promised()) or 'none'}."
    if confinement.uid:
        yield f"It runs as user {confinement.uid}, which is nobody else's."
    if profile.mounts:
        yield ""
        yield "Files that it sees:"
        yield from (f"  {_mount(mount)}" for mount in profile.mounts if mount.kind != "dir")
    if confinement.files is not None:
        yield ""
        yield "Files that it may use (Landlock):"
        for word, paths in (
            ("read", confinement.files.read),
            ("write", confinement.files.write),
            ("run", confinement.files.run),
            ("device", confinement.files.devices),
        ):
            yield from (f"  {word:7} {path}" for path in sorted(set(paths)))
    yield ""
    refused = (*seccomp.refused(profile.calls), *_sockets(profile))
    if confinement.filter and profile.calls.closed:
        yield f"System calls: {len(ALLOWED)} are allowed, all others refused."
    elif confinement.filter:
        yield f"System calls refused ({len(refused)}): {', '.join(refused)}."
    else:
        yield "System calls: none is refused."
    yield ""
    yield "Limits:"
    yield from (f"  {name:10} {value}" for name, value in sorted(confinement.rlimits.items()))
    yield f"  {'MEMORY':10} {confinement.memory} (beyond what the interpreter uses)"
    yield ""
    yield from profile.promises()


def _mount(mount: Mount) -> str:
    """One mount."""
    match mount.kind:
        case "ro":
            said = "read-only"
        case "rw":
            said = "writable"
        case "tmpfs":
            said = f"its own, in memory, at most {mount.size >> 20} MiB"
        case "link":
            said = f"a link to {mount.source}"
        case "proc":
            said = "its own processes"
        case "dev":
            said = "null, zero, full, random, urandom"
        case _:
            said = "hidden"
    return f"{mount.target}: {said}" + (", no code from it" if mount.noexec else "")
