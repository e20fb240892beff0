"""Rules on how code comes to run: dynamic, by hidden names, decoded, downloaded, by a shell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Severity
from heimnetz_git.scan.apis import BY_NAME, Kind
from heimnetz_git.scan.atoms import (
    DECODED,
    HOLE,
    JOINED,
    REFLECTED,
    Code,
    Known,
    Ref,
    plain,
)
from heimnetz_git.scan.capabilities import commands
from heimnetz_git.scan.flows import flow_into
from heimnetz_git.scan.program import Event
from heimnetz_git.scan.submission import Submission, found

__all__ = [
    "concealed_name",
    "dynamic_code",
    "native_code",
    "not_analysed",
    "shell_command",
]
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
_LOADERS = frozenset(
    {
        "imp.load_source",
        "importlib.util.spec_from_file_location",
        "runpy.run_path",
        "imp.load_dynamic",
        "importlib.machinery.SourceFileLoader",
        "zipimport.zipimporter",
        "importlib.util.spec_from_loader",
    }
)
_SHELLS = frozenset(
    {
        "os.system",
        "os.popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell",
    }
)
_SHELL_PROGRAM = re.compile(
    r"(?:\S*/)?(?:(?:ba|da|z|k|c|fi)?sh|(?:cmd|powershell|pwsh)(?:\.exe)?)\s+(?:\S+\s+)*?(?:-c|/c|/C|-Command|-EncodedCommand|-enc)\b"
)
_COMPUTED = frozenset(
    {"globals()[]", "builtins[]", "__builtins__[]", "<computed module>.<computed>"}
    | {f"{name}.<computed>" for name in (
        "os", "subprocess", "builtins", "ctypes", "importlib", "__builtins__", "pty", "marshal")}
)  # fmt: skip
_SENSITIVE = frozenset(
    {
        "os",
        "subprocess",
        "socket",
        "ctypes",
        "builtins",
        "marshal",
        "pty",
        "pickle",
        "requests",
        "urllib.request",
        "urllib",
        "httpx",
        "winreg",
        "zlib",
        "base64",
        "shutil",
    }
)
_HARD = frozenset({Kind.RUN, Kind.DYNAMIC, Kind.NATIVE})


def not_analysed(submission: Submission) -> Iterator[Finding]:
    """A module that this scanner cannot read is not cleared by it.

    Newer syntax, a nesting too deep, a file too large or one that is not Python at all: whatever
    hides there is unseen. Mend the file, or ask the registry's maintainers to read it.
    """
    for broken in submission.broken:
        yield found(
            not_analysed,
            Severity.LOW if broken.mended else Severity.MEDIUM,
            broken.location,
            f"This module is of an older Python: {broken.reason}."
            if broken.mended
            else f"This module could not be analysed as a whole: {broken.reason}.",
            hint="Write it so that the oldest Python you support can parse it.",
        )


def dynamic_code(submission: Submission) -> Iterator[Finding]:
    """Code that is made at run time cannot be read beforehand (CWE-95).

    ``exec``, ``eval``, ``pickle.loads``, ``marshal.loads``, imports of a computed name, attributes
    of a computed name on a module that runs things. False alarms: template engines, consoles. Use
    ``json``, ``ast.literal_eval``, a dict of functions or an entry point instead.
    """
    for event in submission.program.calls(*_DYNAMIC):
        judged = _dynamic(submission, event)
        if judged is not None:
            severity, message = judged
            yield found(
                dynamic_code,
                severity,
                event.location,
                message,
                hint="Say what can run: a dict of functions, json, ast.literal_eval.",
                capability=Kind.DYNAMIC,
            )


_DYNAMIC = tuple(
    sorted(
        {"exec", "eval", "__import__", "importlib.import_module", "marshal.loads", "marshal.load",
         "types.CodeType", "types.FunctionType"} | _UNPICKLERS | _COMPUTED | _LOADERS
    )
)  # fmt: skip


def _dynamic(submission: Submission, event: Event) -> tuple[Severity, str] | None:
    """How bad one call is, and in which words; None when it is not dynamic code."""
    name = event.api
    atoms = submission.program.value(event.argument(0))
    known = any(isinstance(one, Known | Code) for one in atoms)
    if name in ("exec", "eval"):
        if known and any(layer.node is event.node for layer in submission.program.layers):
            return Severity.LOW, f"{name}() runs a constant: write it as code."
        if known:
            return Severity.MEDIUM, f"{name}() runs a text that could not be analysed."
        return Severity.MEDIUM, f"{name}() runs code that is not known before."
    if name in _UNPICKLERS:
        return Severity.MEDIUM, f"{name}() runs code that its input names."
    if name in ("marshal.loads", "marshal.load", "types.CodeType", "types.FunctionType"):
        return Severity.MEDIUM, f"{name}() makes code out of data."
    if name == "__import__" and not known:
        return Severity.MEDIUM, "__import__() imports a name that is not known before."
    if name == "importlib.import_module" and not known:
        return Severity.LOW, "import_module() imports a name that is not known before."
    if name in _COMPUTED:
        grave = _is_searched(submission, event)
        return (
            Severity.HIGH if grave else Severity.MEDIUM,
            "A computed name is called, of a module that runs things.",
        )
    if name in _LOADERS:
        return Severity.LOW, f"{name}() loads code from a place that is named at run time."
    return None


def _is_searched(submission: Submission, event: Event) -> bool:
    """Whether the name of what is called was looked for in a listing, or decoded."""
    function = getattr(event.node, "func", None)
    if not isinstance(function, ast.Call) or len(function.args) < 2:
        return False
    flow = flow_into(submission.program, [(function.args[1], event.scope)])
    return flow.first("listing", "letters", "decoded") is not None


def concealed_name(submission: Submission) -> Iterator[Finding]:
    """A function that runs things is reached by a name put together from pieces (ATT&CK T1027).

    ``getattr(os, "sys" + "tem")``, ``__import__("so"[::-1])``, ``globals()["ev" "al"]``, a walk
    through ``__subclasses__()``: nobody writes that but to be overlooked. Medium for the same with
    a plain text. False alarms: none known for pieces; plug-in loaders for plain texts. Call the
    function by its name. CWE-506.
    """
    for event in submission.program.events:
        kinds = {api.kind for api in BY_NAME.get(event.api, ())}
        hard = bool(kinds & _HARD) or event.api in ("__import__", "importlib.import_module")
        if event.hidden >= JOINED and (hard or kinds & {Kind.CONNECT, Kind.WRITE}):
            how = "decoded" if event.hidden >= DECODED else "put together from pieces"
            message = f"{event.api} is reached by a name that is {how}."
            yield found(
                concealed_name,
                Severity.HIGH,
                event.location,
                message,
                hint="Call it by its name.",
                capability=_first(kinds),
            )
        elif event.hidden == REFLECTED and kinds & {Kind.RUN, Kind.DYNAMIC} and hard:
            message = f"{event.api} is reached by look-up instead of by its name."
            yield found(
                concealed_name,
                Severity.MEDIUM,
                event.location,
                message,
                hint="Call it by its name.",
                capability=_first(kinds),
            )
        elif event.api in ("__import__", "importlib.import_module", "globals().__getitem__"):
            yield from _concealed_module(submission, event)
        elif event.api.endswith("__subclasses__"):
            message = "All classes are listed from object: a way round the names of builtins."
            severity = Severity.HIGH if "__class__" in _source(event) else Severity.MEDIUM
            yield found(concealed_name, severity, event.location, message)
    yield from _escapes(submission)


def _first(kinds: set[Kind]) -> str:
    return next((kind.value for kind in Kind if kind in kinds), "")


def _source(event: Event) -> str:
    return ast.unparse(event.node)[:400]


def _escapes(submission: Submission) -> Iterator[Finding]:
    """``().__class__.__base__.__subclasses__()`` and ``f.__globals__["os"]`` on anything."""
    for module in submission.program.modules:
        for site in module.calls:
            function = site.node.func
            if getattr(function, "attr", "") == "__subclasses__":
                inner = getattr(function, "value", None)
                if getattr(inner, "attr", "") in ("__base__", "__mro__", "__bases__") or hasattr(
                    inner, "slice"
                ):
                    event = Event("", 0, site.node, site.scope, (), {}, None, Ref(""))
                    message = "All classes are listed from object: a way round the builtins' names."
                    yield found(concealed_name, Severity.HIGH, event.location, message)


def _concealed_module(submission: Submission, event: Event) -> Iterator[Finding]:
    for one in submission.program.value(event.argument(0, "name")):
        if isinstance(one, Known) and one.made >= JOINED and one.value in _SENSITIVE:
            message = f"The module {one.value!r} is imported by a name put together from pieces."
            yield found(
                concealed_name,
                Severity.HIGH,
                event.location,
                message,
                hint="Import it by its name.",
                capability=Kind.REFLECTION,
            )


def shell_command(submission: Submission) -> Iterator[Finding]:
    """A shell reads more than one wants to say (CWE-78).

    ``os.system``, ``shell=True``, ``sh -c``: a host name with a semicolon in it becomes a command.
    Call the program itself with a list of arguments. Low when the command is constant.
    """
    for event in submission.events(Kind.RUN):
        program = submission.program
        texts = list(commands(program, event))
        shell = event.keywords.get("shell")
        is_shell = event.api in _SHELLS or any(_SHELL_PROGRAM.match(text) for text in texts)
        if shell is not None and event.api.startswith("subprocess."):
            is_shell = is_shell or plain(program.value(shell)) not in (False, 0)
        if is_shell:
            constant = bool(texts) and HOLE not in "".join(texts)
            words = "a constant command" if constant else "a command made at run time"
            yield found(
                shell_command,
                Severity.LOW if constant else Severity.MEDIUM,
                event.location,
                f"{event.api}() hands {words} to a shell.",
                hint="Pass a list: subprocess.run(['/usr/bin/ip', 'neigh']).",
                capability=Kind.RUN,
            )


# A library by the name of something else.
_DISGUISED = re.compile(
    r"\.(?:dat|bin|txt|png|jpe?g|gif|ico|json|log|tmp|cfg|db|css|html?|md|pdf|xml|ya?ml|mp3)$"
)


def native_code(submission: Submission) -> Iterator[Finding]:
    """Native code is not bound by what this scanner reads.

    A library loaded by ctypes or cffi can do whatever the kernel lets the process do; the sandbox
    still holds it, the scanner does not see it. A person should know why it is needed.
    """
    for capability in submission.capabilities:
        if capability.kind is Kind.NATIVE:
            what = repr(printable(capability.target)) if capability.target else "a library"
            yield found(
                native_code,
                Severity.HIGH if _DISGUISED.search(capability.target) else Severity.MEDIUM,
                capability.location,
                f"{capability.via}() loads {what}: native code that cannot be analysed here.",
                capability=Kind.NATIVE,
            )
