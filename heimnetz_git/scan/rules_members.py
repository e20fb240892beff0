"""Rules on members that are code in disguise: pickles, archives, far columns, look-alike names."""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.apis import Kind
from heimnetz_git.scan.signs import (
    DESTRUCTION,
    DOWNLOAD_RUN,
    GRAVE_PICKLE,
    PERSISTENT_COMMAND,
    REVERSE_SHELL,
    SAFE_PICKLE,
)
from heimnetz_git.scan.submission import Submission, found
from heimnetz_git.scan.unfold import decoded_forms, parsed

__all__ = [
    "code_in_data",
    "unsafe_pickle",
]

LARGEST_TEXT = 4 << 20
_SHELL_FIRST = re.compile(rb"#!\s*\S*/(?:env\s+)?(?:ba|da|z|k)?sh\b")


def code_in_data(submission: Submission) -> Iterator[Finding]:
    """A file that is not a module carries code: shell scripts, notebooks, archives, polyglots.

    A shell script or command file that downloads and runs, opens a shell or destroys (ATT&CK
    T1059.004); an image or document with an archive at its end (T1027.003); a data file that is
    Python or decodes to it. Ship data as data.
    """
    for file, data in submission.files.items():
        if len(data) > LARGEST_TEXT or PurePosixPath(file).suffix in (".py", ".pyw", ".pyi"):
            continue
        yield from _script(file, data)
        yield from _appended(file, data)
        yield from _encoded(file, data)


def _script(file: str, data: bytes) -> Iterator[Finding]:
    suffix = PurePosixPath(file).suffix.lower()
    shell = suffix in (
        ".sh",
        ".bash",
        ".ps1",
        ".bat",
        ".cmd",
        ".zsh",
        ".service",
        ".desktop",
        ".plist",
        ".vbs",
    )
    if not (shell or _SHELL_FIRST.match(data[:80])):
        return
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines()[:5000], 1):
        for pattern, what in (
            (DOWNLOAD_RUN, "fetches and runs code"),
            (REVERSE_SHELL, "opens a shell to another machine"),
            (DESTRUCTION, "destroys data"),
            (PERSISTENT_COMMAND, "makes something start again"),
        ):
            if not line.lstrip().startswith("#") and pattern.search(line):
                severity = Severity.LOW if pattern is PERSISTENT_COMMAND else Severity.HIGH
                yield found(
                    code_in_data,
                    severity,
                    Location(file, number),
                    f"This script {what}.",
                    capability=Kind.RUN,
                )
                break


def _appended(file: str, data: bytes) -> Iterator[Finding]:
    picture = data.startswith(
        (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"RIFF", b"<svg", b"BM")
    )
    if picture and b"PK\x05\x06" in data[-65557:]:
        yield found(
            code_in_data, Severity.HIGH, Location(file), "An archive is appended to this file."
        )
    elif (
        picture
        and re.search(rb"\n(?:import|exec|from) ?\w*|<\?php|#!/bin", data[-8192:])
        and b"exec(" in data
    ):
        yield found(code_in_data, Severity.HIGH, Location(file), "Code is appended to this file.")
    elif data.startswith(b"PK\x03\x04") and PurePosixPath(file).suffix not in (
        ".zip",
        ".whl",
        ".jar",
        ".xlsx",
        ".docx",
        ".odt",
        ".npz",
        ".apk",
        ".egg",
    ):
        yield found(
            code_in_data, Severity.MEDIUM, Location(file), "This is an archive under another name."
        )


def _encoded(file: str, data: bytes) -> Iterator[Finding]:
    if b"\0" in data[:512] or not 40 < len(data) < 1 << 20:
        return
    text = data.decode("utf-8", "replace").strip()
    for form in decoded_forms(text):
        if parsed(form) is not None and re.search(
            r"\b(?:exec|eval|import|subprocess|socket)\b", form
        ):
            yield found(
                code_in_data,
                Severity.HIGH,
                Location(file),
                "This file decodes to Python code.",
                capability=Kind.DYNAMIC,
            )
            return


def unsafe_pickle(submission: Submission) -> Iterator[Finding]:
    """A pickle names a function that runs things: loading it runs them (CWE-502).

    The opcodes are read, never loaded. High for functions of ``os``, ``subprocess``, ``builtins``
    and their like. Ship data as JSON.
    """
    for file, data in submission.files.items():
        if not _is_pickle(file, data):
            continue
        names = _globals(data)
        bad = [name for name in names if GRAVE_PICKLE.match(name) and not SAFE_PICKLE.match(name)]
        odd = [name for name in names if not SAFE_PICKLE.match(name)]
        if bad or odd:
            yield found(
                unsafe_pickle,
                Severity.HIGH if bad else Severity.MEDIUM,
                Location(file),
                f"Loading this pickle calls {printable((bad or odd)[0]).replace(' ', '.')}.",
                capability=Kind.DYNAMIC,
            )


def _is_pickle(file: str, data: bytes) -> bool:
    suffix = PurePosixPath(file).suffix.lower()
    named = suffix in (
        ".pkl",
        ".pickle",
        ".joblib",
        ".p",
        ".dat",
        ".bin",
        ".model",
        ".pt",
        ".cache",
    )
    return (data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05") or (
        named and data[-1:] == b"."
    )


def _globals(data: bytes) -> list[str]:
    """Every global that a pickle names, as ``module name``, by a stack of the texts it pushes."""
    names: list[str] = []
    stack: list[str | None] = []
    marks: list[int] = []
    memo: list[str | None] = []
    try:
        for opcode, argument, _ in pickletools.genops(data[:LARGEST_TEXT]):
            if opcode.name in ("GLOBAL", "INST"):
                names.append(str(argument))
            elif opcode.name == "STACK_GLOBAL" and len(stack) > 1:
                names.append(f"{stack[-2]} {stack[-1]}")
            _step(opcode, argument, stack, marks, memo)
    except Exception:  # a torn pickle: what came before counts
        return names
    return names


def _step(
    opcode: pickletools.OpcodeInfo, argument: object, stack: list[str | None], marks: list[int],
    memo: list[str | None],
) -> None:  # fmt: skip
    """What one opcode does to the stack, as far as texts go."""
    name = opcode.name
    if name in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"):
        memo.append(stack[-1] if stack else None)
        return
    if name == "MARK":
        marks.append(len(stack))
        return
    if pickletools.markobject in opcode.stack_before:
        del stack[marks.pop() if marks else 0 :]
    elif opcode.stack_before:
        del stack[-len(opcode.stack_before) :]
    pushed: str | None = argument if isinstance(argument, str) else None
    if name.endswith("GET") and isinstance(argument, int):
        pushed = memo[argument] if argument < len(memo) else None
    stack.extend([pushed] * len(opcode.stack_after))
