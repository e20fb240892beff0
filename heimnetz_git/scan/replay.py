"""Statements gone through on plain data: texts put together in loops, decoders written by hand."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

from heimnetz_git.scan import folding
from heimnetz_git.scan.atoms import DECODED, UNKNOWN, Atoms, Known, Map, plain, wrap
from heimnetz_git.scan.lookups import made_of
from heimnetz_git.scan.loops import assign
from heimnetz_git.scan.machine import Machine, Spent
from heimnetz_git.scan.tables import Scope, written

__all__ = ["replay", "run_function"]

MOST_TURNS = 20_000
SHARE = 120_000  # steps for one replay


class _Returned(Exception):
    def __init__(self, atoms: Atoms) -> None:
        super().__init__()
        self.atoms = atoms


class _Broken(Exception):
    pass


class _Continued(Exception):
    pass


def replay(machine: Machine, scope: Scope) -> dict[str, Atoms]:
    """The values of a scope's names after its statements; unknown ones are nothing."""
    frame: dict[str, Atoms] = {}
    if scope.kind not in ("module", "function") or machine.depth > 60:
        return frame
    before = machine.fuel
    machine.fuel = min(before, SHARE if machine.hot else SHARE // 10)
    given = machine.fuel
    with (
        machine.framed(frame),
        contextlib.suppress(Spent, _Returned, _Broken, _Continued, folding.Unfoldable),
    ):
        _block(machine, scope.node.body, scope, strict=False)
    machine.fuel = before - given + max(machine.fuel, 0)
    return {name: atoms for name, atoms in frame.items() if atoms}


def run_function(machine: Machine, scope: Scope, frame: dict[str, Atoms]) -> Atoms:
    """What an own function returns for the arguments in ``frame``. Raises Spent or Unfoldable."""
    if scope.replaying or scope.failed > 2 or machine.depth > 70:
        raise folding.Unfoldable("recursion")
    scope.replaying = machine.calls > 12
    try:
        with machine.framed(frame):
            if isinstance(scope.node, ast.Lambda):
                return machine.value(scope.node.body, scope)
            try:
                _block(machine, scope.node.body, scope, strict=True)
            except _Returned as result:
                return result.atoms
            except (_Broken, _Continued):
                return ()
            except (Spent, folding.Unfoldable):
                scope.failed += 1
                raise
        return ()
    finally:
        scope.replaying = False


def _block(machine: Machine, body: list[ast.stmt], scope: Scope, *, strict: bool) -> None:
    """One statement after another; ``strict`` gives up where a branch cannot be decided."""
    for node in body:
        machine.fuel -= 1
        if machine.fuel < 0:
            raise Spent
        step = _STEPS.get(type(node))
        if step is not None:
            step(machine, node, scope, strict)


def _assign(machine: Machine, node: ast.Assign, scope: Scope, _strict: bool) -> None:
    atoms = machine.value(node.value, scope)
    for target in node.targets:
        _put(machine, target, atoms, scope)


def _annotated(machine: Machine, node: ast.AnnAssign, scope: Scope, _strict: bool) -> None:
    if node.value is not None:
        _put(machine, node.target, machine.value(node.value, scope), scope)


def _put(machine: Machine, target: ast.expr, atoms: Atoms, scope: Scope) -> None:
    frame = machine.frame
    if frame is None:
        return
    if isinstance(target, ast.Name):
        frame[target.id] = _copied(atoms)
    elif isinstance(target, ast.Tuple | ast.List):
        value = plain(atoms)
        if isinstance(value, list | tuple | str | bytes) and len(value) == len(target.elts):
            assign(machine, target, value)
            return
        for index, one in enumerate(target.elts):
            _put(machine, one, machine.picked(atoms, index), scope)
    elif isinstance(target, ast.Subscript):
        whole = machine.value(target.value, scope)
        key, value = plain(machine.value(target.slice, scope)), plain(atoms)
        if whole and isinstance(whole[0], Known) and UNKNOWN not in (key, value):
            try:
                whole[0].value[key] = value
            except (TypeError, IndexError, KeyError):
                raise folding.Unfoldable("item") from None
        elif whole and isinstance(whole[0], Map) and isinstance(key, str | int):
            whole[0].put(key, atoms)


def _copied(atoms: Atoms) -> Atoms:
    """Lists are changed in place: a literal that stands in memory must not be."""
    return tuple(
        Known(list(one.value), one.made)
        if isinstance(one, Known) and isinstance(one.value, list)
        else one
        for one in atoms
    )


def _augmented(machine: Machine, node: ast.AugAssign, scope: Scope, _strict: bool) -> None:
    target = node.target
    left = machine.value(ast.Name(target.id) if isinstance(target, ast.Name) else target, scope)
    right = machine.value(node.value, scope)
    first, second = plain(left), plain(right)
    result: Atoms = ()
    if first is not UNKNOWN and second is not UNKNOWN:
        try:
            result = wrap(folding.arithmetic(node.op, first, second), max(made_of(left, right), 2))
        except folding.Unfoldable:
            result = ()
    _put(machine, target, result, scope)


def _expression(machine: Machine, node: ast.Expr, scope: Scope, _strict: bool) -> None:
    """``parts.append(x)`` and its like on a list in the frame."""
    call = node.value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return
    name = written(call.func.value)
    atoms = machine.frame.get(name) if machine.frame is not None else None
    if not atoms or not isinstance(atoms[0], Known) or not isinstance(atoms[0].value, list):
        return
    values = [plain(machine.value(one, scope)) for one in call.args]
    made = max([made_of(machine.value(one, scope)) for one in call.args], default=0)
    items = atoms[0].value
    if UNKNOWN in values or len(items) > MOST_TURNS * 4:
        if machine.frame is not None and call.func.attr in ("append", "extend", "insert"):
            machine.frame[name] = ()
        return
    try:
        _mutate(items, call.func.attr, values)
    except (TypeError, IndexError, ValueError):
        raise folding.Unfoldable("list") from None
    if machine.frame is not None and made > atoms[0].made:
        machine.frame[name] = (Known(items, min(made, DECODED)),)


def _mutate(items: list[Any], name: str, values: list[Any]) -> None:
    match name:
        case "append":
            items.append(values[0])
        case "extend":
            items.extend(values[0][:MOST_TURNS])
        case "insert":
            items.insert(values[0], values[1])
        case "reverse":
            items.reverse()
        case "pop":
            items.pop(*values)
        case "sort":
            items.sort()
        case "remove":
            items.remove(values[0])
        case _:
            pass


def _for(machine: Machine, node: ast.For, scope: Scope, strict: bool) -> None:
    values = plain(machine.value(node.iter, scope))
    if values is UNKNOWN or not isinstance(values, list | tuple | str | bytes | dict):
        if strict:
            raise folding.Unfoldable("loop")
        _unknown_names(machine, node)
        return
    for value in list(values)[:MOST_TURNS]:
        assign(machine, node.target, value)
        try:
            _block(machine, node.body, scope, strict=strict)
        except _Broken:
            return
        except _Continued:
            continue


def _unknown_names(machine: Machine, node: ast.AST) -> None:
    """What a loop over unknown things assigns is not known after it."""
    if machine.frame is None:
        return
    names = machine.stored.get(id(node))
    if names is None:
        names = machine.stored[id(node)] = {
            inner.id
            for inner in ast.walk(node)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        }
    machine.frame.update(dict.fromkeys(names, ()))


def _while(machine: Machine, node: ast.While, scope: Scope, strict: bool) -> None:
    endless = isinstance(node.test, ast.Constant) and not strict
    for _turn in range(1 if endless else MOST_TURNS):
        test = plain(machine.value(node.test, scope))
        if test is UNKNOWN:
            if strict:
                raise folding.Unfoldable("loop")
            _unknown_names(machine, node)
            return
        if not test:
            return
        try:
            _block(machine, node.body, scope, strict=strict)
        except _Broken:
            return
        except _Continued:
            continue


def _if(machine: Machine, node: ast.If, scope: Scope, strict: bool) -> None:
    test = plain(machine.value(node.test, scope))
    if test is UNKNOWN and strict:
        raise folding.Unfoldable("branch")
    if test is UNKNOWN or test:
        _block(machine, node.body, scope, strict=strict)
    if test is UNKNOWN or not test:
        _block(machine, node.orelse, scope, strict=strict)


def _return(machine: Machine, node: ast.Return, scope: Scope, _strict: bool) -> None:
    raise _Returned(machine.value(node.value, scope) if node.value is not None else ())


def _inside(machine: Machine, node: Any, scope: Scope, strict: bool) -> None:
    _block(machine, node.body, scope, strict=strict)


def _break(_machine: Machine, _node: ast.Break, _scope: Scope, _strict: bool) -> None:
    raise _Broken


def _continue(_machine: Machine, _node: ast.Continue, _scope: Scope, _strict: bool) -> None:
    raise _Continued


_STEPS: dict[type, Any] = {
    ast.Assign: _assign, ast.AnnAssign: _annotated, ast.AugAssign: _augmented,
    ast.Expr: _expression, ast.For: _for, ast.While: _while, ast.If: _if, ast.Return: _return,
    ast.With: _inside, ast.Try: _inside, ast.Break: _break, ast.Continue: _continue,
}  # fmt: skip
