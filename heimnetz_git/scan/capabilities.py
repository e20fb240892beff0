"""Capabilities: what a program can do, in the vocabulary of Permissions, and to what exactly."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from heimnetz_git.model.finding import Location, Step
from heimnetz_git.scan.apis import ANY_LAST, BY_NAME, USES, Api, Kind
from heimnetz_git.scan.atoms import HOLE, UNKNOWN, Argument, Known, Ref, Seq, plain
from heimnetz_git.scan.program import Event, Program
from heimnetz_git.scan.tables import Module, word_of
from heimnetz_git.scan.unfold import shell_texts

__all__ = [
    "Capability",
    "Kind",
    "capabilities_of",
    "commands",
    "host_port",
    "kinds_of",
    "programs_of",
    "target_of",
]

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21, "mqtt": 1883}
_SHELL_API = frozenset({"os.system", "os.popen", "subprocess.getoutput"})


class Capability(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that the code can do: by which function, where, and to what if that is known.

    ``target`` is ``host:port`` (``/udp`` after it), a port, a path, a program or a variable's name;
    ``chain`` the callers that lead there, the nearest first.
    """

    kind: Kind
    via: str
    location: Location
    target: str = ""
    import_time: bool = False
    chain: tuple[Step, ...] = ()


def capabilities_of(program: Program) -> tuple[Capability, ...]:
    """Everything that the program can do, in the order of kinds, files and lines."""
    found = {one for event in program.events for one in _of_event(program, event)}
    found.update(_of_uses(program))
    return tuple(sorted(found, key=_order))


def _order(it: Capability) -> tuple[Any, ...]:
    place = it.location
    return (list(Kind).index(it.kind), place.file, place.line, place.column, it.via, it.target)


def kinds_of(program: Program, event: Event) -> Iterator[Kind]:
    """What an event does: ``open`` for writing is writing."""
    for api in BY_NAME.get(event.api, ()):
        yield _refined(program, api, event)


def _of_event(program: Program, event: Event) -> Iterator[Capability]:
    if event.api.endswith(".<computed>") or event.api == "<computed module>":
        yield _capability(program, Kind.REFLECTION, event, "")
    for api in BY_NAME.get(event.api, ()):
        kind = _refined(program, api, event)
        for target in _targets(program, kind, api, event):
            if kind is Kind.LISTEN and event.api.endswith(".bind") and target == "0":
                continue  # asks the system for any free port: how a client begins
            yield _capability(program, kind, event, target)
        if kind is Kind.RUN:
            for target in _reached(program, event):
                yield _capability(program, Kind.CONNECT, event, target)


def commands(program: Program, event: Event) -> Iterator[str]:
    """What an event runs, as texts: of exec and spawn, with their separate arguments."""
    name = event.api.rpartition(".")[2]
    first = 1 if name.startswith(("exec", "posix_spawn")) else 2 if name.startswith("spawn") else 0
    if not event.api.startswith("os.") or first == 0:
        yield from shell_texts(program.value(event.argument(0, "args")))
    elif name.rstrip("ep").endswith("l"):
        words = [program.text(one) or HOLE for one in event.args[first:]]
        yield " ".join(shlex.quote(word) if HOLE not in word else word for word in words)
    else:
        yield from shell_texts(program.value(event.argument(first)))


_FETCHERS = re.compile(
    r"(?:^|[\s;&|/('\"`$])(?:curl|wget|nc|ncat|iwr|irm|Invoke-WebRequest|bitsadmin|certutil|scp|ftp"
    r"|DownloadFile|DownloadString|mshta|nslookup|dig)\b",
    re.IGNORECASE,
)


def _reached(program: Program, event: Event) -> Iterator[str]:
    """The hosts that a command reaches, for the programs that everybody uses for that."""
    for text in commands(program, event):
        if _FETCHERS.search(text):
            urls = re.findall(r"\b(?:https?|ftp)://[^\s'\"|;)]+", text)
            yield from sorted({_of_url(url) for url in urls}) or [""]


def _capability(program: Program, kind: Kind, event: Event, target: str) -> Capability:
    early = event.scope.is_import_time
    return Capability(kind, event.api, event.location, target, early, _chain(program, event))


def _chain(program: Program, event: Event) -> tuple[Step, ...]:
    """Who calls the function that the event stands in, up to three floors."""
    steps: list[Step] = []
    scope = event.scope
    for _floor in range(3):
        while scope.kind not in ("function", "module") and scope.parent is not None:
            scope = scope.parent
        callers = program.machine.callers(scope) if scope.kind == "function" else ()
        if not callers:
            break
        call, caller, _, _ = callers[0]
        place = Location(caller.module.file, *caller.module.place(call))
        steps.append(Step(place, f"calls {scope.node.name}()"))
        scope = caller
    return tuple(steps)


def _of_uses(program: Program) -> Iterator[Capability]:
    for module in program.modules:
        said = [one for one in module.attributes if one[0].attr in ANY_LAST]
        parts = _bases(module) if said else set()
        for node, scope in said:
            if id(node) in parts:
                continue
            for atom in program.machine.value(node, scope):
                if isinstance(atom, Ref) and atom.name in USES:
                    place = Location(module.file, *module.place(node))
                    yield Capability(USES[atom.name], atom.name, place, "", scope.is_import_time)
        if said or any(name.endswith("environ") for name, _, _ in module.imports):
            names = _environ_names(module)
            for item, scope, _ in module.subscripts:
                if word_of(item.value) == "environ" or word_of(item.value) in names:
                    yield from _environment(program, item, scope)


def _bases(module: Module) -> set[int]:
    """What stands before the point of a call or before brackets: told of by those."""
    parts = {id(getattr(site.node.func, "value", None)) for site in module.calls}
    return parts | {id(item.value) for item, _, _ in module.subscripts}


def _environ_names(module: Module) -> set[str]:
    """The names by which a module knows the environment."""
    return {
        name
        for scope in (module.scope, *module.scopes.values())
        for name, bindings in scope.names.items()
        if any(
            (how == "import" and what.endswith("environ"))
            or (how == "value" and getattr(what, "attr", "") == "environ")
            for how, what, _ in bindings
        )
    }


def _environment(program: Program, node: ast.Subscript, scope: Any) -> Iterator[Capability]:
    for atom in program.machine.value(node.value, scope):
        if isinstance(atom, Ref) and atom.name == "os.environ":
            key = plain(program.machine.value(node.slice, scope))
            if key is UNKNOWN and isinstance(node.slice, ast.Constant):
                key = node.slice.value
            place = Location(scope.module.file, *scope.module.place(node))
            target = key if isinstance(key, str) else ""
            yield Capability(Kind.ENV, "os.environ", place, target, scope.is_import_time)


def _refined(program: Program, api: Api, event: Event) -> Kind:
    """``open`` for writing is writing."""
    if api.kind is not Kind.READ or event.api not in (
        "open", "pathlib.Path().open", "os.open", "zipfile.ZipFile", "tarfile.open"
    ):  # fmt: skip
        return api.kind
    position = 0 if event.api.startswith("pathlib") else 1
    if event.api == "os.open":
        argument = event.argument(1, "flags")
        words = {node.attr for node in ast.walk(argument[0]) if isinstance(node, ast.Attribute)
                 } if argument else set()  # fmt: skip
        return Kind.WRITE if words & {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND"} else api.kind
    mode = plain(program.value(event.argument(position, "mode")))
    return Kind.WRITE if isinstance(mode, str) and set(mode) & set("wax+") else api.kind


def _place(api: Api, event: Event) -> Argument | None:
    if api.place in ("-", "self"):
        return None
    return event.argument(int(api.place), api.word)


def _targets(program: Program, kind: Kind, api: Api, event: Event) -> Iterator[str]:
    if kind is Kind.RUN and api.place != "-":
        yield from sorted(set(programs_of(program, event))) or [""]
        return
    yield target_of(program, kind, api, event)


def target_of(program: Program, kind: Kind, api: Api, event: Event) -> str:
    """To what an event does its thing, as the permission would write it; empty if not known."""
    if api.place == "self":
        return _clean_path(event.ref.text or "")
    argument = _place(api, event)
    if argument is None:
        return ""
    if kind is Kind.CONNECT:
        index = int(api.place)
        port = event.argument(index + 1, "port") if index >= 0 else None
        target = host_port(program, argument, port)
        datagram = event.api.endswith(".sendto") or _is_datagram(program, event)
        return f"{target}/udp" if target and datagram and ":" in target else target
    if kind is Kind.LISTEN:
        value = plain(program.value(argument))
        items = _items(program, argument)
        port_value = plain(items[1]) if len(items) > 1 else value
        port_value = value[1] if isinstance(value, list | tuple) and len(value) > 1 else port_value
        return str(port_value) if isinstance(port_value, int) else ""
    text = program.text(argument)
    return _clean_path(text) if kind in (Kind.READ, Kind.WRITE) else text.replace(HOLE, "")[:200]


def _is_datagram(program: Program, event: Event) -> bool:
    made = event.ref.made
    if made is None or len(made[0].args) < 2:
        return False
    kinds = program.machine.value(made[0].args[1], made[1])
    return any(isinstance(one, Ref) and one.name == "socket.SOCK_DGRAM" for one in kinds)


def _clean_path(text: str) -> str:
    return (
        "" if HOLE in text.split("/", maxsplit=1)[0] or not text else text.replace(HOLE, "*")[:300]
    )


def _items(program: Program, argument: Argument) -> tuple[Any, ...]:
    for atom in program.value(argument):
        if isinstance(atom, Seq):
            return atom.items
        if isinstance(atom, Known) and isinstance(atom.value, list | tuple):
            return tuple((Known(one),) for one in atom.value)
    return ()


def host_port(program: Program, argument: Argument, port: Argument | None) -> str:
    """``host:port`` of an address tuple, of a host and a port, or of a URL."""
    items = _items(program, argument)
    if items:
        host, given = plain(items[0]), plain(items[1]) if len(items) > 1 else UNKNOWN
        return _spelt(host, given)
    text = program.text(argument)
    if not text:
        return ""
    if "://" in text:
        return _of_url(text)
    return _spelt(text, plain(program.value(port)))


def _spelt(host: Any, port: Any) -> str:
    if (
        not isinstance(host, str)
        or not host
        or HOLE in host
        or not re.fullmatch(r"[\w.:\-]+", host)
    ):
        return ""
    return f"{host}:{port}" if isinstance(port, int) else host


def _of_url(text: str) -> str:
    head = text.split("/", 3)
    try:
        parts = urlsplit("/".join(head[:3]).partition("?")[0])
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    host = parts.hostname or ""
    if not host or HOLE in host:
        return ""
    return f"{host}:{port}" if port else host


def programs_of(program: Program, event: Event) -> Iterator[str]:
    """The programs that an event starts: of a shell's text, the first word of each command."""
    for api in BY_NAME.get(event.api, ()):
        argument = _place(api, event) if api.kind is Kind.RUN else None
        if argument is None:
            continue
        shell = event.api in _SHELL_API or plain(program.value(event.keywords.get("shell"))) is True
        for atom in program.value(argument):
            if isinstance(atom, Ref) and atom.name == "sys.executable":
                yield "python"
            for text in shell_texts((atom,)):
                is_list = not (isinstance(atom, Known) and isinstance(atom.value, str | bytes))
                yield from _words(text, pipes=shell or not is_list)


def _words(text: str, *, pipes: bool) -> Iterator[str]:
    for part in re.split(r"\|\||&&|[|;&\n]", text)[:8] if pipes else [text]:
        try:
            words = shlex.split(part)
        except ValueError:
            words = part.split()
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        if words and HOLE not in words[0]:
            yield words[0][:200]
