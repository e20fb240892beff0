"""Rules on what is done to the machine: persistence, spying, destruction, tampering, hiding."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.apis import BY_NAME, Kind
from heimnetz_git.scan.atoms import Argument, Ref
from heimnetz_git.scan.capabilities import commands, kinds_of
from heimnetz_git.scan.flows import flow_into, texts_in
from heimnetz_git.scan.program import Event, Program
from heimnetz_git.scan.signs import (
    AUTOSTART,
    PERSISTENT_COMMAND,
)
from heimnetz_git.scan.submission import Submission, found
from heimnetz_git.scan.tables import Binding, Scope, text_of, word_of

__all__ = ["host_tampering", "module_has", "persistence", "spying"]


def persistence(submission: Submission) -> Iterator[Finding]:
    """The code makes itself start again without being asked (ATT&CK T1053, T1543, T1546, T1547).

    Shell start files, cron, systemd, autostart folders, the Run keys of Windows, ``.pth`` files,
    Git hooks, authorised keys. The host starts plugins; none needs this. CWE-506.
    """
    for event in submission.events(Kind.WRITE):
        if event.api.endswith(_REMOVERS):
            continue
        for text in (event.ref.text or "", *texts_in(submission.program, event.given)):
            match = AUTOSTART.search(text.replace("\\", "/").replace("//", "/"))
            if match is not None and _has_place(submission, event, match[0]):
                yield found(
                    persistence,
                    Severity.HIGH,
                    event.location,
                    f"{event.api} changes {printable(match[0])!r}, which is run at start.",
                    capability=Kind.WRITE,
                )
                break
    for event in submission.events(Kind.RUN):
        for text in commands(submission.program, event):
            match = PERSISTENT_COMMAND.search(text.replace("'", "").replace('"', ""))
            if match is not None:
                yield found(
                    persistence,
                    Severity.HIGH,
                    event.location,
                    f"{event.api}() makes something start again ({printable(match[0][:50])!r}).",
                    capability=Kind.RUN,
                )
    for event in submission.program.calls("winreg.SetValueEx", "winreg.SetValue"):
        if module_has(
            event, re.compile(r"CurrentVersion\\+Run|Winlogon|Explorer\\+StartupApproved")
        ):
            yield found(
                persistence,
                Severity.HIGH,
                event.location,
                "A Run key of the registry is set.",
                capability=Kind.WRITE,
            )


_REMOVERS = (".remove", ".unlink", ".rmdir", ".rmtree", ".removedirs")


def _has_place(submission: Submission, event: Event, what: str) -> bool:
    """Whether a start-up file of Python is put where Python looks, not into a folder given."""
    if not what.endswith((".pth", "customize.py")):
        return True
    site = submission.flow(event).first("site")
    near = site is not None and submission.certainty(site, event) is Severity.HIGH
    return near or event.scope.is_import_time


def module_has(event: Event, pattern: re.Pattern[str]) -> bool:
    """Whether a text in the event's module fits."""
    return any(pattern.search(text_of(node)) for node, _ in event.scope.module.texts)


def spying(submission: Submission) -> Iterator[Finding]:
    """Key strokes, screen, clipboard or camera are taken (ATT&CK T1056.001, T1113, T1115, T1125).

    High for key strokes that are kept or sent, and for the rest when it is sent (then the rule
    ``exfiltration`` says so). False alarms: a remote-control plugin, which should say so in its
    title. CWE-200.
    """
    keys = [event for event in submission.program.events if _is_key_source(event)]
    for event in keys:
        keeps = any(submission.can(kind, event.file) for kind in (Kind.WRITE, Kind.CONNECT))
        yield found(
            spying,
            Severity.HIGH if keeps else Severity.MEDIUM,
            event.location,
            f"{event.api}() listens to key strokes"
            f"{' and the program keeps them' if keeps else ''}.",
            capability="",
        )
    for event in submission.events(Kind.READ):
        if any(
            re.search(r"/dev/input/event|/dev/input/by-", text)
            for text in texts_in(submission.program, event.given)
        ):
            yield found(
                spying,
                Severity.HIGH,
                event.location,
                f"{event.api} reads an input device: key strokes.",
                capability=Kind.READ,
            )


def _is_key_source(event: Event) -> bool:
    return event.api in (
        "pynput.keyboard.Listener",
        "keyboard.on_press",
        "keyboard.hook",
        "keyboard.read_event",
        "keyboard.record",
        "keyboard.on_release",
        "keyboard.start_recording",
        "pyxhook.HookManager",
        "pyHook.HookManager",
        "evdev.InputDevice",
    ) or event.api.endswith(("GetAsyncKeyState", "SetWindowsHookExA", "SetWindowsHookExW"))


_PATCHED = re.compile(
    r"(?:builtins|os|subprocess|socket|ssl|sys\.modules|urllib|requests|httpx|http\.client|heimnetz_git|getpass"
    r"|importlib|pathlib|io|hashlib|logging|sys)\b"
)


def host_tampering(submission: Submission) -> Iterator[Finding]:
    """The host, Python itself or other plugins are changed from inside (ATT&CK T1554, T1574).

    Functions of builtins, of the standard library or of the host are replaced, import hooks are
    put in, frames of callers are read. High for replaced functions that run, connect or read
    secrets. False alarms: patches for old Python versions. Use the host's interface.
    """
    program = submission.program
    for module in program.modules:
        for target, value, scope in module.stores:
            yield from _replaced(program, target, value, scope)
    for event in program.events:
        if event.api in ("sys.meta_path.insert", "sys.meta_path.append", "sys.path_hooks.insert"):
            yield found(
                host_tampering,
                Severity.MEDIUM,
                event.location,
                f"{event.api}() changes how Python imports.",
            )
        elif event.api == "setattr":
            yield from _set(submission, event)
        elif event.api.endswith((".write_text", ".write_bytes")) or event.api == "open":
            yield from _other_package(submission, event)
        elif event.api in (
            "sys._getframe().f_back.f_globals",
            "gc.get_objects",
            "gc.get_referrers",
        ):
            yield found(
                host_tampering,
                Severity.LOW,
                event.location,
                f"{event.api}() looks into other code's objects.",
            )


def _replaced(
    program: Program, target: ast.expr, value: ast.expr, scope: Scope
) -> Iterator[Finding]:
    base = target.value if isinstance(target, ast.Attribute | ast.Subscript) else target
    if not _may_be_module(base, scope):
        return
    for atom in program.machine.value(base, scope):
        if not isinstance(atom, Ref) or not _PATCHED.match(atom.name) or "()" in atom.name:
            continue
        name = _patched_name(atom, target)
        if atom.name == "os.environ":
            yield from _injected(program, target, scope)
            continue
        if name in _HARMLESS_STORES:
            continue
        grave = name.removeprefix("builtins.") in _GRAVE or name.startswith("heimnetz_git.")
        grave = grave or _runs(program, value, scope)
        known = Severity.MEDIUM if name in BY_NAME else Severity.LOW
        yield found(
            host_tampering,
            Severity.HIGH if grave else known,
            Location(scope.module.file, *scope.module.place(target)),
            f"{printable(name)} is replaced for the whole process.",
        )


def _runs(program: Program, value: ast.expr, scope: Scope) -> bool:
    """Whether what is put in place of a function runs code or programs itself."""
    return isinstance(value, ast.Name | ast.Attribute | ast.Call) and any(
        isinstance(one, Ref)
        and any(api.kind in (Kind.RUN, Kind.DYNAMIC) for api in BY_NAME.get(one.name, ()))
        for one in program.machine.value(value, scope)
    )


_INJECTING = frozenset({"LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "PYTHONSTARTUP"})


def _injected(program: Program, target: ast.expr, scope: Scope) -> Iterator[Finding]:
    """A variable by which every program that is started loads code first."""
    key = program.text((target.slice, scope)) if isinstance(target, ast.Subscript) else ""
    if key in _INJECTING:
        yield found(
            host_tampering,
            Severity.HIGH,
            Location(scope.module.file, *scope.module.place(target)),
            f"{key} is set: programs that are started load code from there first.",
        )


def _other_package(submission: Submission, event: Event) -> Iterator[Finding]:
    """A file of an installed package is written, found by where that package was loaded from."""
    if Kind.WRITE not in kinds_of(submission.program, event) or not submission.is_small:
        return
    parts = event.args[:1] if event.api == "open" else ()
    made = event.ref.made
    whole = [*parts, *([(one, made[1]) for one in made[0].args] if made else ())]
    function = getattr(event.node, "func", None)
    nodes: list[Argument] = []
    if function is not None and event.api != "open":
        nodes.append((function, event.scope))
    origin = flow_into(submission.program, [*whole, *nodes]).first("loaded")
    if origin is not None:
        yield found(
            host_tampering,
            Severity.HIGH,
            event.location,
            f"{event.api} changes an installed package ({printable(origin.detail)}).",
            capability=Kind.WRITE,
        )


_OWN = frozenset({"param", "iter", "def", "class", "opaque", "rest", "default"})


_IMPORTING = frozenset(
    {"__import__", "import_module", "get", "getattr", "__getitem__", "reload", "vars", "globals",
     "load_module", "getmodule", "_getframe", "next", "pop", "__getattribute__", "eval", ""}
)  # fmt: skip


def _may_give_module(binding: Binding) -> bool:
    """Whether a value may be a module: what most calls give is not."""
    if binding.how == "value" and isinstance(binding.what, ast.Call):
        return word_of(binding.what.func) in _IMPORTING
    return not (binding.how == "value" and isinstance(binding.what, _PLAIN))


_PLAIN = (ast.Constant, ast.List, ast.Dict, ast.Tuple, ast.JoinedStr, ast.BinOp, ast.ListComp)


def _may_be_module(base: ast.expr, scope: Scope) -> bool:
    """Whether an expression may be a module from outside, told from its first name."""
    while isinstance(base, ast.Attribute):
        base = base.value
    if not isinstance(base, ast.Name):
        return True
    if base.id in ("self", "cls"):
        return False
    at: Scope | None = scope
    while at is not None:
        bindings = at.names.get(base.id)
        if bindings is not None:
            return any(one.how not in _OWN and _may_give_module(one) for one in bindings)
        at = at.parent
    return True


_GRAVE = frozenset({"open", "input", "exec", "eval", "compile", "getpass.getpass"})
_HARMLESS_STORES = frozenset(
    {
        "sys.stdout",
        "sys.stderr",
        "sys.excepthook",
        "sys.modules[]",
        "sys.path",
        "sys.argv",
        "sys.ps1",
        "sys.displayhook",
        "ssl._create_default_https_context",
        "sys.dont_write_bytecode",
    }
)


def _patched_name(atom: Ref, target: ast.expr) -> str:
    from heimnetz_git.scan.machine import canonical

    if isinstance(target, ast.Attribute):
        full = f"{atom.name}.{target.attr}"
        return full if atom.name == "builtins" else canonical(full)
    return f"{atom.name}[]"


def _set(submission: Submission, event: Event) -> Iterator[Finding]:
    program = submission.program
    for atom in program.value(event.argument(0)):
        name = program.text(event.argument(1))
        if (
            isinstance(atom, Ref)
            and name
            and (f"{atom.name}.{name}" in BY_NAME or atom.name == "builtins")
        ):
            yield found(
                host_tampering,
                Severity.MEDIUM
                if name not in _GRAVE and atom.name == "builtins"
                else Severity.HIGH,
                event.location,
                f"{atom.name}.{printable(name)} is replaced for the whole process.",
            )
