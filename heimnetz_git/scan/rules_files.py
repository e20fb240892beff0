"""Rules on files as such: hidden characters, encodings, binaries, start-up hooks, keys."""

from __future__ import annotations

import ast
import re
from bisect import bisect
from collections.abc import Iterator
from pathlib import PurePosixPath

import msgspec

from heimnetz_git.errors import printable
from heimnetz_git.model.finding import Finding, Location, Severity
from heimnetz_git.scan.apis import Kind
from heimnetz_git.scan.bytecode import foreign_names, source_of
from heimnetz_git.scan.secrets import Secret, secrets_in
from heimnetz_git.scan.submission import Submission, found

__all__ = ["binary_member", "hidden_unicode", "secret", "source_encoding", "startup_hook"]

_CODE = frozenset({".py", ".pyi", ".pyw", ".sh", ".js", ".yaml", ".yml", ".toml", ".json", ".cfg"})
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Tag characters and long runs of variation selectors: text that no editor shows.
_INVISIBLE = re.compile(
    "(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007f]{4,}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}"
)
# With what the hidden characters begin in UTF-8: most files have none of it.
_HEADS = (b"\xe2\x80", b"\xe2\x81", b"\xf3\xa0", b"\xef\xb8")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
_PLAIN_CODECS = frozenset({"utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii", "latin-1", "latin1",
                           "iso-8859-1", "iso-8859-15", "cp1252"})  # fmt: skip
# Codecs of alphabets: a text in them says what it shows, unlike utf-7 or unicode_escape.
_CHARSET = re.compile(
    r"(?:iso-?8859|windows|cp|ibm|koi8|mac|gb|big5|euc|shift-?jis|sjis|latin|hz|tis|ptcp|johab|kz)"
    r"[\w-]*"
)
_NATIVE_SUFFIXES = frozenset({".so", ".pyd", ".dll", ".dylib"})
_HOOKS = frozenset({"sitecustomize.py", "usercustomize.py"})
LARGEST_TEXT = 4 << 20


def hidden_unicode(submission: Submission) -> Iterator[Finding]:
    """What the eye reads is not what the machine runs (CVE-2021-42574, CWE-1007).

    Bidirectional controls reorder the text that is shown; tag characters and runs of variation
    selectors are not shown at all. Write them as escapes (``\\u202e``) where they are meant.
    """
    for file, data in _texts(submission):
        text = data.decode("utf-8", "replace")
        for pattern, words in ((_BIDI, "reorders"), (_INVISIBLE, "hides")):
            match = pattern.search(text)
            if match is not None:
                code = f"U+{ord(match[0][0]):04X}"
                grave = file.endswith((".py", ".pyw")) and not _in_docstring(
                    data, text, match.start()
                )
                yield found(
                    hidden_unicode,
                    Severity.HIGH if grave else Severity.LOW,
                    _place(file, text, match.start()),
                    f"The character {code} {words} text, so that readers see other code.",
                    hint="Write the character as an escape.",
                )


def _in_docstring(data: bytes, text: str, offset: int) -> bool:
    """Whether a whole line stands inside a text that is no code: what it shows is all it is."""
    line = text.count("\n", 0, offset) + 1
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        node.lineno < line < (node.end_lineno or 0)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def source_encoding(submission: Submission) -> Iterator[Finding]:
    """A module in an unusual encoding reads differently in an editor and in Python.

    ``# coding: utf-7`` or ``unicode_escape`` lets a comment contain code; the codec of an
    alphabet is a note. Save it as UTF-8.
    """
    for file, data in submission.files.items():
        if not file.endswith((".py", ".pyw")):
            continue
        head = b"\n".join(data.split(b"\n", 2)[:2])
        match = _COOKIE.search(head)
        codec = match[1].decode("latin-1").lower().replace("_", "-") if match else "utf-8"
        if match and codec not in _PLAIN_CODECS:
            yield found(
                source_encoding,
                Severity.LOW if _CHARSET.fullmatch(codec) else Severity.HIGH,
                Location(file, head.count(b"\n", 0, match.start()) + 1),
                f"The module is encoded as {printable(match[1].decode('latin-1'))!r}.",
                hint="Save it as UTF-8 and remove the line.",
            )


def binary_member(submission: Submission) -> Iterator[Finding]:
    """Programs in a plugin cannot be read; disguised ones are not meant to be.

    A native library under its own suffix is a matter for a person's review. High: compiled Python
    (``.pyc``) without its source or made from another one, and a program under the suffix of
    something else.
    """
    for file, data in submission.files.items():
        suffix = PurePosixPath(file).suffix.lower()
        native = _native_format(data)
        if suffix in (".pyc", ".pyo"):
            yield from _compiled(submission, file, data)
        elif native and suffix and suffix not in _NATIVE_SUFFIXES and suffix != ".exe":
            message = f"This is {native}, under another name."
            yield found(
                binary_member, Severity.HIGH, Location(file), message, capability=Kind.NATIVE
            )
        elif native or suffix in _NATIVE_SUFFIXES:
            message = f"This is {native or 'native code'}, which cannot be analysed here."
            yield found(
                binary_member, Severity.MEDIUM, Location(file), message, capability=Kind.NATIVE
            )


def _compiled(submission: Submission, file: str, data: bytes) -> Iterator[Finding]:
    """Compiled Python without its source, or made from another one."""
    source = source_of(file, submission.files)
    if source is None:
        message = "Compiled Python: it runs, and its source is not here to read."
        yield found(binary_member, Severity.HIGH, Location(file), message)
        return
    names = foreign_names(data, source)
    if names:
        shown = printable(", ".join(names[:3]))
        message = f"This is compiled from another source than the one beside it ({shown})."
        yield found(binary_member, Severity.HIGH, Location(file), message)


def startup_hook(submission: Submission) -> Iterator[Finding]:
    """Code that Python runs at each start, whether the plugin is used or not (ATT&CK T1546).

    ``.pth`` files with code, ``sitecustomize.py`` and ``usercustomize.py`` change every program of
    the machine. A plugin has no use for them.
    """
    for file in submission.files:
        path = PurePosixPath(file)
        if path.suffix == ".pth":
            yield from _path_file(submission, file)
        elif path.name in _HOOKS and len(path.parts) <= 2:
            message = f"{printable(path.name)} is run at each start of Python."
            yield found(startup_hook, Severity.HIGH, Location(file), message)


def _path_file(submission: Submission, file: str) -> Iterator[Finding]:
    """A ``.pth`` file: high when its lines do more than import and look."""
    acts = any(submission.can(kind, file) for kind in _ACTS)
    code = any(line.startswith((b"import ", b"import\t")) for line in
               submission.files[file].splitlines())  # fmt: skip
    if acts or submission.permissions is not None:
        severity = Severity.HIGH
    else:
        severity = Severity.MEDIUM if code else Severity.LOW
    words = "runs code" if code else "changes where modules are looked for"
    message = f"{printable(PurePosixPath(file).name)} {words} at each start of Python."
    yield found(startup_hook, severity, Location(file), message)


_ACTS = (Kind.RUN, Kind.CONNECT, Kind.DYNAMIC, Kind.NATIVE, Kind.WRITE)


def secret(submission: Submission) -> Iterator[Finding]:
    """A key in a published file is everybody's key (CWE-798).

    Keys are known by their format; where a format has check digits they are computed. Passwords
    and tokens without a format are known by the name that they are given and by how irregular they
    are; placeholders, labels, templates, digests and look-alikes are left alone. The key itself is
    not repeated here, and its fingerprint is its own: a baseline that has it allows this key in any
    file, and no other. Revoke it; then remove it.
    """
    for file, data in submission.files.items():
        if len(data) > LARGEST_TEXT or b"\0" in data[:1024]:
            continue
        text = data.decode("utf-8", "replace")
        for it in secrets_in(text, file):
            finding = found(
                secret,
                _severity_of(it),
                _place(file, text, it.offset),
                f"This {'is' if it.certain else 'looks like'} {it.what}.",
                hint="Revoke it, remove it, and declare a secret under 'permissions.secrets'.",
            )
            yield msgspec.structs.replace(finding, fingerprint=it.digest[:24])


def _severity_of(it: Secret) -> Severity:
    """High for what is certain; a key that opens nothing of worth is a note."""
    if it.faint:
        return Severity.LOW
    return Severity.HIGH if it.certain and "private key" not in it.what else Severity.MEDIUM


def _texts(submission: Submission) -> Iterator[tuple[str, bytes]]:
    for file, data in submission.files.items():
        if PurePosixPath(file).suffix.lower() not in _CODE or data.isascii():
            continue
        if any(head in data for head in _HEADS):
            yield file, data[:LARGEST_TEXT]


def _native_format(data: bytes) -> str:
    """The kind of program that ``data`` is, by its first bytes; empty when it is none."""
    if data.startswith(b"\x7fELF"):
        return "an ELF program or library"
    if data.startswith(b"MZ") and b"PE\0\0" in data[:1024]:
        return "a Windows program or library"
    if data[:4] in (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"):
        return "a Mach-O program or library"
    return ""


def _place(file: str, text: str, offset: int) -> Location:
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    line = bisect(starts, offset)
    return Location(file, line, offset - starts[line - 1] + 1)
