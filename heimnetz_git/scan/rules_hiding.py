"""Rules on when and where harm is done: watched, triggered, while installing, in memory."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from heimnetz_git.model.finding import Finding, Location, Severity, Step
from heimnetz_git.scan.apis import BY_NAME, Kind
from heimnetz_git.scan.atoms import HOLE, REFLECTED
from heimnetz_git.scan.capabilities import commands
from heimnetz_git.scan.flows import flow_into, texts_in
from heimnetz_git.scan.program import Event
from heimnetz_git.scan.signs import ANALYSIS, BUILD_PROGRAM
from heimnetz_git.scan.submission import Submission, found
from heimnetz_git.scan.tables import Guard, Module, Scope, text_of

__all__ = ["anti_analysis", "install_hook", "shellcode", "triggered_payload"]

_BUILD_FILES = re.compile(
    r"(?:.*/)?setup\.py|(?:hatch_build|build_backend|_build|conftest|build_hooks?|custom_build)\.py"
)

_REMOVERS = ("os.remove", "os.unlink", "pathlib.Path().unlink", "shutil.rmtree")

_HARM = (Kind.RUN, Kind.DYNAMIC, Kind.CONNECT, Kind.NATIVE)


def anti_analysis(submission: Submission) -> Iterator[Finding]:
    """The code behaves otherwise where it is watched (ATT&CK T1497, T1622).

    Names of virtual machines, debuggers and sandboxes are looked for; high when the program ends
    or waits for them and can also run or send something. False alarms: inventories of hardware.
    """
    for module in submission.program.modules:
        mine = submission.program.of(module)
        exits = [one for one in mine if one.api in _EXITS]
        acts = (Kind.RUN, Kind.CONNECT, Kind.DYNAMIC)
        if not exits or not any(submission.can(kind, module.file) for kind in acts):
            continue
        hits = _tool_names(module)
        debugged = [one for one in mine if one.api.endswith(("IsDebuggerPresent", ".ptrace"))]
        traced = [one for one in mine if one.api in ("sys.gettrace", "sys.settrace")]
        guarded = traced and any(_asks_for_trace(one) for one in exits)
        if len({word for word, _ in hits}) > 1 or debugged or guarded or (traced and hits):
            first: ast.expr = hits[0][1] if hits else (debugged or traced)[0].node
            yield found(
                anti_analysis,
                Severity.HIGH,
                Location(module.file, *module.place(first)),
                "The program looks for signs of being watched and ends if it finds them.",
            )


_EXITS = frozenset({"sys.exit", "os._exit", "exit", "quit", "os.kill"})


def _tool_names(module: Module) -> list[tuple[str, ast.Constant]]:
    """Names of virtual machines, debuggers and sandboxes among a module's texts."""
    hits: list[tuple[str, ast.Constant]] = []
    for node, _ in module.texts:
        value = text_of(node)
        match = ANALYSIS.search(value) if len(value) < 200 else None
        if match is not None:
            hits.append((match[0].lower(), node))
    return hits


def _asks_for_trace(event: Event) -> bool:
    return event.guard is not None and "trace" in ast.unparse(event.guard.test)


def triggered_payload(submission: Submission) -> Iterator[Finding]:
    """Something grave happens only on a date or in a place (ATT&CK T1480; CWE-511).

    A test on the clock against a fixed date, or on language, country or host name, decides whether
    programs run, code is made or files go. False alarms: a licence that ends; say it otherwise.
    """
    for event in submission.events(Kind.RUN, Kind.DYNAMIC, Kind.WRITE, Kind.CONNECT):
        grave = event.api in (*_REMOVERS, "exec", "eval", "compile") or any(
            api.kind is Kind.RUN for api in BY_NAME.get(event.api, ())
        )
        guards = _guards(submission, event) if grave else ()
        for guard, scope in guards:
            flow = flow_into(submission.program, [(guard.test, scope)])
            labels = {
                one.label
                for one in flow.origins
                if submission.certainty(one, event) is Severity.HIGH
            }
            fixed = any(_is_date(node) for node in ast.walk(guard.test)) or _dates_behind(
                guard, scope
            )
            if ("time" in labels and fixed) or "place" in labels:
                what = "a date" if "time" in labels else "language or country"
                trail = (
                    Step(
                        Location(event.file, *event.scope.module.place(guard.test)),
                        f"{what} decides",
                    ),
                )
                yield found(
                    triggered_payload,
                    Severity.HIGH,
                    event.location,
                    f"{event.api}() happens only when {what} fits.",
                    trail=trail,
                )
                break


def _guards(submission: Submission, event: Event) -> Iterator[tuple[Guard, Scope]]:
    guard = event.guard
    while guard is not None:
        yield guard, event.scope
        guard = guard.outer
    for caller in submission.program.machine.callers(event.scope)[:4]:
        if caller.guard is not None:
            yield caller.guard, caller.scope


def _is_date(node: ast.AST) -> bool:
    """A fixed year or a time stamp of these decades."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return 2020 <= node.value <= 2040 or 1_600_000_000 <= node.value <= 2_200_000_000
        return isinstance(node.value, str) and bool(
            re.fullmatch(r"20[2-4]\d-?[01]\d-?[0-3]\d.*", node.value)
        )
    return False


def _dates_behind(guard: Guard, scope: Scope) -> bool:
    for node in ast.walk(guard.test):
        if isinstance(node, ast.Name):
            for one in scope.module.scope.names.get(node.id, ()):
                if one.how == "value" and any(_is_date(part) for part in ast.walk(one.what)):
                    return True
    return False


def install_hook(submission: Submission) -> Iterator[Finding]:
    """Building or installing the package runs programs or talks (ATT&CK T1195.002; CWE-506).

    ``setup.py``, a build back end or its hooks that start programs, connect or make code as soon as
    they are run. Also a module that starts programs and connects when it is imported. False alarms:
    ``git describe`` for a version, compilers. Build from what is in the package.
    """
    for event in submission.events(*_HARM):
        if not _BUILD_FILES.fullmatch(event.file):
            continue
        kinds = {api.kind for api in BY_NAME.get(event.api, ())}
        texts = list(commands(submission.program, event))
        if _is_ordinary_build(event, texts, kinds):
            continue
        if kinds & {Kind.DYNAMIC, Kind.NATIVE} and event.hidden <= REFLECTED:
            continue  # a version read by exec, a library looked for
        yield found(
            install_hook,
            _weight(submission, event, texts, kinds),
            event.location,
            f"{event.api}() is called when the package is built or installed.",
            capability=next(iter(sorted(kinds)), ""),
        )


def _weight(submission: Submission, event: Event, texts: list[str], kinds: set[Kind]) -> Severity:
    """High for a program or a host that is named; a computed program is most often a compiler."""
    if event.hidden > REFLECTED:
        return Severity.HIGH
    if Kind.CONNECT in kinds:
        said = " ".join(texts_in(submission.program, event.given))
        return Severity.MEDIUM if _RELEASES.search(said) or event.api in OPENERS else Severity.HIGH
    named = [text for text in texts if not text.strip("'\" ").startswith(HOLE)]
    return Severity.HIGH if named else Severity.LOW


# Where sources and compiled parts are published.
_RELEASES = re.compile(
    r"https://(?:[\w-]+\.)*(?:github\.com/[^/]+/[^/]+/(?:releases|archive)|codeload\.github\.com"
    r"|gitlab\.com|sourceforge\.net|sqlite\.org|zlib\.net|gnu\.org|openssl\.org|python\.org"
    r"|nodejs\.org|curl\.se|postgresql\.org|apache\.org|kernel\.org)/"
)
OPENERS = frozenset({"urllib.request.Request", "urllib.request.urlretrieve"})


def _is_ordinary_build(event: Event, texts: list[str], kinds: set[Kind]) -> bool:
    if Kind.RUN in kinds and not event.hidden:
        words = [text.strip("'\" ").replace("'", "").replace('"', "") for text in texts]
        return bool(words) and all(BUILD_PROGRAM.match(word) for word in words)
    return False


def shellcode(submission: Submission) -> Iterator[Finding]:
    """Machine code is put into memory and run (ATT&CK T1055, T1620).

    ``ctypes`` allocates executable memory, copies bytes there and calls them. Neither this scanner
    nor a reader sees what runs. CWE-506.
    """
    for module in submission.program.modules:
        mine = submission.program.of(module)
        if not any(name.startswith("ctypes") for name, _, _ in module.imports):
            continue
        allocates = [
            e
            for e in mine
            if e.api.endswith(
                (
                    "VirtualAlloc",
                    "VirtualAllocEx",
                    "VirtualProtect",
                    ".mprotect",
                    "WriteProcessMemory",
                    ".mmap",
                    "memfd_create",
                )
            )
        ]
        runs = [
            e
            for e in mine
            if e.api.endswith(
                (
                    "CFUNCTYPE",
                    "CreateThread",
                    "CreateRemoteThread",
                    "memmove",
                    "RtlMoveMemory",
                    "WINFUNCTYPE",
                    "QueueUserAPC",
                    "execve",
                    "os.execv",
                )
            )
        ]
        if allocates and runs:
            yield found(
                shellcode,
                Severity.HIGH,
                allocates[0].location,
                "Memory is made executable, filled and run by ctypes.",
                capability=Kind.NATIVE,
            )
