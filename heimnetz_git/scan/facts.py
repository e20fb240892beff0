"""A module's source as a syntax tree and its tables, within bounds; what cannot says why."""

from __future__ import annotations

import ast
import string
import warnings
from typing import NamedTuple

from heimnetz_git.errors import printable
from heimnetz_git.scan.collect import tables_of
from heimnetz_git.scan.mending import mended
from heimnetz_git.scan.tables import Module

__all__ = ["Facts", "Unreadable", "Use", "module_name", "read_facts", "read_module", "read_rest"]

LARGEST_MODULE = 24 << 20
MOST_SIGNS = 1_600_000  # all but letters and digits: what makes a tree large, unlike long texts
_LETTERS = (string.ascii_letters + string.digits + "_ \n").encode()


class Unreadable(Exception):
    """A module that could not be analysed, and where it broke off."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(reason)
        self.line = line
        self.column = column


class Use(NamedTuple):
    """A name that a module imports, in full, and where."""

    name: str
    line: int
    column: int


class Facts(NamedTuple):
    """What a module imports, in the order of the source."""

    file: str
    imports: tuple[Use, ...] = ()


def _code_lines(source: bytes) -> bytes:
    """The lines of a path file that ``site`` runs, in place; the others are names of folders."""
    lines = (
        line if line.startswith((b"import ", b"import\t")) else b"" for line in source.split(b"\n")
    )
    return b"\n".join(lines)


def module_name(file: str) -> str:
    """The name by which others import the module in ``file``."""
    name = file.removeprefix("src/").removesuffix(".py").removesuffix(".pyw")
    return name.removesuffix("/__init__").replace("/", ".")


def read_facts(file: str, source: bytes) -> Facts:
    """What one module imports; nothing of it is imported or run. Raises Unreadable."""
    module = read_module(file, source)
    uses = (Use(name, *module.place(node)) for name, node, _ in module.imports)
    return Facts(file, tuple(sorted(uses, key=lambda use: use[1:])))


def read_rest(file: str, source: bytes) -> tuple[Module, tuple[int, ...]] | None:
    """The tables of what can be read of a module that does not parse, and the lines that cannot."""
    rest = mended(source)
    if rest is None or not rest.tree.body:
        return None
    try:
        return tables_of(file, module_name(file), rest.tree), rest.lost
    except (RecursionError, MemoryError):
        return None


def read_module(file: str, source: bytes) -> Module:
    """The tables of one module. Raises Unreadable."""
    if len(source) > LARGEST_MODULE or (
        len(source) > MOST_SIGNS and len(source.translate(None, _LETTERS)) > MOST_SIGNS
    ):
        raise Unreadable("it is too large")
    if file.endswith(".pth"):
        source = _code_lines(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about the module are not about us
            return tables_of(file, module_name(file), ast.parse(source))
    except SyntaxError as error:
        said = printable(error.msg or "invalid syntax")
        raise Unreadable(
            f"it is not Python: {said}", error.lineno or 0, error.offset or 0
        ) from None
    except (RecursionError, MemoryError):
        raise Unreadable("it is nested too deeply") from None
    except (ValueError, LookupError) as error:  # NUL bytes, a coding cookie of no known codec
        raise Unreadable(f"it is not Python: {printable(str(error))}") from None
