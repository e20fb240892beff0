"""The machine that works out what expressions stand for: by demand, with memory, within bounds.

It follows names through imports, assignments, parameters and attributes without regard to the order
of statements; where order matters (a text put together in a loop) the statements are replayed on
plain data. Nothing of what is read is imported or run.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from heimnetz_git.scan.atoms import (
    Argument,
    Atom,
    Atoms,
    Class,
    Func,
    Instance,
    Known,
    Map,
    Own,
    Ref,
    Seq,
)
from heimnetz_git.scan.tables import Binding, Guard, Module, Scope

__all__ = ["MOST_ATOMS", "Caller", "Handler", "Machine", "Spent", "canonical"]

MOST_ATOMS = 6
MOST_BINDINGS = 24
MOST_CALLERS = 12
DEEPEST = 90
FUEL = 240_000  # steps on plain data for one module
STEPS = 1_500_000  # all steps for one module
Frame = dict[str, Atoms]
Handler = Callable[["Machine", Any, Scope], Atoms]


class Caller(NamedTuple):
    """A call of an own function; ``bound`` says that ``self`` is given by itself."""

    node: ast.Call
    scope: Scope
    bound: bool
    guard: Guard | None


_BUILTINS = frozenset(dir(builtins)) | {
    "__builtins__", "__loader__", "__spec__", "unicode", "long", "raw_input", "execfile", "reload",
}  # fmt: skip
_PREFIXES = {
    "posix": "os", "nt": "os", "_socket": "socket", "_io": "io", "posixpath": "os.path",
    "ntpath": "os.path", "urllib2": "urllib.request", "urlparse": "urllib.parse",
    "_pickle": "pickle", "cPickle": "pickle", "dill": "pickle", "_winreg": "winreg",
    "httplib": "http.client", "_posixsubprocess": "subprocess", "commands": "subprocess",
    "_operator": "operator", "_functools": "functools", "_thread": "threading", "imp": "imp",
    "__builtin__": "builtins", "cloudpickle": "pickle", "_imp": "imp", "_ctypes": "ctypes",
}  # fmt: skip
_EXACT = {
    "io.open": "open", "io.open_code": "open", "codecs.open": "open", "os.fdopen": "open",
    "io.FileIO": "open", "tokenize.open": "open", "aiofiles.open": "open", "gzip.open": "open",
    "bz2.open": "open", "lzma.open": "open", "socket.SocketType": "socket.socket",
    "requests.session": "requests.Session", "requests.sessions.Session": "requests.Session",
    "importlib.__import__": "__import__", "asyncio.subprocess.create_subprocess_exec":
    "asyncio.create_subprocess_exec", "asyncio.subprocess.create_subprocess_shell":
    "asyncio.create_subprocess_shell", "pathlib.PosixPath": "pathlib.Path",
    "pathlib.WindowsPath": "pathlib.Path", "pathlib.PurePath": "pathlib.Path",
    "pathlib.Path.cwd()": "pathlib.Path()", "os.environb": "os.environ",
    "socket.SocketType()": "socket.socket()", "importlib.util.import_module":
    "importlib.import_module", "importlib._bootstrap._gcd_import": "importlib.import_module",
    "importlib._bootstrap.__import__": "__import__", "importlib.machinery.SourceFileLoader":
    "importlib.machinery.SourceFileLoader", "ctypes.cdll.LoadLibrary()": "ctypes.CDLL()",
    "ctypes.windll": "ctypes.WinDLL()", "ctypes.cdll": "ctypes.CDLL()", "ctypes.oledll":
    "ctypes.WinDLL()", "unicode": "str", "raw_input": "input",
}  # fmt: skip
# A path from a path is a path.
_PATHS = re.compile(
    r"^pathlib\.Path\(\)(?:\.(?:parent|parents\[\]|(?:glob|rglob|iterdir|walk)\(\)\[\]"
    r"|(?:joinpath|with_suffix|with_name|absolute|resolve|expanduser|relative_to)\(\)))+"
)
# Modules that others carry along: ``logging.os.system`` is ``os.system``.
_CARRIED = frozenset(
    {
        "os", "_os", "sys", "_sys", "subprocess", "builtins", "socket", "importlib", "ctypes",
        "shutil", "io", "pickle", "marshal", "base64", "zlib", "urllib", "threading", "types",
    }
)  # fmt: skip


@lru_cache(maxsize=16384)
def canonical(name: str) -> str:
    """The one name by which the tables know a function, however it was reached."""
    first, dot, rest = name.partition(".")
    if first in ("builtins", "__builtins__", "__builtin__") and dot:
        return canonical(rest)
    if first in _PREFIXES:
        name = _PREFIXES[first] + dot + rest
    if name.count(".") > 1 and first in sys.stdlib_module_names:
        parts = name.split(".")
        for index in range(1, len(parts) - 1):
            if parts[index] in _CARRIED and "(" not in parts[index - 1]:
                return canonical(".".join([parts[index].lstrip("_"), *parts[index + 1 :]]))
    if name.startswith("pathlib.Path()"):
        name = _PATHS.sub("pathlib.Path()", name)
    name = _EXACT.get(name, name)
    if ".__call__" in name:
        name = name.replace(".__call__", "")
    return name.replace(".__enter__()", "").replace(".__aenter__()", "")


class Spent(Exception):
    """A replay took more steps than it was given."""


class Machine:
    """What expressions stand for; ``handlers`` know each kind of expression,
    ``replayer`` goes through statements, ``applier`` calls a function."""

    def __init__(
        self,
        modules: Mapping[str, Module],
        handlers: Mapping[type, Handler],
        replayer: Callable[[Machine, Scope], Frame],
        applier: Callable[..., Atoms],
    ) -> None:
        self.modules = modules
        self.handlers = handlers
        self.replayer = replayer
        self.applier = applier
        self.callers: Callable[[Scope], Sequence[Caller]] = lambda _: ()
        self.memo: dict[int, Atoms] = {}
        self.names: dict[tuple[int, str], Atoms] = {}
        self.frame: Frame | None = None
        self.depth = 0
        self.calls = 0
        self.fuel = FUEL
        self.steps = STEPS
        self.hot = True
        self.kept: list[ast.AST] = []
        self.stored: dict[int, set[str]] = {}

    def refuel(self, *, hot: bool) -> None:
        """A new module gets its own measure of steps; more where code may be made at run time."""
        self.fuel, self.steps, self.hot = FUEL if hot else FUEL // 20, STEPS, hot

    @property
    def spent(self) -> bool:
        """Whether the last module was more than could be followed."""
        return self.steps <= 0

    def forget(self) -> None:
        """Work everything out anew: more is known of who calls whom."""
        self.memo.clear()
        self.names.clear()

    def value(self, node: ast.expr, scope: Scope) -> Atoms:
        """What ``node`` may stand for; nothing when it is not known."""
        self.steps -= 1
        if self.frame is not None:
            self.fuel -= 1
            if self.fuel < 0:
                raise Spent
        else:
            known = self.memo.get(id(node))
            if known is not None:
                return known
        handler = self.handlers.get(type(node))
        if handler is None or self.depth > DEEPEST or self.steps < 0:
            return ()
        if self.frame is None:
            self.memo[id(node)] = ()
        self.depth += 1
        try:
            found = handler(self, node, scope)[:MOST_ATOMS]
        except Spent:
            if self.frame is not None:
                raise
            found = ()
        finally:
            self.depth -= 1
        if self.frame is None:
            self.memo[id(node)] = found
        return found

    @contextmanager
    def framed(self, frame: Frame | None) -> Iterator[None]:
        """Work with these values of local names for a while."""
        before, self.frame = self.frame, frame
        try:
            yield
        finally:
            self.frame = before

    def named(self, name: str, scope: Scope) -> Atoms:
        """What a name may stand for where it is read in ``scope``."""
        if self.frame is not None and name in self.frame:
            return self.frame[name]
        at: Scope | None = scope
        while at is not None:
            if name in at.names and (at.kind != "class" or at is scope):
                return self.bound(name, at)
            at = at.parent
        if name in _BUILTINS:
            return (Ref(canonical(name)),)
        if name in ("__file__", "__name__"):
            return (Ref(name),)
        return tuple(
            atom for star in scope.module.stars[:3] for atom in self.imported(f"{star}.{name}")
        )[:MOST_ATOMS]

    def bound(self, name: str, scope: Scope) -> Atoms:
        """All that ``name`` is bound to in ``scope``; what a replay says where order matters."""
        key = (id(scope), name)
        known = self.names.get(key)
        if known is not None:
            return known
        self.names[key] = ()
        bindings = scope.names[name][:MOST_BINDINGS]
        found: list[Atom] = []
        with self.framed(None):
            ordered = any(one.how == "aug" for one in bindings) or name in scope.module.mutations
            if self.hot and ordered:
                found.extend(self.replayed(scope).get(name, ()))
            if not found:
                for binding in bindings:
                    found.extend(one for one in self.binding(binding, scope) if one not in found)
        self.names[key] = tuple(found[:MOST_ATOMS])
        return self.names[key]

    def replayed(self, scope: Scope) -> Frame:
        """The values of a scope's names once its statements were gone through."""
        if scope.results is None:
            if scope.replaying:
                return {}
            scope.replaying = True
            try:
                scope.results = self.replayer(self, scope)
            finally:
                scope.replaying = False
        return scope.results

    def binding(self, binding: Binding, scope: Scope) -> Atoms:
        """What one binding gives."""
        how, what, where = binding
        match how:
            case "value":
                return self.value(what, scope)
            case "import":
                return self.imported(what)
            case "def":
                return (Func(what),)
            case "class":
                return (Class(what),)
            case "param":
                return self.parameter(what, *where)
            case "default":
                return self.value(what, scope.parent or scope)
            case "iter":
                return self.elements(self.value(what, scope))
            case "item":
                return self.picked(self.binding(what, scope), where)
            case _:
                return self._far(how, what, where)

    def _far(self, how: str, what: Any, where: Any) -> Atoms:
        if how == "far":
            return self.binding(*what)
        return self.gathered(what, where) if how == "rest" else ()

    def imported(self, dotted: str) -> Atoms:
        """What an absolute name stands for: one of the submission's own, or one from outside."""
        module = self.modules.get(dotted)
        if module is not None:
            return (Own(module),)
        base, _, name = dotted.rpartition(".")
        module = self.modules.get(base)
        if module is not None:
            if name in module.scope.names:
                return self.bound(name, module.scope)
            found = [a for star in module.stars[:3] for a in self.imported(f"{star}.{name}")]
            return tuple(found)
        return (Ref(canonical(dotted)),)

    def parameter(self, scope: Scope, index: int, name: str) -> Atoms:
        """What the callers of a function hand to one of its parameters."""
        owner = scope.parent
        if index == 0 and owner is not None and owner.kind == "class" and name in ("self", "cls"):
            return (Instance(owner) if name == "self" else Class(owner),)
        found: list[Atom] = []
        for node, at, bound, _ in self.callers(scope)[:MOST_CALLERS]:
            argument = argument_of(node, index - bound, name)
            if argument is not None:
                found.extend(one for one in self.value(argument, at) if one not in found)
        return tuple(found[:MOST_ATOMS]) or self._annotated(scope, name)

    def gathered(self, scope: Scope, index: int) -> Atoms:
        """What the callers of a function hand to its ``*args`` (from ``index``) or ``**words``."""
        for node, at, bound, _ in self.callers(scope)[:MOST_CALLERS]:
            if index < 0:
                words = [word for word in node.keywords if word.arg is not None]
                return (Map({word.arg: self.value(word.value, at) for word in words}),)
            rest = node.args[max(index - bound, 0) :]
            if not any(isinstance(one, ast.Starred) for one in rest):
                return (Seq(tuple(self.value(one, at) for one in rest)),)
        return ()

    def _annotated(self, scope: Scope, name: str) -> Atoms:
        """An object of the outside class that a parameter is annotated with."""
        said = scope.node.args
        for one in (*said.posonlyargs, *said.args, *said.kwonlyargs):
            if one.arg == name and isinstance(one.annotation, ast.Name | ast.Attribute):
                known = self.value(one.annotation, scope.parent or scope)
                return tuple(
                    Ref(canonical(f"{atom.name}()")) for atom in known if isinstance(atom, Ref)
                )
        return ()

    def elements(self, atoms: Atoms) -> Atoms:
        """What iterating over ``atoms`` gives."""
        found: list[Atom] = []
        for atom in atoms:
            if isinstance(atom, Seq):
                found.extend(one for item in atom.items[:MOST_ATOMS] for one in item)
            elif isinstance(atom, Known) and isinstance(atom.value, list | tuple | dict):
                found.extend(Known(item, atom.made) for item in list(atom.value)[:MOST_ATOMS])
            elif isinstance(atom, Map):
                found.extend(Known(key) for key in list(atom.items)[:MOST_ATOMS])
            elif isinstance(atom, Ref):
                found.append(atom._replace(name=canonical(f"{atom.name}[]")))
        return tuple(found[:MOST_ATOMS])

    def picked(self, atoms: Atoms, index: int) -> Atoms:
        """The item at ``index`` of a known sequence."""
        found: list[Atom] = []
        for atom in atoms:
            if isinstance(atom, Seq) and index < len(atom.items):
                found.extend(atom.items[index])
            elif isinstance(atom, Known) and isinstance(atom.value, list | tuple | str | bytes):
                if index < len(atom.value):
                    found.append(Known(atom.value[index], atom.made))
            elif isinstance(atom, Ref):
                found.append(atom._replace(name=f"{atom.name}[]"))
        return tuple(found[:MOST_ATOMS])


def argument_of(node: ast.Call, index: int, name: str) -> ast.expr | None:
    """The argument that a call hands to a parameter, by its name or its place."""
    for word in node.keywords:
        if word.arg == name:
            return word.value
    if 0 <= index < len(node.args):
        if any(isinstance(one, ast.Starred) for one in node.args[: index + 1]):
            return None
        return node.args[index]
    return None


def arguments(node: ast.Call, scope: Scope) -> tuple[tuple[Argument, ...], dict[str, Argument]]:
    """A call's arguments with the scope in which they stand."""
    args = tuple((one, scope) for one in node.args)
    return args, {word.arg or "**": (word.value, scope) for word in node.keywords}
