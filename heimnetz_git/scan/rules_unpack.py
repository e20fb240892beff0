"""Rules on code from elsewhere: unfolded from a text, or fetched from the network."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity, Step
from heimnetz_git.scan.apis import BY_NAME, Kind
from heimnetz_git.scan.atoms import (
    DECODED,
    HOLE,
    JOINED,
    Argument,
    Code,
    Known,
    Ref,
)
from heimnetz_git.scan.capabilities import commands
from heimnetz_git.scan.flows import Flow, Origin, flow_into, texts_in
from heimnetz_git.scan.program import Event, Program
from heimnetz_git.scan.signs import DOWNLOAD_RUN
from heimnetz_git.scan.submission import Submission, found
from heimnetz_git.scan.tables import Module, Scope

__all__ = ["decode_execute", "download_execute"]

_RUNNERS = frozenset(
    {
        "exec",
        "eval",
        "compile",
        "marshal.loads",
        "types.FunctionType",
        "types.CodeType",
        "code.InteractiveInterpreter().runsource",
        "code.InteractiveInterpreter().runcode",
        "timeit.timeit",
        "cProfile.run",
        "profile.run",
        "execfile",
    }
)


_WEB = re.compile(r"(?:requests|urllib|httpx|http\.|aiohttp|urllib3|wget|ftplib|curl|niquests)")
SHORT = 60  # a text that is longer may be code
BLOB = 300  # a text without a space that is longer is likely data

_HARD = frozenset({Kind.RUN, Kind.DYNAMIC, Kind.NATIVE})


_UNPICKLERS = frozenset(
    {
        "pickle.load",
        "pickle.loads",
        "pickle.Unpickler",
        "shelve.open",
        "joblib.load",
        "torch.load",
        "jsonpickle.decode",
        "yaml.unsafe_load",
    }
)


def decode_execute(submission: Submission) -> Iterator[Finding]:
    """Code that was encoded is decoded and run (ATT&CK T1027, T1140; CWE-506).

    ``exec(base64.b64decode(...))``, ``marshal.loads`` of a decompressed text, a loop that undoes
    XOR: nobody can review it, and that is its purpose. What unfolds is analysed as well. False
    alarms: none known; vendored code belongs into files. Ship the code as it is.
    """
    for layer in submission.program.layers:
        if layer.how == "write" and layer.made < DECODED:
            continue
        hides = layer.made >= JOINED and _acts(submission, layer.module)
        if layer.how.endswith(" -c") and layer.made < DECODED:
            continue  # scripts for another Python are put together as a matter of course
        if (layer.made >= DECODED or hides) and layer.how != "literal":
            place = _at(layer.scope, layer.node)
            yield found(
                decode_execute,
                Severity.HIGH,
                place,
                f"{layer.how}() runs code that is unfolded from an encoded text.",
                hint="Ship the code as it is.",
                capability=Kind.DYNAMIC,
            )
        elif layer.how == "literal":
            place = _at(layer.scope, layer.node)
            yield found(
                decode_execute,
                Severity.HIGH,
                place,
                "This text decodes to Python code.",
                hint="Ship the code as it is.",
                capability=Kind.DYNAMIC,
            )
    for event in submission.program.events:
        if event.api in _RUNNERS or event.api in _UNPICKLERS:
            yield from _decoded(submission, event)


def _decoded(submission: Submission, event: Event) -> Iterator[Finding]:
    """What is decoded flows into something that runs it."""
    flow = flow_into(submission.program, _what_runs(event))
    origin = _hiding(submission, event, flow)
    vague = event.api not in _TEXT_RUNNERS and not _is_carried(submission, event, flow)
    if (origin is None or vague) and not _encrypted(submission, event):
        return
    trail = (*(origin.trail if origin else ()), Step(event.location, f"{event.api}() runs it"))
    detail = origin.detail if origin else "a hidden text"
    yield found(
        decode_execute,
        submission.certainty(origin, event) if origin else Severity.HIGH,
        event.location,
        f"{event.api}() runs what {detail} gives: code that nobody can read.",
        hint="Ship the code as it is.",
        capability=Kind.DYNAMIC,
        trail=trail,
    )


def _hiding(submission: Submission, event: Event, flow: Flow) -> Origin | None:
    """Where code comes from that nobody can read beforehand."""
    origin = flow.first("decoded", "image")
    if origin is None and submission.is_small:
        origin = flow.first("letters")
    if origin is None and event.api in ("exec", "eval") and flow.labels() == {"variable"}:
        origin = flow.first("variable") if submission.is_small else None
    if origin is None and event.api.startswith(("marshal.", "exec")):
        origin = flow.first("metadata")
    return origin


def _what_runs(event: Event) -> list[Argument]:
    """The arguments that say what is run; not the names that it is given, or how."""
    words = ("source", "args", "input", "stdin", "cmd", "command", "stmt", "data", "file")
    return [*event.args[:1], *(event.keywords[word] for word in words if word in event.keywords)]


def _acts(submission: Submission, module: Module) -> bool:
    """Whether unfolded code does more than compute."""
    return any(
        api.kind in _HARD or api.kind is Kind.CONNECT
        for event in submission.program.events
        if event.scope.module is module
        for api in BY_NAME.get(event.api, ())
    )


def _encrypted(submission: Submission, event: Event) -> bool:
    return any(
        isinstance(one, Known | Code) and one.made >= DECODED and _is_code(one)
        for one in submission.program.value(event.argument(0))
        if event.api in ("exec", "eval", "marshal.loads", "pickle.loads")
    )


def _is_code(atom: Known | Code) -> bool:
    value = atom.text if isinstance(atom, Code) else atom.value
    return isinstance(value, str | bytes) and len(value) > 3


_TEXT_RUNNERS = frozenset({"exec", "eval", "compile", "execfile"})
_CARRIED = ("image", "network", "metadata", "package")


def _is_carried(submission: Submission, event: Event, flow: Flow) -> bool:
    """Whether what is run comes with the package or from the network, not from its caller."""
    if flow.first(*_CARRIED) is not None or flow.longest > BLOB:
        return True
    return any(isinstance(one, Known) for one in submission.program.value(event.argument(0)))


def _at(scope: Scope, node: ast.expr) -> Location:
    return Location(scope.module.file, *scope.module.place(node))


def download_execute(submission: Submission) -> Iterator[Finding]:
    """What comes from the network is run (ATT&CK T1105, T1059; CWE-494).

    A response that reaches exec, a loader or a program that is started, directly or by way of a
    file; ``curl ... | sh`` in a command. What runs is chosen by another machine, after the review.
    False alarms: installers. Ship the code, or fetch data and parse it.
    """
    written = dict(_written_from_network(submission))
    for event in submission.events(Kind.DYNAMIC, Kind.NATIVE, Kind.RUN):
        flow = flow_into(submission.program, _what_runs(event))
        origin = flow.first("network")
        is_code = event.api in _RUNNERS or (
            event.api in _UNPICKLERS
            and any(it.label == "network" and _WEB.match(it.detail) for it in flow.origins)
        )
        if origin is not None and (
            is_code or event.api.startswith(("os.system", "os.popen", "subprocess", "os.exec"))
        ):
            if event.api == "compile" and not is_code:
                continue
            trail = (*origin.trail, Step(event.location, f"{event.api}() runs it"))
            yield found(
                download_execute,
                submission.certainty(origin, event),
                event.location,
                f"{event.api}() runs what {origin.detail} received.",
                capability=Kind.DYNAMIC,
                trail=trail,
            )
            continue
        started: set[object] = set(_known_paths(submission, event)) if written else set()
        for argument in event.args[:1] if written else ():
            started.update(_handles(argument))
        for key, source in written.items():
            if source.file == event.file and key in started:
                trail = (
                    Step(source.location, f"{source.api}() saves a download"),
                    Step(event.location, f"{event.api}() runs it"),
                )
                yield found(
                    download_execute,
                    Severity.HIGH,
                    event.location,
                    f"{event.api}() runs a file that was downloaded.",
                    capability=Kind.RUN,
                    trail=trail,
                )
                break
    yield from _commands(submission)


def _known_paths(submission: Submission, event: Event) -> set[str]:
    return {
        word for text in texts_in(submission.program, event.given) for word in (text, *text.split())
    }


def _written_from_network(submission: Submission) -> Iterator[tuple[object, Event]]:
    """Paths and variables of files that are written with what was received."""
    program = submission.program
    for event in program.events:
        if event.api in ("urllib.request.urlretrieve", "wget.download"):
            target = event.argument(1, "filename") or event.argument(1, "out")
            paths = [target] if target else []
        elif event.api in _UNPACKERS:
            paths = _unpacked(submission, event)
        elif event.api == "shutil.copyfileobj":
            paths = _copied(submission, event)
        elif event.api in _SAVERS:
            if "network" not in submission.flow(event).labels() or _is_template(program, event):
                continue
            made = event.ref.made
            paths = [(made[0].args[0], made[1])] if made and made[0].args else []
        else:
            continue
        for path in paths:
            text = program.text(path)
            if text and text not in (".", HOLE):
                yield text, event
            for name in _handles(path):
                yield name, event


def _is_template(program: Program, event: Event) -> bool:
    """Whether what is written is the code's own text with a few parts filled in."""
    known = program.text(event.argument(-1)).replace(HOLE, "")
    return len(known) > SHORT


_UNPACKERS = frozenset({"zipfile.ZipFile().extractall", "zipfile.ZipFile().extract",
                        "tarfile.open().extractall", "shutil.unpack_archive"})  # fmt: skip


def _unpacked(submission: Submission, event: Event) -> list[Argument]:
    """Where an archive is unpacked to, if it was downloaded."""
    made = event.ref.made
    sources = [(one, made[1]) for one in made[0].args] if made else list(event.args[:1])
    target = event.argument(1 if event.api.startswith("shutil") else 0, "path")
    from_network = "network" in flow_into(submission.program, sources).labels()
    return [target] if target is not None and from_network else []


def _copied(submission: Submission, event: Event) -> list[Argument]:
    """The path of the file into which a response is copied."""
    if "network" not in flow_into(submission.program, event.args[:1]).labels():
        return []
    made = [one.made for one in submission.program.value(event.argument(1)) if isinstance(one, Ref)]
    return [(one[0].args[0], one[1]) for one in made if one is not None and one[0].args]


_SAVERS = frozenset(
    {"open().write", "pathlib.Path().write_bytes", "pathlib.Path().write_text", "os.write"}
)


def _handles(argument: Argument) -> Iterator[int]:
    """The variables that an expression names, each by where it is bound."""
    node, scope = argument
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and inner.id not in ("self", "cls", "os", "str"):
            at: Scope | None = scope
            while at is not None and inner.id not in at.names:
                at = at.parent
            if at is not None and at.names[inner.id][0].how not in ("import", "def", "class"):
                yield id(at.names[inner.id])


def _commands(submission: Submission) -> Iterator[Finding]:
    for event in submission.events(Kind.RUN):
        for text in commands(submission.program, event):
            match = DOWNLOAD_RUN.search(text.replace("'", "").replace('"', ""))
            if match is not None:
                yield found(
                    download_execute,
                    Severity.HIGH,
                    event.location,
                    f"{event.api}() runs a command that fetches and runs code"
                    f" ({printable(match[0][:60])!r}).",
                    capability=Kind.RUN,
                )
