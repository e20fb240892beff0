"""What an expression may stand for: known values, names from outside, own functions and objects."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, NamedTuple

from heimnetz_git.scan.tables import Module, Scope

__all__ = [
    "DECODED",
    "HOLE",
    "JOINED",
    "LITERAL",
    "REFLECTED",
    "UNKNOWN",
    "Argument",
    "Atom",
    "Atoms",
    "Class",
    "Code",
    "Func",
    "Instance",
    "Known",
    "Map",
    "Method",
    "Own",
    "Partial",
    "Ref",
    "Seq",
    "Unknown",
    "plain",
    "wrap",
]

# How a text came about, and how a name was reached: the later, the better hidden.
LITERAL, REFLECTED, JOINED, DECODED = range(4)
HOLE = "\ue000"  # stands in a text for a part that is not known
DEEPEST = 30


class Unknown:
    """A value that reading alone cannot tell."""

    def __repr__(self) -> str:
        """As it appears in a test's failure."""
        return "UNKNOWN"


UNKNOWN = Unknown()


class Known(NamedTuple):
    """A constant, or plain data put together from constants; ``made`` says how."""

    value: Any
    made: int = LITERAL


class Ref(NamedTuple):
    """A name from outside, such as ``os.system`` or ``socket.socket()`` for a new object.

    ``made`` is the call that made the object; ``text`` the path that a path object stands for;
    ``hidden`` how the name was reached.
    """

    name: str
    hidden: int = LITERAL
    made: tuple[ast.Call, Scope] | None = None
    text: str | None = None


class Func(NamedTuple):
    """A function of the submission's own, with the values of an enclosing run if there is one."""

    scope: Scope
    frame: Mapping[str, Atoms] | None = None
    bound: bool = False


class Class(NamedTuple):
    """A class of the submission's own."""

    scope: Scope


class Instance(NamedTuple):
    """An object of such a class."""

    scope: Scope


class Own(NamedTuple):
    """A module of the submission's own."""

    module: Module


class Method(NamedTuple):
    """A method of a known value: ``"".join``."""

    owner: Any
    name: str
    made: int


class Seq(NamedTuple):
    """A list or tuple of which not every item is known."""

    items: tuple[Atoms, ...]


class Map(NamedTuple):
    """A dict of which not every value is known."""

    items: dict[Any, Atoms]

    def put(self, key: Any, atoms: Atoms) -> None:
        """A replayed assignment to an item."""
        self.items[key] = atoms


class Partial(NamedTuple):
    """A callable with arguments already given; ``kind`` is partial, methodcaller, attrgetter."""

    kind: str
    function: Atoms
    args: tuple[Argument, ...]
    keywords: Mapping[str, Argument]


class Code(NamedTuple):
    """The result of compile() on a known text."""

    text: str | bytes
    made: int


Atom = (
    Known | Ref | Func | Class | Instance | Own | Method | Seq | Map | Partial | Code
)  # fmt: skip
Atoms = tuple[Atom, ...]
Argument = tuple[ast.expr, Scope]


def plain(atoms: Atoms, depth: int = 0) -> Any:
    """The one Python value that ``atoms`` are, or UNKNOWN."""
    if len(atoms) != 1 or depth > DEEPEST:
        return UNKNOWN
    atom = atoms[0]
    if isinstance(atom, Known):
        return atom.value
    if isinstance(atom, Seq):
        items = [plain(item, depth + 1) for item in atom.items]
        return UNKNOWN if any(item is UNKNOWN for item in items) else items
    if isinstance(atom, Map):
        pairs = {key: plain(item, depth + 1) for key, item in atom.items.items()}
        return UNKNOWN if any(item is UNKNOWN for item in pairs.values()) else pairs
    return UNKNOWN


def wrap(value: Any, made: int = LITERAL) -> Atoms:
    """A Python value as atoms; UNKNOWN as none."""
    return () if value is UNKNOWN else (Known(value, made),)
