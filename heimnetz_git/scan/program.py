"""A submission's modules as one program: who calls whom, what is called outside, what unfolds."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from heimnetz_git.model.finding import Location
from heimnetz_git.scan.apis import BY_NAME, LAST
from heimnetz_git.scan.atoms import Argument, Atom, Atoms, Class, Func, Partial, Ref, plain
from heimnetz_git.scan.calls import apply, called, unfold_partial
from heimnetz_git.scan.expressions import HANDLERS
from heimnetz_git.scan.loops import LOOPS
from heimnetz_git.scan.machine import Machine, arguments
from heimnetz_git.scan.replay import replay
from heimnetz_git.scan.tables import CallSite, Guard, Module, Scope
from heimnetz_git.scan.unfold import Layer, embedded, unfolded

__all__ = ["Event", "Program"]

MOST_LAYERS = 48
MOST_CALLERS = 24
MOST_IN_DEPTH = 40  # modules of a program that is gone through twice, with replays everywhere
_HANDLERS = {**HANDLERS, **LOOPS, ast.Call: called}
_HOT = frozenset({"exec", "eval", "compile", "__import__", "getattr", "globals", "chr", "vars"})
_CALLERS = frozenset(
    {"Thread", "Timer", "Process", "submit", "map", "filter", "reduce", "register", "call_soon",
     "call_later", "run_in_executor", "start_new_thread", "apply", "starmap", "call", "partial",
     "to_thread"}
)  # fmt: skip
_COMMON = frozenset({"get", "append", "run", "insert", "map", "load", "write"})
_CALLBACKS = frozenset(
    {"target", "func", "function", "callback", "fn", "key", "default", "default_factory"}
)
_BUILTIN_CALLABLES = frozenset({"exec", "eval", "compile", "__import__", "open", "getattr"})


class Event(NamedTuple):
    """A function from outside is called: which, where, with what, and how its name was reached."""

    api: str
    hidden: int
    node: ast.expr
    scope: Scope
    args: tuple[Argument, ...]
    keywords: Mapping[str, Argument]
    guard: Guard | None
    ref: Ref

    @property
    def location(self) -> Location:
        """Where the call stands."""
        return Location(self.scope.module.file, *self.scope.module.place(self.node))

    @property
    def file(self) -> str:
        """The module's path."""
        return self.scope.module.file

    def argument(self, index: int, word: str = "") -> Argument | None:
        """The argument at ``index`` (from the end if negative) or the one named ``word``."""
        if word and word in self.keywords:
            return self.keywords[word]
        if -len(self.args) <= index < len(self.args):
            return self.args[index]
        return None

    @property
    def given(self) -> tuple[Argument, ...]:
        """All arguments."""
        return (*self.args, *self.keywords.values())


class Program:
    """The modules of a submission and every call that leaves it."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = list(modules)
        named = {module.name: module for module in self.modules if module.name}
        self.machine = Machine(named, _HANDLERS, replay, apply)
        self.defined = {name for module in self.modules for name in module.defined}
        self.events: list[Event] = []
        self.layers: list[Layer] = []
        self.spent: list[str] = []
        self.small = len(self.modules) <= MOST_IN_DEPTH and any(map(_is_hot, self.modules))
        for _round in range(2 if len(self.modules) <= MOST_IN_DEPTH else 1):
            self._link()
        self._collect()
        self.by_api: dict[str, list[Event]] = {}
        self.by_module: dict[int, list[Event]] = {}
        for event in self.events:
            self.by_module.setdefault(id(event.scope.module), []).append(event)
            self.by_api.setdefault(event.api, []).append(event)

    def value(self, argument: Argument | None) -> Atoms:
        """What an argument stands for."""
        return self.machine.value(*argument) if argument is not None else ()

    def text(self, argument: Argument | None) -> str:
        """An argument's text, holes in it where parts are not known; empty if it has none."""
        for atom in self.value(argument):
            if isinstance(atom, Ref) and atom.text is not None:
                return atom.text
            value = plain((atom,))
            if isinstance(value, bytes):
                return value.decode("latin-1")
            if isinstance(value, str):
                return value
        return ""

    def of(self, module: Module) -> list[Event]:
        """The events of one module."""
        return self.by_module.get(id(module), [])

    def calls(self, *names: str) -> Iterator[Event]:
        """The events of these functions."""
        for name in names:
            yield from self.by_api.get(name, ())

    def close(self) -> None:
        """Drop all tables, which hold on to each other: the memory is free at once."""
        self.machine.forget()
        self.machine.kept.clear()
        for module in self.modules:
            for scope in (module.scope, *module.scopes.values()):
                scope.names.clear()
                scope.calls.clear()
                scope.attributes.clear()
                scope.returns.clear()
                scope.results = scope.parent = None
            module.scopes.clear()
            module.calls.clear()
            module.attributes.clear()
        self.events.clear()
        self.by_api.clear()

    def _link(self) -> None:
        """Note for each own function who calls it."""
        found: dict[int, tuple[Scope, list[tuple[ast.Call, Scope, bool]]]] = {}
        for module in self.modules:
            self.machine.refuel(hot=self.small or _is_hot(module))
            for site in module.calls:
                if not self._matters(site.node):
                    continue
                for node, function in self._functions(site):
                    target = self._own(function)
                    if target is not None:
                        scope, bound = target
                        callers = found.setdefault(id(scope), (scope, []))[1]
                        if len(callers) < MOST_CALLERS:
                            callers.append((node, site.scope, bound))
        for scope, callers in found.values():
            scope.calls = callers
        self.machine.forget()

    def _own(self, function: Atom) -> tuple[Scope, bool] | None:
        if isinstance(function, Func):
            return function.scope, function.bound
        if isinstance(function, Class):
            for one in function.scope.names.get("__init__", ()):
                if one.how == "def":
                    return one.what, True
        return None

    def _matters(self, node: ast.Call) -> bool:
        """Whether a call may be of anything known: most are told from their last word."""
        function = node.func
        if function.__class__ is ast.Attribute:
            return function.attr in LAST or function.attr in self.defined or bool(node.keywords)
        return True

    def _functions(self, site: CallSite) -> Iterator[tuple[ast.Call, Atom]]:
        """What a call calls, and what the callee may call in turn: callbacks in its arguments."""
        node = site.node
        function = node.func
        skipped = function.__class__ is ast.Attribute and not (
            function.attr in LAST or function.attr in self.defined
        )
        if not skipped:
            for atom in self.machine.value(function, site.scope):
                yield node, atom
        last = getattr(function, "attr", "") or getattr(function, "id", "")
        for index, argument in enumerate(node.args):
            if last in _CALLERS or self._is_callback(argument, site.scope):
                inner = ast.Call(argument, _following(node, index), [])
                yield from self._callback(inner, node, site)
        for word in node.keywords:
            if word.arg in _CALLBACKS or self._is_callback(word.value, site.scope):
                given = next((one.value for one in node.keywords if one.arg == "args"), None)
                more = given.elts if isinstance(given, ast.Tuple | ast.List) else []
                yield from self._callback(ast.Call(word.value, list(more), []), node, site)

    def _callback(
        self, inner: ast.Call, node: ast.Call, site: CallSite
    ) -> Iterator[tuple[ast.Call, Atom]]:
        ast.copy_location(inner, node)
        self.machine.kept.append(inner)
        for atom in self.machine.value(inner.func, site.scope):
            if isinstance(atom, Func) or (isinstance(atom, Ref) and atom.name in BY_NAME):
                yield inner, atom

    def _is_callback(self, node: ast.expr, scope: Scope) -> bool:
        if isinstance(node, ast.Name):
            if node.id in _BUILTIN_CALLABLES or node.id in self.defined:
                return True
            return any(
                one.how == "import" and one.what.rpartition(".")[2] in LAST
                for one in scope.module.scope.names.get(node.id, ())
            )
        if not isinstance(node, ast.Attribute) or node.attr in _COMMON:
            return False
        return node.attr in LAST or node.attr in self.defined

    def _collect(self) -> None:
        """Every call that leaves the submission; what unfolds to code is gone through as well."""
        queue = deque(self.modules)
        while queue:
            module = queue.popleft()
            self.machine.refuel(hot=self.small or _is_hot(module))
            first = len(self.events)
            for site in self._sites(module):
                if self._matters(site.node):
                    for node, function in self._functions(site):
                        self._note(function, node, site, 0)
            for layer in (*self._unfold(module, first), *embedded(module)):
                if len(self.layers) >= MOST_LAYERS:
                    self.spent.append(module.file)
                else:
                    self.layers.append(layer)
                    queue.append(layer.module)
                    self.modules.append(layer.module)
                    self.defined |= layer.module.defined
            if self.machine.spent:
                self.spent.append(module.file)

    def _sites(self, module: Module) -> Iterator[CallSite]:
        yield from (
            sorted(module.calls, key=lambda one: (one.node.lineno, one.node.col_offset))
            if module.at is None
            else module.calls
        )
        for decorator, scope, inner in module.decorators:
            name = ast.Name(inner.node.name)
            node = ast.copy_location(ast.Call(decorator, [name], []), decorator)
            self.machine.kept.append(node)
            yield CallSite(node, scope, None)

    def _note(self, function: Atom, node: ast.Call, site: CallSite, depth: int) -> None:
        if isinstance(function, Partial) and depth < 4:
            args, words = arguments(node, site.scope)
            for inner, more, named in unfold_partial(self.machine, function, args, words):
                if isinstance(inner, Ref):
                    self.events.append(
                        Event(inner.name, max(inner.hidden, 1), node, site.scope, more, named,
                              site.guard, inner)
                    )  # fmt: skip
        elif isinstance(function, Ref):
            args, words = arguments(node, site.scope)
            self.events.append(
                Event(function.name, function.hidden, node, site.scope, args, words, site.guard,
                      function)
            )  # fmt: skip

    def _unfold(self, module: Module, first: int) -> list[Layer]:
        """The code in texts that this module runs."""
        if module.depth > 5:
            return []
        return [
            layer
            for event in self.events[first:]
            if event.api in BY_NAME
            for layer in unfolded(self.machine, event.api, event.node, event.scope, event.args,
                                  event.keywords)
        ]  # fmt: skip


def _is_hot(module: Module) -> bool:
    """Whether a module makes code, or reaches names by text."""
    return module.depth > 0 or any(
        site.node.func.__class__ is ast.Name and site.node.func.id in _HOT for site in module.calls
    )


def _following(node: ast.Call, index: int) -> list[ast.expr]:
    """The arguments after a callback, which most callees hand on to it; of map, an element."""
    rest = list(node.args[index + 1 :])
    if isinstance(node.func, ast.Name) and node.func.id in ("map", "filter") and rest:
        return [ast.copy_location(ast.Subscript(rest[0], ast.Constant(0)), rest[0])]
    return rest
