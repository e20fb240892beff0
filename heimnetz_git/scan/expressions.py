"""What each kind of expression stands for, given what its parts stand for."""

from __future__ import annotations

import ast
from typing import Any

from heimnetz_git.scan import folding
from heimnetz_git.scan.atoms import (
    DECODED,
    HOLE,
    JOINED,
    LITERAL,
    UNKNOWN,
    Atom,
    Atoms,
    Func,
    Known,
    Map,
    Ref,
    Seq,
    plain,
    wrap,
)
from heimnetz_git.scan.lookups import attribute_of, hashable, item_of, join_texts, made_of
from heimnetz_git.scan.machine import Machine
from heimnetz_git.scan.tables import Scope, written

__all__ = ["HANDLERS"]

MOST_ITEMS = 20_000


def constant(_: Machine, node: ast.Constant, _scope: Scope) -> Atoms:
    """The constant itself."""
    return (Known(node.value),)


def name(machine: Machine, node: ast.Name, scope: Scope) -> Atoms:
    """What the name is bound to."""
    return machine.named(node.id, scope)


def attribute(machine: Machine, node: ast.Attribute, scope: Scope) -> Atoms:
    """``self.sock`` as it was assigned, else the attribute of what stands before the point."""
    dotted = written(node)
    if dotted:
        at: Scope | None = scope
        while at is not None:
            if dotted in at.names:
                return machine.bound(dotted, at)
            at = at.parent
    found: list[Atom] = []
    for base in machine.value(node.value, scope):
        found.extend(attribute_of(machine, base, node.attr))
    return tuple(found)


def item(machine: Machine, node: ast.Subscript, scope: Scope) -> Atoms:
    """``sys.modules["os"]``, ``vars(os)["system"]``, a slice of a text, an item of a dict."""
    if isinstance(node.slice, ast.Slice):
        return _sliced(machine, node, node.slice, scope)
    keys = machine.value(node.slice, scope)
    found: list[Atom] = []
    for base in machine.value(node.value, scope):
        found.extend(item_of(machine, base, keys, scope))
    return tuple(found)


def _sliced(machine: Machine, node: ast.Subscript, cut: ast.Slice, scope: Scope) -> Atoms:
    whole = machine.value(node.value, scope)
    value = plain(whole)
    ends = [
        None if one is None else plain(machine.value(one, scope))
        for one in (cut.lower, cut.upper, cut.step)
    ]
    fits = all(one is None or isinstance(one, int) for one in ends) and ends[2] != 0
    if value is UNKNOWN or not isinstance(value, str | bytes | list | tuple) or not fits:
        return whole if whole and isinstance(whole[0], Ref) else ()
    back = ends[2] is not None and ends[2] < 0
    return wrap(value[slice(*ends)], DECODED if back else max(JOINED, made_of(whole)))


def operation(machine: Machine, node: ast.BinOp, scope: Scope) -> Atoms:
    """Arithmetic of plain data; long sums are gone through from the left without recursion."""
    chain: list[tuple[ast.operator, ast.expr]] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp) and len(chain) < MOST_ITEMS:
        chain.append((left.op, left.right))
        left = left.left
    result = machine.value(left, scope)
    for sign, right in reversed(chain):
        result = _combined(sign, result, machine.value(right, scope))
    return result


def _combined(sign: ast.operator, left: Atoms, right: Atoms) -> Atoms:
    if isinstance(sign, ast.Div) and left and isinstance(left[0], Ref):
        part = plain(right)
        known = part if isinstance(part, str) else HOLE
        return tuple(
            one._replace(text=join_texts([one.text or HOLE, known]))
            if isinstance(one, Ref)
            else one
            for one in left
        )
    found: list[Atom] = []
    none: list[Atoms] = [()]
    for one in [(atom,) for atom in left[:4]] or none:
        for other in [(atom,) for atom in right[:4]] or none:
            found.extend(_pair(sign, one, other))
    return tuple(found[:6])


def _pair(sign: ast.operator, left: Atoms, right: Atoms) -> Atoms:
    first, second = plain(left), plain(right)
    made = max(made_of(left, right), JOINED)
    if first is not UNKNOWN and second is not UNKNOWN:
        try:
            xor = isinstance(sign, ast.BitXor)
            return wrap(folding.arithmetic(sign, first, second), DECODED if xor else made)
        except folding.Unfoldable:
            return ()
    if isinstance(sign, ast.Add):
        if isinstance(first, str):
            return (Known(first + HOLE, made),)
        if isinstance(second, str):
            return (Known(HOLE + second, made),)
        items = [part for one in (*left, *right) if isinstance(one, Seq) for part in one.items]
        return (Seq(tuple(items)),) if items else ()
    if isinstance(sign, ast.Mod) and isinstance(first, str):
        return (Known(_percent(first), made),)
    return ()


def _percent(text: str) -> str:
    import re

    return re.sub(r"%(?:\([^)]*\))?[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]", HOLE, text).replace("%%", "%")


def formatted(machine: Machine, node: ast.JoinedStr, scope: Scope) -> Atoms:
    """An f-string; what is not known in it is a hole."""
    parts: list[str] = []
    made = LITERAL
    for one in node.values:
        inner = one.value if isinstance(one, ast.FormattedValue) else one
        atoms = machine.value(inner, scope)
        value = plain(atoms)
        made = max(made, made_of(atoms), JOINED if inner is not one else LITERAL)
        if value is UNKNOWN and len(atoms) == 1 and isinstance(atoms[0], Ref):
            value = atoms[0].text or UNKNOWN
        spec = isinstance(one, ast.FormattedValue) and one.format_spec is not None
        known = value is not UNKNOWN and not isinstance(value, bytes | list | dict) and not spec
        parts.append(str(value) if known else HOLE)
    text = "".join(parts)
    return (Known(text[: folding.LARGEST], made),)


def sequence(machine: Machine, node: ast.Tuple | ast.List | ast.Set, scope: Scope) -> Atoms:
    """A list of constants as plain data; else its items one by one."""
    elements = node.elts[:MOST_ITEMS]
    if all(isinstance(one, ast.Constant) for one in elements):
        values = [one.value for one in elements if isinstance(one, ast.Constant)]
        return (Known(values),)
    items: list[Atoms] = []
    for one in elements:
        if isinstance(one, ast.Starred):
            inner = machine.value(one.value, scope)
            known = plain(inner)
            if isinstance(known, list | tuple):
                items.extend(wrap(part) for part in known)
            else:
                items.append(())
        else:
            items.append(machine.value(one, scope))
    known = plain((Seq(tuple(items)),))
    made = max((made_of(one) for one in items), default=LITERAL)
    return (Known(known, made),) if known is not UNKNOWN else (Seq(tuple(items)),)


def mapping(machine: Machine, node: ast.Dict, scope: Scope) -> Atoms:
    """A dict by its known keys."""
    found: dict[Any, Atoms] = {}
    for key, value in zip(node.keys[:2000], node.values[:2000], strict=True):
        known = plain(machine.value(key, scope)) if key is not None else UNKNOWN
        if known is not UNKNOWN and hashable(known):
            found[known] = machine.value(value, scope)
    return (Map(found),)


def function(machine: Machine, node: ast.Lambda, scope: Scope) -> Atoms:
    """A lambda, with the values of the run that it stands in."""
    inner = scope.module.scopes.get(id(node))
    frame = dict(machine.frame) if machine.frame else None
    return (Func(inner, frame),) if inner is not None else ()


def choice(machine: Machine, node: ast.IfExp, scope: Scope) -> Atoms:
    """Either branch, or the one that a known test decides for."""
    test = plain(machine.value(node.test, scope))
    if test is not UNKNOWN:
        return machine.value(node.body if test else node.orelse, scope)
    return (*machine.value(node.body, scope), *machine.value(node.orelse, scope))


def either(machine: Machine, node: ast.BoolOp, scope: Scope) -> Atoms:
    """Any operand of ``and`` and ``or``."""
    return tuple(atom for one in node.values[:6] for atom in machine.value(one, scope))


def inner(machine: Machine, node: Any, scope: Scope) -> Atoms:
    """``await x``, ``(y := x)``, ``*x``: what x is."""
    return machine.value(node.value, scope)


def unary(machine: Machine, node: ast.UnaryOp, scope: Scope) -> Atoms:
    """A sign before a number."""
    value = plain(machine.value(node.operand, scope))
    if value is UNKNOWN or not isinstance(value, int | float | bool):
        return ()
    if isinstance(node.op, ast.Not):
        return wrap(not value)
    if isinstance(node.op, ast.Invert):
        return wrap(~value) if isinstance(value, int) else ()
    return wrap(-value if isinstance(node.op, ast.USub) else value)


def comparison(machine: Machine, node: ast.Compare, scope: Scope) -> Atoms:
    """Whether a comparison of plain data holds."""
    values = [plain(machine.value(one, scope)) for one in (node.left, *node.comparators)]
    if any(one is UNKNOWN for one in values):
        return ()
    try:
        steps = zip(node.ops, values, values[1:], strict=False)
        return wrap(all(folding.compare(*step) for step in steps))
    except folding.Unfoldable:
        return ()


HANDLERS: dict[type, Any] = {
    ast.Constant: constant, ast.Name: name, ast.Attribute: attribute, ast.Subscript: item,
    ast.BinOp: operation, ast.JoinedStr: formatted, ast.Tuple: sequence, ast.List: sequence,
    ast.Set: sequence, ast.Dict: mapping, ast.Lambda: function, ast.IfExp: choice,
    ast.BoolOp: either, ast.Await: inner, ast.NamedExpr: inner, ast.UnaryOp: unary,
    ast.Compare: comparison,
}  # fmt: skip
