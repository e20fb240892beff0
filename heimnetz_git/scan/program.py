"""A submission's modules as one program: who calls whom, what is called outside, what unfolds."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from heimnetz_git.model.finding import Location
from heimnetz_git.scan.apis import BY_NAME, LAST
from heimnetz_git.scan.atoms import Argument, Atom, Atoms, Partial, Ref, plain
from heimnetz_git.scan.callers import BUILTIN_CALLABLES, Callers, handed_on
from heimnetz_git.scan.calls import apply, called, unfold_partial
from heimnetz_git.scan.expressions import HANDLERS
from heimnetz_git.scan.loops import LOOPS
from heimnetz_git.scan.machine import Machine, arguments
from heimnetz_git.scan.replay import replay
from heimnetz_git.scan.tables import Binding, CallSite, Guard, Module, Scope, word_of
from heimnetz_git.scan.unfold import WRITERS, Layer, embedded, unfolded

__all__ = ["Event", "Program"]

MOST_LAYERS = 48
MOST_IN_DEPTH = 40  # modules of a program that is gone through with replays everywhere
_HANDLERS = {**HANDLERS, **LOOPS, ast.Call: called}
_MAKING = frozenset({"exec", "eval", "compile", "__import__", "chr"})  # code, of texts
_HOT = _MAKING | {"getattr", "globals", "vars"}
_ACTING = frozenset(name.rpartition(".")[2] for name in BY_NAME)
# Words of too many other things: handed over, they are looked at when they are imported.
_COMMON = frozenset(
    {"get", "run", "load", "read", "open", "request", "update", "head", "options", "delete", "put",
     "post", "patch", "stream", "query", "version", "files", "time", "main", "values", "items",
     "keys", "pop", "copy", "call", "connect", "send", "local", "client", "process", "link", "push"}
) - BUILTIN_CALLABLES  # fmt: skip
# Calls that may give a function: a name bound to one of them is looked into.
_MAKERS = frozenset(
    {"getattr", "__import__", "import_module", "partial", "methodcaller", "attrgetter", "eval",
     "vars", "globals", "__getattribute__", "resolve_name", "load_module", "type", "staticmethod"}
)  # fmt: skip


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
        self.size = sum(len(module.calls) for module in self.modules)
        self.callers = Callers(self.machine, self.modules)
        self.events: list[Event] = []
        self.layers: list[Layer] = []
        self.spent: list[str] = []
        self.small = len(self.modules) <= MOST_IN_DEPTH and any(map(_is_hot, self.modules))
        self.words = set(LAST).union(*map(_stored_words, self.modules))
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
        self.callers.forget()
        for module in self.modules:
            module.drop()
        self.layers.clear()
        self.by_module.clear()
        self.events.clear()
        self.by_api.clear()

    def _collect(self) -> None:
        """Every call that leaves the submission; what unfolds to code is gone through as well."""
        queue = deque(self.modules)
        while queue:
            module = queue.popleft()
            self.machine.refuel(hot=self.small or _is_hot(module, _MAKING))
            first = len(self.events)
            for site in self._sites(module):
                for function in self.machine.value(site.node.func, site.scope):
                    self._note(function, site.node, site, 0)
            for layer in (*self._unfold(module, first), *embedded(module)):
                if len(self.layers) >= MOST_LAYERS:
                    self.spent.append(module.file)
                else:
                    self.layers.append(layer)
                    queue.append(layer.module)
                    self.modules.append(layer.module)
                    self.callers.add(layer.module)
                    self.words |= _stored_words(layer.module)
            if self.machine.spent:
                self.spent.append(module.file)

    def _sites(self, module: Module) -> list[CallSite]:
        """The calls of a module that may reach outside, told from their words, by place."""
        words, found = self.words, []
        callbacks = _callback_names(module)
        for site in module.calls:
            word = site.word
            if not word or word in words or (
                site.node.func.__class__ is ast.Name and self._is_bound(word, site.scope)
            ):  # fmt: skip
                found.append(site)
            node = site.node
            for given in node.args:
                kind = given.__class__
                if (kind is ast.Name or kind is ast.Attribute) and word_of(given) in callbacks:
                    found.extend(self._handed(site, given))
            for keyword in node.keywords:
                if word_of(keyword.value) in callbacks:
                    found.extend(self._handed(site, keyword.value))
        found.extend(self._decorations(module))
        return sorted(found, key=_position)

    def _decorations(self, module: Module) -> Iterator[CallSite]:
        """Decorators as the calls that they are, the inner ones as arguments of the outer."""
        made: dict[int, ast.expr] = {}
        for decorator, scope, inner in reversed(module.decorators):
            given = made.get(id(inner)) or ast.Name(inner.node.name, lineno=0, col_offset=0)
            call = ast.copy_location(ast.Call(decorator, [given], []), decorator)
            self.machine.kept.append(call)
            made[id(inner)] = call
            word = word_of(decorator)
            if not word or word in self.words:
                yield CallSite(call, scope, None)

    def _is_bound(self, word: str, scope: Scope) -> bool:
        """Whether a name that is called may be one from outside by another name."""
        at: Scope | None = scope
        while at is not None:
            bindings = at.names.get(word)
            if bindings is not None:
                return any(self._may_leave(one) for one in bindings)
            at = at.parent
        return False

    def _may_leave(self, binding: Binding) -> bool:
        if binding.how == "import":
            base, _, last = binding.what.rpartition(".")
            module = self.machine.modules.get(base)
            if module is None:
                return last in LAST
            known = module.scope.names.get(last, ())
            return any(one.how not in ("def", "class") for one in known)
        return binding.how not in ("def", "class")

    def _handed(self, site: CallSite, given: ast.expr) -> Iterator[CallSite]:
        """The call of a function from outside that is handed over to be called."""
        for atom in self.machine.value(given, site.scope):
            if isinstance(atom, Ref) and atom.name in BY_NAME:
                inner = handed_on(site.node, given)
                self.machine.kept.append(inner)
                yield CallSite(inner, site.scope, site.guard)
                return

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
            args, words = self._spread(*arguments(node, site.scope))
            self.events.append(
                Event(function.name, function.hidden, node, site.scope, args, words, site.guard,
                      function)
            )  # fmt: skip

    def _spread(
        self, args: tuple[Argument, ...], words: dict[str, Argument]
    ) -> tuple[tuple[Argument, ...], dict[str, Argument]]:
        """The arguments with ``*items`` and ``**words`` of known values put in their places."""
        if "**" in words:
            known = plain(self.value(words["**"]))
            if isinstance(known, dict):
                more = {str(key): self._constant(one, words["**"]) for key, one in known.items()}
                words = {**{key: one for key, one in words.items() if key != "**"}, **more}
        if any(isinstance(node, ast.Starred) for node, _ in args):
            spread: list[Argument] = []
            for node, scope in args:
                inner = (node.value, scope) if isinstance(node, ast.Starred) else None
                known = plain(self.value(inner))
                if inner is not None and isinstance(known, list | tuple):
                    spread.extend(self._constant(one, inner) for one in known[:50])
                else:
                    spread.append((node, scope))
            args = tuple(spread)
        return args, words

    def _constant(self, value: object, at: Argument) -> Argument:
        node = ast.copy_location(ast.Constant(value), at[0])  # type: ignore[arg-type]
        self.machine.kept.append(node)
        return node, at[1]

    def _unfold(self, module: Module, first: int) -> list[Layer]:
        """The code in texts that this module runs."""
        if module.depth > 5:
            return []
        return [
            layer
            for event in self.events[first:]
            if event.api in BY_NAME or event.api.endswith(WRITERS)
            for layer in unfolded(self.machine, event.api, event.node, event.scope, event.args,
                                  event.keywords)
        ]  # fmt: skip


def _is_hot(module: Module, words: frozenset[str] = _HOT) -> bool:
    """Whether a module makes code, or reaches names by text."""
    return module.depth > 0 or any(
        site.word in words and site.node.func.__class__ is ast.Name for site in module.calls
    )


def _position(site: CallSite) -> tuple[int, int]:
    return site.node.lineno, site.node.col_offset


def _callback_names(module: Module) -> frozenset[str]:
    """The words by which a module has functions that act and may be handed over."""
    return (_ACTING - _COMMON | BUILTIN_CALLABLES).union(
        name
        for scope in (module.scope, *module.scopes.values())
        for name, bindings in scope.names.items()
        if any(
            (how == "import" and what.rpartition(".")[2] in _ACTING)
            or (how == "value" and _may_act(what))
            for how, what, _ in bindings
        )
    )


def _stored_words(module: Module) -> set[str]:
    """Attributes that are bound to what may be a function from outside."""
    words = {
        target.attr
        for target, value, _ in module.stores
        if target.__class__ is ast.Attribute and _may_act(value)
    }
    for scope in module.scopes.values():
        if scope.kind == "class":
            words.update(
                name
                for name, bindings in scope.names.items()
                if any(it.how == "value" and _may_act(it.what) for it in bindings)
            )
    return words


def _may_act(value: ast.expr) -> bool:
    if isinstance(value, ast.Attribute | ast.Name):
        return word_of(value) in _ACTING
    if isinstance(value, ast.Call):
        word = word_of(value.func)
        return word in _MAKERS or (word == "" and isinstance(value.func, ast.Call | ast.Subscript))
    return False
