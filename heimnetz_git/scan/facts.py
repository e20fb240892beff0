"""What a module says it does, from its syntax tree alone: names resolved, constants folded."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from heimnetz_git.errors import printable
from heimnetz_git.scan.fold import DEEPEST, UNKNOWN, fold

__all__ = ["UNKNOWN", "Call", "Facts", "Text", "Unreadable", "Use", "read_facts"]

LARGEST_MODULE = 2 << 20
MOST_NAMES = 4
_BUILTINS = frozenset(dir(builtins)) | {"__builtins__"}
_IMPORTERS = frozenset({"__import__", "importlib.import_module", "importlib.__import__"})


class Unreadable(Exception):
    """A module that could not be analysed, and where it broke off."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(reason)
        self.line = line
        self.column = column


class Use(NamedTuple):
    """A resolved name that the module reads: ``socket.SOCK_RAW``."""

    name: str
    line: int
    column: int


class Call(NamedTuple):
    """A call by its resolved name; methods of a new object as ``socket.socket().connect``.

    ``args`` and ``keywords`` hold folded constants, tuples of them, or UNKNOWN; ``mentions`` the
    names used anywhere in the arguments (only for the sinks that were asked for). ``receiver`` are
    the arguments of the object whose method it is: ``("/etc/hosts",)`` of
    ``Path("/etc/hosts").read_text()``.
    """

    name: str
    line: int
    column: int
    args: tuple[Any, ...]
    keywords: Mapping[str, Any]
    receiver: tuple[Any, ...] = ()
    mentions: frozenset[str] = frozenset()


class Text(NamedTuple):
    """A string or bytes constant, docstrings left out; ``inside`` is the call it is handed to."""

    value: str | bytes
    line: int
    column: int
    inside: str


class Facts(NamedTuple):
    """All that the rules know of one module; each tuple in the order of the source."""

    file: str
    imports: tuple[Use, ...] = ()
    calls: tuple[Call, ...] = ()
    uses: tuple[Use, ...] = ()
    texts: tuple[Text, ...] = ()


T = TypeVar("T", Use, Call, Text)


def read_facts(file: str, source: bytes, sinks: Container[str] = ()) -> Facts:
    """The facts of one module; nothing of it is imported or run. Raises Unreadable."""
    if len(source) > LARGEST_MODULE:
        raise Unreadable(f"it is larger than {LARGEST_MODULE} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about the module are not about us
            tree = ast.parse(source)
        return _Module(tree, sinks).facts(file)
    except SyntaxError as error:
        said = printable(error.msg or "invalid syntax")
        raise Unreadable(
            f"it is not Python: {said}", error.lineno or 0, error.offset or 0
        ) from None
    except (RecursionError, MemoryError):
        raise Unreadable("it is nested too deeply") from None
    except (ValueError, LookupError) as error:  # NUL bytes, a coding cookie of no known codec
        raise Unreadable(f"it is not Python: {printable(str(error))}") from None


class _Module:
    """One module's nodes by kind, and what its names stand for anywhere in it."""

    def __init__(self, tree: ast.Module, sinks: Container[str]) -> None:
        self.sinks = sinks
        self.nodes: dict[type, list[Any]] = {}
        self.inside: dict[int, ast.Call] = {}
        self.docstrings: set[int] = set()
        self.stars: tuple[str, ...] = ()
        self.roots: set[str] = set(_BUILTINS)
        self.names: dict[str, tuple[str, ...]] = {}
        self.constants: dict[str, Any] = {}
        self.memo: dict[int, tuple[str, ...]] = {}
        self._collect(tree)
        self._bind_definitions(tree)
        self._bind_imports()
        self._bind_assignments()

    def _collect(self, tree: ast.Module) -> None:
        """Every node once, without recursion; constants know the call that they are handed to."""
        stack: list[tuple[ast.AST, ast.Call | None]] = [(tree, None)]
        while stack:
            node, call = stack.pop()
            self.nodes.setdefault(type(node), []).append(node)
            if isinstance(node, ast.Constant) and call is not None:
                self.inside[id(node)] = call
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                self.docstrings.add(id(node.value))
            below = node if isinstance(node, ast.Call) else call
            stack.extend((child, below) for child in ast.iter_child_nodes(node))

    def _of(self, *kinds: type) -> Iterator[Any]:
        for kind in kinds:
            yield from self.nodes.get(kind, ())

    def _bind_definitions(self, tree: ast.Module) -> None:
        """A function or class of the module's own hides the builtin of that name."""
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.names[node.name] = (f".{node.name}",)

    def _bind_imports(self) -> None:
        for node in self._of(ast.Import):
            for alias in node.names:
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                self._bind(alias.asname or target, (target,))
                self.roots.add(target.partition(".")[0])
        for node in self._of(ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                if alias.name == "*":
                    self.stars = (*self.stars, base)[:MOST_NAMES]
                else:
                    self._bind(alias.asname or alias.name, (f"{base}.{alias.name}",))
            self.roots.add(base.partition(".")[0])

    def _bind(self, name: str, targets: tuple[str, ...]) -> None:
        known = self.names.get(name, ())
        fresh = tuple(target for target in targets if target not in known)
        self.names[name] = (*known, *fresh)[:MOST_NAMES]

    def _bind_assignments(self) -> None:
        """``run = subprocess.run``, ``self.sock = socket.socket()``, ``with open(x) as f``."""
        pairs = sorted(self._assignments(), key=lambda pair: (pair[1].lineno, pair[1].col_offset))
        seen: set[str] = set()
        for target, value in pairs:
            name = _written(target)
            if name in seen:
                self.constants.pop(name, None)
            elif name:
                self.constants[name] = fold(value, {})
            seen.add(name)
        for _round in range(3):
            self.memo.clear()
            for target, value in pairs:
                found = [name for name in self.resolve(value) if self._is_foreign(name)]
                if found and _written(target):
                    self._bind(_written(target), tuple(found))
        self.memo.clear()

    def _assignments(self) -> Iterator[tuple[ast.expr, ast.expr]]:
        for node in self._of(ast.Assign):
            for target in node.targets:
                yield target, node.value
        for node in self._of(ast.AnnAssign, ast.NamedExpr):
            if node.value is not None:
                yield node.target, node.value
        for node in self._of(ast.withitem):
            if node.optional_vars is not None:
                yield node.optional_vars, node.context_expr

    def _is_foreign(self, name: str) -> bool:
        """Whether a name begins at an import or a builtin: all that the rules know of."""
        root = name.partition(".")[0].partition("(")[0].partition("[")[0]
        return root in self.roots and name not in ("None", "True", "False")

    def resolve(self, node: ast.expr, depth: int = 0) -> tuple[str, ...]:
        """What ``node`` may stand for, as dotted names; none when it is not a name."""
        known = self.memo.get(id(node))
        if known is None:
            known = () if depth > DEEPEST else self._resolve(node, depth + 1)[:MOST_NAMES]
            if depth <= DEEPEST // 2:
                self.memo[id(node)] = known
        return known

    def _resolve(self, node: ast.expr, depth: int) -> tuple[str, ...]:
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Attribute):
            written = _written(node)
            if written in self.names:
                return self.names[written]
            bases = self.resolve(node.value, depth)
            return tuple(_plain(f"{base}.{node.attr}") for base in bases)
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        if isinstance(node, ast.Subscript):
            return self._item(node, depth)
        if isinstance(node, ast.Await | ast.NamedExpr):
            return self.resolve(node.value, depth)
        return ()

    def _named(self, name: str) -> tuple[str, ...]:
        known = self.names.get(name)
        if known is not None:
            return known
        if name in _BUILTINS:
            return (name,)
        return (name, *(f"{star}.{name}" for star in self.stars))

    def _called(self, node: ast.Call, depth: int) -> tuple[str, ...]:
        """A call's result: a module, an attribute, the function in a partial, or a new object."""
        functions = self.resolve(node.func, depth)
        first = node.args[0] if node.args else None
        if first is not None and not _IMPORTERS.isdisjoint(functions):
            module = fold(first, self.constants)
            if isinstance(module, str):
                self.roots.add(module.partition(".")[0])
                return (module,)
        if first is not None and "functools.partial" in functions:
            return self.resolve(first, depth)
        if "getattr" in functions and len(node.args) > 1 and first is not None:
            name = fold(node.args[1], self.constants)
            if isinstance(name, str):
                return tuple(_plain(f"{base}.{name}") for base in self.resolve(first, depth))
        return tuple(f"{function}()" for function in functions)

    def _item(self, node: ast.Subscript, depth: int) -> tuple[str, ...]:
        """``sys.modules["os"]`` is os, ``vars(os)["system"]`` os.system, others ``name[]``."""
        key = fold(node.slice, self.constants)
        found: list[str] = []
        for base in self.resolve(node.value, depth):
            if base == "sys.modules" and isinstance(key, str):
                found.append(key)
            elif base.endswith(".__dict__") and isinstance(key, str):
                found.append(_plain(f"{base.removesuffix('.__dict__')}.{key}"))
            elif base in ("globals()", "locals()", "__builtins__") and isinstance(key, str):
                found.extend(self._named(key))
            elif base == "vars()" and isinstance(key, str) and isinstance(node.value, ast.Call):
                of = node.value.args[:1]
                found.extend(f"{it}.{key}" for arg in of for it in self.resolve(arg, depth))
            else:
                word = key if isinstance(key, str) and key.isidentifier() else ""
                found.append(f"{base}[{word}]")
        return tuple(found)

    def facts(self, file: str) -> Facts:
        """Everything, in the order of the source."""
        return Facts(
            file,
            imports=_ordered(self._imports()),
            calls=_ordered(self._calls()),
            uses=_ordered(self._uses()),
            texts=_ordered(self._texts()),
        )

    def _imports(self) -> Iterator[Use]:
        for node in self._of(ast.Import):
            for alias in node.names:
                yield Use(alias.name, node.lineno, node.col_offset + 1)
        for node in self._of(ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                yield Use(f"{base}.{alias.name}", node.lineno, node.col_offset + 1)
        for node in self._of(ast.Call):
            if not _IMPORTERS.isdisjoint(self.resolve(node.func)):
                for name in self.resolve(node):
                    if not name.endswith("()"):
                        yield Use(name, node.lineno, node.col_offset + 1)

    def _calls(self) -> Iterator[Call]:
        for node in self._of(ast.Call):
            names = self.resolve(node.func)
            if not names:
                continue
            args = self._arguments(node)
            keywords = {
                word.arg or "**": fold(word.value, self.constants) for word in node.keywords
            }
            method = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call)
            receiver = self._arguments(node.func.value) if method else ()
            for name in names:
                said = self._mentions(node) if name in self.sinks else frozenset()
                line, column = node.lineno, node.col_offset + 1
                yield Call(name, line, column, args, keywords, receiver, said)

    def _arguments(self, call: ast.Call) -> tuple[Any, ...]:
        return tuple(fold(argument, self.constants) for argument in call.args)

    def _mentions(self, call: ast.Call) -> frozenset[str]:
        found: set[str] = set()
        for argument in (*call.args, *(word.value for word in call.keywords)):
            for node in ast.walk(argument):
                if isinstance(node, ast.Name | ast.Attribute | ast.Call):
                    found.update(self.resolve(node))
        return frozenset(found)

    def _uses(self) -> Iterator[Use]:
        for node in self._of(ast.Name, ast.Attribute, ast.Subscript):
            if isinstance(node.ctx, ast.Load):
                for name in self.resolve(node):
                    if self._is_foreign(name):
                        yield Use(name, node.lineno, node.col_offset + 1)

    def _texts(self) -> Iterator[Text]:
        for node in self._of(ast.Constant):
            if isinstance(node.value, str | bytes) and id(node) not in self.docstrings:
                call = self.inside.get(id(node))
                names = self.resolve(call.func) if call is not None else ()
                inside = names[0] if names else ""
                yield Text(node.value, node.lineno, node.col_offset + 1, inside)


def _ordered(facts: Iterator[T]) -> tuple[T, ...]:
    return tuple(sorted(facts, key=lambda fact: (fact.line, fact.column)))


def _written(node: ast.AST) -> str:
    """``self.sock`` for a plain chain of names, as it stands in the source; else nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < DEEPEST:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _plain(name: str) -> str:
    """A builtin by its own name, however it was reached."""
    for prefix in ("builtins.", "__builtins__."):
        name = name.removeprefix(prefix)
    return name
