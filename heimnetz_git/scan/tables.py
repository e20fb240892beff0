"""The tables of one module: scopes and what is bound in them, calls, texts.

Nothing is resolved here. A binding says how a name came by its value and from which expression;
what that value is, is worked out later and only for what the rules ask.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "Binding",
    "CallSite",
    "Guard",
    "Module",
    "Scope",
    "text_of",
    "word_of",
    "written",
]

LONGEST_CHAIN = 60
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Binding(NamedTuple):
    """How a name came by its value.

    ``how`` is value, item, iter, import, def, class, param, aug, far (in another
    scope) or opaque; ``what`` the expression,
    the dotted name, or the scope of the function or class; ``where`` the place among others.
    """

    how: str
    what: Any
    where: Any = None


class Guard(NamedTuple):
    """The condition under which a statement runs, and the conditions around it."""

    test: ast.expr
    outer: Guard | None


class Scope:
    """A module, function, class or comprehension, and the names bound in it."""

    __slots__ = (
        "attributes",
        "failed",
        "has_aug",
        "kind",
        "module",
        "names",
        "node",
        "parent",
        "replaying",
        "results",
        "returns",
    )  # fmt: skip

    def __init__(self, kind: str, node: Any, parent: Scope | None, module: Module) -> None:
        self.kind = kind
        self.node = node
        self.parent = parent
        self.module = module
        self.names: dict[str, list[Binding]] = {}
        self.returns: list[ast.expr] = []
        self.attributes: dict[str, list[tuple[ast.expr, Scope]]] = {}
        self.has_aug = False
        self.results: dict[str, Any] | None = None
        self.replaying = False
        self.failed = 0

    def bind(self, name: str, binding: Binding) -> None:
        """Note one more way in which ``name`` gets a value."""
        self.names.setdefault(name, []).append(binding)

    def holder(self) -> Scope:
        """The scope in which an assignment here binds: comprehensions bind outside."""
        scope = self
        while scope.kind == "comp" and scope.parent is not None:
            scope = scope.parent
        return scope

    def within(self, other: Scope) -> bool:
        """Whether this scope is ``other`` or lies inside it."""
        scope: Scope | None = self
        while scope is not None:
            if scope is other:
                return True
            scope = scope.parent
        return False

    @property
    def is_import_time(self) -> bool:
        """Whether what stands here runs as soon as the module is imported."""
        scope: Scope | None = self
        while scope is not None:
            if scope.kind in ("function", "lambda"):
                return False
            scope = scope.parent
        return True


class CallSite(NamedTuple):
    """A call as it stands in the source."""

    node: ast.Call
    scope: Scope
    guard: Guard | None
    word: str = ""  # the last word of what is called; empty when that has no name


class Module:
    """One module and all its tables; ``outer`` is where it was unfolded from, ``depth`` how far."""

    def __init__(
        self, file: str, name: str, tree: ast.Module, *, outer: Scope | None = None,
        at: tuple[int, int] | None = None, depth: int = 0,
    ) -> None:  # fmt: skip
        self.file = file
        self.name = name
        self.tree = tree
        self.at = at
        self.depth = depth
        self.stars: list[str] = []
        self.scope = Scope("module", tree, outer, self)
        self.scopes: dict[int, Scope] = {}
        self.calls: list[CallSite] = []
        self.attributes: list[tuple[ast.Attribute, Scope]] = []
        self.subscripts: list[tuple[ast.Subscript, Scope, Guard | None]] = []
        self.stores: list[tuple[ast.expr, ast.expr, Scope]] = []
        self.texts: list[tuple[ast.Constant, Scope]] = []
        self.tests: list[tuple[ast.expr, Scope, ast.AST]] = []
        self.imports: list[tuple[str, ast.stmt, Scope]] = []
        self.decorators: list[tuple[ast.expr, Scope, Scope]] = []
        self.mutations: dict[str, list[tuple[ast.expr, Scope]]] = {}
        self.defined: set[str] = set()
        self.globals: list[tuple[Scope, list[str], bool]] = []

    def lift(self) -> None:
        """What a function declares global or nonlocal is bound outside of it."""
        for scope, names, is_global in self.globals:
            outer = self.scope if is_global else scope.parent
            if outer is None:
                continue
            for name in names:
                for binding in scope.names.pop(name, ()):
                    outer.bind(name, binding._replace(how="far", what=(binding, scope)))

    def drop(self) -> None:
        """Let go of everything, which otherwise holds on to itself."""
        for scope in (self.scope, *self.scopes.values()):
            scope.__init__(scope.kind, None, None, self)  # type: ignore[misc] # as if new
        vars(self).clear()

    def place(self, node: ast.AST) -> tuple[int, int]:
        """Line and column of a node, from 1; of unfolded code, those of where it is run."""
        if self.at is not None:
            return self.at
        return getattr(node, "lineno", 0), getattr(node, "col_offset", -1) + 1


def text_of(node: ast.Constant) -> str:
    """A text or bytes constant as text."""
    value = node.value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def word_of(node: ast.AST) -> str:
    """The last word of a name or attribute; nothing for all else."""
    kind = node.__class__
    if kind is ast.Attribute:
        return node.attr  # type: ignore[attr-defined,no-any-return] # by its kind
    return node.id if kind is ast.Name else ""  # type: ignore[attr-defined] # by its kind


def written(node: ast.AST) -> str:
    """``self.sock`` for a plain chain of names, as it stands in the source; else nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < LONGEST_CHAIN:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
