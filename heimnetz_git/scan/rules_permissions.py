"""Rules that compare what a plugin declares with what its code can do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.model.permission import (
    FilePermissions,
    NetworkPermissions,
    Permissions,
    covers,
    difference,
    parse_connect,
)
from heimnetz_git.scan.capabilities import Capability, Kind
from heimnetz_git.scan.submission import Submission, found

__all__ = ["permission_grew", "permission_undeclared", "permission_unused", "proposed"]

MANIFEST = "plugin.yaml"
_WORDS: Mapping[Kind, str] = {
    Kind.CONNECT: "connects to the network",
    Kind.LISTEN: "listens on the network",
    Kind.MULTICAST: "joins a multicast group",
    Kind.RAW: "opens raw sockets",
    Kind.READ: "reads a file outside its own folders",
    Kind.WRITE: "writes a file outside its data folder",
    Kind.RUN: "runs a program",
    Kind.ENV: "reads an environment variable",
}
_SEVERITY: Mapping[Kind, Severity] = {
    Kind.CONNECT: Severity.MEDIUM,
    Kind.LISTEN: Severity.MEDIUM,
    Kind.MULTICAST: Severity.MEDIUM,
    Kind.RAW: Severity.HIGH,
    Kind.READ: Severity.MEDIUM,
    Kind.WRITE: Severity.MEDIUM,
    Kind.RUN: Severity.HIGH,
    Kind.ENV: Severity.LOW,
}
# What every process may read: none of it says anything about the machine's people.
_HARMLESS = ("/dev/null", "/dev/urandom", "/dev/zero", "/tmp")  # noqa: S108 # names, not use


def permission_undeclared(submission: Submission) -> Iterator[Finding]:
    """The code does what the manifest does not declare (CWE-250).

    The sandbox will refuse it, so it is a fault or a secret. Declare the permission, or remove the
    code. Files count when their absolute path is known; a plugin's own data folder and the files
    beside its code need no permission.
    """
    granted = submission.permissions
    if granted is None:
        return
    for it in submission.capabilities:
        if it.kind in _WORDS and not _covered(it, granted):
            to = f" ({printable(it.target)})" if it.target else ""
            yield found(
                permission_undeclared,
                _SEVERITY[it.kind],
                it.location,
                f"{it.via} {_WORDS[it.kind]}{to}, and the manifest does not declare it.",
                hint=f"Add it under 'permissions:' ({it.kind}) in {MANIFEST}, or remove the code.",
                capability=it.kind,
            )


def _covered(it: Capability, granted: Permissions) -> bool:
    """Whether any grant of its kind is there; for known paths and variables, whether it fits."""
    network = granted.network
    match it.kind:
        case Kind.CONNECT:
            return _may_connect(it.target, granted)
        case Kind.LISTEN:
            return _may_listen(it.target, granted)
        case Kind.MULTICAST:
            return bool(network.multicast)
        case Kind.RAW:
            return network.raw
        case Kind.READ:
            return _is_below(it.target, (*granted.files.read, *granted.files.write))
        case Kind.WRITE:
            return _is_below(it.target, granted.files.write)
        case Kind.RUN:
            return _is_program(it.target, granted.run)
        case Kind.ENV:
            return it.target in granted.env if it.target else bool(granted.env)
        case _:
            return True


_HOME_NAME = re.compile(
    r"[^.]+|.*\.(?:local|lan|home|internal|home\.arpa|localdomain|fritz\.box)|fritz\.box"
)


def _may_connect(target: str, granted: Permissions) -> bool:
    """A known host and port must be granted; of an unknown one, any grant is taken to be meant."""
    network = granted.network
    if not network.connect:
        return bool(network.multicast) and (not target or target.startswith(("239.", "224.")))
    if not target:
        return True
    host, _, rest = target.partition(":")
    protocol = "udp" if target.endswith("/udp") else "tcp"
    port = rest.partition("/")[0]
    if _HOME_NAME.fullmatch(host) and host != "localhost":
        host = "lan" if not any(host in grant for grant in network.connect) else host
    wanted = (
        [f"{host}:{port}/{protocol}"]
        if port
        else [
            f"{host}:{grant.first}/{grant.protocol}"
            for grant in map(parse_connect, network.connect)
            if grant.first
        ]
    )
    try:
        return any(
            covers(granted, Permissions(network=NetworkPermissions(connect=(one,))))
            for one in wanted
        )
    except ValueError:
        return True


def _may_listen(target: str, granted: Permissions) -> bool:
    network = granted.network
    if not target.isdigit():
        return bool(network.listen or network.multicast)
    if any(grant.endswith(f":{target}") for grant in network.multicast):
        return True
    return any(
        covers(granted, Permissions(network=NetworkPermissions(listen=(f"{target}/{protocol}",))))
        for protocol in ("tcp", "udp")
        if 0 < int(target) < 65536
    )


def _is_below(target: str, folders: tuple[str, ...]) -> bool:
    if not target.startswith("/"):
        return True  # unknown, or below the process's own folders
    path = PurePosixPath(target)
    return any(path.is_relative_to(folder) for folder in (*folders, *_HARMLESS))


def _is_program(target: str, programs: tuple[str, ...]) -> bool:
    """A known program must be the one that is granted, by path or by its bare name."""
    if not target:
        return bool(programs)
    if target.startswith("/"):
        return target in programs
    return target in (PurePosixPath(program).name for program in programs)


def permission_unused(submission: Submission) -> Iterator[Finding]:
    """A permission that no code seems to use frightens users and helps attackers (CWE-272).

    Only said when the plugin imports nothing but the standard library and its own modules: what
    other packages do is not read here.
    """
    granted = submission.permissions
    if granted is None or submission.broken or not _knows_all_imports(submission):
        return
    used = {it.kind for it in submission.capabilities} | _may_use(submission)
    if used & {Kind.DYNAMIC, Kind.NATIVE}:
        return
    for kind, grants, also in _grants(granted):
        if grants and not used & {kind, *also}:
            yield found(
                permission_unused,
                Severity.INFO,
                Location(MANIFEST),
                f"The manifest declares {kind} ({printable(', '.join(grants))}),"
                " and no code was found that uses it.",
                hint="Remove it if nothing needs it.",
                capability=kind,
            )


def _grants(granted: Permissions) -> Iterator[tuple[Kind, tuple[str, ...], tuple[Kind, ...]]]:
    """Each kind, what is granted of it, and the kinds whose use explains the grant as well."""
    network = granted.network
    yield Kind.CONNECT, network.connect, (Kind.MULTICAST, Kind.RAW, Kind.RUN)
    yield Kind.LISTEN, network.listen, (Kind.MULTICAST,)
    yield Kind.MULTICAST, network.multicast, (Kind.CONNECT,)
    yield Kind.RAW, ("raw",) if network.raw else (), ()
    yield Kind.READ, granted.files.read, (Kind.WRITE, Kind.RUN)
    yield Kind.WRITE, granted.files.write, (Kind.RUN,)
    yield Kind.RUN, granted.run, ()


# Methods of objects whose class is not known here, and what they may do.
_MAY: Mapping[str, Kind] = {
    **dict.fromkeys(("open", "read_text", "read_bytes", "iterdir", "glob", "rglob"), Kind.READ),
    **dict.fromkeys(("write_text", "write_bytes", "mkdir", "touch", "unlink"), Kind.WRITE),
    **dict.fromkeys(
        (
            "connect",
            "sendto",
            "request",
            "create_connection",
            "urlopen",
            "sendall",
            "create_datagram_endpoint",
            "open_connection",
            "get",
            "post",
        ),
        Kind.CONNECT,
    ),
    **dict.fromkeys(
        (
            "bind",
            "listen",
            "serve_forever",
            "start_server",
            "create_server",
            "create_datagram_endpoint",
        ),
        Kind.LISTEN,
    ),
    **dict.fromkeys(("Popen", "check_output", "create_subprocess_exec"), Kind.RUN),
    **dict.fromkeys(("setsockopt",), Kind.MULTICAST),
}


def _may_use(submission: Submission) -> set[Kind]:
    """What methods of unknown objects may do: enough to say nothing about a grant."""
    return {
        _MAY[attr]
        for module in submission.program.modules
        for site in module.calls
        if (attr := getattr(site.node.func, "attr", "")) in _MAY
        and not (attr in ("get", "post") and len(site.node.args) > 1)
    }


def permission_grew(submission: Submission) -> Iterator[Finding]:
    """A release asks for more than the one before (ATT&CK T1195.002).

    That is how a plugin that was taken over shows itself. Users are asked again when they update;
    a maintainer should know why. Silent when there is no earlier release.
    """
    before, granted = submission.before, submission.permissions
    if before is None or granted is None:
        return
    for change in difference(before, granted):
        if change.kind == "gained":
            yield found(
                permission_grew,
                Severity.MEDIUM
                if change.severity in (Severity.HIGH, Severity.CRITICAL)
                else Severity.LOW,
                Location(MANIFEST),
                f"New in this release: {printable(change.grant)} (it {change.words}).",
                capability=change.grant.partition(" ")[0],
            )


def proposed(capabilities: Iterable[Capability]) -> Permissions:
    """The least permissions that cover what code is known to do; unknown targets are left out."""

    def targets(kind: Kind, start: str = "") -> tuple[str, ...]:
        return tuple(
            sorted(
                {
                    it.target
                    for it in capabilities
                    if it.kind is kind and it.target.startswith(start) and it.target
                }
            )
        )

    capabilities = tuple(capabilities)
    kinds = {it.kind for it in capabilities}
    return Permissions(
        network=NetworkPermissions(
            connect=targets(Kind.CONNECT), listen=targets(Kind.LISTEN), raw=Kind.RAW in kinds
        ),
        files=FilePermissions(read=targets(Kind.READ, "/"), write=targets(Kind.WRITE, "/")),
        run=targets(Kind.RUN, "/"),
        env=targets(Kind.ENV),
    )


def _knows_all_imports(submission: Submission) -> bool:
    own = {file.removeprefix("src/").partition("/")[0] for file in submission.files}
    known = {*sys.stdlib_module_names, *own, "heimnetz_git", "msgspec", ""}
    known |= {name.removesuffix(".py") for name in own}
    return all(
        name.partition(".")[0] in known
        for module in submission.program.modules
        for name, _, _ in module.imports
    )
