"""Code inside texts: what exec is handed, what ``python -c`` runs, what a literal decodes to."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from heimnetz_git.scan import folding
from heimnetz_git.scan.atoms import (
    DECODED,
    HOLE,
    LITERAL,
    Argument,
    Atom,
    Atoms,
    Code,
    Known,
    Ref,
    Seq,
    plain,
)
from heimnetz_git.scan.collect import tables_of
from heimnetz_git.scan.machine import Machine
from heimnetz_git.scan.tables import Module, Scope, text_of

__all__ = ["WRITERS", "Layer", "decoded_forms", "embedded", "shell_texts", "unfolded"]

LARGEST = 1 << 20
WRITERS = (".write", ".write_text", ".write_bytes")
_RUNS_TEXT = {
    "exec": "", "eval": "", "compile": "source", "timeit.timeit": "stmt", "timeit.repeat": "stmt",
    "cProfile.run": "", "profile.run": "", "pdb.run": "", "execfile": "",
    "code.InteractiveInterpreter().runsource": "", "code.InteractiveConsole().push": "",
    "code.InteractiveConsole().runsource": "", "code.InteractiveInterpreter().runcode": "",
    "types.FunctionType": "", "trace.Trace().run": "",
}  # fmt: skip
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]{40,}={0,2}\s*")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){24,}|(?:\\x[0-9a-fA-F]{2}){24,}")
SHORT = 40
_PYTHONIC = re.compile(r"\b(?:import|exec|eval|lambda|def|print|class|__import__)\b")


class Layer(NamedTuple):
    """Code that another module carries as a text: how it came about and how it is run."""

    module: Module
    how: str
    made: int
    node: ast.expr
    scope: Scope


def unfolded(  # noqa: PLR0917 # a call is these
    machine: Machine, api: str, node: ast.expr, scope: Scope, args: tuple[Argument, ...],
    keywords: Mapping[str, Argument],
) -> Iterator[Layer]:  # fmt: skip
    """The code in the text that a call runs."""
    if api in _RUNS_TEXT:
        word = _RUNS_TEXT[api]
        argument = keywords.get(word) if word in keywords else (args[0] if args else None)
        if argument is not None:
            for text, made in _texts(machine.value(*argument)):
                yield from _layer(text, made, api, node, scope)
    elif api.endswith(WRITERS):
        for text, made in _texts(machine.value(*args[0])) if args else ():
            if len(text) > SHORT and _PYTHONIC.search(text):
                yield from _layer(text, made, "write", node, scope)
    elif api.startswith(("subprocess.", "os.", "asyncio.create_sub", "pty.")) and args:
        for atom in machine.value(*args[0]):
            for text in shell_texts((atom,)):
                made = max(getattr(atom, "made", 0), _best(atom))
                yield from _layer(_python_c(text), made, f"{api} python -c", node, scope)


def _best(atom: Atom) -> int:
    """How the best hidden item of a list came about."""
    items = atom.items if isinstance(atom, Seq) else ()
    return max((one.made for it in items for one in it if isinstance(one, Known)), default=0)


def _texts(atoms: Atoms) -> Iterator[tuple[str, int]]:
    for atom in atoms:
        value: Any = None
        made = LITERAL
        if isinstance(atom, Known):
            value, made = atom.value, atom.made
        elif isinstance(atom, Code):
            value, made = atom.text, atom.made
        elif isinstance(atom, Ref) and atom.name == "marshal.loads()":
            continue
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            yield value, made


def shell_texts(atoms: Atoms) -> Iterator[str]:
    """A command as one text: a list's items quoted, holes where they are not known."""
    for atom in atoms:
        if isinstance(atom, Known) and isinstance(atom.value, str):
            yield atom.value
        elif isinstance(atom, Known) and isinstance(atom.value, bytes):
            yield atom.value.decode("utf-8", "replace")
        elif isinstance(atom, Known) and isinstance(atom.value, list | tuple):
            yield " ".join(shlex.quote(str(one)) for one in atom.value)
        elif isinstance(atom, Seq):
            parts = []
            for item in atom.items:
                value = plain(item)
                if isinstance(value, str):
                    parts.append(shlex.quote(value))
                else:
                    names = [one.name for one in item if isinstance(one, Ref)]
                    parts.append("python" if "sys.executable" in names else HOLE)
            yield " ".join(parts)


def _python_c(command: str) -> str:
    if "-c" not in command or "py" not in command.lower():
        return ""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    for index, word in enumerate(words[:-1]):
        if word in ("-c", "-Sc", "-Ic", "-uc") and any("py" in one for one in words[:index]):
            return words[index + 1]
    return ""


def _layer(text: str, made: int, how: str, node: ast.expr, scope: Scope) -> Iterator[Layer]:
    tree = parsed(text) if text else None
    module = scope.module
    if tree is None or not tree.body or module.depth > 5:
        return
    at = module.place(node)
    inner = tables_of(module.file, module.name, tree, outer=scope, at=at, depth=module.depth + 1)
    yield Layer(inner, how, made, node, scope)


def parsed(text: str) -> ast.Module | None:
    """The tree of a text that is Python; None for any other."""
    if len(text) > LARGEST or HOLE in text:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip("\n\r ") if text[:1] in " \n\r" else text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def embedded(module: Module) -> Iterator[Layer]:
    """Code that a literal decodes to, whether or not anything is seen to run it."""
    if module.depth > 4:
        return
    for node, scope in module.texts:
        text = text_of(node)
        if len(text) < 48 or len(text) > LARGEST:
            continue
        for form in decoded_forms(text):
            tree = parsed(form) if _PYTHONIC.search(form) else None
            if tree is not None and _does_something(tree):
                at = module.place(node)
                inner = tables_of(
                    module.file, module.name, tree, outer=scope, at=at, depth=module.depth + 1
                )
                yield Layer(inner, "literal", DECODED, node, scope)
                break


def _does_something(tree: ast.Module) -> bool:
    kinds = {type(node) for node in ast.walk(tree)}
    return ast.Call in kinds and bool(kinds & {ast.Import, ast.ImportFrom, ast.Expr})


def decoded_forms(text: str, depth: int = 0) -> Iterator[str]:
    """What a text is when base 64, hexadecimal and compression are taken off, layer by layer."""
    if depth > 5 or len(text) > LARGEST:
        return
    for raw in _raw_forms(text):
        data = _inflated(raw)
        try:
            plain_text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if plain_text.isprintable() or "\n" in plain_text or "\t" in plain_text:
            yield plain_text
            yield from decoded_forms(plain_text, depth + 1)


def _raw_forms(text: str) -> Iterator[bytes]:
    name = None
    if _BASE64.fullmatch(text):
        name = "base64.b64decode" if "-" not in text and "_" not in text else (
            "base64.urlsafe_b64decode")  # fmt: skip
    if name is not None:
        try:
            yield folding.call(name, [text], {})
            yield folding.call(name, [text[::-1]], {})
        except folding.Unfoldable:
            pass
    if _HEX.fullmatch(text.strip()):
        with contextlib.suppress(ValueError):
            yield bytes.fromhex(text.strip().replace("\\x", ""))


def _inflated(data: bytes) -> bytes:
    for magic, name in ((b"x", "zlib.decompress"), (b"\x1f\x8b", "gzip.decompress"),
                        (b"BZh", "bz2.decompress"), (b"\xfd7zXZ", "lzma.decompress")):  # fmt: skip
        if data.startswith(magic):
            try:
                result = folding.call(name, [data], {})
            except folding.Unfoldable:
                continue
            return result if isinstance(result, bytes) else data
    return data
