"""Rules on harm in stages: scripts that are written first, packed modules, hidden targets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.apis import BY_NAME, Kind
from heimnetz_git.scan.atoms import DECODED, HOLE, Argument, Known, Seq
from heimnetz_git.scan.capabilities import commands
from heimnetz_git.scan.flows import texts_in
from heimnetz_git.scan.program import Event, Program
from heimnetz_git.scan.signs import (
    DESTRUCTION,
    DOWNLOAD_RUN,
    PERSISTENT_COMMAND,
    PROTECTION,
    REVERSE_SHELL,
)
from heimnetz_git.scan.submission import Submission, found
from heimnetz_git.scan.tables import Module

__all__ = ["concealed_target", "packed_module", "protection_off", "staged_script"]

SHORT = 60  # characters of packed code or of a decoded blob that are worth a word
_WRITERS = (".write", ".write_text", ".write_bytes", ".writelines")
_SCRIPTS = (
    (REVERSE_SHELL, "opens a shell to another machine"),
    (DOWNLOAD_RUN, "fetches and runs code"),
    (DESTRUCTION, "destroys data"),
    (PROTECTION, "switches protection off"),
    (PERSISTENT_COMMAND, "makes something start again"),
)


def staged_script(submission: Submission) -> Iterator[Finding]:
    """A script or program is written out of the code, to be started (ATT&CK T1059, T1027.009).

    The text that is written fetches and runs code, opens a shell or destroys; or what is written
    was decoded from a text in the code, and the module starts, loads or imports files. False
    alarms: generators of container files. Ship the file as it is.
    """
    program = submission.program
    for event in program.events:
        if not event.api.endswith(_WRITERS) or not event.args:
            continue
        starts = any(submission.can(kind, event.file) for kind in (Kind.RUN, Kind.NATIVE))
        said = _harm_in(program, event.args[0])
        if said:
            severity = Severity.HIGH if starts else Severity.MEDIUM
            message = f"{event.api}() writes a script that {said}."
            yield found(staged_script, severity, event.location, message, capability=Kind.WRITE)
        elif _is_decoded_blob(program, event.args[0]) and (
            starts or _imports_files(program, event)
        ):
            message = f"{event.api}() writes a file that was encoded in the code, to be run."
            yield found(
                staged_script, Severity.HIGH, event.location, message, capability=Kind.WRITE
            )


def _harm_in(program: Program, argument: Argument) -> str:
    for text in texts_in(program, [argument]):
        if len(text) > 12:
            for line in text.splitlines()[:2000]:
                for pattern, words in _SCRIPTS:
                    if len(line) < 4000 and pattern.search(line):
                        return words
    return ""


def _is_decoded_blob(program: Program, argument: Argument) -> bool:
    return any(
        isinstance(one, Known) and one.made >= DECODED and isinstance(one.value, str | bytes)
        and len(one.value) > SHORT
        for one in program.value(argument)
    )  # fmt: skip


def _imports_files(program: Program, event: Event) -> bool:
    """Whether the module puts folders on Python's path or imports names that are computed."""
    apis = {one.api for one in program.of(event.scope.module)}
    return bool(apis & {"sys.path.insert", "sys.path.append", "importlib.import_module",
                        "runpy.run_path", "zipimport.zipimporter", "site.addsitedir"})  # fmt: skip


def packed_module(submission: Submission) -> Iterator[Finding]:
    """A module is little more than a call on data that nobody can read (ATT&CK T1027.002).

    The runtime of a packer is handed the real module as bytes, or a native part of it. What the
    module does is unknown, and was meant to be. Ship the code as it is. CWE-506.
    """
    for module in submission.program.modules:
        if module.depth or len(module.calls) > 40:
            continue
        blob = _blob(module)
        if blob is not None:
            place = Location(module.file, *module.place(blob))
            message = "This module is packed: it hands data to a function that makes code of it."
            yield found(packed_module, Severity.HIGH, place, message, capability=Kind.DYNAMIC)


def _blob(module: Module) -> ast.expr | None:
    """The packed data, where a statement of the module does nothing but call something on it."""
    rest = [one for one in module.tree.body if not isinstance(one, ast.Import | ast.ImportFrom)]
    calls = [one.value for one in rest if isinstance(one, ast.Expr)]
    if len(calls) != len(rest) or len(rest) > 2:
        return None
    for call in calls:
        for given in call.args if isinstance(call, ast.Call) else ():
            if isinstance(given, ast.Constant) and _is_packed(given.value):
                return given
    return None


def _is_packed(value: object) -> bool:
    """Bytes of which many are no letters, or a long text without a space."""
    if isinstance(value, bytes) and len(value) > SHORT:
        odd = sum(one < 9 or one > 126 for one in value[:4096])
        return odd * 5 > min(len(value), 4096)
    return isinstance(value, str) and len(value) > 400 and re.fullmatch(r"\S+", value) is not None


def concealed_target(submission: Submission) -> Iterator[Finding]:
    """What is run or reached is written so that nobody reads it (ATT&CK T1027.013, T1132).

    A command, an address or a path that was encoded in the code and is decoded just before. False
    alarms: none known; an address is no secret. Write it as it is. CWE-506.
    """
    program = submission.program
    for event in program.events:
        for api in BY_NAME.get(event.api, ()):
            if api.kind not in (Kind.RUN, Kind.CONNECT) or api.place in ("-", "self"):
                continue
            hidden = _hidden_text(program, event.argument(int(api.place), api.word))
            if hidden:
                what = "runs a command" if api.kind is Kind.RUN else "reaches an address"
                message = f"{event.api}() {what} that is encoded: {printable(hidden[:60])!r}."
                yield found(
                    concealed_target, Severity.HIGH, event.location, message, capability=api.kind
                )
                break


_TELLING = re.compile(r"[A-Za-z]{2,}.*[./ ]|[A-Za-z]{3,}|\d+\.\d+\.\d+\.\d+")


def _hidden_text(program: Program, argument: Argument | None) -> str:
    """The decoded text of a command or an address; empty if it was not decoded."""
    for atom in program.value(argument):
        parts = [one for item in atom.items for one in item] if isinstance(atom, Seq) else [atom]
        for one in parts:
            if isinstance(one, Known) and one.made >= DECODED:
                values = one.value if isinstance(one.value, list | tuple) else [one.value]
                for value in values:
                    text = value.decode("latin-1") if isinstance(value, bytes) else value
                    if isinstance(text, str) and _TELLING.search(text.replace(HOLE, "")):
                        return text.replace(HOLE, "*")
    return ""


def protection_off(submission: Submission) -> Iterator[Finding]:
    """The machine's own protection is switched off (ATT&CK T1562; CWE-506).

    Virus scanners, firewalls, audit and logs are stopped, cleared or told to look away by a
    command. A plugin has no use for that; a firewall's own plugin says so in its permissions.
    """
    program = submission.program
    for event in submission.events(Kind.RUN):
        for text in commands(program, event):
            match = PROTECTION.search(text.replace("'", "").replace('"', ""))
            if match is not None:
                yield found(
                    protection_off,
                    Severity.HIGH,
                    event.location,
                    f"{event.api}() switches protection off ({printable(match[0][:50])!r}).",
                    capability=Kind.RUN,
                )
