"""The walk that fills the tables of a module: every node once, without recursion."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from heimnetz_git.scan.tables import Binding, CallSite, Guard, Module, Scope, written

__all__ = ["collect", "tables_of"]
# Methods that put their argument into the object whose method they are.
MUTATORS = frozenset(
    {
        "add", "append", "appendleft", "attach", "extend", "insert", "update", "write", "writestr",
        "writelines", "put", "put_nowait", "setdefault", "__setitem__", "send_keys", "add_field",
    }
)  # fmt: skip


# Methods that fill the object whose method they are from elsewhere.
READERS = frozenset({"read", "read_file", "load_cert_chain", "readinto", "recv_into"})

_Work = tuple[Any, Scope, "Guard | None"]
_LEAVES = (ast.Constant, ast.Name, ast.Pass, ast.Break, ast.Continue, ast.alias)
_NO_CHILD = frozenset(
    {
        "arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "level", "lineno",
        "module", "name", "names", "op", "ops", "rest", "simple", "type_comment", "type_ignores",
        "kwd_attrs",
    }
)  # fmt: skip


def _fields() -> dict[type, tuple[str, ...]]:
    kinds = [kind for kind in vars(ast).values() if isinstance(kind, type)]
    return {
        kind: ()
        if kind in _LEAVES
        else tuple(field for field in kind._fields if field not in _NO_CHILD)
        for kind in kinds
        if issubclass(kind, ast.AST)
    }


_FIELDS = _fields()


def tables_of(
    file: str, name: str, tree: ast.Module, *, outer: Scope | None = None,
    at: tuple[int, int] | None = None, depth: int = 0,
) -> Module:  # fmt: skip
    """The module with its tables filled; the keywords are those of unfolded code."""
    module = Module(file, name, tree, outer=outer, at=at, depth=depth)
    collect(module)
    module.lift()
    return module


def collect(module: Module) -> None:
    """Fill the tables of ``module``: every node once."""
    stack: list[_Work] = [(module.tree, module.scope, None)]
    push, pop = stack.append, stack.pop
    while stack:
        work = pop()
        node, scope, guard = work
        kind = node.__class__
        handler = _HANDLERS.get(kind)
        if handler is not None:
            moved = handler(module, node, scope, guard)
            if moved is not None:
                stack.extend(moved)
                continue
        for field in _FIELDS.get(kind, ()):
            child = getattr(node, field, None)
            if child.__class__ is list:
                for one in child:
                    if isinstance(one, ast.AST):
                        push((one, scope, guard))
            elif child is not None:
                push((child, scope, guard))


_Moved: TypeAlias = "Iterable[_Work] | None"


def _constant(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    if node.value.__class__ in (str, bytes) and len(node.value) > 4:
        module.texts.append((node, scope))
    return ()


def _expr(_: Module, node: Any, _scope: Scope, _guard: Guard | None) -> _Moved:
    return () if isinstance(node.value, ast.Constant) else None  # docstrings say nothing


def _call(module: Module, node: Any, scope: Scope, guard: Guard | None) -> _Moved:
    function = node.func
    kind = function.__class__
    word = function.attr if kind is ast.Attribute else function.id if kind is ast.Name else ""
    module.calls.append(CallSite(node, scope, guard, word))
    if kind is ast.Attribute and word in READERS:
        name = written(function.value)
        if name:
            module.mutations.setdefault(name, []).append((node, scope))
    elif kind is ast.Attribute and word in MUTATORS:
        name = written(function.value)
        if name:
            into = module.mutations.setdefault(name, [])
            into.extend((argument, scope) for argument in node.args)
            into.extend((word.value, scope) for word in node.keywords)
    return None


def _attribute(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    module.attributes.append((node, scope))
    return None


def _subscript(module: Module, node: Any, scope: Scope, guard: Guard | None) -> _Moved:
    module.subscripts.append((node, scope, guard))
    return None


def _import(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    holder = scope.holder()
    for alias in node.names:
        target = alias.name if alias.asname else alias.name.partition(".")[0]
        holder.bind(alias.asname or target, Binding("import", target))
        module.imports.append((alias.name, node, scope))
    return ()


def _import_from(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    base = _absolute(module, node.level, node.module or "")
    for alias in node.names:
        module.imports.append((f"{base}.{alias.name}", node, scope))
        if alias.name == "*":
            module.stars.append(base)
        else:
            binding = Binding("import", f"{base}.{alias.name}")
            scope.holder().bind(alias.asname or alias.name, binding)
    return ()


def _absolute(module: Module, level: int, name: str) -> str:
    """The full name of what a relative import names."""
    if not level:
        return name
    parts = module.name.split(".")
    if not module.file.endswith("__init__.py"):
        parts = parts[:-1]
    parts = parts[: len(parts) - level + 1]
    return ".".join([*parts, name] if name else parts)


def bind_target(module: Module, target: Any, binding: Binding, scope: Scope) -> None:
    """Bind the names of an assignment's target, however it is nested."""
    stack: list[tuple[Any, Binding]] = [(target, binding)]
    while stack:
        node, how = stack.pop()
        if isinstance(node, ast.Name):
            scope.holder().bind(node.id, how) if scope.kind != "comp" else scope.bind(node.id, how)
            if how.how == "aug":
                scope.holder().has_aug = True
        elif isinstance(node, ast.Tuple | ast.List):
            parts = _parts(how, len(node.elts))
            for index, item in enumerate(node.elts):
                part = Binding("value", parts[index]) if parts else Binding("item", how, index)
                stack.append((item, part))
        elif isinstance(node, ast.Starred):
            stack.append((node.value, Binding("opaque", how)))
        elif isinstance(node, ast.Attribute):
            _store_attribute(module, node, how, scope)
        elif isinstance(node, ast.Subscript) and how.how in ("value", "aug"):
            module.stores.append((node, how.what, scope))
            name = written(node.value)
            if name:
                module.mutations.setdefault(name, []).append((how.what, scope))


def _parts(how: Binding, count: int) -> list[ast.expr]:
    """The values of ``a, b = x, y`` one by one; nothing where they cannot be told apart."""
    value = how.what
    if how.how != "value" or not isinstance(value, ast.Tuple | ast.List):
        return []
    plain = not any(isinstance(one, ast.Starred) for one in value.elts)
    return value.elts if plain and len(value.elts) == count else []


def _store_attribute(module: Module, node: ast.Attribute, how: Binding, scope: Scope) -> None:
    value = how.what if how.how in ("value", "aug") else None
    if value is None:
        return
    module.stores.append((node, value, scope))
    name = written(node)
    owner = scope.holder()
    if name.startswith(("self.", "cls.")) and owner.parent is not None:
        if owner.parent.kind == "class":
            owner.parent.attributes.setdefault(node.attr, []).append((value, scope))
    elif name:
        owner.bind(name, how)


def _assign(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    for target in node.targets:
        bind_target(module, target, Binding("value", node.value), scope)
    return None


def _annotated(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    if node.value is not None:
        bind_target(module, node.target, Binding("value", node.value), scope)
    return None


def _named(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    bind_target(module, node.target, Binding("value", node.value), scope.holder())
    return None


def _augmented(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    bind_target(module, node.target, Binding("aug", node.value, node), scope)
    return None


def _loop(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    bind_target(module, node.target, Binding("iter", node.iter), scope)
    return None


def _with(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    for item in node.items:
        if item.optional_vars is not None:
            bind_target(module, item.optional_vars, Binding("value", item.context_expr), scope)
    return None


def _function(module: Module, node: Any, scope: Scope, guard: Guard | None) -> _Moved:
    inner = Scope("function", node, scope, module)
    module.scopes[id(node)] = inner
    module.defined.add(node.name)
    scope.holder().bind(node.name, Binding("def", inner))
    for decorator in node.decorator_list:
        module.decorators.append((decorator, scope, inner))
    outside = [*node.decorator_list, *_parameters(node.args, inner)]
    if node.returns is not None:
        outside.append(node.returns)
    return [*((one, inner, None) for one in node.body), *((one, scope, guard) for one in outside)]


def _parameters(said: ast.arguments, inner: Scope) -> list[ast.expr]:
    """Bind a function's parameters; its defaults and annotations belong outside."""
    ordered = [*said.posonlyargs, *said.args]
    for index, one in enumerate([*ordered, *said.kwonlyargs]):
        inner.bind(one.arg, Binding("param", inner, (index, one.arg)))
    for index, rest in ((len(ordered), said.vararg), (-1, said.kwarg)):
        if rest is not None:
            inner.bind(rest.arg, Binding("rest", inner, index))
    for one, default in zip(reversed(ordered), reversed(said.defaults), strict=False):
        inner.bind(one.arg, Binding("default", default))
    for one, given in zip(said.kwonlyargs, said.kw_defaults, strict=True):
        if given is not None:
            inner.bind(one.arg, Binding("default", given))
    notes = [one.annotation for one in [*ordered, *said.kwonlyargs] if one.annotation is not None]
    return [*said.defaults, *(one for one in said.kw_defaults if one is not None), *notes]


def _lambda(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    inner = Scope("lambda", node, scope, module)
    module.scopes[id(node)] = inner
    inner.returns.append(node.body)
    outside = _parameters(node.args, inner)
    return [(node.body, inner, None), *((one, scope, None) for one in outside)]


def _class(module: Module, node: Any, scope: Scope, guard: Guard | None) -> _Moved:
    inner = Scope("class", node, scope, module)
    module.scopes[id(node)] = inner
    module.defined.add(node.name)
    scope.holder().bind(node.name, Binding("class", inner))
    for decorator in node.decorator_list:
        module.decorators.append((decorator, scope, inner))
    outside = [*node.decorator_list, *node.bases, *node.keywords]
    return [*((one, inner, guard) for one in node.body), *((one, scope, guard) for one in outside)]


def _comprehension(module: Module, node: Any, scope: Scope, guard: Guard | None) -> _Moved:
    inner = Scope("comp", node, scope, module)
    module.scopes[id(node)] = inner
    for one in node.generators:
        bind_target(module, one.target, Binding("iter", one.iter), inner)
    return [(getattr(node, name), inner, guard) for name in ("elt", "key", "value")
            if hasattr(node, name)] + [
        (part, inner, guard) for one in node.generators for part in (one.iter, *one.ifs)
    ]  # fmt: skip


def _return(_: Module, node: Any, scope: Scope, _guard: Guard | None) -> _Moved:
    if node.value is not None:
        scope.holder().returns.append(node.value)
    return None


def _if(module: Module, node: Any, scope: Scope, guard: Guard | None) -> _Moved:
    module.tests.append((node.test, scope, node))
    inside = Guard(node.test, guard)
    body = node.body if isinstance(node.body, list) else [node.body]
    other = node.orelse if isinstance(node.orelse, list) else [node.orelse]
    return [
        (node.test, scope, guard),
        *((one, scope, inside) for one in (*body, *other)),
    ]


def _declared(module: Module, node: Any, scope: Scope, _: Guard | None) -> _Moved:
    module.globals.append((scope.holder(), node.names, isinstance(node, ast.Global)))
    return ()


def _caught(_: Module, node: Any, scope: Scope, _guard: Guard | None) -> _Moved:
    if node.name:
        scope.holder().bind(node.name, Binding("opaque", None))
    return None


_HANDLERS: dict[type, Callable[[Module, Any, Scope, Guard | None], _Moved]] = {
    ast.Constant: _constant, ast.Expr: _expr, ast.Call: _call, ast.Attribute: _attribute,
    ast.Subscript: _subscript, ast.Import: _import, ast.ImportFrom: _import_from,
    ast.Assign: _assign, ast.AnnAssign: _annotated, ast.NamedExpr: _named,
    ast.AugAssign: _augmented, ast.For: _loop, ast.AsyncFor: _loop, ast.With: _with,
    ast.AsyncWith: _with, ast.FunctionDef: _function, ast.AsyncFunctionDef: _function,
    ast.Lambda: _lambda, ast.ClassDef: _class, ast.ListComp: _comprehension,
    ast.SetComp: _comprehension, ast.GeneratorExp: _comprehension, ast.DictComp: _comprehension,
    ast.Return: _return, ast.Yield: _return, ast.YieldFrom: _return, ast.If: _if, ast.While: _if,
    ast.IfExp: _if, ast.ExceptHandler: _caught, ast.Global: _declared, ast.Nonlocal: _declared,
}  # fmt: skip
