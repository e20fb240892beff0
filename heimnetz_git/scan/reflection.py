"""Python's own ways of reaching a name or making a callable: getattr, __import__, partial, eval."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from heimnetz_git.scan.atoms import (
    HOLE,
    JOINED,
    REFLECTED,
    UNKNOWN,
    Argument,
    Atom,
    Atoms,
    Class,
    Code,
    Func,
    Instance,
    Known,
    Map,
    Own,
    Partial,
    Ref,
    plain,
    wrap,
)
from heimnetz_git.scan.lookups import attribute_of, item_of, join_texts, made_of
from heimnetz_git.scan.machine import Machine, canonical
from heimnetz_git.scan.tables import Scope

__all__ = ["SPECIAL", "Given", "getattr_of"]

LONGEST_EVAL = 1 << 16


class Given(NamedTuple):
    """A call with its arguments, and the machine that knows what they are."""

    machine: Machine
    args: tuple[Argument, ...]
    keywords: Mapping[str, Argument]
    node: ast.Call
    scope: Scope

    def value(self, index: int, word: str = "") -> Atoms:
        """What the argument at ``index``, or the one named ``word``, stands for."""
        if index < len(self.args):
            node, scope = self.args[index]
            return self.machine.value(node, scope)
        if word and word in self.keywords:
            return self.machine.value(*self.keywords[word])
        return ()

    @property
    def receiver(self) -> ast.expr | None:
        """What stands before the point, if it is a method that is called."""
        return self.node.func.value if isinstance(self.node.func, ast.Attribute) else None

    def path(self, function: Ref, more: list[Any]) -> Ref:
        """A path object for the function's own path and ``more`` parts."""
        parts = [function.text or HOLE, *(one if isinstance(one, str) else HOLE for one in more)]
        return Ref("pathlib.Path()", 0, (self.node, self.scope), join_texts(parts))


def _getattr(given: Given, _: Ref) -> Atoms:
    return getattr_of(given, given.value(0), given.value(1))


def getattr_of(given: Given, bases: Atoms, names: Atoms) -> Atoms:
    """What ``getattr(base, name)`` may be."""
    found: list[Atom] = []
    for base in bases[:4]:
        for one in names[:4]:
            if isinstance(one, Known) and isinstance(one.value, str) and HOLE not in one.value:
                made = max(one.made, REFLECTED)
                found.extend(attribute_of(given.machine, base, one.value, made))
            elif isinstance(base, Ref):
                found.append(Ref(f"{base.name}.<computed>", REFLECTED))
        if not names and isinstance(base, Ref):
            found.append(Ref(f"{base.name}.<computed>", REFLECTED))
    return tuple(found)


def _import(given: Given, function: Ref) -> Atoms:
    found: list[Atom] = []
    for one in given.value(0, "name"):
        if isinstance(one, Known) and isinstance(one.value, str) and HOLE not in one.value:
            name = one.value
            if function.name == "__import__" and not given.value(3, "fromlist"):
                name = name.partition(".")[0]
            made = max(one.made, REFLECTED, function.hidden)
            found.extend(
                atom._replace(hidden=made) if isinstance(atom, Ref) else atom
                for atom in given.machine.imported(name.lstrip("."))
            )
    return tuple(found) or (Ref("<computed module>", REFLECTED),)


def _partial(given: Given, _: Ref) -> Atoms:
    if not given.args:
        return ()
    return (Partial("partial", given.value(0), given.args[1:], given.keywords),)


def _methodcaller(given: Given, _: Ref) -> Atoms:
    return (Partial("methodcaller", (), given.args, given.keywords),)


def _attrgetter(given: Given, _: Ref) -> Atoms:
    return (Partial("attrgetter", (), given.args, {}),)


def _vars(given: Given, _: Ref) -> Atoms:
    if not given.args:
        return (Ref("globals()"),)
    found: list[Atom] = []
    for one in given.value(0):
        if isinstance(one, Ref):
            found.append(Ref(f"{one.name}.__dict__", max(one.hidden, REFLECTED)))
        elif isinstance(one, Own):
            found.append(Ref("globals()"))
    return tuple(found)


def _eval(given: Given, function: Ref) -> Atoms:
    text = plain(given.value(0))
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not isinstance(text, str) or len(text) > LONGEST_EVAL or HOLE in text:
        return (Ref(f"{function.name}()", 0, (given.node, given.scope)),)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    given.machine.kept.append(tree)
    with given.machine.framed(given.machine.frame):
        found = given.machine.value(tree.body, given.scope)
    made = max(made_of(given.value(0)), JOINED)
    return tuple(one._replace(hidden=made) if isinstance(one, Ref) else one for one in found)


def _compile(given: Given, _: Ref) -> Atoms:
    found = tuple(
        Code(one.value, one.made)
        for one in given.value(0, "source")
        if isinstance(one, Known) and isinstance(one.value, str | bytes)
    )
    return found or (Ref("compile()", 0, (given.node, given.scope)),)


def _apply_each(given: Given, _: Ref) -> Atoms:
    """``map(f, values)`` on plain data."""
    functions = given.value(0)
    columns = [plain(given.value(index)) for index in range(1, len(given.args))]
    fits = all(isinstance(one, list | tuple | str | bytes) for one in columns)
    if not functions or not columns or not fits:
        return (Ref("map()", 0, (given.node, given.scope)),)
    found: list[Any] = []
    made = 0
    for row in list(zip(*columns, strict=False))[:20_000]:
        args = tuple((_constant(one), given.scope) for one in row)
        with given.machine.framed(dict(given.machine.frame or {})):
            atoms = given.machine.applier(
                given.machine, functions[0], args, {}, given.node, given.scope
            )
        value = plain(atoms)
        if value is UNKNOWN:
            return (Ref("map()", 0, (given.node, given.scope)),)
        made = max(made, made_of(atoms))
        found.append(value)
    return wrap(found, made)


def _constant(value: Any) -> ast.expr:
    return ast.Constant(value)


def _reduce(given: Given, _: Ref) -> Atoms:
    functions, values = given.value(0), plain(given.value(1))
    if not functions or not isinstance(values, list | tuple | str | bytes):
        return ()
    rest = list(values)[:20_000]
    first = plain(given.value(2)) if len(given.args) > 2 else (rest.pop(0) if rest else UNKNOWN)
    made = 0
    for one in rest:
        args = ((_constant(first), given.scope), (_constant(one), given.scope))
        with given.machine.framed(dict(given.machine.frame or {})):
            atoms = given.machine.applier(
                given.machine, functions[0], args, {}, given.node, given.scope
            )
        first, made = plain(atoms), max(made, made_of(atoms))
        if first is UNKNOWN:
            return ()
    return wrap(first, made)


def _path(given: Given, _: Ref) -> Atoms:
    parts: list[str] = []
    for index in range(len(given.args)):
        atoms = given.value(index)
        value = plain(atoms)
        if value is UNKNOWN and atoms and isinstance(atoms[0], Ref):
            value = atoms[0].text
        parts.append(value if isinstance(value, str) else HOLE)
    text = join_texts(parts) if parts else "."
    return (Ref("pathlib.Path()", 0, (given.node, given.scope), text),)


def _joined_path(given: Given, _: Ref) -> Atoms:
    made = max((made_of(given.value(index)) for index in range(len(given.args))), default=0)
    text = _path(given, Ref(""))[0]
    return (Known(text.text or HOLE, max(made, 0)),) if isinstance(text, Ref) else ()


def _first(given: Given, _: Ref) -> Atoms:
    return given.value(0)


def _home(given: Given, _: Ref) -> Atoms:
    return (Ref("pathlib.Path()", 0, (given.node, given.scope), "~"),)


def _temporary(_given: Given, _: Ref) -> Atoms:
    return (Known("/tmp"),)  # noqa: S108 # what the function would give


def _getenv(given: Given, _: Ref) -> Atoms:
    base = Ref("os.environ", 0, (given.node, given.scope))
    return item_of(given.machine, base, given.value(0), given.scope)


def _type(given: Given, _: Ref) -> Atoms:
    found: list[Atom] = []
    for one in given.value(0):
        if isinstance(one, Instance):
            found.append(Class(one.scope))
        elif isinstance(one, Known):
            found.append(Ref(type(one.value).__name__))
        elif isinstance(one, Func):
            found.append(Ref("types.FunctionType", REFLECTED))
        elif isinstance(one, Ref) and one.name == "compile()":
            found.append(Ref("types.CodeType", REFLECTED))
    return tuple(found)


def _call(given: Given, _: Ref) -> Atoms:
    if not given.args:
        return ()
    return given.machine.value(
        ast.Call(given.args[0][0], [one for one, _ in given.args[1:]], []), given.args[0][1]
    )


def _dict(given: Given, _: Ref) -> Atoms:
    if given.args:
        return given.value(0)
    return (Map({word: given.machine.value(*one) for word, one in given.keywords.items()}),)


def _superclass(given: Given, _: Ref) -> Atoms:
    scope: Scope | None = given.scope
    while scope is not None and scope.kind != "class":
        scope = scope.parent
    found: list[Atom] = []
    outer = scope.parent if scope is not None else None
    for base in scope.node.bases if scope is not None and outer is not None else ():
        for one in given.machine.value(base, outer or given.scope):
            found.append(Instance(one.scope) if isinstance(one, Class) else one)
            if isinstance(one, Ref):
                found[-1] = Ref(canonical(f"{one.name}()"))
    return tuple(found)


SPECIAL: dict[str, Callable[[Given, Ref], Atoms]] = {
    "getattr": _getattr, "object.__getattribute__": _getattr, "operator.attrgetter": _attrgetter,
    "inspect.getattr_static": _getattr, "__import__": _import, "importlib.import_module": _import,
    "importlib.reload": _first, "pkgutil.resolve_name": _import, "functools.partial": _partial,
    "functools.partialmethod": _partial, "operator.methodcaller": _methodcaller, "vars": _vars,
    "eval": _eval, "compile": _compile, "map": _apply_each, "functools.reduce": _reduce,
    "pathlib.Path": _path, "os.path.join": _joined_path, "os.path.expanduser": _first,
    "os.path.expandvars": _first, "os.path.abspath": _first, "os.path.realpath": _first,
    "os.path.normpath": _first, "os.fspath": _first, "pathlib.Path.home": _home,
    "tempfile.gettempdir": _temporary, "os.getenv": _getenv, "type": _type, "operator.call": _call,
    "super": _superclass, "copy.copy": _first, "copy.deepcopy": _first, "dict": _dict,
    "functools.wraps": _first, "contextlib.closing": _first, "typing.cast": lambda g, _: g.value(1),
    "functools.lru_cache": _first, "functools.cache": _first, "asyncio.wait_for": _first,
    "builtins": _first,
}  # fmt: skip
