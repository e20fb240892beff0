"""Who calls the functions of a program, found when asked from an index of the words of its calls.

Most functions are never asked about: what matters is who hands what to those that reach outside.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from heimnetz_git.scan.atoms import Atom, Class, Func
from heimnetz_git.scan.machine import Caller, Machine
from heimnetz_git.scan.tables import CallSite, Module, Scope, word_of

__all__ = ["BUILTIN_CALLABLES", "Callers", "handed_on"]

MOST_CALLERS = 24
MOST_CANDIDATES = 600
DEEPEST_ALIAS = 3
BUILTIN_CALLABLES = frozenset({"exec", "eval", "compile", "__import__", "open", "getattr"})
_NAMED = (ast.Name, ast.Attribute)


class Callers:
    """The calls of a program by the last word of what is called, and of what is handed over."""

    def __init__(self, machine: Machine, modules: Iterable[Module]) -> None:
        self.machine = machine
        self.defined: set[str] = set()
        self.sites: dict[str, list[CallSite]] = {}
        self.resolved: dict[str, dict[int, list[Caller]]] = {}
        self.handed: dict[str, list[tuple[CallSite, ast.expr]]] = {}
        self.lambdas: dict[int, list[tuple[CallSite, ast.expr]]] = {}
        self.aliases: dict[str, set[str]] = {}
        self.lambda_names: dict[int, set[str]] = {}
        self.known: dict[int, tuple[Caller, ...]] = {}
        modules = list(modules)
        self.defined.update(name for module in modules for name in module.defined)
        for module in modules:
            self.add(module)
        machine.callers = self.of

    def add(self, module: Module) -> None:
        """Take the calls of a module into the index; what was answered before is asked anew."""
        self.defined |= module.defined
        self.known.clear()
        self.resolved.clear()
        sites, handed, defined = self.sites, self.handed, self.defined
        for site in module.calls:
            if site.word in sites:
                sites[site.word].append(site)
            else:
                sites[site.word] = [site]
            for given in site.node.args:
                kind = given.__class__
                if kind is ast.Name or kind is ast.Attribute:
                    word = word_of(given)
                    if word in defined:
                        handed.setdefault(word, []).append((site, given))
                elif kind is ast.Lambda:
                    self.lambdas.setdefault(id(given), []).append((site, given))
            for keyword in site.node.keywords:
                self._hand(site, keyword.value)
        for decorator, scope, inner in module.decorators:
            self._decorate(decorator, scope, inner)
        for scope in (module.scope, *module.scopes.values()):
            self._name(scope)

    def forget(self) -> None:
        """Drop the index."""
        for table in (self.sites, self.handed, self.lambdas, self.aliases, self.known):
            table.clear()
        self.resolved.clear()

    def _decorate(self, decorator: ast.expr, scope: Scope, inner: Scope) -> None:
        """A decorator is called with what it decorates."""
        word = word_of(decorator)
        if word in self.defined:
            node = ast.Call(decorator, [ast.Name(inner.node.name)], [])
            self.machine.kept.append(ast.copy_location(node, decorator))
            self.sites.setdefault(word, []).append(CallSite(node, scope, None, word))

    def _hand(self, site: CallSite, given: ast.expr) -> None:
        if isinstance(given, ast.Lambda):
            self.lambdas.setdefault(id(given), []).append((site, given))
        elif isinstance(given, _NAMED):
            word = word_of(given)
            if word in self.defined:
                self.handed.setdefault(word, []).append((site, given))

    def _name(self, scope: Scope) -> None:
        """Note by which other names a scope knows functions."""
        for name, bindings in scope.names.items():
            for how, what, _ in bindings:
                if how == "import":
                    self._alias(what.rpartition(".")[2], name)
                elif how == "value":
                    self._bind(what, name)
        for name, stored in scope.attributes.items():
            for what, _ in stored:
                self._bind(what, name)

    def _bind(self, value: ast.expr, name: str) -> None:
        kind = value.__class__
        if kind is ast.Name or kind is ast.Attribute:
            self._alias(word_of(value), name)
        elif kind is ast.Lambda:
            self.lambda_names.setdefault(id(value), set()).add(name.rpartition(".")[2])

    def _alias(self, word: str, name: str) -> None:
        if word != name and word in self.defined:
            self.aliases.setdefault(word, set()).add(name.rpartition(".")[2])

    def of(self, scope: Scope) -> tuple[Caller, ...]:
        """The calls of the function that ``scope`` is, in the order of modules and lines."""
        key = id(scope)
        known = self.known.get(key)
        if known is None:
            self.known[key] = ()  # asked again while looking: nothing yet
            self.machine.depth += 1
            try:
                known = self.known[key] = self._found(scope)
            finally:
                self.machine.depth -= 1
        return known

    def _found(self, scope: Scope) -> tuple[Caller, ...]:
        key = id(scope)
        found: list[Caller] = []
        for word in sorted(self._words(scope)):
            found.extend(self._of_word(word).get(key, ()))
        for site, given in self.lambdas.get(id(scope.node), ()):
            inner = handed_on(site.node, given)
            self.machine.kept.append(inner)
            found.append(Caller(inner, site.scope, bound=False, guard=site.guard))
        found.extend(self._of_word("").get(key, ()))
        return tuple(found[:MOST_CALLERS])

    def _of_word(self, word: str) -> dict[int, list[Caller]]:
        """All calls whose last word this is, by the function that is called."""
        known = self.resolved.get(word)
        if known is not None:
            return known
        found = self.resolved[word] = {}  # asked again while looking: what is known so far
        for site in self.sites.get(word, ())[:MOST_CANDIDATES]:
            self._note(found, site, site.node.func, site.node)
        for site, given in self.handed.get(word, ())[:MOST_CANDIDATES]:
            self._note(found, site, given, None)
        return found

    def _note(
        self, found: dict[int, list[Caller]], site: CallSite, function: ast.expr,
        node: ast.Call | None,
    ) -> None:  # fmt: skip
        """Note the own functions that ``function`` may be; without ``node``, as a callback."""
        for atom in self.machine.value(function, site.scope):
            target = _own(atom)
            if target is None:
                continue
            callers = found.setdefault(id(target[0]), [])
            if len(callers) < MOST_CALLERS:
                if node is None:
                    node = handed_on(site.node, function)
                    self.machine.kept.append(node)
                callers.append(Caller(node, site.scope, target[1], site.guard))

    def _words(self, scope: Scope) -> set[str]:
        if scope.kind == "lambda":
            words = set(self.lambda_names.get(id(scope.node), ()))
        else:
            name = getattr(scope.node, "name", "")
            words = {name}
            owner = scope.parent
            if owner is not None and owner.kind == "class" and name in ("__init__", "__call__"):
                words.add(owner.node.name)
        for _ in range(DEEPEST_ALIAS):
            more = {alias for word in words for alias in self.aliases.get(word, ())} - words
            if not more:
                break
            words |= more
        return words


def _own(function: Atom) -> tuple[Scope, bool] | None:
    if isinstance(function, Func):
        return function.scope, function.bound
    if isinstance(function, Class):
        for one in function.scope.names.get("__init__", ()):
            if one.how == "def":
                return one.what, True
    return None


def handed_on(node: ast.Call, given: ast.expr) -> ast.Call:
    """The call that a callee makes of a callback it was given, as far as its form tells."""
    more: list[ast.expr] = []
    for index, one in enumerate(node.args):
        if one is given:
            more = _following(node, index)
    for word in node.keywords:
        if word.value is given:
            args = next((one.value for one in node.keywords if one.arg == "args"), None)
            more = list(args.elts) if isinstance(args, ast.Tuple | ast.List) else []
    return ast.copy_location(ast.Call(given, more, []), node)


def _following(node: ast.Call, index: int) -> list[ast.expr]:
    """The arguments after a callback, which most callees hand on to it; of map, an element."""
    rest = list(node.args[index + 1 :])
    if isinstance(node.func, ast.Name) and node.func.id in ("map", "filter") and rest:
        return [ast.copy_location(ast.Subscript(rest[0], ast.Constant(0)), rest[0])]
    return rest
