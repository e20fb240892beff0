"""What a call gives: an own function's result, a pure function's, or a new object from outside."""

from __future__ import annotations

import ast
import string
from collections.abc import Mapping
from typing import Any

from heimnetz_git.scan import folding
from heimnetz_git.scan.atoms import (
    DECODED,
    HOLE,
    JOINED,
    REFLECTED,
    UNKNOWN,
    Argument,
    Atom,
    Atoms,
    Class,
    Func,
    Instance,
    Known,
    Map,
    Method,
    Partial,
    Ref,
    Seq,
    plain,
    wrap,
)
from heimnetz_git.scan.lookups import attribute_of, item_of, made_of
from heimnetz_git.scan.machine import Machine, Spent, arguments
from heimnetz_git.scan.reflection import SPECIAL, Given, getattr_of
from heimnetz_git.scan.replay import run_function
from heimnetz_git.scan.tables import Scope

__all__ = ["apply", "called", "own_function", "unfold_partial"]

DECODERS = frozenset(
    {
        "base64.b64decode", "base64.standard_b64decode", "base64.decodebytes", "base64.b32decode",
        "base64.b16decode", "base64.b85decode", "base64.a85decode", "base64.urlsafe_b64decode",
        "binascii.a2b_base64", "binascii.unhexlify", "binascii.a2b_hex", "bytes.fromhex",
        "bytearray.fromhex", "bz2.decompress", "codecs.decode", "codecs.encode", "gzip.decompress",
        "lzma.decompress", "zlib.decompress", "chr", "reversed", "bytes", "bytearray",
        "operator.xor", "struct.pack", "int.to_bytes",
    }
)  # fmt: skip
_DECODING = frozenset({"to_bytes", "translate", "decode", "hex", "swapcase"})
_PATHS = frozenset(
    {"absolute", "resolve", "expanduser", "open", "joinpath", "with_suffix", "with_name",
     "as_posix", "__fspath__", "relative_to"}
)  # fmt: skip


def called(machine: Machine, node: ast.Call, scope: Scope) -> Atoms:
    """What the call ``node`` gives."""
    args, keywords = arguments(node, scope)
    found: list[Atom] = []
    for function in machine.value(node.func, scope)[:4]:
        found.extend(apply(machine, function, args, keywords, node, scope))
    if not found and isinstance(node.func, ast.Attribute):
        found.extend(_on_unknown(machine, node, scope))
    return tuple(found)


def apply(  # noqa: PLR0917 # a call is these six
    machine: Machine, function: Atom, args: tuple[Argument, ...],
    keywords: Mapping[str, Argument], node: ast.Call, scope: Scope,
) -> Atoms:  # fmt: skip
    """What ``function`` gives when it is called so."""
    if machine.calls > 24:
        return ()
    machine.calls += 1
    try:
        if isinstance(function, Ref):
            return _outside(machine, function, Given(machine, args, keywords, node, scope))
        if isinstance(function, Func):
            return own_function(machine, function, args, keywords)
        if isinstance(function, Class):
            return (Instance(function.scope),)
        if isinstance(function, Method):
            return _method(machine, function, args, keywords, scope)
        if isinstance(function, Partial) and function.kind == "attrgetter":
            return _got(machine, function, args)
        if isinstance(function, Partial):
            found: list[Atom] = []
            for inner, more, words in unfold_partial(machine, function, args, keywords):
                found.extend(apply(machine, inner, more, words, node, scope))
            return tuple(found)
        return ()
    finally:
        machine.calls -= 1


def _got(machine: Machine, getter: Partial, args: tuple[Argument, ...]) -> Atoms:
    """``attrgetter("a.b")(x)``: the attribute of the attribute."""
    names = plain(machine.value(*getter.args[0])) if getter.args else UNKNOWN
    if not isinstance(names, str) or not args:
        return ()
    made = max(made_of(machine.value(*getter.args[0])), REFLECTED)
    atoms = machine.value(*args[0])
    for name in names.split(".")[:6]:
        atoms = tuple(one for atom in atoms for one in attribute_of(machine, atom, name, made))
    return atoms


def unfold_partial(
    machine: Machine, partial: Partial, args: tuple[Argument, ...], keywords: Mapping[str, Argument]
) -> list[tuple[Atom, tuple[Argument, ...], Mapping[str, Argument]]]:
    """The functions that a partial or methodcaller calls in the end, with all their arguments."""
    if partial.kind == "partial":
        whole = (*partial.args, *args)
        return [(one, whole, {**partial.keywords, **keywords}) for one in partial.function]
    name = plain(machine.value(*partial.args[0])) if partial.args else UNKNOWN
    if not isinstance(name, str) or not args or partial.kind != "methodcaller":
        return []
    return [
        (function, partial.args[1:], partial.keywords)
        for owner in machine.value(*args[0])
        for function in attribute_of(machine, owner, name, 1)
    ]


def _outside(machine: Machine, function: Ref, given: Given) -> Atoms:
    special = SPECIAL.get(function.name)
    if special is not None:
        return special(given, function)
    last = function.name.rpartition(".")[2]
    if last in ("get", "__getitem__", "pop", "setdefault") and given.args:
        base = function._replace(name=function.name.rpartition(".")[0])
        if base.name in _NAMESPACES or base.name.endswith(".__dict__"):
            keys = given.value(0)
            return tuple(item_of(machine, base, keys, given.scope))
    if last in ("__getattribute__", "__getattr__") and len(given.args) == 1:
        base = function._replace(name=function.name.rpartition(".")[0])
        return getattr_of(given, (base,), given.value(0))
    if function.name in ("string.Template().substitute", "string.Template().safe_substitute"):
        return _substituted(given, function)
    if last == "load_module" and given.args:
        return SPECIAL["importlib.import_module"](given, function)
    if function.name in folding.PURE:
        return _pure(given, function.name)
    if function.text is not None and last in _PATHS:
        more = [plain(given.value(index)) for index in range(len(given.args))]
        return (given.path(function, more if last == "joinpath" else []),)
    text = function.text if last in ("open", "read_text", "read_bytes") else None
    return (Ref(f"{function.name}()", function.hidden, (given.node, given.scope), text),)


def _substituted(given: Given, function: Ref) -> Atoms:
    """``string.Template(text).substitute(a=...)``; what is not known stays a hole."""
    made = function.made
    text = plain(given.machine.value(made[0].args[0], made[1])) if made and made[0].args else None
    if not isinstance(text, str):
        return ()
    values = plain(given.value(0)) if given.args else {}
    known: dict[str, Any] = dict(values) if isinstance(values, dict) else {}
    known.update({name: plain(given.machine.value(*one)) for name, one in given.keywords.items()})
    filled = {name: HOLE if one is UNKNOWN else one for name, one in known.items()}
    return wrap(string.Template(text).safe_substitute(filled)[: folding.LARGEST], JOINED)


_NAMESPACES = frozenset({"globals()", "locals()", "vars()", "sys.modules", "os.environ",
                         "__builtins__", "__dict__"})  # fmt: skip


def _pure(given: Given, name: str) -> Atoms:
    atoms = [given.value(index) for index in range(len(given.args))]
    values = [plain(one) for one in atoms]
    words = {word: plain(given.machine.value(*one)) for word, one in given.keywords.items()}
    if UNKNOWN in values or UNKNOWN in words.values():
        if name in ("str", "bytes", "list", "tuple", "iter", "reversed", "bytearray", "memoryview"):
            return tuple(one for one in (atoms[0] if atoms else ()) if isinstance(one, Ref | Known))
        if name.startswith("urllib.parse.") and atoms:
            return atoms[0]
        return (Ref(f"{name}()", 0, (given.node, given.scope)),)
    try:
        made = DECODED if name in DECODERS else made_of(*atoms)
        return wrap(folding.call(name, values, words), made)
    except folding.Unfoldable:
        return (Ref(f"{name}()", 0, (given.node, given.scope)),)


def own_function(
    machine: Machine, function: Func, args: tuple[Argument, ...], keywords: Mapping[str, Argument]
) -> Atoms:
    """The result of an own function: run on plain data if possible, else any of its results."""
    known = _run(machine, function, args, keywords)
    if known:
        return known
    found: list[Atom] = []
    with machine.framed(None):
        for result in function.scope.returns[:6]:
            found.extend(one for one in machine.value(result, function.scope) if one not in found)
    return tuple(found)


def _run(
    machine: Machine, function: Func, args: tuple[Argument, ...], keywords: Mapping[str, Argument]
) -> Atoms:
    """What the function returns for plain arguments; nothing if that cannot be told."""
    if not function.scope.returns or "**" in keywords or not machine.hot:
        return ()
    said = function.scope.node.args
    names = [one.arg for one in (*said.posonlyargs, *said.args)]
    frame: dict[str, Atoms] = dict(function.frame or {})
    if function.bound and names:
        frame[names[0]] = machine.parameter(function.scope, 0, names[0])
        names = names[1:]
    for name, (node, scope) in zip(names, args, strict=False):
        if isinstance(node, ast.Starred):
            return ()
        frame[name] = machine.value(node, scope)
    for name, argument in keywords.items():
        frame[name] = machine.value(*argument)
    if any(not atoms for name, atoms in frame.items() if name in names):
        return ()
    try:
        return run_function(machine, function.scope, frame)
    except (Spent, folding.Unfoldable):
        return ()


def _method(
    machine: Machine, function: Method, args: tuple[Argument, ...],
    keywords: Mapping[str, Argument], scope: Scope,
) -> Atoms:  # fmt: skip
    """A method of a known text, number or list; unknown parts of a text become holes."""
    atoms = [machine.value(*one) for one in args]
    values = [plain(one) for one in atoms]
    words = {name: plain(machine.value(*one)) for name, one in keywords.items()}
    owner, name = function.owner, function.name
    if isinstance(owner, Map) and name == "get" and atoms:
        return item_of(machine, owner, atoms[0], scope)
    if isinstance(owner, Seq | Map):
        return ()
    if UNKNOWN in values or UNKNOWN in words.values():
        return _holed(owner, name, atoms, values, words)
    made = max(made_of(*atoms), function.made, DECODED if _hides(owner, name) else JOINED)
    try:
        return wrap(folding.method(owner, name, values, words), made)
    except folding.Unfoldable:
        return ()


def _hides(owner: Any, name: str) -> bool:
    return name in _DECODING and not (isinstance(owner, bytes) and name == "decode" and
                                      owner.isascii())  # fmt: skip


def _holed(
    owner: Any, name: str, atoms: list[Atoms], values: list[Any], words: dict[str, Any]
) -> Atoms:
    if name in ("encode", "strip", "lower", "rstrip") and isinstance(owner, str):
        return (Known(owner, JOINED),)
    if name == "format" and isinstance(owner, str):
        try:
            filled = [HOLE if one is UNKNOWN else one for one in values]
            named = {key: HOLE if one is UNKNOWN else one for key, one in words.items()}
            return wrap(folding.method(owner, "format", filled, named), JOINED)
        except folding.Unfoldable:
            return ()
    if name == "join" and isinstance(owner, str) and atoms and atoms[0]:
        first = atoms[0][0]
        if isinstance(first, Seq):
            parts = [plain(one) for one in first.items]
            return (Known(owner.join(p if isinstance(p, str) else HOLE for p in parts), JOINED),)
    return ()


def _on_unknown(machine: Machine, node: ast.Call, scope: Scope) -> Atoms:
    """``x.__class__.__subclasses__()``, ``loader.load_module("os")``: reached from anything."""
    function = node.func
    if not isinstance(function, ast.Attribute) or not node.args:
        return ()
    if function.attr in ("load_module", "import_module", "find_module"):
        name = plain(machine.value(node.args[0], scope))
        if isinstance(name, str) and name.isidentifier():
            return machine.imported(name)
    if function.attr in ("__getattribute__", "__getattr__"):
        return ()
    return ()
